"""Pages in a real browser: values under the pointer, schedulers that can be hidden, dark, print."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slaibench.report.index import write_index
from slaibench.report.study_document import StudyDocument
from slaibench.report.words import together
from tests.report.browser import Tab, browser_path, opened
from tests.report.conftest import Written

PHONE: dict[str, Any] = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
HIDDEN = "document.getElementById('tip').hidden"
TIP = "document.getElementById('tip').textContent"
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
    assert tab.value(HIDDEN) is True


def test_the_pointer_shows_a_line_of_many_values_of_every_scheduler(tab: Tab) -> None:
    place = tab.value(
        """(() => {
          const plot = document.querySelector('[data-chart="distribution-0"] .plot');
          plot.scrollIntoView({block: 'center'});
          const box = plot.getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2];
        })()"""
    )
    tab.move(*place)
    at, *values = tab.value(TIP).splitlines()
    assert re.fullmatch(r"TTFT [\d.]+ s", at)
    assert [re.sub(r"[\d.]+ %", "x", value) for value in values] == ["sarathi: x", "slai: x"]
    tab.move(2, 2)
    assert tab.value(HIDDEN) is True


def test_keys_go_through_the_values_and_escape_leaves_them(tab: Tab) -> None:
    tab.value(f"document.querySelector('{CHART} .plot').focus()")
    shown = []
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "End"):
        tab.press(key)
        shown.append(tab.value(TIP).splitlines()[:2])
    assert shown == [
        ["sarathi", "8 requests/s"],
        ["sarathi", "16 requests/s"],
        ["slai", "16 requests/s"],
        ["slai", "8 requests/s"],
        ["slai", "30 requests/s"],
    ]
    assert tab.value(f"document.querySelector('{CHART} .spot').hidden") is False
    tab.press("Escape")
    assert tab.value(HIDDEN) is True
    assert tab.value(f"document.querySelector('{CHART} .spot').hidden") is True
    tab.value("document.querySelector('[data-chart=\"distribution-0\"] .plot').focus()")
    tab.press("ArrowRight")
    tab.press("End")
    assert tab.value(TIP).startswith("TTFT ")
    tab.press("Escape")


def test_what_takes_keys_can_be_reached_and_says_what_it_is(tab: Tab) -> None:
    plots = tab.value(
        "[...document.querySelectorAll('.plot')].map(p => [p.tabIndex, p.getAttribute('role'),"
        " p.getAttribute('aria-label')])"
    )
    assert {(index, role) for index, role, _ in plots} == {(0, "application")}
    assert all("Arrow keys" in label for *_, label in plots)
    buttons = tab.value(
        "[...document.querySelectorAll('.legend button')].every(b => b.tabIndex === 0)"
    )
    assert buttons is True
    assert tab.complaints == []


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


def test_the_index_filters_sorts_and_links(tab: Tab, written: Written, tmp_path: Path) -> None:
    page = written.files.html
    for name in ("a 10.html", "a 9.html"):
        shutil.copy(page, tmp_path / name)
    text = page.read_text("utf-8").replace("mistral-7b", "other-8b")
    (tmp_path / "b.html").write_text(text, "utf-8")
    assert write_index(tmp_path).notes == ()
    tab.requests.clear()
    tab.complaints.clear()
    tab.open(tmp_path / "index.html", charts=False)
    assert [url for url in tab.requests if not url.startswith("data:")] == [
        (tmp_path / "index.html").as_uri()
    ]
    names = (
        "[...document.querySelectorAll('tbody tr')].filter(r => !r.hidden)"
        ".map(r => r.querySelector('small').textContent)"
    )
    everything = tab.value(names)
    assert sorted(everything) == ["a 10.html", "a 9.html", "b.html"]
    tab.value("document.querySelector('#filter').focus()")
    tab.send("Input.insertText", text="OTHER sarathi")
    assert tab.value(names) == ["b.html"]
    assert tab.value("document.querySelector('#count').textContent") == "1 of 3"
    tab.value(
        "(f => { f.value = ''; f.dispatchEvent(new Event('input')); })"
        "(document.querySelector('#filter'))"
    )
    tab.value("document.querySelectorAll('th button')[1].click()")
    assert tab.value(names)[-1] == "b.html"
    tab.value("document.querySelectorAll('th button')[1].click()")
    assert tab.value(names)[0] == "b.html"
    head = "document.querySelectorAll('th')[1].getAttribute('aria-sort')"
    assert tab.value(head) == "descending"
    links = tab.value("[...document.querySelectorAll('tbody a')].map(a => a.href)")
    assert sorted(links) == sorted((tmp_path / name).as_uri() for name in everything)
    colour = "getComputedStyle(document.body).backgroundColor"
    light = tab.value(colour)
    tab.value("document.getElementById('theme').click()")
    assert tab.value(colour) != light
    tab.value("document.getElementById('theme').click()")
    tab.send("Emulation.setDeviceMetricsOverride", **PHONE)
    try:
        assert tab.value("document.documentElement.scrollWidth") == 360
    finally:
        tab.send("Emulation.clearDeviceMetricsOverride")
    assert tab.complaints == []
    tab.open(page)


def test_a_phone_scrolls_only_tables_sideways(tab: Tab) -> None:
    tab.send("Emulation.setDeviceMetricsOverride", **PHONE)
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
