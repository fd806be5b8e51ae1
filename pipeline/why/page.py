"""The report as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

from base64 import b64encode
from html import escape

from pipeline.why.crops import Crops
from pipeline.why.rows import LEGEND, NOBODY, Panel, Report, Row, percent

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59626d; --paper: #fff; --line: #d5dae0; --card: #f5f7f9;
  --for: #0a7d5a; --against: #c2410c; --chosen: #1d5fc4; --rival: #c2410c; --weak: #fff3d6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #a2abb5; --paper: #15181c; --line: #3a424b;
  --card: #1f242a; --for: #35b58a; --against: #f0854f; --chosen: #6ea3f5; --rival: #f0854f; --weak: #3a3014; } }
body { font: 15px/1.4 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 1.5rem auto;
  max-width: 1320px; padding: 0 1rem; }
h1 { margin: 0; font-size: 1.5rem; } p { margin: .3rem 0; } .soft { color: var(--soft); font-size: .87rem; }
.weakest { font-weight: 600; }
.row { display: grid; grid-template-columns: 11rem minmax(13rem, 1.25fr) 1fr 1fr minmax(17rem, 1.3fr); gap: 1rem;
  border-top: 1px solid var(--line); padding: .9rem .5rem; } .row.weak { background: var(--weak); }
.head { font-weight: 600; padding: .5rem; border: 0; margin-top: 1rem; }
.crops { display: flex; flex-wrap: wrap; gap: 4px; margin: .3rem 0; }
.crops img { height: 128px; max-width: 96px; object-fit: contain; background: var(--card); }
.none { background: var(--card); color: var(--soft); font-size: .8rem; padding: .6rem; overflow-wrap: anywhere; }
.panel { border-left: 4px solid var(--rival); padding-left: .6rem; } .panel.chosen { border-color: var(--chosen); }
.name { font-weight: 600; }
.panel .name { color: var(--rival); } .panel.chosen .name { color: var(--chosen); }
.bar { display: grid; grid-template-columns: 5.6rem 1fr 3.4rem; align-items: center; gap: .5rem; }
.bar b { text-align: right; font-variant-numeric: tabular-nums; }
.track { position: relative; height: 12px; background: var(--card); border: 1px solid var(--line); }
.track i { position: absolute; top: 0; bottom: 0; background: var(--for); }
.track i.minus { background: var(--against); }
.track.signed::after { content: ""; position: absolute; left: 50%; top: -3px; bottom: -3px;
  border-left: 1px solid var(--ink); }
@media (max-width: 900px) { .row { grid-template-columns: 1fr; } .head { display: none; } }
"""


def html_of(report: Report) -> str:
    """A whole document; all that comes from the run is escaped."""
    rows = "\n".join(_row(row, report.scale) for row in report.rows)
    title = escape(report.title)
    weakest = f'<p class="weakest">{escape(report.weakest)}</p>' if report.weakest else ""
    columns = ("when and where", "this track", "the identity it got", "the rival", "the decision")
    head = "".join(f"<div>{column}</div>" for column in columns)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f'<p>{escape(report.summary)}</p>\n{weakest}\n<p class="soft">{escape(LEGEND)}</p>\n'
        f'<div class="row head">{head}</div>\n{rows}\n</body>\n</html>\n'
    )


def _row(row: Row, scale: float) -> str:
    weak = " weak" * row.weakest
    return (
        f'<section class="row{weak}">\n'
        f'<div><div class="name">{escape(row.where)}</div><div>{escape(row.span)}</div>'
        f"<div>{escape(row.since)}</div></div>\n"
        f"<div>{_crops(row.crops, row.where)}</div>\n"
        f"{_panel(row.chosen, row.nobody)}\n{_panel(row.rival, 'nobody')}\n"
        f"<div>{_decision(row, scale)}</div>\n</section>"
    )


def _panel(panel: Panel | None, nobody: str) -> str:
    if panel is None:
        return f'<div class="soft">{nobody}</div>'
    distance = "" if panel.distance is None else f"<div>distance <b>{panel.distance:.2f}</b></div>"
    return (
        f'<div class="panel{" chosen" * panel.chosen}"><div class="name">{escape(panel.title)}</div>'
        f"{_crops(panel.crops, panel.where)}{distance}"
        f'<div class="soft">{escape(panel.where)}</div></div>'
    )


def _crops(crops: Crops, name: str) -> str:
    if not crops.jpegs:
        return f'<div class="none">no pictures: {escape(crops.missing)}</div>' if crops.missing else ""
    images = "".join(
        f'<img src="data:image/jpeg;base64,{b64encode(jpeg).decode("ascii")}" alt="{escape(name)}">'
        for jpeg in crops.jpegs
    )
    return f'<div class="crops">{images}</div>'


def _decision(row: Row, scale: float) -> str:
    parts = [f'<div class="name">{escape(row.verdict)}</div>']
    if row.probability is None:
        parts.append(f'<div class="soft">{NOBODY}</div>')
    else:
        parts.append(_bar("probability", 0.0, 100 * row.probability, percent(row.probability)))
    if row.looks is not None or row.way is not None:
        parts.append(f'<div class="soft">speaks for (+) or against (-) {escape(row.about)}:</div>')
    for name, value in (("looks", row.looks), ("way", row.way)):
        if value is not None:
            width = 50 * abs(value) / scale
            parts.append(_bar(name, 50 - width if value < 0 else 50.0, width, f"{value:+.1f}", signed=True))
    parts.append(f"<p>{escape(row.reason)}</p>")
    return "".join(parts)


def _bar(name: str, left: float, width: float, text: str, *, signed: bool = False) -> str:
    minus = ' class="minus"' if signed and left < 50 else ""
    kind = " signed" * signed
    style = f"left:{left:.1f}%;width:{width:.1f}%"
    return (
        f'<div class="bar"><span>{name}</span><span class="track{kind}"><i{minus} style="{style}"></i></span>'
        f"<b>{escape(text)}</b></div>"
    )
