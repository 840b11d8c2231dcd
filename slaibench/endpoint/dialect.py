"""How an endpoint is spoken to, where it differs from what vLLM and SGLang understand."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    field_validator,
    model_validator,
)

from slaibench.endpoint import extra_body
from slaibench.endpoint.given import KEPT, body_texts, header_texts, read_body, read_headers
from slaibench.endpoint.spoken import Spoken, spoken_fields
from slaibench.endpoint.target_headers import TargetHeaders

_MARK_DIGITS = 4
"""Of a header's value a record has a mark of 16 bits: enough to tell two apart, far too little to
find it by."""


ExtraBody = Annotated[
    dict[str, Any],
    PlainSerializer(extra_body.disclosed, when_used="json", return_type=dict[str, Any]),
]
"""What may be secret in it is written nowhere."""


class Dialect(BaseModel):
    """What requests to an endpoint hold, and what of its answers counts.

    A field is an option by its ``Spoken``, and one of ``client.target.Target`` by its name.

    Args:
        ignore_eos: ask for output up to the length (``ignore_eos``; vLLM, SGLang).
        exact_lengths: only an output of exactly the length asked for is finished.
        continuous_usage: ask for the token count with every event (``continuous_usage_stats``).
        max_tokens_field: what the limit of the output is called; None: ``max_tokens``.
        extra_body: fields for every request's body; None leaves one of ours out.
        headers: for every request. Values are written down nowhere.
        insecure: take any certificate.
        new_connections: open a connection for each request, when it is due.
        target_headers: by whose names a request's own targets and tenant are headers; None: they
            are none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ignore_eos: Annotated[
        bool, Spoken("Send no ignore_eos, so that the model may end sooner.", "no-ignore-eos")
    ] = True
    exact_lengths: Annotated[
        bool, Spoken("Take outputs of other lengths than were asked for.", "any-length")
    ] = True
    continuous_usage: Annotated[
        bool,
        Spoken(
            "Ask for a token count at the end alone; where events hold several tokens, there is "
            "no TBT.",
            "no-continuous-usage",
        ),
    ] = True
    max_tokens_field: Annotated[
        str | None, Spoken("What the limit of the output is called. Default: max_tokens.")
    ] = None
    extra_body: Annotated[
        ExtraBody,
        Spoken(
            "Fields for every request, as a JSON object; null leaves one of ours out.",
            read=read_body,
            texts=body_texts,
        ),
    ] = Field(default={}, repr=False)
    headers: Annotated[
        dict[str, SecretStr],
        Spoken(
            "'Name: value' for every request; may be given several times. Values are kept nowhere.",
            "header",
            several=True,
            read=read_headers,
            texts=header_texts,
        ),
    ] = {}
    insecure: Annotated[bool, Spoken("Take any certificate, a self-signed one as well.")] = False
    new_connections: Annotated[
        bool,
        Spoken("Open a connection for each request, when it is due; its time is part of TTFT."),
    ] = False
    target_headers: Annotated[
        TargetHeaders | None,
        Spoken("Say each request's own targets and tenant in headers, by whose names."),
    ] = None

    @field_validator("max_tokens_field")
    @classmethod
    def _named(cls, name: str | None) -> str | None:
        if name is not None and not name.strip():
            raise ValueError("max_tokens_field must be a field's name, not empty")
        if name in extra_body.NO_LIMIT:
            raise ValueError(
                f"max_tokens_field cannot be {name!r}: that field of a request has another meaning"
            )
        return name

    @model_validator(mode="after")
    def _sendable(self) -> Dialect:
        extra_body.check(self.extra_body, self.max_tokens_field)
        return self

    @property
    def is_openai(self) -> bool:
        """Whether requests hold only fields that OpenAI's own server has."""
        return not (self.ignore_eos or self.exact_lengths or self.continuous_usage)

    def as_openai(self) -> Dialect:
        """The same, as far as OpenAI's own server has it (``--only-openai``)."""
        theirs = {"ignore_eos": False, "exact_lengths": False, "continuous_usage": False}
        return self.model_copy(update=theirs)

    def plain(self) -> dict[str, Any]:
        """Every field as requests have it.

        Raises:
            ValueError: values of headers or fields come from a file, which lacks them.
        """
        as_they_are = {name: getattr(self, name) for name in type(self).model_fields}
        return {**as_they_are, "headers": self.plain_headers(), "extra_body": self.plain_body()}

    def plain_headers(self) -> dict[str, str]:
        """The headers as they are sent.

        Raises:
            ValueError: they come from a file, which has no values.
        """
        headers = {name: value.get_secret_value() for name, value in self.headers.items()}
        for name, value in headers.items():
            if value == KEPT:
                raise ValueError(f"the value of header {name!r} is kept in no file: give it again")
        return headers

    def plain_body(self) -> dict[str, Any]:
        """The fields as they are sent.

        Raises:
            ValueError: they come from a file, which lacks some of them.
        """
        if extra_body.hides(self.extra_body):
            raise ValueError(
                "--extra-body is as a recording has it, which leaves out what may be secret: give "
                "--extra-body with the values that it was run with"
            )
        return self.extra_body

    def identity(self) -> dict[str, Any] | None:
        """What of it decides a recording, for records; None: nothing but ``is_openai``."""
        own = self.model_dump(mode="json", exclude_defaults=True, exclude={"insecure", "headers"})
        if self.is_openai:
            for name in ("ignore_eos", "exact_lengths", "continuous_usage"):
                del own[name]
        if self.headers:
            own["headers"] = {name: _mark(name, v) for name, v in sorted(self.headers.items())}
        return own or None

    @classmethod
    def of_identity(cls, identity: dict[str, Any] | None) -> Dialect | None:
        """As far as a record has it."""
        if identity is None:
            return None
        headers = dict.fromkeys(identity.get("headers", {}), SecretStr(KEPT))
        return cls.model_validate({**identity, "headers": headers})


SPOKEN = tuple(spoken_fields(Dialect))
"""Its fields as options, in order."""


def _mark(name: str, value: SecretStr) -> str:
    text = json.dumps([name.lower(), value.get_secret_value()])
    return hashlib.sha256(text.encode()).hexdigest()[:_MARK_DIGITS]
