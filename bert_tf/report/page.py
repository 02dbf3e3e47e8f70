"""A self-contained HTML page with tables, also to sort and filter, charts and a coloured matrix.

Jinja makes the HTML, from the templates beside this file, and escapes all text. Matplotlib draws
the charts, as SVG inside of the page. This module knows no tasks: it is given numbers and text.
"""

import functools
import itertools
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jinja2
import markupsafe

from bert_tf.files import write_lines
from bert_tf.report import charts

_LARGEST_MATRIX = 40
_FEW_LABELS, _SHORT_LABEL = 10, 8  # labels that stand above columns, and their characters
_LEAST_CONTENTS = 8  # headings, for a list of them


class Cell(NamedTuple):
    """A cell of a table that can be sorted and filtered.

    Attributes:
      shown: text, or HTML of this file.
      kind: "n" for a number, "word", "id", or "text" for a long one.
      value: what is sorted by, if not what is shown.
      choice: what a list of choices calls it.
    """

    shown: object
    kind: str = "word"
    value: object = None
    choice: str | None = None


def number(value: float | None, digits: int = 4) -> Cell:
    """A number as a cell; None is left empty."""
    if value is None:
        return Cell("", "n")
    shown = f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"
    return Cell(shown, "n", value)


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
    sections = [(heading, markupsafe.Markup(content)) for heading, content in sections]
    named = [(number, heading) for number, (heading, _) in enumerate(sections, 1) if heading]
    has_script = any('class="sortable' in content for _, content in sections)
    return (
        _templates()
        .get_template("page.html.jinja")
        .render(
            title=title,
            common=_file("page.css"),
            style=markupsafe.Markup(style),
            contents=named if len(named) >= _LEAST_CONTENTS else [],
            sections=sections,
            script=_file("page.js") if has_script else "",
        )
    )


def _file(name: str) -> markupsafe.Markup:
    """One of the files beside this one, as it stands in a page."""
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return markupsafe.Markup(file.read())


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


def sortable(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    identity: str,
    foot: Iterable[Sequence[Cell]] = (),
) -> str:
    """A table that the reader sorts by a click on a heading.

    Args:
      caption: what the table holds; read aloud.
      head: of the columns.
      rows: of cells.
      identity: `id` of the table, the only one of the page.
      foot: rows that stay below, such as means.
    """
    rows = [list(row) for row in rows]
    return _piece("sortable", caption, list(head), rows, identity, {}, list(foot), False)


def listing(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    identity: str,
    choices: Iterable[int] = (),
) -> str:
    """A long table that is sorted, searched and filtered. On a phone each row is a card.

    Args:
      caption, head, rows, identity: see `sortable`.
      choices: columns by whose `choice` rows can be filtered; there is always a field for words.
    """
    rows = [list(row) for row in rows]
    found = {
        column: sorted({row[column].choice for row in rows if row[column].choice})
        for column in choices
    }
    return _piece("sortable", caption, list(head), rows, identity, found, [], True)


def marked(text: str, *wanted: str) -> markupsafe.Markup:
    """Text in which the first place of each wanted part is marked; of two in one the longer."""
    parts, at = [], 0
    for begin, end in _places(text, wanted):
        parts += [(text[at:begin], False), (text[begin:end], True)]
        at = end
    return markupsafe.Markup(_piece("marked", [*parts, (text[at:], False)]))


def _places(text: str, wanted: Iterable[str]) -> list[tuple[int, int]]:
    """Where the parts that are marked begin and end, in order."""
    spans = []
    for part in sorted(set(wanted), key=len, reverse=True):
        begin = text.find(part) if part else -1
        end = begin + len(part)
        if begin >= 0 and all(end <= first or begin >= last for first, last in spans):
            spans.append((begin, end))
    return sorted(spans)


def coloured(text: str, parts: Sequence[tuple[int, int, float]], *wanted: str) -> markupsafe.Markup:
    """Text whose words are coloured by their parts in an answer.

    Args:
      text: all of it.
      parts: (start, end, share) of words: characters [start, end), share in [-1, 1].
      wanted: parts of the text that the answer is about; they are underlined.
    """
    places = _places(text, wanted)
    spans = [(start, end) for start, end, _ in parts] + places
    borders = sorted({0, len(text), *(border for span in spans for border in span)})
    pieces = []
    for begin, end in itertools.pairwise(borders):
        share = next((s for first, last, s in parts if first <= begin and end <= last), 0.0)
        is_about = any(first <= begin and end <= last for first, last in places)
        pieces.append((text[begin:end], share, is_about))
    return markupsafe.Markup(_piece("coloured", pieces))


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


def reliability(bins: Sequence[Mapping[str, float]]) -> str:
    """A reliability diagram, from what `bert_tf.analysis.reliability.bins` gives."""
    return f'<figure class="narrow">{charts.reliability(bins)}</figure>'


def threshold_curves(curves_of: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """{what is answered: [threshold, precision, recall, F1] points}, charts beside each other."""
    return f"<figure>{charts.thresholds(curves_of)}</figure>"


def scatter(points: Sequence[Sequence[float]], bins: Sequence[Mapping[str, float]]) -> str:
    """Expected and given numbers, from what `bert_tf.analysis.numbers.analyse` gives."""
    return f"<figure>{charts.scatter(points, bins)}</figure>"


def side_by_side(figures: Iterable[str]) -> str:
    """Charts beside each other, as far as the page is wide."""
    return f'<div class="charts">{"".join(figures)}</div>'


def matrix(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """A confusion matrix: a row for each label, a column for each answer, coloured by share.

    Few short labels stand above their columns; of others the columns have numbers, which stand
    beside the labels, so that no label is cut.
    """
    if len(labels) > _LARGEST_MATRIX:
        return paragraph(f"{len(labels)} labels are too many for a picture.")
    rows = []
    for label, line in zip(labels, counts, strict=True):
        total = max(1, sum(line))
        rows.append((label, [(count, round(100 * count / total)) for count in line]))
    is_short = len(labels) <= _FEW_LABELS and max(map(len, labels)) <= _SHORT_LABEL
    return _piece("matrix", list(labels), rows, is_short)


def _number(value: object) -> object:
    """For a cell: of numbers that are not whole, four decimals."""
    return f"{value:.4f}" if isinstance(value, float) else value
