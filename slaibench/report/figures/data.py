"""What a drawing shows, as numbers: enough to tell whether the same is drawn once more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN_DIGITS = 6
"""Finer differences cannot be seen; sums taken in another order make them on another machine."""


def drawn_digest(figure: Figure) -> str:
    """16 hex digits over all that is drawn: the arrays of lines, areas and bars, their colours, and
    the text. The size, fonts and layout do not count; nor does whether it was rendered already."""
    hashed = hashlib.sha256()
    for part in _parts(figure):
        hashed.update(part.encode() + b"\0")
    return hashed.hexdigest()[:16]


def _parts(figure: Figure) -> Iterator[str]:
    from matplotlib.collections import Collection  # noqa: PLC0415  (loads matplotlib)
    from matplotlib.lines import Line2D  # noqa: PLC0415
    from matplotlib.patches import Patch  # noqa: PLC0415

    for ax in figure.axes:
        # Where a title stands, and how wide an edge is, is a matter of style.
        titles = (ax.get_title(loc) for loc in ("left", "center", "right"))
        yield f"axes {''.join(titles)}|{ax.get_xlabel()}|{ax.get_ylabel()}"
        yield f"scales {ax.get_xscale()} {ax.get_yscale()}"
        for line in ax.lines:
            yield f"line {line.get_color()} {line.get_marker()} {_numbers(line.get_xydata())}"
        for area in ax.collections:
            assert isinstance(area, Collection)
            yield f"area {_numbers(area.get_facecolor())}"
            yield _numbers(area.get_offsets())
            yield from (_numbers(path.vertices) for path in area.get_paths())
        for patch in ax.patches:
            corners = patch.get_patch_transform().transform(patch.get_path().vertices)
            yield f"patch {_numbers(patch.get_facecolor())} {_numbers(corners)}"
        for text in ax.texts:
            place = getattr(text, "xy", text.get_position())
            yield f"text {text.get_text()} {_numbers(place)}"
    for legend in figure.legends:
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True):
            yield f"legend {text.get_text()}"
            if isinstance(handle, Line2D):
                yield f"{handle.get_color()} {handle.get_marker()}"
            elif isinstance(handle, Patch):
                yield _numbers(handle.get_facecolor())


def _numbers(values: Any) -> str:
    array = np.asarray(values, dtype=np.float64).ravel()
    return " ".join(f"{value:.{SHOWN_DIGITS}g}" for value in array.tolist())
