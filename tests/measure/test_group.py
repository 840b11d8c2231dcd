from __future__ import annotations

import pytest

from slaibench.measure.group import Group, in_words, members, of_tenant, tenant_of
from tests.measure.recordings import Row, recording


@pytest.mark.parametrize(
    ("group", "rows", "words"),
    [
        (None, [0, 1, 2], ""),
        ("paying", [0], "tier paying"),
        (of_tenant("a"), [0, 1], "tenant a"),
        (of_tenant("paying"), [2], "tenant paying"),
        (of_tenant("gone"), [], "tenant gone"),
    ],
)
def test_whose_requests_they_are(group: Group, rows: list[int], words: str) -> None:
    made = [
        Row(0.0, tier="paying", tenant="a"),
        Row(1.0, tenant="a"),
        Row(2.0, tenant="paying"),
    ]
    requests = recording(made, 5.0).requests
    assert members(requests, group).nonzero()[0].tolist() == rows
    assert in_words(group) == words


def test_a_tenant_may_have_any_name() -> None:
    assert tenant_of(of_tenant("tenant=x")) == "tenant=x"
    assert tenant_of("tenant") is None
