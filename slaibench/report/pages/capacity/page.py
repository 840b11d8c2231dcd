"""The page of a search for capacities: what was found, and every rate that was looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from slaibench.report.captions import Caption, captions
from slaibench.report.command import command_line, seeds, with_workload
from slaibench.report.document import Notes
from slaibench.report.headline import headline
from slaibench.report.numbers import study_numbers
from slaibench.report.page import Card, Page, profile_notes, system_parts
from slaibench.report.pages.capacity.document import CapacityDocument, CapacityNumbers, probe_of
from slaibench.report.pages.capacity.tables import answer_tables, probes_table
from slaibench.report.pages.study import about_of, facts_of, rebuilt
from slaibench.report.recordings import OnRun, cells_of, identity
from slaibench.report.study_document import StudyNumbers
from slaibench.report.subject import Subject, make_subject
from slaibench.report.tables import tables
from slaibench.report.template import stem_of
from slaibench.report.words import binding, listed, plural, rate, short_names
from slaibench.spec.study_layout import StudyKind
from slaibench.spec.study_text import study_text
from slaibench.studies.capacity_result import CapacityResult, summaries_by_rate
from slaibench.studies.overload import under_load
from slaibench.studies.shown import rates_in_words
from slaibench.studies.sweep import SweepResult, sweep_result
from slaibench.studies.systems import imported

if TYPE_CHECKING:
    from slaibench.report.figures.panel import Panel


def searched(results: Sequence[CapacityResult]) -> Subject:
    """What a page of searches is about: one for each scheduler, of one study."""
    first = results[0]
    names = tuple(result.scheduler for result in results)
    rates = {rps for result in results for rps in result.measured.rates_rps.tolist()}
    looked_at = {"schedulers": names, "rates": tuple(sorted(rates))}
    cells = [cell for result in results for cell in result.cells]
    spec = first.spec.model_copy(update=looked_at)
    swept = sweep_result(spec, first.targets, first.about, "", cells)
    return make_subject(swept, searched=results, focus_rate_rps=_focus(results))


def gathered(swept: SweepResult) -> Subject:
    """The same, of recordings that were found on disk."""
    named = {"num_requests": _requests_named(swept)}
    spec = swept.spec.model_copy(update=named)
    return searched([replace(result, spec=spec) for result in swept.by_targets.values()])


def _requests_named(swept: SweepResult) -> int | None:
    """Requests of a run that somebody named: where all have as many, and not by default; None:
    nobody did."""
    cells = [run.cell for run in under_load(swept.cells)]
    sizes = {cell.num_requests for cell in cells}
    default = all(swept.spec.requests_at(cell.rate_rps) == cell.num_requests for cell in cells)
    return sizes.pop() if len(sizes) == 1 and not default else None


class CapacityPage(Page[Subject, CapacityDocument]):
    """How much each scheduler carries, and how that was found."""

    format = "slaibench-capacity"
    version = 1
    template = "capacity"
    required = CapacityDocument.__required_keys__
    planned = frozenset({"spec", "pair", "focus_rate_rps"})

    def numbers(self, subject: Subject, folder: Path) -> CapacityNumbers:
        spec = subject.sweep.spec.model_copy(update={"rates": ()})
        return {
            **study_numbers(subject, folder),
            "spec": spec.to_json(),
            "probes": {
                result.scheduler: [
                    probe_of(
                        result.targets,
                        rps,
                        {(c.slo, c.tier): c.levels[place] for c in result.measured.curves},
                        summaries,
                    )
                    for place, (rps, summaries) in enumerate(
                        sorted(summaries_by_rate(result.cells).items())
                    )
                ]
                for result in subject.capacities
            },
        }

    def notes(self, subject: Subject) -> Notes:
        return {"profile": profile_notes(subject.sweep.spec)}

    def panels(self, subject: Subject, doc: CapacityDocument) -> dict[str, list[Panel]]:
        from slaibench.report.figures.capacity import capacity  # noqa: PLC0415  (matplotlib)
        from slaibench.report.figures.style import looks  # noqa: PLC0415
        from slaibench.report.pages.capacity.figures import search_panels  # noqa: PLC0415

        names = short_names(subject.schedulers)
        alone = len(names) == 1
        return {
            "search": [
                panel
                for scheduler, name in names.items()
                for panel in search_panels(
                    "" if alone else name,
                    doc["probes"][scheduler],
                    doc["capacities"][scheduler]["rate_rps"],
                    doc["capacities"][scheduler]["ci95"],
                    doc["capacities"][scheduler]["binding"],
                )
            ],
            "capacity": capacity(subject, looks(subject.schedulers, names)),
        }

    def captions(self, doc: CapacityDocument) -> dict[str, Caption]:
        counts = [probe["runs"] for probes in doc["probes"].values() for probe in probes]
        few, many = min(counts), max(counts)
        runs = plural(few, "run") if few == many else f"{few} to {plural(many, 'run')}"
        return {
            "search": Caption(
                "The search: each target's metric at every rate that was looked at",
                "A mark is a rate, its colour and shape the verdict there by all targets together, "
                "so that a mark within one target's dashed line may be of a rate at which another "
                "fails. Hollow: saturated. Bars and bands: 95 % intervals, where the runs are long "
                "enough for one; an arrow: longer than the run. Upright line: the capacity; grey: "
                f"its 95 % interval. n = {runs} a rate: one until the boundary is bracketed.",
            ),
            "capacity": captions(doc)["capacity"],
        }

    def stem(self, doc: CapacityDocument) -> str:
        """As ``capacity-h100-mistral-7b-0123abcd``."""
        served, cell = doc["served"], doc["cell"]
        where = dict.fromkeys((*system_parts(served["venue"]), served["place"], cell["model"]))
        planned = [doc["spec"], sorted(cells_of(doc["runs"]))]
        return stem_of(("capacity", *where, identity(planned)))

    def card(self, doc: CapacityDocument) -> Card:
        served = doc["served"]
        where = (doc["cell"]["model"], served["place"], (served["venue"],))
        return Card("Capacity", headline(doc).title, tuple(doc["schedulers"]), *where)

    def content(self, doc: CapacityDocument) -> Mapping[str, object]:
        return {
            "schedulers": list(doc["schedulers"]),
            "kind": self.card(doc).line,
            "headline": headline(doc),
            "about": about_of(doc),
            "searches": _searches(doc),
            "answers": [*answer_tables(doc), probes_table(doc)],
            "tables": tables(doc),
            "facts": facts_of(doc),
            "study_file": study_text(StudyKind.CAPACITY, with_workload(doc)),
        }

    def rebuild(self, doc: CapacityDocument, folder: Path, on_run: OnRun) -> Subject:
        rates = {probe["rate_rps"] for probes in doc["probes"].values() for probe in probes}
        spec = {**doc["spec"], "rates": sorted(rates)}
        return rebuilt(cast("StudyNumbers", {**doc, "spec": spec}), folder, on_run)

    def command(self, doc: CapacityDocument, results: Path) -> str:
        spec = with_workload(doc)
        if spec["backend"] == imported.BACKEND:
            return imported.AGAIN
        words = ["capacity", *spec["schedulers"], *seeds(spec["num_seeds"])]
        return command_line(words, spec, results)


PAGE = CapacityPage()


def _searches(doc: CapacityDocument) -> list[str]:
    """How each capacity was found, in a sentence."""
    names = short_names(list(doc["schedulers"]))
    sentences = []
    for name, capacity in doc["capacities"].items():
        probes = doc["probes"][name]
        low, high = capacity["bracket"]
        where = []
        if low is not None:
            where.append(f"by the estimates every target holds at {rate(low)}")
        if high is not None:
            ended = binding(capacity["binding"], capacity["binding_tier"], doc["tiers"])
            end = "cannot be told" if capacity["untold"] else f"fails by {ended}"
            where.append(f"{rate(high)} {end}")
        runs = sum(probe["runs"] for probe in probes)
        between = rates_in_words(probe["rate_rps"] for probe in probes)
        sentences.append(
            f"Search for {names[name]}: {between} in {plural(runs, 'run')}; {listed(where)}."
        )
    return sentences


def _focus(results: Sequence[CapacityResult]) -> float | None:
    """The largest rate that was looked at under every scheduler and is within all capacities;
    None: there is no such rate."""
    common = set.intersection(*(set(result.measured.rates_rps.tolist()) for result in results))
    lows = [result.capacity.bracket[0] for result in results]
    within = [rps for rps in common if all(low is not None and rps <= low for low in lows)]
    return max(within, default=None)
