"""One HTML page without anything outside it: tables, curves and a matrix in colours.

Knows nothing of tasks: who writes a page hands over numbers and text. All text is escaped.
"""

import html
import math
from collections.abc import Iterable, Mapping, Sequence

from bert_tf.cleanup import write_lines

_STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 0.5em 0 1.5em } pre { background: #f5f5f5; padding: 1em }
td, th { padding: 0.2em 0.8em; border-bottom: 1px solid #ddd; text-align: right }
td:first-child, th:first-child { text-align: left } h2 { margin-top: 2em } svg { max-width: 100% }
"""
_COLORS = ("#1f6fb4", "#d9541e", "#2a8f4d", "#8a4fb0", "#b08a00", "#555555")
_WIDTH, _HEIGHT, _MARGIN = 640, 260, 56
_LARGEST_MATRIX = 40


def write_page(path: str, title: str, sections: Iterable[tuple[str, str]]) -> None:
    """Writes the page under a temporary name, then puts it in its place.

    Args:
      path: where.
      title: of the page.
      sections: (heading, HTML made by the functions of this file).
    """
    body = "".join(f"<h2>{_text(head)}</h2>\n{content}\n" for head, content in sections)
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{_text(title)}</title>"
        f"<style>{_STYLE}</style></head>\n<body><h1>{_text(title)}</h1>\n{body}</body></html>"
    )
    write_lines(path, [page])


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; numbers get four digits after the point."""
    lines = ["<tr>" + "".join(f"<th>{_text(cell)}</th>" for cell in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return f"<table>{''.join(lines)}</table>"


def preformatted(text: str) -> str:
    """Text as it stands."""
    return f"<pre>{_text(text)}</pre>"


def curves(series: Mapping[str, Sequence[tuple[float, float]]], x_label: str = "step") -> str:
    """A picture of curves in one frame; points that are not finite are left out.

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
    parts = [_axes(points, x_of, y_of, x_label)]
    for number, (name, line) in enumerate(series.items()):
        color = _COLORS[number % len(_COLORS)]
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in line)
        parts.append(f'<polyline fill="none" stroke="{color}" stroke-width="1.5" points="{path}"/>')
        if len(line) < 30:
            parts += [
                f'<circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="2.5" fill="{color}"/>'
                for x, y in line
            ]
        place = _MARGIN + 8 + 150 * number
        parts.append(f'<text x="{place}" y="14" fill="{color}">{_text(name)}</text>')
    return _svg(_WIDTH, _HEIGHT, parts)


def matrix(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """A confusion matrix: a row for each label, a column for each answer, in shares of the row."""
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
            color = "#fff" if share > 0.6 else "#222"
            parts.append(
                f'<rect x="{x}" y="{y}" width="{cell - 2}" height="32" fill="#1f6fb4" '
                f'fill-opacity="{0.06 + 0.94 * share:.2f}"/><text x="{x + cell / 2 - 1}" '
                f'y="{y + 21}" fill="{color}" text-anchor="middle">{count}</text>'
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
    """The frame, and the least and the largest number on each axis."""
    parts = []
    for value in sorted({min(y for _, y in points), max(y for _, y in points)}):
        y = y_of(value)
        parts.append(f'<path d="M{_MARGIN} {y:.1f}H{_WIDTH - 10}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{_MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>'
        )
    for value in sorted({min(x for x, _ in points), max(x for x, _ in points)}):
        x = x_of(value)
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 14}" text-anchor="middle">{value:g}</text>')
    middle = (_MARGIN + _WIDTH) / 2
    parts.append(
        f'<text x="{middle}" y="{_HEIGHT - 2}" text-anchor="middle">{_text(x_label)}</text>'
    )
    return "".join(parts)


def _text(value: object) -> str:
    return html.escape(f"{value:.4f}" if isinstance(value, float) else str(value))
