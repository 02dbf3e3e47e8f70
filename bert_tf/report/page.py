"""A self-contained HTML page with tables, charts and a coloured matrix.

Jinja makes the HTML, from the templates beside this file, and escapes all text. Matplotlib draws
the charts, as SVG inside of the page. This module knows no tasks: it is given numbers and text.
"""

import functools
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jinja2
import markupsafe

from bert_tf.files import write_lines
from bert_tf.report import charts

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
    with open(os.path.join(os.path.dirname(__file__), "page.css"), encoding="utf-8") as file:
        common = file.read()
    return (
        _templates()
        .get_template("page.html.jinja")
        .render(
            title=title,
            common=markupsafe.Markup(common),
            style=markupsafe.Markup(style),
            sections=[(heading, markupsafe.Markup(content)) for heading, content in sections],
        )
    )


@functools.cache
def _templates() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(os.path.dirname(__file__))
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["number"] = _number
    return environment


def _piece(name: str, *values: Any) -> str:
    return str(getattr(_templates().get_template("pieces.html.jinja").module, name)(*values))


def tiles(values: Mapping[str, object]) -> str:
    """Numbers as tiles beside each other, from {name: the number as text}."""
    return _piece("tiles", dict(values))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with text in the first column and numbers, with four decimals, in the others.

    A `head` of empty strings is left out.

    Raises:
      ValueError: a row has more or fewer cells than the head.
    """
    rows = [list(row) for row in rows]
    wrong = [row for row in rows if len(row) != len(head)]
    if wrong:
        raise ValueError(f"a row has {len(wrong[0])} cells under {len(head)} headings: {wrong[0]}.")
    return _piece("table", list(head), rows)


def paragraph(text: str) -> str:
    """A paragraph of text."""
    return f"<p>{markupsafe.escape(text)}</p>"


def preformatted(text: str) -> str:
    """Text with its line breaks and spaces; long lines are wrapped."""
    return f"<pre>{markupsafe.escape(text)}</pre>"


def folded(summary: str, content: str) -> str:
    """HTML that is shown when the reader clicks on `summary`."""
    return _piece("folded", summary, markupsafe.Markup(content))


def curves(
    series: Mapping[str, Sequence[tuple[float, float]]],
    x_label: str = "step",
    *,
    is_half: bool = False,
) -> str:
    """A chart of curves of one quantity. Points that are not finite are left out.

    Args:
      series: {name: points (x, y)}.
      x_label: what x is.
      is_half: one of those that stand `side_by_side`.
    """
    series = {
        name: [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
        for name, points in series.items()
    }
    series = {name: points for name, points in series.items() if points}
    if not series:
        return paragraph("No points.")
    return f"<figure>{charts.lines(series, x_label, is_half=is_half)}</figure>"


def side_by_side(figures: Iterable[str]) -> str:
    """Charts beside each other, as far as the page is wide."""
    return f'<div class="charts">{"".join(figures)}</div>'


def matrix(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """A confusion matrix: a row for each label, a column for each answer, coloured by share.

    The columns have numbers, which stand beside the labels, so that no label is cut.
    """
    if len(labels) > _LARGEST_MATRIX:
        return paragraph(f"{len(labels)} labels are too many for a picture.")
    rows = []
    for label, line in zip(labels, counts, strict=True):
        total = max(1, sum(line))
        rows.append((label, [(count, round(100 * count / total)) for count in line]))
    return _piece("matrix", list(labels), rows)


def _number(value: object) -> object:
    """For a cell: of numbers that are not whole, four decimals."""
    return f"{value:.4f}" if isinstance(value, float) else value
