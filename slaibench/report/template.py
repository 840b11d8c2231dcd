"""Pages from templates: what every page has, whatever it is about."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import cast

from slaibench.report.captions import Caption
from slaibench.report.document import PICTURES, PageDocument
from slaibench.report.figures.chart import ChartForm
from slaibench.report.figures.style import COLOURS, dark
from slaibench.report.figures.vega import chart_data
from slaibench.report.libraries import scripts
from slaibench.report.words import BEYOND, TOO_SMALL, short_names

INDEX = "index.html"
"""Lists the pages of its folder; each links to it."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One drawing as the page holds it: an ``img`` element, ready-made."""

    html: str


@dataclass(frozen=True, slots=True)
class Figure:
    """Drawings under one number, with what is said below them."""

    name: str
    caption: Caption
    panels: Sequence[Picture]


@dataclass(frozen=True, slots=True)
class Headline:
    """The top of a page: the result in a line, and a sentence for each thing that follows."""

    title: str
    findings: tuple[str, ...] = ()


def fill(
    template: str,
    package: str,
    doc: Mapping[str, object],
    schedulers: Sequence[str],
    **parts: object,
) -> str:
    """A page.

    Args:
        template: its name, without its ending; in ``templates/`` of ``package`` or, as
            ``base.html.j2``, of ``slaibench.report``.
        package: importable name of the package that has the page.
        doc: the page's document, which is embedded.
        schedulers: all that the page names, in order: each has its colour.
        parts: what else the template takes.
    """
    import jinja2  # noqa: PLC0415  (only a report needs it)
    from markupsafe import Markup  # noqa: PLC0415

    folders = [files(name) / "templates" for name in (package, "slaibench.report")]

    def load(name: str) -> str | None:
        places = [folder / name for folder in folders]
        return next((file.read_text("utf-8") for file in places if file.is_file()), None)

    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(load),
    )
    names = short_names(schedulers)
    made = cast("PageDocument", doc).get("made")  # no page's document: a notebook's cell
    frame = 1 if made is None else made.get("frame", 1)
    charts = charts_of(doc) if frame > 1 else {}
    return environment.get_template(f"{template}.html.j2").render(
        doc=doc,
        asset=lambda name: Markup((load(name) or "").strip()),
        index=INDEX,
        names=names,
        places={name: place for place, name in enumerate(names)},
        colours={name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)},
        too_small=TOO_SMALL,
        beyond=BEYOND,
        dark=dark,
        numbers=Markup(embedded(doc)),
        frame=frame,
        findings={name: findings(forms) for name, forms in charts.items()},
        charts={name: [form is not None for form in forms] for name, forms in charts.items()},
        charts_json=Markup(embedded(_specifications(charts))),
        libraries=[Markup(script) for script in scripts()] if any_of(charts) else [],
        **parts,
    )


Charts = Mapping[str, Sequence[ChartForm | None]]
"""The interactive forms of a page's drawings, by figure."""


def charts_of(doc: Mapping[str, object]) -> Charts:
    """The values of all interactive figures; None for a drawing without."""
    pictures = cast("PageDocument", doc)["pictures"] if PICTURES in doc else {}
    return {name: [entry.get("chart") for entry in entries] for name, entries in pictures.items()}


def any_of(charts: Charts) -> bool:
    """Whether a page has an interactive figure at all, and so needs the libraries."""
    return any(form is not None for forms in charts.values() for form in forms)


def findings(forms: Sequence[ChartForm | None]) -> str:
    """What a figure's drawings show, in sentences."""
    texts = [form["finding"] for form in forms if form is not None and form["finding"]]
    return " ".join(f"{text}." for text in texts)


def _specifications(charts: Charts) -> Mapping[str, object]:
    return {
        f"{name}-{number}": chart_data(form)
        for name, forms in charts.items()
        for number, form in enumerate(forms)
        if form is not None
    }


def embedded(doc: Mapping[str, object]) -> str:
    """The document as JSON that no HTML parser mistakes for markup."""
    text = json.dumps(doc, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def stem_of(parts: Sequence[str]) -> str:
    """A file name without its ending, of parts that may hold what no file name takes: a model or
    GPU of a user's own profile is called what its user likes."""
    return "-".join(re.sub(r"[^\w.-]+", "_", part).strip("_") for part in parts)
