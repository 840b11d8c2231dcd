from __future__ import annotations

from typing import Any

import pytest

from schedulers.engines.service_class import service_class


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (None, ("free", 0.5)),
        ({"tier": "paying", "tbt_slo_s": 0.1}, ("paying", 0.1)),
        ({"tier": "paying"}, ("paying", 0.5)),
        ({"tbt_slo_s": "0.2"}, ("free", 0.2)),
        ({"tbt_slo_s": "soon"}, ("free", 0.5)),
        ({"tbt_slo_s": -1}, ("free", 0.5)),
        ({"tbt_slo_s": float("nan")}, ("free", 0.5)),
        ({"tbt_slo_s": None}, ("free", 0.5)),
    ],
)
def test_a_request_says_its_service_class_or_gets_the_default(
    extra: dict[str, Any] | None, expected: tuple[str, float]
) -> None:
    assert service_class(extra) == expected
