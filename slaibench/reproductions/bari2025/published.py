"""What papers print: numbers to compare ours with, each with its source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from slaibench.catalog.fields import Fields, read_object, unknown

CHANGE = "change"
"""Unit of a relative change: -0.53 is 53 % less."""
RATIO = "ratio"
"""Unit of what has none."""


@dataclass(frozen=True, slots=True)
class PublishedValue:
    """One number of a paper.

    Args:
        name: by which it is looked up.
        value: in ``unit``; a relative change as a share.
        rounding: half of the last digit printed: how far the number may be from what it stands for.
        source: where it is printed, or from which printed numbers it follows.
        fitted: whether the simulator's profile was fitted to it, so that agreement says nothing.
        derived: the paper does not print it; it is the quotient of two that it prints.
        inferred: the paper prints it for "high load"; at which rate that is is our inference.
        given: it describes what the paper's experiment was given, so that agreement says only that
            ours was given the same.
    """

    name: str
    value: float
    unit: str
    rounding: float
    source: str
    fitted: bool = False
    derived: bool = False
    given: bool = False
    inferred: bool = False

    @property
    def telling(self) -> bool:
        """Whether agreement with it says anything of what is measured."""
        return not (self.fitted or self.given)


@dataclass(frozen=True, slots=True)
class TokenBudgets:
    """A study of token budgets: one long prompt at a time, a value a budget (milliseconds)."""

    budgets: tuple[int, ...]
    ttft_ms: tuple[float, ...]
    batch_ms: tuple[float, ...]
    source: str


@dataclass(frozen=True)
class Paper:
    """A paper's experiment as printed.

    Args:
        kv_blocks: of its GPU.
        workload_name, workload_fingerprint: its request lengths, and how to know them
            (``slaibench.workloads.generate.fingerprint``).
        values: by name.
    """

    name: str
    title: str
    authors: str
    where: str
    url: str
    code: str
    kv_blocks: int
    workload_name: str
    workload_fingerprint: str
    values: dict[str, PublishedValue]
    token_budgets: TokenBudgets

    def value(self, name: str) -> PublishedValue:
        """A printed number by its name.

        Raises:
            CatalogError: there is none, with the nearest name.
        """
        if name not in self.values:
            raise unknown("published value", name, self.values)
        return self.values[name]


@cache
def bari2025() -> Paper:
    """Bari, Hegde, de Veciana, "Optimal Scheduling Algorithms for LLM Inference" (SLAI, RAD)."""
    fields = Fields(read_object(files(__package__) / "published.json"), "published.json")
    workload = fields.inner("workload")
    values = {value.name: value for value in map(_value, fields.objects("values"))}
    for entry in fields.objects("quotients"):
        quotient = _quotient(entry, values)
        values[quotient.name] = quotient
    budgets = fields.inner("token_budgets")
    axis = budgets.axis("budgets")
    paper = Paper(
        name=fields.text("name"),
        title=fields.text("title"),
        authors=fields.text("authors"),
        where=fields.text("where"),
        url=fields.text("url"),
        code=fields.text("code"),
        kv_blocks=fields.whole("kv_blocks"),
        workload_name=workload.text("name"),
        workload_fingerprint=workload.text("fingerprint"),
        values=values,
        token_budgets=TokenBudgets(
            budgets=axis,
            ttft_ms=budgets.numbers("ttft_ms", len(axis)),
            batch_ms=budgets.numbers("batch_ms", len(axis)),
            source=budgets.text("source"),
        ),
    )
    for part in (fields, workload, budgets):
        part.done()
    return paper


def _value(entry: Fields) -> PublishedValue:
    value = PublishedValue(
        name=entry.text("name"),
        value=entry.signed("value"),
        unit=entry.text("unit"),
        rounding=entry.number("rounding"),
        source=entry.text("source"),
        fitted=entry.flag("fitted", False),
        given=entry.flag("given", False),
        inferred=entry.flag("inferred", False),
    )
    entry.done()
    return value


def _quotient(entry: Fields, values: dict[str, PublishedValue]) -> PublishedValue:
    """The change from one printed value to another, with the rounding that both bring."""
    of, over = values[entry.text("of")], values[entry.text("over")]
    ratio = of.value / over.value
    quotient = PublishedValue(
        name=entry.text("name"),
        value=ratio - 1,
        unit=CHANGE,
        rounding=ratio * (of.rounding / of.value + over.rounding / over.value),
        source=f"quotient of {of.value:g} and {over.value:g} {of.unit}",
        derived=True,
        inferred=of.inferred or over.inferred,
    )
    entry.done()
    return quotient
