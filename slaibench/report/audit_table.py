"""The table of the arrival audit, from the report's document."""

from __future__ import annotations

from slaibench.report.numbers import rate_key
from slaibench.report.study_document import AuditRow, StudyNumbers
from slaibench.report.table import Cell, Heading, Row, Table
from slaibench.report.words import NOTHING, fixed


def audit_table(doc: StudyNumbers) -> Table:
    """The arrival audit: each run at the focus rate, then every run that failed it."""
    rows = list(doc["audit"]["focus"])
    rows += [row for row in doc["audit"]["failing"] if row not in rows]
    columns = (
        Heading("seed"),
        Heading("requests", "n"),
        Heading("declared", "requests/s"),
        Heading("expected", "requests/s"),
        Heading("measured", "requests/s"),
        Heading("gap CV", "expected"),
        Heading("dispersion", "var/mean"),
        Heading("longest gap", "mean gaps"),
        Heading("lag-1", "ranks"),
        Heading("joint p"),
        Heading("lag P99", "ms"),
        Heading("lag max", "ms"),
        Heading("verdict", is_text=True),
    )
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(rate_key(row["rate_rps"]), []).append(
            Row(row["scheduler"], _audit_cells(row))
        )
    return Table(
        "audit",
        "Arrivals of each run at the focus rate",
        "Expected differs from declared where the process cuts gaps. Dispersion: variance over "
        "mean of counts in windows of about 20 arrivals (1 for a Poisson process). Lag-1: rank "
        "correlation of successive gaps. Joint p: the smallest of all tests, as one of their "
        "family. Lag: sent minus due; 0 on a virtual clock.",
        columns,
        tuple((rate, tuple(rows)) for rate, rows in groups.items()),
    )


def _audit_cells(row: AuditRow) -> tuple[Cell, ...]:
    def text(value: float | None, decimals: int = 3, scale: float = 1.0) -> Cell:
        return Cell(NOTHING if value is None else fixed(scale * value, decimals))

    expected = () if row["expected_gap_cv"] is None else (fixed(row["expected_gap_cv"], 3),)
    p = row["joint_p"]
    return (
        Cell(str(row["seed"])),
        Cell(f"{row['num_requests']:,}"),
        text(row["declared_rps"]),
        text(row["expected_rps"]),
        text(row["measured_rps"]),
        Cell(text(row["gap_cv"]).text, expected),
        text(row["dispersion"], 2),
        text(row["longest_gap"], 2),
        text(row["lag1"]),
        Cell(NOTHING if p is None else "< 0.001" if p < 0.001 else fixed(p, 3)),
        text(row["lag_p99_s"], 2, 1e3),
        text(row["lag_max_s"], 2, 1e3),
        Cell(_verdict(row)),
    )


def _verdict(row: AuditRow) -> str:
    if not row["valid"]:
        return f"invalid: {row['reason']}"
    if row["lag_p99_s"] is not None and row["lag_p99_s"] > row["lag_budget_s"]:
        return f"sent late: P99 over {fixed(1e3 * row['lag_budget_s'], 2)} ms"
    if row["process_ok"] is None:
        return "not tested"
    return "agrees" if row["process_ok"] else f"disagrees: {row['process_note']}"
