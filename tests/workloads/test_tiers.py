"""Tiers: their text form, what is refused, and the shares they end up with."""

from __future__ import annotations

import numpy as np
import pytest

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.tiers import DEFAULT_TIERS, Tier, assign, parse_tiers


def test_default_tiers_are_the_papers_main_setting():
    assert parse_tiers("paying:0.05:0.1,free:0.95:0.5") == DEFAULT_TIERS


def test_text_form_reads_back():
    tiers = (Tier("gold", 0.125, 0.05, 0.75), Tier("a-b_c.d", 0.875, 2.0))
    assert parse_tiers(",".join(map(str, tiers))) == tiers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("paying:0.05", "written name:share:tbt_slo_s.*'paying:0.05'"),
        ("a:x:0.1", "tier a: 'x' is not a number"),
        ("a:0.5:0.1,a:0.5:0.2", "'a' is given more than once"),
        ("a:0.5:0.1,b:0.4:0.2", r"add up to 1, not 0\.9 \(a 0\.5, b 0\.4\)"),
        ("a:0:0.1,b:1:0.2", r"share must be above 0 and at most 1, not 0\.0"),
        ("a:1.5:0.1", r"not 1\.5"),
        ("a:nan:0.1", "share must be above 0"),
        ("a:1:0", r"tier a: the TBT SLO must be above 0 s.*not 0\.0"),
        ("a:1:inf", "not inf"),
        ("a b:1:0.1", "not 'a b'"),
        (":1:0.1", "not ''"),
        ("", "written name:share:tbt_slo_s"),
        ("a:1:0.1:0", "tier a: the TTFT SLO must be above 0 s"),
        ("a:1:0.1:soon", "tier a: 'soon' is not a number"),
        ("a:1:0.1:1:2", "written name:share:tbt_slo_s.*'a:1:0.1:1:2'"),
    ],
)
def test_refuses_malformed_tiers(text, message):
    with pytest.raises(WorkloadError, match=message):
        parse_tiers(text)


def test_refuses_no_tier_at_all():
    with pytest.raises(WorkloadError, match="at least one tier"):
        assign([], 3, np.random.default_rng(0))


@pytest.mark.parametrize(("last", "fine"), [(0.3333335, True), (0.33334, False)])
def test_rounded_shares_may_miss_one_by_a_millionth(last, fine):
    text = f"a:0.3333333:1,b:0.3333333:1,c:{last}:1"
    if fine:
        assert len(parse_tiers(text)) == 3
    else:
        with pytest.raises(WorkloadError, match="add up to 1"):
            parse_tiers(text)


def test_requests_fall_into_tiers_with_their_shares():
    tiers = parse_tiers("a:0.05:0.1,b:0.25:0.2,c:0.7:0.5")
    counts = np.bincount(assign(tiers, 100_000, np.random.default_rng(3)), minlength=3)
    # Four standard errors of a share at this size are at most 0.0058.
    np.testing.assert_allclose(counts / 100_000, [0.05, 0.25, 0.7], atol=0.006)


def test_a_single_tier_takes_everything():
    assert assign([Tier("all", 1, 0.5)], 4, np.random.default_rng(0)).tolist() == [0, 0, 0, 0]


def test_first_tiers_requests_stay_in_it_when_its_share_grows():
    few, many = (
        assign(parse_tiers(text), 5000, np.random.default_rng(9)) == 0
        for text in ("paying:0.05:0.1,free:0.95:0.5", "paying:0.5:0.1,free:0.5:0.5")
    )
    assert few.sum() < many.sum()
    assert np.all(many[few])
