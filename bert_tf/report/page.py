"""A self-contained HTML page with tables, curves and a coloured matrix.

This module knows no tasks: it is given numbers and text. All text is escaped.
"""

import html
import math
from collections.abc import Iterable, Mapping, Sequence

from bert_tf.files import write_lines

# Light or dark as the reader's system has it.
_STYLE = """
:root { color-scheme: light dark; --text: #1c2024; --soft: #5b6570; --line: #d9dee3;
  --page: #ffffff; --tile: #f4f6f8; --accent: #2f6db3; --good: #1a7f42; --look: #b25000; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ec; --soft: #9aa5b1; --line: #363d45;
  --page: #15181c; --tile: #1f242a; --accent: #6aa7ea; --good: #5fcf8b; --look: #f0a45d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; color: var(--text);
  background: var(--page); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; }
h1, h2, p, figcaption { overflow-wrap: anywhere; }
p { margin: .4rem 0; } .soft, caption, figcaption { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .7rem;
  margin: 1.4rem 0; padding: 0; list-style: none; }
.tiles li { background: var(--tile); border-radius: .5rem; padding: .7rem .9rem; }
.tiles b { display: block; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; } figure { margin: .8rem 0; }
svg { display: block; max-width: 100%; height: auto; } svg text { fill: var(--soft); }
svg line, svg path { stroke: var(--line); } pre { background: var(--tile); padding: 1rem;
  border-radius: .5rem; overflow-x: auto; font-size: .85rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .28rem .9rem .28rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; } th { color: var(--soft); font-weight: 500; }
.n { text-align: right; } td.word { overflow-wrap: break-word; max-width: 24rem; }
"""
_COLORS = ("#1f6fb4", "#d9541e", "#2a8f4d", "#8a4fb0", "#b08a00", "#555555")
_WIDTH, _HEIGHT, _MARGIN = 720, 260, 80
_LARGEST_MATRIX = 40


def write_page(path: str, title: str, sections: Iterable[tuple[str, str]], style: str = "") -> None:
    """Writes a page whole or not at all.

    Args:
      path: the HTML file.
      title, sections, style: see `render`.
    """
    write_lines(path, [render(title, sections, style)])


def render(title: str, sections: Iterable[tuple[str, str]], style: str = "") -> str:
    """The page as text.

    Args:
      title: of the page.
      sections: (heading, or "" for none; HTML made by the functions of this file).
      style: CSS besides that of all pages.
    """
    heads = ((f"<h2>{_text(head)}</h2>\n" if head else "", content) for head, content in sections)
    body = "".join(f"<section>\n{head}{content}\n</section>\n" for head, content in heads)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{_text(title)}</title>\n<style>{_STYLE}{style}</style></head>\n"
        f"<body><h1>{_text(title)}</h1>\n{body}</body></html>\n"
    )


def tiles(values: Mapping[str, object]) -> str:
    """Numbers as tiles beside each other, from {name: the number as text}."""
    items = (f"<li><b>{_text(value)}</b>{_text(name)}</li>" for name, value in values.items())
    return f'<ul class="tiles">{"".join(items)}</ul>'


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with text in the first column and numbers, with four decimals, in the others.

    A `head` of empty strings is left out.
    """
    classes = ("word", *["n"] * (len(head) - 1))

    def line(cells: Sequence[object], tag: str) -> str:
        found = (
            f'<{tag} class="{kind}">{_text(cell)}</{tag}>'
            for kind, cell in zip(classes, cells, strict=True)
        )
        return f"<tr>{''.join(found)}</tr>"

    top = f"<thead>{line(head, 'th')}</thead>" if any(head) else ""
    body = "".join(line(row, "td") for row in rows)
    return f'<div class="wide"><table>{top}<tbody>{body}</tbody></table></div>'


def paragraph(text: str) -> str:
    """A paragraph of text."""
    return f"<p>{_text(text)}</p>"


def preformatted(text: str) -> str:
    """Text with its line breaks and spaces."""
    return f"<pre>{_text(text)}</pre>"


def curves(series: Mapping[str, Sequence[tuple[float, float]]], x_label: str = "step") -> str:
    """A chart of curves. Points that are not finite are left out.

    Args:
      series: {name: points (x, y)}.
      x_label: what x is.
    """
    series = {
        name: [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
        for name, points in series.items()
    }
    points = [point for line in series.values() for point in line]
    if not points:
        return "<p>No points.</p>"
    x_of = _scale([x for x, _ in points], _MARGIN, _WIDTH - 10)
    y_of = _scale([y for _, y in points], _HEIGHT - 32, 22)
    parts, names = [_axes(points, x_of, y_of, x_label)], []
    for number, (name, line) in enumerate(series.items()):
        color = _COLORS[number % len(_COLORS)]
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in line)
        parts.append(f'<polyline fill="none" stroke="{color}" stroke-width="1.5" points="{path}"/>')
        if len(line) < 30:
            parts += [
                f'<circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="2.5" fill="{color}"/>'
                for x, y in line
            ]
        names.append(f'<span style="color:{color}">●</span> {_text(name)}')
    caption = f"<figcaption>{', '.join(names)}</figcaption>"
    return f"<figure>{_svg(_WIDTH, _HEIGHT, parts)}{caption}</figure>"


def matrix(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """A confusion matrix: a row for each label, a column for each answer, coloured by share."""
    if len(labels) > _LARGEST_MATRIX:
        return f"<p>{len(labels)} labels are too many for a picture.</p>"
    left = 20 + 8 * min(20, max(len(str(label)) for label in labels))
    cell = max(46, min(90, 500 // len(labels)))
    parts = [f'<text x="{left}" y="14">answered</text>']
    for row, (label, line) in enumerate(zip(labels, counts, strict=True)):
        y = 40 + row * 34
        total = max(1, sum(line))
        parts.append(f'<text x="4" y="{y + 21}">{_text(str(label)[:20])}</text>')
        parts.append(
            f'<text x="{left + row * cell + 4}" y="32">{_text(str(label)[: cell // 8])}</text>'
        )
        for column, count in enumerate(line):
            x, share = left + column * cell, count / total
            color = "#fff" if share > 0.6 else "var(--text)"
            parts.append(
                f'<rect x="{x}" y="{y}" width="{cell - 2}" height="32" fill="#1f6fb4" '
                f'fill-opacity="{0.06 + 0.94 * share:.2f}"/><text x="{x + cell / 2 - 1}" '
                f'y="{y + 21}" style="fill:{color}" text-anchor="middle">{count}</text>'
            )
    return _svg(left + cell * len(labels), 46 + 34 * len(labels), parts)


def _svg(width: int, height: int, parts: Iterable[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
        f"{''.join(parts)}</svg>"
    )


def _scale(values: Sequence[float], start: float, end: float):
    low, high = min(values), max(values)
    span = high - low or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def _axes(points, x_of, y_of, x_label: str) -> str:
    """The axes, each with its smallest and largest number."""
    parts = []
    for value in sorted({min(y for _, y in points), max(y for _, y in points)}):
        y = y_of(value)
        parts.append(f'<path d="M{_MARGIN} {y:.1f}H{_WIDTH - 10}"/>')
        parts.append(
            f'<text x="{_MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>'
        )
    last = max(x for x, _ in points)
    for value in sorted({min(x for x, _ in points), last}):
        anchor = "end" if value == last else "middle"  # nothing is drawn beyond the frame
        place = f'x="{x_of(value):.1f}" y="{_HEIGHT - 14}"'
        parts.append(f'<text {place} text-anchor="{anchor}">{value:g}</text>')
    middle = (_MARGIN + _WIDTH) / 2
    parts.append(
        f'<text x="{middle}" y="{_HEIGHT - 2}" text-anchor="middle">{_text(x_label)}</text>'
    )
    return "".join(parts)


def _text(value: object) -> str:
    return html.escape(f"{value:.4f}" if isinstance(value, float) else str(value))
