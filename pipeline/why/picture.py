"""The report as one PNG, drawn in pixels."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.why.crops import Crops
from pipeline.why.rows import LEGEND, NOBODY, Panel, Report, Row, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, MOST = 1480, 40  # px; rows of the picture: of more, the least sure ones
_DPI = 100
_HEAD, _ROW, _CROP, _SLOT = 142, 196, 124, 64  # px: header, height of a row, height of a crop, room for its width
_SIZE, _SMALL = 9.5, 8.5  # points
_COLUMNS = {"when": 20, "track": 190, "chosen": 480, "rival": 765, "decision": 1050}
_BARS = (1145, 1405)  # px: from, to
_PANEL = 4  # crops of a panel at most, as of a track
_INK, _SOFT, _LINE, _EMPTY, _WEAK = "#1b1f24", "#59626d", "#d5dae0", "#e8ebee", "#fff3d6"
_CHOSEN, _RIVAL, _FOR, _AGAINST = "#1d5fc4", "#c2410c", "#0a7d5a", "#c2410c"


def png_of(report: Report) -> bytes:
    """The file: `WIDTH` px wide, a row for each track, merge and split; 256 colours, a third of the full size."""
    from PIL import Image

    memory = BytesIO()
    figure_of(report).savefig(memory, format="png", dpi=_DPI)
    memory.seek(0)
    small = Image.open(memory).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    written = BytesIO()
    small.save(written, format="png", optimize=True)
    return written.getvalue()


def figure_of(report: Report) -> Figure:
    """The drawing, one unit a pixel, y downwards."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = shown(report.rows)
    height = _HEAD + _ROW * len(rows) + 10
    figure = Figure(figsize=(WIDTH / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.axis("off")
    canvas = _Canvas(axes)
    _head(canvas, report, len(report.rows) - len(rows))
    for place, row in enumerate(rows):
        _row(canvas, row, _HEAD + place * _ROW, report.scale)
    return figure


def shown(rows: Sequence[Row]) -> list[Row]:
    """The rows that the picture has room for, in order of time."""
    ranked = sorted(range(len(rows)), key=lambda place: (rows[place].probability or 1.0, place))
    return [rows[place] for place in sorted(ranked[:MOST])]


class _Canvas:
    """Text, rectangles and JPEGs on axes whose unit is a pixel."""

    def __init__(self, axes: Any) -> None:
        self._axes = axes

    def text(
        self,
        x: float,
        y: float,
        text: str,
        colour: str = _INK,
        size: float = _SIZE,
        *,
        bold: bool = False,
        right: bool = False,
    ) -> None:
        """A line whose top is at y; taken as it is, without markup."""
        self._axes.text(
            x,
            y,
            text,
            color=colour,
            fontsize=size,
            weight="bold" if bold else "normal",
            va="top",
            ha="right" if right else "left",
            parse_math=False,
            zorder=3,
        )

    def box(self, left: float, top: float, width: float, height: float, colour: str) -> None:
        """A filled rectangle."""
        from matplotlib.patches import Rectangle

        self._axes.add_patch(Rectangle((left, top), width, height, facecolor=colour, linewidth=0, zorder=1))

    def crops(self, left: float, top: float, crops: Crops, most: int) -> None:
        """Pictures side by side, or a grey card that says why there are none."""
        if not crops.jpegs:
            self.box(left, top, _SLOT * 3, _CROP, _EMPTY)
            for line, text in enumerate(cut(f"no pictures: {crops.missing}", 29, 8)):
                self.text(left + 6, top + 6 + 14 * line, text, _SOFT, 8)
            return
        for jpeg in crops.jpegs[:most]:
            image = decoded(jpeg)
            scale = min(_CROP / image.shape[0], (_SLOT - 4) / image.shape[1])
            width, height = image.shape[1] * scale, image.shape[0] * scale
            self._axes.imshow(image, extent=(left, left + width, top + height, top), aspect="auto", zorder=2)
            left += width + 4


def decoded(jpeg: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """(H, W, 3) RGB."""
    import cv2

    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(np.zeros((1, 1, 3)) if image is None else image, np.uint8)


def cut(text: str, columns: int, lines: int) -> list[str]:
    """The text in lines of so many letters; what has no room becomes an ellipsis."""
    return textwrap.wrap(text, columns, max_lines=lines, placeholder=" ...", break_long_words=True)


def _head(canvas: _Canvas, report: Report, left_out: int) -> None:
    canvas.text(_COLUMNS["when"], 10, report.title, size=15, bold=True)
    more = f"; {left_out} surer decisions are left out here, the page has all" if left_out else ""
    canvas.text(_COLUMNS["when"], 40, " ".join(cut(report.summary + more, 200, 1)))
    canvas.text(_COLUMNS["when"], 60, report.weakest, bold=True)
    for line, text in enumerate(cut(LEGEND, 210, 2)):
        canvas.text(_COLUMNS["when"], 82 + 15 * line, text, _SOFT, _SMALL)
    titles = ("when and where", "this track", "the identity it got", "the rival", "the decision")
    for x, title in zip(_COLUMNS.values(), titles, strict=True):
        canvas.text(x, 118, title, bold=True)


def _row(canvas: _Canvas, row: Row, top: float, scale: float) -> None:
    if row.weakest:
        canvas.box(8, top, WIDTH - 16, _ROW, _WEAK)
    canvas.box(8, top, WIDTH - 16, 1, _LINE)
    x, y = _COLUMNS["when"], top + 12
    for place, text in enumerate(cut(row.where, 22, 2)):
        canvas.text(x, y + 17 * place, text, bold=True)
    lines = [part for text in (row.span, row.since) for part in cut(text, 25, 4)]
    for place, text in enumerate(lines):
        canvas.text(x, y + 38 + 17 * place, text, size=_SMALL)
    canvas.crops(_COLUMNS["track"], top + 34, row.crops, _PANEL)
    _panel(canvas, _COLUMNS["chosen"], top, row.chosen, row.nobody)
    _panel(canvas, _COLUMNS["rival"], top, row.rival, "nobody")
    _decision(canvas, row, top, scale)


def _panel(canvas: _Canvas, x: float, top: float, panel: Panel | None, nobody: str) -> None:
    if panel is None:
        canvas.text(x, top + 12, nobody, _SOFT)
        return
    colour = _CHOSEN if panel.chosen else _RIVAL
    canvas.box(x - 12, top + 10, 4, _ROW - 20, colour)
    canvas.text(x, top + 12, panel.title, colour, bold=True)
    if panel.crops.jpegs or panel.crops.missing:
        canvas.crops(x, top + 34, panel.crops, _PANEL)
    distance = "" if panel.distance is None else f"distance {panel.distance:.2f}"
    canvas.text(x, top + _ROW - 32, distance, bold=True)
    indent = 106 if distance else 0
    canvas.text(x + indent, top + _ROW - 31, " ".join(cut(panel.where, 24 if distance else 38, 1)), _SOFT, _SMALL)


def _decision(canvas: _Canvas, row: Row, top: float, scale: float) -> None:
    x, y = _COLUMNS["decision"], top + 12
    canvas.text(x, y, row.verdict, bold=True)
    y += 24
    if row.probability is None:
        canvas.text(x, y, NOBODY, _SOFT)
    else:
        canvas.text(x, y, "probability")
        canvas.box(_BARS[0], y + 2, _BARS[1] - _BARS[0], 11, _EMPTY)
        canvas.box(_BARS[0], y + 2, (_BARS[1] - _BARS[0]) * row.probability, 11, _INK)
        canvas.text(WIDTH - 22, y, percent(row.probability), bold=True, right=True)
    y += 22
    if row.about:
        canvas.text(x, y, f"speaks for (+) or against (-) {row.about}:", _SOFT, _SMALL)
        y += 20
    middle = (_BARS[0] + _BARS[1]) / 2
    for name, value in (("looks", row.looks), ("way", row.way)):
        if value is None:
            continue
        length = (_BARS[1] - _BARS[0]) / 2 * abs(value) / scale
        canvas.text(x, y, name)
        canvas.box(_BARS[0], y + 2, _BARS[1] - _BARS[0], 11, _EMPTY)
        canvas.box(middle if value > 0 else middle - length, y + 2, length, 11, _FOR if value > 0 else _AGAINST)
        canvas.box(middle, y - 1, 1, 17, _INK)
        canvas.text(WIDTH - 22, y, f"{value:+.1f}", bold=True, right=True)
        y += 20
    for place, text in enumerate(cut(row.reason, 62, 3)):
        canvas.text(x, y + 4 + 15 * place, text, size=_SMALL)
