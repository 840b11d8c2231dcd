"""What the board says of a combination: the grade that its held-out rows earned.

``data/board.json`` is written by ``slaibench board --keep``, and by nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, TypedDict, cast

from slaibench.catalog.fields import CatalogError, read_object

SCHEMA_VERSION = 1
FILE = "board.json"
HELD_OUT = "held-out"
ALL = "all"
"""Of a total: any GPU."""
ENDINGS = ("-fp8", "-nvfp4", "-fp4", "-instruct")
"""What checkpoints of one model are called after their format."""


class GradeOf(StrEnum):
    """How much of a combination a grade is of."""

    COMBINATION = "this combination"
    OTHER_RELEASES = "the same model, GPU and engine, in other releases"
    OTHER_MODELS = "other models on this GPU and engine"
    OTHER_ENGINES = "other models and engines on this GPU"


class SizesForm(TypedDict):
    """Absolute relative errors of one latency, and the median of the signed ones."""

    median: float
    p90: float | None
    bias: float


class ErrorsForm(TypedDict):
    """Of one way to predict."""

    n: int
    tpot: SizesForm
    ttft: SizesForm
    e2e: SizesForm


class SummaryForm(TypedDict):
    """Of the rows of one half; ``*``: any."""

    gpu: str
    engine: str
    model: str
    release: str
    half: str
    n: int
    ours: ErrorsForm
    library: ErrorsForm | None
    roofline: ErrorsForm | None
    beside_library: ErrorsForm | None
    grades: Mapping[str, str]
    reason: str


class CauseForm(TypedDict):
    """Held-out rows with a cause, and without."""

    cause: str
    n: int
    tpot: float
    ttft: float
    tpot_without: float | None
    ttft_without: float | None


class MeansForm(TypedDict):
    """Means over requests, milliseconds."""

    ttft_ms: float
    tpot_ms: float
    e2e_ms: float


class OwnRunForm(TypedDict):
    """A run of our own, and what was predicted of it.

    ``status`` is that of the profile, ``engine`` has its release, ``asynchronous`` says how it
    decided batches; grades are those of a validation, which looks at percentiles too.
    """

    name: str
    gpu: str
    model: str
    status: str
    engine: str
    asynchronous: bool
    scheduler: str
    load: str
    n: int
    measured: MeansForm
    ours: MeansForm
    grades: Mapping[str, str]
    reason: str


class OwnRunsForm(TypedDict, total=False):
    """What a document lacks that was written before there were such runs, or without any."""

    own: Sequence[OwnRunForm]


class BoardDocument(OwnRunsForm):
    """All that the board says in numbers."""

    schema_version: int
    source: str
    lines: int
    rows: int
    left_out: Mapping[str, int]
    totals: Sequence[SummaryForm]
    summaries: Sequence[SummaryForm]
    causes: Sequence[CauseForm]


@dataclass(frozen=True, slots=True)
class BoardGrade:
    """A grade, and what it rests on.

    Args:
        grades: A to D by latency (``tpot``, ``ttft``, ``e2e``), and ``all``: the worst of them.
        reason: the figure that decided that.
        of: how much of what was asked for it is of.
        n: rows.
        held_out: no number was fitted to them; else only rows of the fitted half were there.
        tpot, ttft, e2e: median absolute relative errors.
    """

    grades: Mapping[str, str]
    reason: str
    of: GradeOf
    n: int
    held_out: bool
    tpot: float
    ttft: float
    e2e: float

    @property
    def grade(self) -> str:
        """The worst of its latencies'."""
        return self.grades["all"]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "grades": dict(self.grades), "of": self.of.value}

    @property
    def words(self) -> str:
        """As a line beside a result has it."""
        half = "" if self.held_out else ", those that host times were fitted to"
        tpot = f"TPOT {self.grades['tpot']} (median error {self.tpot:.0%})"
        ttft = f"TTFT {self.grades['ttft']} ({self.ttft:.0%})"
        return f"on the board: {tpot}, {ttft}, by {self.n} published runs of {self.of}{half}"


def plain_name(model: str) -> str:
    """A model without its owner, and without what its checkpoints are called after their format."""
    name = model.rpartition("/")[2].casefold().removeprefix("meta-")
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name


def grade_of(
    gpu: str, model: str, engine: str | None = None, release: str | None = None
) -> BoardGrade | None:
    """The grade of a combination, or of the nearest thing that was measured.

    Args:
        gpu: name of the catalog.
        model: name of the catalog, or Hugging Face id.
        engine: None: vLLM, whose operators are compiled where nobody says.

    Returns:
        None: nothing was published of this GPU.

    Raises:
        CatalogError: the file is damaged.
    """
    engine, name = engine or "vllm", plain_name(model)
    keys = {
        GradeOf.COMBINATION: (gpu, engine, name, release or ""),
        GradeOf.OTHER_RELEASES: (gpu, engine, name, "*"),
        GradeOf.OTHER_MODELS: (gpu, engine, "*", "*"),
        GradeOf.OTHER_ENGINES: (gpu, "*", "*", "*"),
    }
    for of, key in keys.items():
        if of is GradeOf.COMBINATION and not release:
            continue
        entry = _entries().get(key)
        if entry is not None:
            return BoardGrade(
                grades=entry["grades"],
                reason=entry["reason"],
                of=of,
                n=entry["n"],
                held_out=entry["half"] == HELD_OUT,
                tpot=entry["ours"]["tpot"]["median"],
                ttft=entry["ours"]["ttft"]["median"],
                e2e=entry["ours"]["e2e"]["median"],
            )
    return None


def roofline_words() -> str | None:
    """How far rooflines are from published runs, as a line beside a result has it; None: it is not
    known.

    Raises:
        CatalogError: the file is damaged.
    """
    document = board_document()
    for total in () if document is None else document["totals"]:
        if (total["gpu"], total["half"]) == (ALL, HELD_OUT) and total["roofline"] is not None:
            errors = total["roofline"]
            return (
                f"on the board: rooflines are off by {errors['tpot']['median']:.0%} (TPOT) and "
                f"{errors['ttft']['median']:.0%} (TTFT) in the median of {errors['n']} published "
                "runs, nearly all too fast"
            )
    return None


@cache
def board_document() -> BoardDocument | None:
    """The summary that ships; None: there is none.

    Raises:
        CatalogError: the file is damaged.
    """
    source = files("slaibench.catalog.data") / FILE
    if not source.is_file():
        return None
    values = read_object(source)
    if values.get("schema_version") != SCHEMA_VERSION or not BoardDocument.__required_keys__ <= set(
        values
    ):
        raise CatalogError(f"{FILE} is not of this version: make it again (slaibench board --keep)")
    return cast("BoardDocument", values)


@cache
def _entries() -> Mapping[tuple[str, str, str, str], SummaryForm]:
    """By GPU, engine, model and release. The held-out half's, where it has rows."""
    document = board_document()
    entries: dict[tuple[str, str, str, str], SummaryForm] = {}
    for summary in () if document is None else document["summaries"]:
        key = (summary["gpu"], summary["engine"], summary["model"], summary["release"])
        if key not in entries or summary["half"] == HELD_OUT:
            entries[key] = summary
    return entries
