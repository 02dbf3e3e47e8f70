"""Which answers fail a behaviour test. Answers are what a task describes, as JSON values.

The first value of an answer is what it says: a label, a list of labels, a number, a text, or a list
of objects with `label` and `text`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bert_tf.behaviour.cases import Case
from bert_tf.behaviour.checks_file import DIRECTION, FUNCTIONALITY, Test

Answer = Mapping[str, Any]
_MOST_EXAMPLES = 20


def judge(
    test: Test, cases: Sequence[Case], answers: Sequence[tuple[Answer, Answer | None]]
) -> dict[str, Any]:
    """The result of a test, for JSON.

    Args:
      test: the test.
      cases: its cases.
      answers: (answer, answer to the changed text or None) of each.

    Returns:
      `name`, `kind`, `expects` (in words), `cases`, `failures`, `failure_rate` and `examples` of
      failures: `texts`, `answer`, `changed_texts` and `changed_answer`.

    Raises:
      ValueError: the answers have no such label, or are no numbers.
    """
    failed = [
        (case, pair) for case, pair in zip(cases, answers, strict=True) if not _passes(test, *pair)
    ]
    return {
        "name": test.name,
        "kind": test.kind,
        "expects": expects(test),
        "cases": len(cases),
        "failures": len(failed),
        "failure_rate": len(failed) / len(cases),
        "examples": [
            {
                "texts": list(case.texts),
                "answer": in_words(test, answer),
                "changed_texts": None if case.changed is None else list(case.changed),
                "changed_answer": None if other is None else in_words(test, other),
            }
            for case, (answer, other) in failed[:_MOST_EXAMPLES]
        ],
    }


def expects(test: Test) -> str:
    """What a test expects, in words."""
    if test.kind == FUNCTIONALITY:
        return f"the answer is {_listed(test.expect)}"
    change = test.change.kind
    if test.kind == DIRECTION:
        what = f"the probability of {test.label}" if test.label else "the number"
        against = "fall" if test.direction == "up" else "rise"
        return f"{what} does not {against} by more than {test.tolerance:g} ({change})"
    return f"the answer stays the same ({change})"


def _listed(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {one}" for key, one in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


def _passes(test: Test, answer: Answer, other: Answer | None) -> bool:
    if test.kind == FUNCTIONALITY:
        return _is_expected(test, said(answer))
    if test.kind == DIRECTION:
        moved = _amount(test, other) - _amount(test, answer)
        return (moved if test.direction == "up" else -moved) >= -test.tolerance
    before, after = said(answer), said(other)
    if _is_number(before) and _is_number(after):
        return abs(after - before) <= test.tolerance
    if _are_objects(before) or _are_objects(after):  # the words of entities may be what was changed
        return [one["label"] for one in before] == [one["label"] for one in after]
    return before == after


def said(answer: Answer) -> Any:
    """What an answer says: its first value."""
    return next(iter(answer.values()))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _is_expected(test: Test, value: Any) -> bool:
    """Any of several expected ones will do; of a list all are expected, of objects those named."""
    expected = test.expect
    if isinstance(expected, dict) and not _is_number(value):
        found = value if isinstance(value, list) else []
        pairs = {(one.get("text"), one.get("label")) for one in found if isinstance(one, dict)}
        return all((text, label) in pairs for text, label in expected.items())
    if _is_number(value):
        return _is_near(test, value)
    if isinstance(value, list):
        wanted = [expected] if isinstance(expected, str) else expected
        wanted = [] if wanted == ["none"] else wanted
        return sorted(map(str, value)) == sorted(wanted)
    options = expected if isinstance(expected, list) else [expected]
    return ("" if value is None else str(value)) in ["" if o == "none" else o for o in options]


def _is_near(test: Test, value: float) -> bool:
    """{least: 1, most: 2}, or a number that is met within the tolerance."""
    expected = test.expect
    try:
        if isinstance(expected, dict) and set(expected) <= {"least", "most"}:
            least, most = (
                float(expected.get(k, d)) for k, d in (("least", "-inf"), ("most", "inf"))
            )
            return least <= value <= most
        return abs(float(expected) - value) <= test.tolerance
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{test.where}: expect is {expected!r}; this model answers numbers: expected one, or "
            "{least: 1, most: 2}."
        ) from error


def _amount(test: Test, answer: Answer) -> float:
    """The probability of the label, or the number that is answered."""
    value = said(answer)
    probabilities = answer.get("probabilities")
    if test.label and isinstance(probabilities, dict):
        if test.label not in probabilities:
            known = ", ".join(probabilities)
            raise ValueError(f"{test.where}: label is {test.label!r}. The model has: {known}.")
        return float(probabilities[test.label])
    if not test.label and _is_number(value):
        return float(value)
    raise ValueError(
        f"{test.where}: a direction test needs a number, or probabilities and `label:`; this model "
        f"answers {', '.join(answer)}."
    )


def in_words(test: Test, answer: Answer) -> str:
    """An answer for a reader."""
    value = said(answer)
    if test.kind == DIRECTION:
        shown = f"{_amount(test, answer):.4f}"
        return f"{test.label} {shown}" if test.label else shown
    if _are_objects(value):
        return ", ".join(f"{one['text']}: {one['label']}" for one in value)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    if value is None or value == "":
        return "nothing"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
