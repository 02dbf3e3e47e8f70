"""The pages that the tests of this folder look at: a function that writes each.

To have a page looked at, add a function that writes it into a folder and returns its path, and name
it in PAGES. What its buttons do is tested in a file of its own, with the fixture `browser`.
"""

import json
import pathlib
from collections.abc import Callable

from bert_tf.analysis import comparison, errors
from bert_tf.report import checks_page, errors_page, models_page, page
from tests.analysis import made
from tests.inference import made_models
from tests.pages import made_explanations

_TEXT = "a text with <script>alert('no')</script> & \"quotes\""


def pieces(folder: pathlib.Path) -> pathlib.Path:
    """Every piece of `bert_tf.report.page`, with awkward text."""
    curves = {"loss": [(10, 0.7), (20, 0.5)], "<eval>": [(20, 0.6)]}
    long = "unbroken" * 40
    sections = [
        ("", page.tiles({"loss": "0.5", _TEXT: "1"})),
        ("Scores", page.table(["set", *"abcdefgh"], [[_TEXT, *[0.12345] * 8], [long, *[3] * 8]])),
        (
            "Curves",
            page.side_by_side(
                page.curves(curves, label, is_half=True) for label in ("step", "<epoch>")
            ),
        ),
        ("Matrix", page.matrix([f"a label {n}" for n in range(30)], [[3] * 30] * 30)),
        (_TEXT, page.folded("more", page.preformatted(long))),
    ]
    path = folder / "pieces.html"
    page.write_page(str(path), _TEXT, sections)
    return path


def made_errors() -> dict:
    """The content of a `report.json` with every kind of set, two runs and suspect labels."""
    sets = {"dev": made.of_labels(), "tags": made.of_entities(), "sts b": made.of_numbers()}
    other = comparison.other_of("work/other", made.of_labels(seed=9, accuracy=0.9))
    found = {name: errors.analyse(judged) for name, judged in sets.items()}
    suspects = {"unit": "texts", "rows": 400, "folds": 0, "contradicted": 25}
    return {
        "sets": found,
        "comparisons": {"dev": comparison.compare(sets["dev"], other)},
        "training": {**suspects, "suspects": found["dev"]["mistakes"][:20]},
    }


def error_analysis(folder: pathlib.Path) -> pathlib.Path:
    """The error analysis of all tasks, with its JSON beside it."""
    content, path = made_errors(), folder / "report.html"
    (folder / "report.json").write_text(json.dumps(content), encoding="utf-8")
    page.write_page(str(path), "Errors", errors_page.every(content))
    return path


def made_checks() -> list[dict]:
    """The results of two behaviour tests."""
    example = {"texts": ["a bad film", _TEXT], "answer": "1"}
    changed = {"changed_texts": ["a bda film", _TEXT], "changed_answer": "0"}
    same = {"changed_texts": None, "changed_answer": None}
    return [
        {
            "name": name,
            "kind": "invariance",
            "expects": "the answer stays the same (typo)",
            "cases": 50,
            "failures": len(examples),
            "failure_rate": len(examples) / 50,
            "examples": examples,
        }
        for name, examples in (
            ("a typo", [{**example, **changed}] * 3),
            ("praise <is> good", [{**example, **same}] * 2),
            ("names", []),
        )
    ]


def checks(folder: pathlib.Path) -> pathlib.Path:
    """The results of behaviour tests."""
    path = folder / "checks.html"
    page.write_page(str(path), "Behaviour", checks_page.sections(made_checks()))
    return path


def models(folder: pathlib.Path) -> pathlib.Path:
    """Models that were compared."""
    path = folder / "models.html"
    page.write_page(str(path), "Models", models_page.sections(made_models.made()))
    return path


PAGES: dict[str, Callable[[pathlib.Path], pathlib.Path]] = {
    "pieces": pieces,
    "error analysis": error_analysis,
    "checks": checks,
    "models": models,
    "explained": made_explanations.explained,
    "attention": made_explanations.attention,
}
