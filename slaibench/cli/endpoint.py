"""Options for a server that speaks OpenAI's interface in a way of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from slaibench.endpoint.dialect import Dialect

_spoken = partial(typer.Option, rich_help_panel="How it is spoken to")


@dataclass(frozen=True, slots=True)
class DialectOptions:
    """How an endpoint is spoken to. Each is None, False or empty where it is left out."""

    no_ignore_eos: Annotated[
        bool,
        _spoken("--no-ignore-eos", help="Send no ignore_eos, so that the model may end sooner."),
    ] = False
    any_length: Annotated[
        bool, _spoken("--any-length", help="Take outputs of other lengths than were asked for.")
    ] = False
    no_continuous_usage: Annotated[
        bool,
        _spoken(
            "--no-continuous-usage",
            help="Ask for a token count at the end alone; where events hold several tokens, "
            "there is no TBT.",
        ),
    ] = False
    max_tokens_field: Annotated[
        str | None,
        _spoken(help="What the limit of the output is called. Default: max_tokens."),
    ] = None
    extra_body: Annotated[
        str | None,
        _spoken(help="Fields for every request, as a JSON object; null leaves one of ours out."),
    ] = None
    header: Annotated[
        list[str] | None,
        _spoken(
            help="'Name: value' for every request; may be given several times. Values are kept "
            "nowhere."
        ),
    ] = None
    insecure: Annotated[
        bool, _spoken("--insecure", help="Take any certificate, a self-signed one as well.")
    ] = False
    new_connections: Annotated[
        bool,
        _spoken(
            "--new-connections",
            help="Open a connection for each request, when it is due; its time is part of TTFT.",
        ),
    ] = False

    def parsed(self) -> Dialect | None:
        """The dialect; None: the plain one.

        Raises:
            ValueError: an option does not parse; the message names it.
        """
        dialect = Dialect(
            ignore_eos=not self.no_ignore_eos,
            exact_lengths=not self.any_length,
            continuous_usage=not self.no_continuous_usage,
            max_tokens_field=self.max_tokens_field,
            extra_body=_object(self.extra_body),
            headers=dict(_header(text) for text in self.header or ()),
            insecure=self.insecure,
            new_connections=self.new_connections,
        )
        return None if dialect == Dialect() else dialect


def _object(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        # Neither the text nor the parser's words: it may hold a secret.
        at = f" (at character {error.pos + 1})" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(
            f'--extra-body is no JSON{at}: write an object like {{"top_p": 1}}'
        ) from error
    if not isinstance(body, dict):
        raise ValueError('--extra-body must be a JSON object like {"top_p": 1}')
    return body


def _header(text: str) -> tuple[str, SecretStr]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        # The text may be a secret whose name was forgotten.
        raise ValueError("--header must be 'Name: value'; one that was given has no name or colon")
    return name.strip(), SecretStr(value.strip())
