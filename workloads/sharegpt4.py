"""ShareGPT4: real conversations of people with GPT-4, as lengths by Mistral's tokenizer.

From Hugging Face (openchat/openchat_sharegpt4_dataset) or a local JSON file of the same form. What
was counted once is kept in the cache folder, so that the next run needs no network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.workloads.cache import cache_dir, kept_file
from slaibench.workloads.conversation_file import read_conversations
from slaibench.workloads.conversation_sessions import conversation_sessions
from slaibench.workloads.conversations import Limits, Rounds, rounds
from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.files import kind_of, reading
from slaibench.workloads.options import Options, parse_options
from slaibench.workloads.session_table import SessionTable, think_of
from slaibench.workloads.table import TableSource
from slaibench.workloads.table_file import read_table
from slaibench.workloads.terms import Terms
from slaibench.workloads.token_counts import TokenCounts

DATASET = "openchat/openchat_sharegpt4_dataset"
FILE = "sharegpt_gpt4.json"
HUB_TIMEOUT_S = 10.0
ROUNDS = b"slaibench.num_rounds"
"""Metadata of a cached file: requests in the conversations, before the limits."""

REMARKS = b"slaibench.remarks"
"""The same: what was left out (``Rounds.remarks``)."""

THINK_S = 60.0
"""Mean pause of a person between an answer and the next turn; our choice."""

FORMAT, FORMAT_OF_FILES = 1, 3
"""Parts of the cache's keys; go up when the same input would give other lengths."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What becomes of conversations.

    Args:
        name: of the workload.
        find: from conversations to requests.
        key: part of the cache's keys; none of what was there first.
        more: options beside those of the limits.
    """

    name: str
    find: Callable[[Iterable[Any], Callable[[str], int], Limits], Rounds]
    key: tuple[str, ...] = ()
    more: tuple[str, ...] = ()


_ROUNDS = _Kind("sharegpt4", rounds)
_SESSIONS = _Kind("conversations", conversation_sessions, ("sessions 1",), ("think",))


def sharegpt4(text: str = "", *, transcripts: bool = False) -> TableSource:
    """ShareGPT4's lengths: ``[path.json,...][,max_total=8192][,max_output=1024]``.

    Args:
        text: options; without a path the dataset is taken from the cache or from Hugging Face. The
            conversations of several files are taken as those of one.
        transcripts: whether requests have their texts, for which the data set itself is needed.

    Raises:
        WorkloadError: the dataset cannot be had (the message says what else can be used), the
            file is malformed, or no request is within the limits.
    """
    return _table(_ROUNDS, text, transcripts)[0]


def conversations(text: str = "", *, transcripts: bool = False) -> SessionTable:
    """The same conversations as sessions: ``[path.json,...][,think=60]`` and the limits.

    Args:
        transcripts: as of ``sharegpt4``.
        text: as there; ``think``: mean seconds from an answer until the next turn,
            which no such data set says.

    Raises:
        WorkloadError: as ``sharegpt4``, or a pause is out of range.
    """
    table, options = _table(_SESSIONS, text, transcripts)
    think_s = think_of(options)
    return SessionTable(table, waits=True, think_s=THINK_S if think_s is None else think_s)


def _table(kind: _Kind, text: str, transcripts: bool) -> tuple[TableSource, Options]:
    options = parse_options(kind.name, text)
    options.only(("max_total", "max_output", *kind.more), paths=None)
    limits = Limits(
        options.count("max_total", Limits().max_total_tokens),
        options.count("max_output", Limits().max_output_tokens),
    )
    paths = [Path(path).expanduser() for path in options.paths]
    origin = ", ".join(path.name for path in paths) or f"{DATASET} of Hugging Face"
    cached = _cached(paths, limits, kind)
    kept = None
    if transcripts or not cached.is_file():
        kept = _requests_of(kind, paths, limits, origin, cached.with_suffix(".counts.npy"))
        if not cached.is_file():
            _write(cached, kept)
    num_rounds, remarks = _facts(cached)
    note = (
        f"ShareGPT4 from {origin}, Mistral's tokenizer, total <= {limits.max_total_tokens}, "
        f"output <= {limits.max_output_tokens}, of {num_rounds} rounds"
        f"{f' ({remarks})' if remarks else ''}"
    )
    table = read_table(cached, name=kind.name, note=note)
    return table if kept is None or not transcripts else _with_texts(table, kept), options


def _requests_of(
    kind: _Kind, paths: Sequence[Path], limits: Limits, origin: str, counts: Path
) -> Rounds:
    """The requests of a data set, at least one."""
    chats: Iterable[Any] = (
        [chat for path in paths for chat in read_conversations(path)] if paths else _from_hub()
    )
    count_tokens = TokenCounts(counts, mistral_token_counter)
    try:
        kept = kind.find(chats, count_tokens, limits)
    except WorkloadError as error:
        raise WorkloadError(f"{origin}: {error}") from None
    if len(kept.lengths) == 0:
        answers = "" if kept.num_rounds else f"; nobody answers, who speaks is {kept.speakers}"
        raise WorkloadError(
            f"{origin}: none of {kept.num_rounds} requests has a prompt and an output within "
            f"max_total={limits.max_total_tokens}, max_output={limits.max_output_tokens}"
            f"{answers}{f' ({kept.remarks})' if kept.remarks else ''}"
        )
    count_tokens.keep()
    return kept


def _with_texts(table: TableSource, kept: Rounds) -> TableSource:
    texts = np.empty(len(kept.transcripts), dtype=np.object_)
    texts[:] = kept.transcripts
    terms = table.recorded.terms
    columns = {} if terms is None else terms.columns
    recorded = replace(table.recorded, terms=Terms({**columns, "transcript": texts}))
    return replace(table, recorded=recorded)


def mistral_token_counter() -> Callable[[str], int]:
    """Counts tokens as Mistral-7B-Instruct-v0.2 does (tokenizer v1, 32,000 words).

    The tokenizer's file is part of the package ``mistral-common``: nothing is downloaded.

    Raises:
        WorkloadError: the package, or ``sentencepiece`` which it needs for this, is missing.
    """
    try:
        import sentencepiece  # noqa: F401, PLC0415
        from mistral_common.tokens.tokenizers.mistral import MistralTokenizer  # noqa: PLC0415
    except ImportError as error:
        raise WorkloadError(
            "counting tokens needs mistral-common and sentencepiece: "
            f"pip install 'slaibench[datasets]' ({error})"
        ) from error
    tokenizer = MistralTokenizer.v1().instruct_tokenizer.tokenizer
    return lambda text: len(tokenizer.encode(text, bos=False, eos=False))


def sharegpt4_at_hand() -> bool:
    """Whether ``sharegpt4`` works without a network: its lengths are in the cache folder."""
    return _cached((), Limits(), _ROUNDS).is_file()


def conversations_at_hand() -> bool:
    """The same of ``conversations``."""
    return _cached((), Limits(), _SESSIONS).is_file()


def _cached(paths: Sequence[Path], limits: Limits, kind: _Kind) -> Path:
    """Where the lengths of files (by their content) or of the dataset are kept."""
    sources, version = [f"{DATASET}/{FILE}"], FORMAT
    if paths:
        sources, version = [_content(path) for path in paths], FORMAT_OF_FILES
    key = json.dumps([version, "+".join(sources), "mistral-v1", asdict(limits), *kind.key])
    return cache_dir() / f"sharegpt4-{hashlib.sha256(key.encode()).hexdigest()[:16]}.parquet"


def _content(path: Path) -> str:
    """A digest of a file, and its kind, which says how it is read."""
    with reading(path), path.open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()}{kind_of(path)}"


def _facts(path: Path) -> tuple[str, str]:
    """Of a cached file: its number of rounds, and what was left out."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        said = pq.read_schema(path).metadata
        return f"{int(said[ROUNDS]):,}", said.get(REMARKS, b"").decode()
    except (pa.ArrowException, OSError, TypeError, LookupError, ValueError) as error:
        raise WorkloadError(f"{path}: not readable ({error}); delete it to count again") from error


def _write(path: Path, kept: Rounds) -> None:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    table = pa.table(
        {
            "prompt_tokens": kept.lengths.prompt_tokens,
            "output_tokens": kept.lengths.output_tokens,
            **({} if kept.lengths.terms is None else kept.lengths.terms.columns),
        }
    ).replace_schema_metadata({ROUNDS: str(kept.num_rounds), REMARKS: kept.remarks})
    with kept_file(path) as unfinished:
        pq.write_table(table, unfinished)


def _from_hub() -> Iterable[Any]:
    try:
        import huggingface_hub  # noqa: PLC0415
        from datasets import load_dataset  # noqa: PLC0415
    except ImportError as error:
        raise _out_of_reach(f"pip install 'slaibench[datasets]' first ({error})") from error
    try:
        if not huggingface_hub.constants.HF_HUB_OFFLINE:
            # load_dataset tries for half a minute, loudly, before it says that there is no network.
            huggingface_hub.HfApi().dataset_info(DATASET, timeout=HUB_TIMEOUT_S)
        conversations: Iterable[Any] = load_dataset(DATASET, data_files=FILE, split="train")
    except Exception as error:  # Its type depends on the HTTP library of the hub's client.
        raise _out_of_reach(str(error).partition("\n")[0]) from error
    return conversations


def _out_of_reach(why: str) -> WorkloadError:
    return WorkloadError(
        f"sharegpt4: {DATASET} cannot be had: {why}. Instead use a local copy of {FILE} "
        f"(sharegpt4:path/to/{FILE}), the statistical model of its lengths (sharegpt4-model), or "
        "a table of your own (path/to/lengths.csv with prompt_tokens and output_tokens)"
    )
