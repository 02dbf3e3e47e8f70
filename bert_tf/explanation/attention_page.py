"""The page of attention: all layers and heads at a glance, one head in detail."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import markupsafe

from bert_tf import files
from bert_tf.explanation.attention import STATISTICS
from bert_tf.explanation.page import read, template
from bert_tf.report import page

MOST_BYTES = 1_200_000  # of weights: as base64 they take a third more
_LONGEST_NAME = 60
_CAUTION = (
    "Attention says where a head looked, not what the model made of it. What speaks for an answer "
    "is told by explain.py without --show=attention."
)


def write(
    path: str, title: str, texts: Sequence[Mapping[str, Any]], averages: Sequence[Mapping[str, Any]]
) -> None:
    """Writes the page whole or not at all.

    Args:
      path: the HTML file.
      title: of the page.
      texts: at least one, see `attention.packed`.
      averages: see `attention.Averages.records`.
    """
    files.write_lines(path, [render(title, texts, averages)])


def render(
    title: str, texts: Sequence[Mapping[str, Any]], averages: Sequence[Mapping[str, Any]]
) -> str:
    """The page as text; see `write`."""
    pieces = template("attention.html.jinja")
    names = [_name(number, text["tokens"]) for number, text in enumerate(texts, start=1)]
    data = {"texts": texts, "averages": averages, "meanings": STATISTICS}
    embedded = "".join(
        str(pieces.data(name, markupsafe.Markup(_json(value)))) for name, value in data.items()
    )
    detail = f"{pieces.views()}{embedded}{pieces.script(markupsafe.Markup(read('attention.js')))}"
    sections = [
        ("", page.paragraph(_CAUTION)),
        ("All heads", str(pieces.controls(names, STATISTICS))),
        ("One head", detail),
        ("Means of all texts", page.folded("A table of all heads", _table(averages))),
    ]
    return page.render(title, sections, read("attention.css"))


def _name(number: int, tokens: Sequence[str]) -> str:
    told = " ".join(tokens[1:-1]).replace(" \u00b7", "")
    end = " ..." if len(told) > _LONGEST_NAME else ""
    return f"{number}: {told[:_LONGEST_NAME]}{end}"


def _table(averages: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (f"{one['layer']}.{one['head']}", *(float(one[name]) for name in STATISTICS))
        for one in averages
    ]
    return page.table(("layer.head", *STATISTICS), rows)


def _json(value: Any) -> str:
    """JSON that may stand in a script: no text in it ends the script."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
