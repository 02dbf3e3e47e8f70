"""What the report page shows of answers: what became of the questions, and the errors."""

import collections
from collections.abc import Iterator, Sequence

from bert_tf.report import page
from bert_tf.tasks.question_answering.scores import OUTCOMES

_SHOWN_ERRORS = 50


def sections(
    rows: Sequence[tuple[str, str, str, str, str]], name: str
) -> Iterator[tuple[str, str]]:
    """What became of the questions of a scored set, and the first that were answered wrong.

    Args:
      rows: (id, outcome, question, expected answers, answer) of each question.
      name: of the set.

    Yields:
      (title, HTML) of each part of the page.
    """
    counts = collections.Counter(row[1] for row in rows)
    table = [[outcome, counts[outcome], counts[outcome] / len(rows)] for outcome in OUTCOMES]
    yield f"Answers of {name}", page.table(["", "questions", "share"], table)
    wrong = [row for row in rows if row[1] != OUTCOMES[0]][:_SHOWN_ERRORS]
    if wrong:
        head = ["id", "fault", "question", "expected", "answered"]
        yield f"Errors of {name}: the first {len(wrong)}", page.table(head, wrong)
