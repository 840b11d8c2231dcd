"""A study that ran, as the study file that asks for it again: on pages and in documents.

``study_file.written`` says what differs from the specification's defaults; commands have defaults
of their own (five seeds of a search), so here what they decide is always said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from slaibench.endpoint.dialect import Dialect
from slaibench.spec.study import SpecForm, StudySpec
from slaibench.spec.study_file import document
from slaibench.spec.study_layout import BODY, DIALECT, HEADERS, PLACES, SCHEDULERS, StudyKind

ALWAYS = (SCHEDULERS, "num_seeds", "rates", "slo")
"""Fields for which commands have defaults of their own, or none."""
OF_A_SERVER = ("backend", "clock", SCHEDULERS)
"""What follows from its URL."""
SERVERS_LABEL = "endpoint"


def study_text(
    kind: StudyKind, form: SpecForm, more: Mapping[str, Any] | None = None
) -> str | None:
    """The text of a study file, without what may be secret.

    Args:
        form: the specification as documents have it.
        more: by dotted key, what only this kind has.

    Returns:
        None where no file asks for such a study: it is of recordings that another tool made, or
        was stopped early otherwise than its specification says.
    """
    fields: Mapping[str, Any] = {**form}
    if fields["backend"] == "imported" or not _stops_as_it_says(fields):
        return None
    default = StudySpec().model_dump(mode="json")
    values = {
        name: value
        for name, value in fields.items()
        if name in PLACES and value is not None and (name in ALWAYS or value != default.get(name))
    }
    values.pop(DIALECT, None)
    more = dict(more or {})
    if fields.get("device") is None:
        values.pop("clock", None)  # there is one only
    is_server = fields["backend"] == "endpoint"
    if is_server:
        (label,) = fields[SCHEDULERS]
        for name in OF_A_SERVER:
            values.pop(name, None)
        if kind is StudyKind.REPLAY and label != SERVERS_LABEL:
            more["replay.label"] = label
        if dialect := _dialect(fields.get(DIALECT)):
            values[DIALECT] = dialect
    if kind is StudyKind.CAPACITY or not values["rates"]:
        del values["rates"]
    if kind is StudyKind.CAPACITY and is_server:
        del values["num_seeds"]
    return document(kind, values, more)


def _stops_as_it_says(fields: Mapping[str, Any]) -> bool:
    """Whether ``early_stop``, which no file has, is what follows from the rest."""
    stops: bool | None = fields.get("early_stop")
    without = StudySpec.model_validate({**fields, "early_stop": None})
    return stops is None or stops == without.stops_early


def _dialect(form: Mapping[str, Any] | None) -> dict[str, Any]:
    default = Dialect().model_dump(mode="json")
    table = {name: value for name, value in (form or {}).items() if value != default[name]}
    table.pop(HEADERS, None)
    if BODY in table:
        table[BODY] = json.dumps(table[BODY])  # its null is none of TOML's
    return table
