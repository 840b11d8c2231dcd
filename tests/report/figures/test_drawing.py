"""Drawing leaves nothing behind, and the drawings show what the page says they do."""

from __future__ import annotations

import warnings
import xml.etree.ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from slaibench.report.captions import captions
from slaibench.report.figures.distribution import MOST_STEPS, pooled_ttft, steps
from slaibench.report.pages.study import PAGE
from slaibench.report.study_document import StudyDocument
from slaibench.report.subject import Subject


def test_no_figure_and_no_setting_outlives_the_drawing(
    subject: Subject, doc: StudyDocument
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = dict(mpl.rcParams)
    drawn = PAGE.draw(subject, doc)
    assert plt.get_fignums() == []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert dict(mpl.rcParams) == before
    assert list(drawn) == list(captions(doc))
    names = [panel.name for panels in drawn.values() for panel in panels]
    assert len(set(names)) == len(names)
    for panel in (panel for panels in drawn.values() for panel in panels):
        assert ET.fromstring(panel.svg).tag.endswith("svg")
        assert panel.width_px == 451


def test_the_distribution_is_of_every_measured_request(
    subject: Subject, doc: StudyDocument
) -> None:
    sample = pooled_ttft(subject, "slai")
    assert len(sample) == doc["points"]["slai"]["16"]["ttft_s"]["p50"]["n"]
    assert (np.diff(sample) >= 0).all()


def test_a_thinned_distribution_keeps_its_ends_and_its_heights() -> None:
    sample = np.sort(np.random.default_rng(1).lognormal(size=5000))
    x, share = steps(sample)
    assert len(x) <= MOST_STEPS
    assert (x[0], x[-1]) == (sample[0], sample[-1])
    assert share[-1] == 1.0
    assert share == pytest.approx(np.searchsorted(sample, x, side="right") / 5000)


def test_requests_still_waiting_keep_a_distribution_below_one() -> None:
    x, share = steps(np.array([0.1, 0.2, np.inf, np.inf]))
    assert x.tolist() == [0.1, 0.2]
    assert share.tolist() == [0.25, 0.5]
