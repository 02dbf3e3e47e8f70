"""Reports on questions and contexts before training."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bert_tf.data.labelled import comparison
from bert_tf.tasks.question_answering.rows import SquadData


def look(splits: Mapping[str, SquadData]) -> dict[str, Any]:
    """What is in the splits, see `comparison.compare`.

    Args:
      splits: {name: data}, training first.

    Returns:
      Each split with `path`, `questions`, `contexts`, `without_answer`, `rows`,
      `rows_with_answer`, and `never_whole`: questions whose whole answer is in no row;
      `contexts` in common.
    """
    contexts = {name: _used_contexts(data) for name, data in splits.items()}
    found = {name: _look_at(data) for name, data in splits.items()}
    return comparison.compare(found, contexts, "contexts")


def _used_contexts(data: SquadData) -> list[str]:
    return [data.contexts[number] for number in sorted({q.paragraph for q in data.questions})]


def _look_at(data: SquadData) -> dict[str, Any]:
    has_answer_R = data.arrays["start_positions"] > 0
    seen = np.zeros(len(data.questions), bool)
    seen[data.question_rows[has_answer_R]] = True
    answered = np.array([bool(question.answers) for question in data.questions])
    there = np.zeros(len(data.questions), bool)
    there[data.question_rows] = True
    return {
        "path": data.path,
        "questions": int(there.sum()),
        "contexts": len(_used_contexts(data)),
        "without_answer": int((there & ~answered).sum()),
        "rows": len(data),
        "rows_with_answer": int(has_answer_R.sum()),
        "never_whole": int((there & answered & ~seen).sum()),
    }


def report(found: dict[str, Any]) -> list[str]:
    """The same as lines of text."""
    return comparison.report(found, _lines, "contexts")


def _lines(name: str, split: dict[str, Any]) -> list[str]:
    lines = [
        f"{name}: {split['questions']:,} questions ({split['without_answer']:,} without "
        f"answer) in {split['contexts']:,} contexts; {split['rows']:,} rows, "
        f"{split['rows_with_answer']:,} of them with the answer"
    ]
    if split["never_whole"]:
        lines.append(f"  {split['never_whole']:,} answers are not complete in any row")
    return lines
