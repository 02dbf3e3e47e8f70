"""The results of behaviour tests as a part of a page; the numbers are those of the JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bert_tf.report import page
from bert_tf.report.page import Cell, number

Entry = Mapping[str, Any]


def sections(results: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    """(heading, HTML): failure rates of all tests, and examples of failures.

    Args:
      results: what `bert_tf.behaviour.judge.judge` says of each test.
    """
    failing = sum(one["failures"] > 0 for one in results)
    tiles = {
        "tests": f"{len(results):,}",
        "tests with a failure": f"{failing:,}",
        "cases": f"{sum(one['cases'] for one in results):,}",
        "cases that fail": f"{sum(one['failures'] for one in results):,}",
    }
    rows = [
        [
            Cell(one["name"]),
            Cell(one["kind"]),
            number(one["cases"]),
            number(one["failures"]),
            number(one["failure_rate"]),
            Cell(one["expects"]),
        ]
        for one in results
    ]
    head = ["test", "kind", "cases", "failures", "failure rate", "expected"]
    yield (
        "Behaviour tests",
        page.tiles(tiles) + page.sortable("Behaviour tests", head, rows, "checks"),
    )
    listed = [_example(one, example) for one in results for example in one["examples"]]
    if listed:
        head = ["test", "text", "answer", "changed text", "its answer"]
        yield (
            "Behaviour tests: failures",
            page.listing("Failures of behaviour tests", head, listed, "failures", [0]),
        )


def _example(test: Entry, example: Entry) -> list[Cell]:
    changed = example["changed_texts"]
    return [
        Cell(test["name"], choice=test["name"]),
        Cell("\n".join(example["texts"]), "text"),
        Cell(example["answer"]),
        Cell("" if changed is None else "\n".join(changed), "text"),
        Cell(example["changed_answer"] or ""),
    ]
