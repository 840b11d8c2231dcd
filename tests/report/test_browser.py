"""Pages in a real browser: values under the pointer, schedulers that can be hidden, dark, print."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from slaibench.report.study_document import StudyDocument
from slaibench.report.words import together
from tests.report.browser import Tab, browser_path, opened
from tests.report.conftest import Written

CHART = '[data-chart="ttft-0"]'


@pytest.fixture(scope="module")
def tab(written: Written, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    browser = browser_path()
    if browser is None:
        pytest.skip("no Chromium here: install Debian's package chromium")
    with opened(browser, tmp_path_factory.mktemp("profile")) as tab:
        tab.open(written.files.html)
        yield tab


def test_a_page_asks_the_network_for_nothing_and_complains_of_nothing(
    tab: Tab, written: Written
) -> None:
    tab.value("1")
    assert [url for url in tab.requests if not url.startswith("data:")] == [
        written.files.html.as_uri()
    ]
    assert tab.complaints == []
    assert tab.value("Number(document.documentElement.dataset.charts)") >= 2


def test_the_pointer_shows_the_value_that_the_document_has(tab: Tab, doc: StudyDocument) -> None:
    place = tab.value(
        f"""(() => {{
          const mark = [...document.querySelectorAll('{CHART} svg path[aria-label]')]
            .find(path => path.getAttribute('aria-label').startsWith('slai\\n8 requests/s'));
          mark.scrollIntoView({{block: 'center'}});
          const box = mark.getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2];
        }})()"""
    )
    tab.move(*place)
    shown = tab.value("document.getElementById('tip').textContent").splitlines()
    estimate = doc["points"]["slai"]["8"]["ttft_s"]["p50"]
    low, high, value = estimate["low"], estimate["high"], estimate["value"]
    assert low is not None
    assert high is not None
    assert value is not None
    texts = together([value, low, high])
    # Where two schedulers' marks lie on each other, the one drawn last is under the pointer.
    assert shown[1:] == [
        "8 requests/s",
        f"Median TTFT: {texts[0]} s",
        f"95 % interval: {texts[1]} to {texts[2]} s",
        f"n = {estimate['n']:,}",
    ]
    tab.move(2, 2)
    assert tab.value("document.getElementById('tip').hidden") is True


def test_the_legend_hides_a_scheduler_and_shows_it_again(tab: Tab) -> None:
    count = f"document.querySelectorAll('{CHART} svg path[aria-label^=\"sarathi\"]').length"
    press = (
        f"(async () => {{ document.querySelector('{CHART} .legend button').click();"
        " await new Promise(done => setTimeout(done, 100)); })()"
    )
    before = tab.value(count)
    assert before >= 2
    tab.value(press)
    assert tab.value(count) == 0
    tab.value(press)
    assert tab.value(count) == before


def test_the_toggle_turns_the_page_dark(tab: Tab) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light = tab.value(colour)
    tab.value("document.getElementById('theme').click()")
    assert tab.value(colour) != light
    tab.value("document.getElementById('theme').click()")
    assert tab.value(colour) == light


def test_a_phone_scrolls_only_tables_sideways(tab: Tab) -> None:
    phone: dict[str, Any] = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    tab.send("Emulation.setDeviceMetricsOverride", **phone)
    try:
        assert tab.value("document.documentElement.scrollWidth") == 360
    finally:
        tab.send("Emulation.clearDeviceMetricsOverride")


def test_print_has_the_static_drawings_and_no_controls(tab: Tab) -> None:
    tab.send("Emulation.setEmulatedMedia", media="print")
    try:
        shown = tab.value(
            "JSON.stringify(['.bar', '.live', '.chart > img'].map("
            "name => getComputedStyle(document.querySelector(name)).display))"
        )
    finally:
        tab.send("Emulation.setEmulatedMedia", media="")
    assert json.loads(shown) == ["none", "none", "block"]
    pdf = tab.send("Page.printToPDF")["data"]
    assert base64.b64decode(pdf).startswith(b"%PDF-")
