"""How figures look: colours, marks, one panel's canvas, and its bytes."""

from __future__ import annotations

import colorsys
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (
    "#0173B2",
    "#DE8F05",
    "#029E73",
    "#CC78BC",
    "#D55E00",
    "#56B4E9",
    "#8C6238",
    "#5A5A5A",
)
"""seaborn's ``colorblind`` palette, its pale colours left out; the brown is darker than there, so
that it and the orange differ in grey print too."""
DARK_COLOURS = (
    "#4BA8E8",
    "#F0AA35",
    "#2FC79B",
    "#DF9AD2",
    "#FF8040",
    "#8FD0F5",
    "#C49A70",
    "#B0B0B0",
)
"""The same hues on a dark page: each has a contrast of at least 4.5 to its background."""
DARK_PAGE = "#16181A"
"""The background of a dark page (``templates/frame.css``)."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
INK = "#333333"
WIDTH_IN = 4.7
PNG_DPI = 200
LEGEND_ROW_IN = 0.19


@dataclass(frozen=True, slots=True)
class Look:
    """A series' colour and mark, the same in every figure of a page.

    Args:
        width, size: of its line and of its mark, in points.
    """

    label: str
    colour: str
    marker: str
    width: float = 1.5
    size: float = 4.5


def looks(names: Sequence[str], labels: dict[str, str]) -> dict[str, Look]:
    """A look for each scheduler, by its place in the study."""
    return {
        name: Look(plain(labels[name]), COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)])
        for i, name in enumerate(names)
    }


def dark(colour: str) -> str:
    """A colour on a dark page: a series' own second colour; of any other the hue stays, and light
    and dark change places."""
    colour = colour.upper()
    if colour == "#FFFFFF":
        return DARK_PAGE
    if colour in COLOURS:
        return DARK_COLOURS[COLOURS.index(colour)]
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    turned = colorsys.hls_to_rgb(hue, 0.97 - 0.88 * lightness, saturation)
    return "#" + "".join(f"{round(255 * part):02X}" for part in turned)


def lighter(colour: str, share: float) -> str:
    """A colour mixed with white, of which so much is left."""
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 - share * (255 - part)):02X}" for part in parts)


def pale(colour: str) -> str:
    """A colour mixed with so much white that dark marks stand out on it."""
    return lighter(colour, 0.4)


def plain(text: str) -> str:
    """Text that matplotlib draws as it is: no formulas, and no label hidden by an underscore."""
    escaped = text.replace("$", r"\$")
    return f" {escaped}" if escaped.startswith("_") else escaped


@contextmanager
def styled() -> Iterator[None]:
    """Settings for drawing, put back afterwards."""
    # Drawing is the only reader of these two; a study without a report shall not wait for them.
    import matplotlib as mpl  # noqa: PLC0415
    import seaborn as sns  # noqa: PLC0415

    settings: dict[str, Any] = {
        **sns.axes_style("whitegrid"),
        **sns.plotting_context("paper"),
        "font.family": ["DejaVu Sans"],
        "font.size": 9.5,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.labelsize": 9.5,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "legend.fontsize": 9,
        "legend.frameon": False,
        "axes.edgecolor": "#888888",
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "grid.color": "#E4E4E4",
        "grid.linewidth": 0.7,
        "lines.linewidth": 1.5,
        "lines.markersize": 4.5,
        "svg.fonttype": "path",
        "svg.hashsalt": "slaibench",
    }
    with mpl.rc_context(cast("Any", settings)), warnings.catch_warnings():
        # A scheduler may be named in a script that the font lacks: a box in the legend will do.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        yield


def panel(
    height_in: float = 3.1, rows: int = 1, ratios: Sequence[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """An empty panel: one figure object of its own with ``rows`` axes below each other that share
    their x axis. No pyplot, so nothing outlives it."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    grid = figure.subplots(
        rows, 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": ratios or [1] * rows}
    )
    axes = list(grid[:, 0])
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """A legend below the axes, the panel growing with its rows so that the axes do not shrink."""
    if not handles:
        return
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = max(1, min(len(handles), 66 // (longest + 5)))
    rows = -(-len(handles) // columns)
    figure.set_figheight(figure.get_figheight() + LEGEND_ROW_IN * rows + 0.08)
    figure.legend(
        handles=list(handles),
        loc="outside lower center",
        ncols=columns,
        handlelength=1.8,
        columnspacing=1.4,
        borderaxespad=0.2,
    )


def svg(figure: Figure) -> bytes:
    """The panel as SVG; the same bytes for the same panel.

    By its canvas: ``savefig`` would draw each panel once more, for naught, before it draws it.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415

    out = io.BytesIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(out, metadata={"Date": None, "Creator": None})
    return out.getvalue()


def pdf(figure: Figure) -> bytes:
    """The panel as PDF; the same bytes for the same panel, after ``svg`` and ``png``.

    Text is drawn as outlines, as in the SVG: journals refuse the fonts that matplotlib embeds by
    default (Type 3), and to embed others (Type 42) takes longer than all else of a page.
    """
    from matplotlib.backends.backend_pdf import FigureCanvasPdf  # noqa: PLC0415
    from matplotlib.patheffects import Normal  # noqa: PLC0415
    from matplotlib.text import Text  # noqa: PLC0415

    figure.set_layout_engine("none")
    for text in figure.findobj(Text):
        text.set_path_effects([Normal()])
    out = io.BytesIO()
    canvas: Any = FigureCanvasPdf(figure)
    canvas.print_pdf(out, metadata=dict.fromkeys(("CreationDate", "Creator", "Producer")))
    return out.getvalue()


def png(figure: Figure) -> bytes:
    """The panel as PNG; the same bytes for the same panel, after ``svg``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415

    # Laying out is the dearest part of a drawing, and has been done for the SVG.
    figure.set_layout_engine("none")
    figure.set_dpi(PNG_DPI)
    out = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(out, metadata={"Software": None})
    return out.getvalue()
