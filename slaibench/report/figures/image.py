"""A drawing as a page holds it: an SVG that is small, and that is dark where the page is."""

from __future__ import annotations

import re

from slaibench.report.figures.style import dark

_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_STYLE = re.compile(r' style="[^"]*"')


def data_uri(svg: bytes) -> str:
    """An SVG as a data URI of little more than its own length: without comments, metadata and
    line breaks, coordinates to a hundredth of a point, and only what must be escaped escaped.

    Each colour is a variable with a second value for dark pages. An image follows the colours of
    the page that it is in (CSS Color Adjustment), and has its own background: in a browser that
    does not let it, it is a light card.
    """
    text = svg.decode()
    text = re.sub(
        r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.S
    )
    # Not every number: those of scale(...) are small, and multiply what they are put to.
    places = r' (?:d|x|y)="[^"]*"|translate\([^)]*\)'
    text = re.sub(places, lambda match: re.sub(r"\d+\.\d{3,}", _rounded, match.group()), text)
    text = re.sub(r'<g id="[^"]*">', "<g>", text).replace("xlink:href", "href")
    text = text.replace("DejaVuSans-", "g")
    text = _in_two_colours(text)
    text = re.sub(r"(?<=[;:]) (?=[\w#-])", "", text)
    text = re.sub(r"\s+", " ", text).replace("> <", "><").strip()
    text = text.replace('"', "'")
    for char in "%#<>&":
        text = text.replace(char, f"%{ord(char):02X}")
    return f"data:image/svg+xml,{text}"


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match.group()):.2f}".rstrip("0").rstrip(".")


def _in_two_colours(svg: str) -> str:
    """The colours of an SVG as variables, defined for light pages and for dark ones."""
    names: dict[str, str] = {}

    def variable(match: re.Match[str]) -> str:
        return f"var({names.setdefault(match.group(), f'--{len(names)}')})"

    svg = _STYLE.sub(lambda match: _COLOUR.sub(variable, match.group()), svg)
    light = ";".join(f"{name}:{colour}" for colour, name in names.items())
    other = ";".join(f"{name}:{dark(colour)}" for colour, name in names.items())
    rules = f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{other}}}}}"
    return svg.replace("</style>", f"{rules}</style>", 1)
