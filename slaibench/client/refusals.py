"""What is said of a server that cannot be used, and the option that helps: from its own words."""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence

from slaibench.client.quoted import Quoter
from slaibench.endpoint.url import public_url

_BAD_REQUEST = (400, 422)
_NO_ENTRY = (401, 403)
_REFUSED = re.compile(
    r"not support|unsupported|unknown|unrecogni[sz]ed|unexpected|not permitted|not allowed|"
    r"not accepted|forbidden|no such|invalid|must be|should be|extra|only|cannot|can't|"
    r"does not|doesn't|not (?:a )?valid|not implemented",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(r"context|too (?:large|long)|at most|exceed|maximum", re.IGNORECASE)

_OPTIONS: Sequence[tuple[str, str]] = (
    (r"continuous_usage_stats", "--no-continuous-usage"),
    (r"stream_options|include_usage", "--extra-body '{\"stream_options\": null}'"),
    (r"ignore_eos", "--no-ignore-eos --any-length"),
    (r"max_completion_tokens", "--max-tokens-field max_completion_tokens"),
    (r"max_new_tokens", "--max-tokens-field max_new_tokens"),
    (r"max_output_tokens", "--max-tokens-field max_output_tokens"),
    (r"max_tokens", "--max-tokens-field NAME"),
    (r"temperature", "--extra-body '{\"temperature\": null}'"),
    (r"\bseed\b", "--extra-body '{\"seed\": null}'"),
    (r"\bmessages\b", "--api chat"),
    (r"\bprompt\b", "--prompts text"),
)
"""Of what a refusal speaks, and the option that helps; the first one decides."""


def way_out(status: int, text: str) -> str:
    """What to give against a refusal, as the end of its sentence; empty where
    its words do not tell.

    Args:
        status: of the HTTP answer.
        text: what came with it.
    """
    option = _option(status, text)
    return f" ({option} may help)" if option else ""


def _option(status: int, text: str) -> str | None:
    if status in _NO_ENTRY:
        return "OPENAI_API_KEY, or --header,"
    if status not in _BAD_REQUEST or not _REFUSED.search(text):
        return None
    for words, option in _OPTIONS:
        if not re.search(words, text):
            continue
        if "tokens" in words and "--max-tokens-field NAME" in option and _TOO_LONG.search(text):
            return None  # The length is refused, not the field.
        return option
    return None


def compressed(codings: str, quote: Quoter) -> str:
    """Of an answer that cannot be read while it comes."""
    return (
        f"the answer is compressed ({quote(codings, 60)}), although identity was asked for "
        "(Accept-Encoding): compression holds tokens back, turn it off in the server or proxy"
    )


def redirected(location: str, quote: Quoter) -> str:
    """Of an answer that sends us elsewhere."""
    return f"it redirects to {quote(public_url(location)) or 'nowhere'}: correct --url"


def connection_error(error: OSError) -> str:
    """Why a connection failed, and the option that helps if there is one."""
    words = error.strerror or str(error) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.verify_message or words} (--insecure takes any certificate)"
    if "WRONG_VERSION_NUMBER" in str(error):
        return f"{words}: it answers without TLS, http:// and not https://"
    return words
