"""Behaviour tests of a model, as `evaluate.py --checks` runs them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bert_tf import progress
from bert_tf.behaviour import cases as case_lib
from bert_tf.behaviour import checks_file, judge
from bert_tf.behaviour.cases import Case, Texts
from bert_tf.data import labelled
from bert_tf.inference import answerers, rows, stream
from bert_tf.inference.answerers import Answerer
from bert_tf.workflows.predicting import Source

_SHOWN = 3  # examples of a test that fails, in lines of text


def check(
    model: str | Answerer, path: str, data: Source | None = None, *, batch_size: int = 64
) -> list[dict[str, Any]]:
    """Runs the behaviour tests of a file.

    Args:
      model: a model folder, work directory, checkpoint of another project, or its answerer.
      path: the YAML file, see `behaviour.checks_file`.
      data: the table whose texts tests with `texts: data` change; None: there is none.
      batch_size: texts that are answered together.

    Returns:
      What `behaviour.judge.judge` says of each test.

    Raises:
      ValueError: the file is bad, or its tests are not for this model.
    """
    checks = checks_file.read(path)
    answerer = answerers.load(model) if isinstance(model, str) else model
    texts = _texts_of(answerer, checks, data)
    made = [(test, case_lib.make(checks, test, texts)) for test in checks.tests]
    for test, found in made:
        _check_columns(test, found, answerer.task.takes_pairs)
    wanted = (texts for _, found in made for case in found for texts in _both(case))
    answers = _answers(answerer, list(dict.fromkeys(wanted)), batch_size)
    return [
        judge.judge(
            test,
            found,
            [(answers[case.texts], case.changed and answers[case.changed]) for case in found],
        )
        for test, found in made
    ]


def _both(case: Case) -> Iterable[Texts]:
    return (case.texts,) if case.changed is None else (case.texts, case.changed)


def _texts_of(answerer: Answerer, checks: checks_file.Checks, data: Source | None) -> list[Texts]:
    """The texts of the data, if a test asks for them."""
    asking = next((test for test in checks.tests if test.texts is None), None)
    if asking is None:
        return []
    if data is None:
        raise ValueError(f"{asking.where}: `texts: data` needs --data.")
    if data.reading.kind(data.path) not in labelled.KINDS:
        raise ValueError(
            f"{asking.where}: `texts: data` needs a table of texts ({', '.join(labelled.KINDS)}); "
            f"{data.path} is none."
        )
    task = rows.for_reading(answerer.task, data.reading, data.settings)
    lines = rows.read(data.path, task, data.reading, data.settings)
    return [stream.texts_of(task, line, data.name) for line in lines]


def _check_columns(test: checks_file.Test, found: Sequence[Case], takes_pairs: bool) -> None:
    wrong = next((case for case in found if len(case.texts) != 1 + takes_pairs), None)
    if wrong is not None:
        raise ValueError(
            f"{test.where}: {test.name!r} has {len(wrong.texts)} text(s) a case; this model takes "
            f"{'two, write [first, second]' if takes_pairs else 'one'}."
        )


def _answers(
    answerer: Answerer, texts: Sequence[Texts], batch_size: int
) -> dict[Texts, Mapping[str, Any]]:
    """{texts: the answer as the task describes it}; like lengths are answered together."""
    order = sorted(texts, key=lambda one: sum(map(len, one)))
    found: dict[Texts, Mapping[str, Any]] = {}
    for part in progress.parts(len(order), batch_size, unit="texts", description="checking"):
        batch = order[part]
        outputs = answerer.answer([list(column) for column in zip(*batch, strict=True)])
        for number, one in enumerate(batch):
            row = {name: np.asarray(values)[number] for name, values in outputs.items()}
            found[one] = answerer.task.describe(row)
    return found


def lines(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The results for people: a line for each test, and some failures below it."""
    for one in results:
        yield (
            f"{one['name']}: {one['failures']} of {one['cases']} fail "
            f"({one['failure_rate']:.1%}; {one['kind']}: {one['expects']})"
        )
        for example in one["examples"][:_SHOWN]:
            yield f"  {' | '.join(example['texts'])} -> {example['answer']}"
            if example["changed_texts"] is not None:
                yield f"  {' | '.join(example['changed_texts'])} -> {example['changed_answer']}"
