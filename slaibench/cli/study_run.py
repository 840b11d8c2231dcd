"""Study files on the command line: the command that runs one, and the option that writes one."""

from __future__ import annotations

import functools
import inspect
import json
import os
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from slaibench.cli.endpoint import DialectOptions
from slaibench.cli.shell import EXIT_USAGE, err, print_hint, print_json, print_line, usage
from slaibench.cli.study_keys import Key, keys_of, plain
from slaibench.cli.study_schema import schema_of
from slaibench.cli.workers import KEPT
from slaibench.endpoint import extra_body
from slaibench.endpoint.url import public_url
from slaibench.machine.disclosed import disclosed_arguments
from slaibench.machine.suggestion import did_you_mean
from slaibench.report.files import write_text
from slaibench.spec.study_file import StudyFile, document, moved, parse, read
from slaibench.spec.study_layout import BODY, DIALECT, HEADERS, PLACES, SCHEDULERS, StudyKind

SUFFIX = ".toml"
Command = Callable[..., None]
PASSES_ON = {"ignore_unknown_options": True, "allow_extra_args": True}
"""What Typer needs to know of ``run``: options that it lacks are for the study's command."""


def run_command(commands: Mapping[StudyKind, Command]) -> Command:
    """The command ``run``.

    Args:
        commands: by kind of study.
    """

    def run(
        context: typer.Context,
        file: Annotated[
            Path | None, typer.Argument(help="A study file. Options after it override it.")
        ] = None,
        schema: Annotated[
            bool,
            typer.Option("--schema", help="Print the JSON Schema of study files, for editors."),
        ] = False,
    ) -> None:
        """Run the study that a TOML file holds; options after the file override it."""
        if schema:
            print_json(
                schema_of({kind: keys_of(command, kind) for kind, command in commands.items()})
            )
            return
        with usage():
            if file is None or str(file).startswith("-"):
                raise ValueError("name a study file first: slaibench run study.toml [OPTIONS]")
            study = read(file)
            study.spec()
            words = command_line(study, keys_of(commands[study.kind], study.kind), context.args)
        assert context.parent is not None
        context.parent.command(args=[study.kind.value, *words], prog_name="slaibench")

    return run


def command_line(study: StudyFile, keys: Sequence[Key], later: Sequence[str]) -> list[str]:
    """The words that ask a command for what a file says.

    Args:
        later: words that override it.

    Raises:
        ValueError: the command has no such key, or not of such a value; the message names it.
    """
    by_place = {key.place: key for key in keys}
    places = {PLACES[name]: value for name, value in study.fields.items()}
    for place, value in [*places.items(), *study.more.items()]:
        if place == PLACES[DIALECT] and any(key.field == DIALECT for key in keys):
            continue
        if place not in by_place:
            near = did_you_mean(place, by_place)
            table = place.partition(".")[0]
            here = [name for name in by_place if name.partition(".")[0] == table]
            names = ", ".join(here or by_place)
            raise study.refusal(place, f"{study.kind.value} has no such key: {near}It has: {names}")
        if place in study.more:
            _check(study, by_place[place], value)
    first: list[str] = []
    last: list[str] = []
    for key in keys:
        value = places.get(key.place, study.more.get(key.place))
        if key.field == DIALECT:
            value = study.fields.get(DIALECT)
        if value is None or _overridden(key, later):
            continue
        if key.place in study.more and isinstance(value, str) and key.kind is Path:
            value = str(study.path.parent / value)
        if key.flag is None:
            last += _own_arguments(keys, key, value)
        else:
            first += key.arguments(value)
    return [*first, *later, *(["--", *last] if last else [])]


def _own_arguments(keys: Sequence[Key], key: Key, value: Any) -> list[str]:
    """Of the schedulers, those that one argument of the command takes."""
    arguments = [other.name for other in keys if other.flag is None]
    names = key.arguments(value)
    place = arguments.index(key.name)
    return names[place:] if key.name == arguments[-1] else names[place : place + 1]


def _overridden(key: Key, later: Sequence[str]) -> bool:
    own = [flag for flag in (key.flag, key.short) if flag is not None]
    negated = None if key.flag is None else f"--no-{key.flag[2:]}"
    return any(
        word.partition("=")[0] in (*own, negated)
        or (key.short is not None and word.startswith(key.short) and not word.startswith("--"))
        for word in later
    )


def _check(study: StudyFile, key: Key, value: Any) -> None:
    """Refuse a value that is none of the option's.

    Raises:
        ValueError: with the file, the key and the value.
    """
    items = value if isinstance(value, list) and (key.several or key.kind is str) else [value]
    for item in items:
        if key.kind is str and type(item) in (int, float):
            continue
        study.check_type(key.place, key.kind, item)
        if key.least is not None and item < key.least:
            raise study.refusal(key.place, f"must be at least {key.least:g}", item)
        if issubclass(key.kind, Enum) and item not in [choice.value for choice in key.kind]:
            names = [choice.value for choice in key.kind]
            raise study.refusal(
                key.place, f"{did_you_mean(item, names)}It may be: {', '.join(names)}", item
            )


def with_saving(command: Command) -> Command:
    """A command that can write what it was asked into a study file (``--save-study``); one that no
    file can ask for as it is."""
    if command.__name__ not in list(StudyKind):
        return command
    kind = StudyKind(command.__name__)
    keys = keys_of(command, kind)
    keyword = inspect.Parameter.KEYWORD_ONLY
    option = inspect.Parameter(
        "save_study",
        keyword,
        default=None,
        annotation=Annotated[
            Path | None,
            typer.Option(
                help="Write what is asked here into a study file (slaibench run FILE), without "
                "what may be secret.",
                rich_help_panel=KEPT,
            ),
        ],
    )
    parameters = [*inspect.signature(command, eval_str=True).parameters.values(), option]

    @functools.wraps(command)
    def wrapper(*, save_study: Path | None, **values: Any) -> None:
        if save_study is None:
            command(**values)
            return
        with usage():
            text, left_out = saved(keys, kind, values, save_study)
            _check_free(save_study, text)
        try:
            command(**values)
        except SystemExit as end:
            if end.code == EXIT_USAGE:  # it was no study
                raise
            _write(save_study, text, left_out)
            raise
        _write(save_study, text, left_out)

    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {part.name: part.annotation for part in parameters}
    del wrapper.__wrapped__
    return wrapper


def saved(
    keys: Sequence[Key], kind: StudyKind, values: Mapping[str, Any], path: Path
) -> tuple[str, list[str]]:
    """The text of a study file, and the options that it leaves out since they may be secret.

    Args:
        values: by parameter of the command.

    Raises:
        ValueError: they are no study, or a file's name is none of a study file.
    """
    if path.suffix != SUFFIX:
        raise ValueError(f"--save-study {path}: name a file that ends in {SUFFIX}")
    fields: dict[str, Any] = {}
    more: dict[str, Any] = {}
    for key in keys:
        value = plain(values[key.name])
        if key.field == DIALECT or value is None or value == plain(key.default):
            continue
        if key.field == SCHEDULERS:
            fields.setdefault(SCHEDULERS, [])
            fields[SCHEDULERS] += [value] if isinstance(value, str) else list(value)
        elif key.field is not None:
            fields[key.field] = _shortest(value) if key.several else value
        else:
            more[key.place] = _from(path, value) if key.kind is Path else value
    dialect, left_out = _dialect(values)
    if dialect:
        fields[DIALECT] = dialect
    for name, shown in (
        ("url", public_url),
        ("metrics_url", public_url),
        ("engine_args", disclosed_arguments),
    ):
        if name in fields and shown(fields[name]) != fields[name]:
            del fields[name]
            left_out.append(PLACES[name])
    text = document(kind, moved(fields, functools.partial(_moved, path)), more)
    parse(text, path).spec()
    return text, left_out


def _dialect(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The dialect's table, and what it leaves out."""
    own = {name: values[name] for name in DialectOptions.fields if name in values}
    parsed = DialectOptions(**own).parsed()
    if parsed is None:
        return {}, []
    table = parsed.model_dump(exclude_defaults=True)
    left_out = [name for name in (HEADERS,) if table.pop(name, None)]
    if BODY in table:
        table[BODY] = json.dumps(parsed.extra_body)
        if extra_body.disclosed(parsed.extra_body) != parsed.extra_body:
            del table[BODY]
            left_out.append(BODY)
    return table, [f"{PLACES[DIALECT]}.{name}" for name in left_out]


def _shortest(value: Any) -> Any:
    return value[0] if len(value) == 1 else list(value)


def _moved(path: Path, field: str, name: str) -> str | None:
    """A file's name as seen from the study file; None: it is none, or stands there already."""
    del field
    return _from(path, name) if Path(name).exists() and name not in {"", "."} else None


def _from(path: Path, name: str) -> str:
    """A relative name as seen from a file's folder; an absolute one as it is."""
    return name if Path(name).is_absolute() else os.path.relpath(name, path.parent)


def _check_free(path: Path, text: str) -> None:
    if path.exists() and path.read_text("utf-8", errors="replace") != text:
        raise ValueError(
            f"--save-study {path}: there is another file; name a new one, or remove it first"
        )


def _write(path: Path, text: str, left_out: Sequence[str]) -> None:
    with usage():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    print_hint(f"study file: {path}", err)
    if left_out:  # said under -q as well: the file is not all that was asked
        print_line(f"{path} leaves out what may be secret: {', '.join(left_out)}", err)
