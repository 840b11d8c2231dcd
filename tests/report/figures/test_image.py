"""Drawings in a page: small, and dark where the page is."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest

from slaibench.report.figures.image import data_uri
from slaibench.report.figures.style import (
    COLOURS,
    DARK_COLOURS,
    DARK_PAGE,
    INK,
    dark,
    pale,
    styled,
    svg,
)
from tests.report.figures.test_data import drawing


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 has it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_colour_of_a_drawing_has_a_second_one_for_dark_pages() -> None:
    with styled():
        image = unquote(data_uri(svg(drawing())))
    used = set(re.findall(r"var\((--\d+)\)", image))
    light, other = re.findall(r":root{(.*?)}", image)
    assert set(re.findall(r"(--\d+):", light)) == set(re.findall(r"(--\d+):", other)) == used
    assert f":{COLOURS[0].lower()}" in light
    assert f":{DARK_COLOURS[0]}" in other
    drawn = image[image.index("</defs>") :]
    assert not re.search(r"style='[^']*#[0-9a-f]{6}", drawn)


@pytest.mark.parametrize("colour", [*COLOURS, INK, "#000000", "#888888"])
def test_what_is_drawn_stands_out_from_a_dark_page(colour: str) -> None:
    assert contrast(dark(colour), DARK_PAGE) > 4.4


@pytest.mark.parametrize("colour", ["#E4E4E4", "#EDEDED", *map(pale, COLOURS)])
def test_what_is_faint_on_a_light_page_is_faint_on_a_dark_one(colour: str) -> None:
    assert contrast(dark(colour), DARK_PAGE) < contrast(dark(INK), DARK_PAGE) / 2


def test_white_is_the_page() -> None:
    assert dark("#ffffff") == DARK_PAGE
