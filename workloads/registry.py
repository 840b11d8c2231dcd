"""Workloads by name: what ``--workload`` accepts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from slaibench.former_names import allow_former_names
from slaibench.workloads.azure import azure, azure_at_hand
from slaibench.workloads.errors import WorkloadError, unknown
from slaibench.workloads.files import forms, kind_of
from slaibench.workloads.joined import JOIN, joined
from slaibench.workloads.lengths import LengthSource, parse_fixed, parse_uniform
from slaibench.workloads.options import Options, parse_count, parse_options
from slaibench.workloads.public_traces import PUBLIC_TRACES
from slaibench.workloads.session_model import session_model
from slaibench.workloads.session_table import OPTIONS as SESSION_OPTIONS
from slaibench.workloads.session_table import SessionTable, with_sessions
from slaibench.workloads.shared_prefix import SHARED_PREFIX, with_shared_prefix
from slaibench.workloads.sharegpt4 import (
    conversations,
    conversations_at_hand,
    sharegpt4,
    sharegpt4_at_hand,
)
from slaibench.workloads.sharegpt4_model import load_sharegpt4_model
from slaibench.workloads.table import TableSource
from slaibench.workloads.table_file import SUFFIXES, read_table

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINT_GROUP = "slaibench.workloads"
"""Each entry point is a callable: the text after ``name:`` (maybe empty) to a `LengthSource`."""

Factory = Callable[[str], LengthSource]


@dataclass(frozen=True, slots=True)
class WorkloadEntry:
    """One line of the list of workloads.

    Args:
        name: what to write.
        form: the name with its options.
        summary: what it is.
        at_hand: whether it can be had now without a network or a path to a file; None: not known.
    """

    name: str
    form: str
    summary: str
    at_hand: bool | None


@dataclass(frozen=True, slots=True)
class _Builtin:
    build: Factory
    options: str
    summary: str
    at_hand: Callable[[], bool | None]
    with_transcripts: Factory | None = None


def _model(text: str) -> LengthSource:
    parse_options("sharegpt4-model", text).only(())
    return load_sharegpt4_model()


def _shared_prefix(text: str) -> LengthSource:
    tokens, _, rest = text.partition(":")
    if not rest:
        raise WorkloadError(f"{SHARED_PREFIX} is written {SHARED_PREFIX}:500:sharegpt4-model")
    return with_shared_prefix(resolve(rest), parse_count(SHARED_PREFIX, tokens))


def _builtins() -> dict[str, _Builtin]:
    chat = "[:FILE,...,max_total=N,max_output=N]"
    return {
        "sharegpt4": _Builtin(
            sharegpt4,
            chat,
            "conversations with GPT-4, from Hugging Face",
            sharegpt4_at_hand,
            partial(sharegpt4, transcripts=True),
        ),
        "conversations": _Builtin(
            conversations,
            "[:FILE,...,think=S,max_total=N,max_output=N]",
            "the same as sessions, each turn after the one before",
            conversations_at_hand,
            partial(conversations, transcripts=True),
        ),
        "sharegpt4-model": _Builtin(_model, "", "statistical model of their lengths", lambda: True),
        **{
            f"azure-{kind}": _Builtin(
                partial(azure, kind),
                "[:FILE.csv]",
                f"an hour of production requests ({what}), with arrival times",
                partial(azure_at_hand, kind),
            )
            for kind, what in (("conv", "chat"), ("code", "code completion"))
        },
        **{
            trace.name: _Builtin(trace.build, ":FILE", trace.summary, lambda: None)
            for trace in PUBLIC_TRACES
        },
        SHARED_PREFIX: _Builtin(
            _shared_prefix,
            ":N:WORKLOAD",
            "N more tokens, with which all prompts begin",
            lambda: True,
        ),
        **{
            kind: _Builtin(partial(session_model, kind), form, summary, lambda: True)
            for kind, form, summary in (
                (
                    "chat",
                    "[:system=N,turns=X,prompt=X,output=X,think=S]",
                    "sessions of people, who think before they answer",
                ),
                (
                    "agent",
                    "[:system=N,turns=X,tools=X,output=X,think=S]",
                    "sessions of an agent, which waits for its tools",
                ),
            )
        },
        "fixed": _Builtin(
            parse_fixed, ":prompt=N,output=N", "all requests of one size", lambda: True
        ),
        "uniform": _Builtin(
            parse_uniform, ":prompt=N-N,output=N-N", "uniform lengths", lambda: True
        ),
    }


def _plugins() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # noqa: PLC0415

    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def available() -> list[WorkloadEntry]:
    """All workloads by name: built in first, then installed ones (which are not loaded for this),
    then files."""
    entries = [
        WorkloadEntry(name, f"{name}{b.options}", b.summary, b.at_hand())
        for name, b in _builtins().items()
    ]
    taken = {entry.name for entry in entries}
    entries += [
        WorkloadEntry(name, name, f"from {point.value.partition(':')[0]}", None)
        for name, point in sorted(_plugins().items())
        if name not in taken
    ]
    form = f"FILE{{{','.join(SUFFIXES)}}}[.gz][:timestamp=s|ms,zeros=drop]"
    return [*entries, WorkloadEntry("FILE", form, "your own table of lengths", None)]


def resolve(text: str) -> LengthSource:
    """The source of lengths that a text names: ``name``, ``name:options`` or a path; several with
    `` + `` between them are taken together (``joined``).

    Built-in names win over installed ones, names over files.

    Raises:
        WorkloadError: there is no such name or file (the message has the nearest name), or the
            source cannot be had or its options are wrong.
    """
    text = text.strip()
    if JOIN in text and not Path(text).expanduser().is_file():
        return joined([resolve(part) for part in text.split(JOIN)])
    name, _, rest = text.partition(":")
    builtins = _builtins()
    if name in builtins:
        return builtins[name].build(rest)
    plugins = _plugins()
    if name in plugins:
        return _from_plugin(plugins[name], rest)
    if _looks_like_a_path(text):
        return _from_file(text)
    raise unknown("workload", name, [*builtins, *plugins])


def resolve_with_transcripts(text: str) -> LengthSource:
    """As ``resolve``, of a workload whose requests have texts, with these.

    Raises:
        WorkloadError: as there, or it has none.
    """
    name, _, rest = text.strip().partition(":")
    builtins = _builtins()
    build = builtins[name].with_transcripts if name in builtins else None
    if build is None:
        having = [name for name, builtin in builtins.items() if builtin.with_transcripts]
        raise WorkloadError(
            f"workload {text!r} has no texts, only lengths: take one of {', '.join(having)}, or "
            "other prompts"
        )
    return build(rest)


def default_workload() -> LengthSource:
    """ShareGPT4 if its lengths are in the cache folder, else the model of them; its note tells."""
    return sharegpt4() if sharegpt4_at_hand() else load_sharegpt4_model()


def _from_plugin(point: EntryPoint, rest: str) -> LengthSource:
    allow_former_names()
    try:
        build: Factory = point.load()
    except (ImportError, AttributeError) as error:
        raise WorkloadError(
            f"workload {point.name!r} comes from {point.value}, which cannot be loaded: {error}"
        ) from error
    return build(rest)


def _looks_like_a_path(text: str) -> bool:
    path = Path(text.partition(":")[0])
    return kind_of(path) in (*SUFFIXES, ".json") or len(path.parts) > 1 or path.is_file()


def _from_file(text: str) -> TableSource | SessionTable:
    whole = Path(text).expanduser()
    if whole.is_file():
        return _read_file(whole, parse_options(text, ""))
    file, _, rest = text.rpartition(":") if ":" in text else (text, "", "")
    options = parse_options(file, rest)
    options.only(("timestamp", "zeros", "block", *SESSION_OPTIONS))
    path = Path(file).expanduser()
    several = () if path.is_file() else [part for part in file.split(",") if part.strip()]
    if len(several) > 1:
        files = (Path(part.strip()).expanduser() for part in several)
        return joined([_read_file(member, options) for member in files])
    return _read_file(path, options)


def _read_file(path: Path, options: Options) -> TableSource | SessionTable:
    if kind_of(path) == ".json":
        raise WorkloadError(
            f"{path}: a .json file of conversations is written sharegpt4:{path}; a table of "
            f"lengths is one of {forms(*SUFFIXES)}"
        )
    own = {key: text for key, text in options.values.items() if key not in SESSION_OPTIONS}
    return with_sessions(read_table(path, **own), options)
