"""Answers texts, for scripts/predict.py: as a list, on standard output, or in a file."""

import dataclasses
import hashlib
import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf import progress
from bert_tf.data.labelled import LINES
from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.data.text.lines import STANDARD_INPUT
from bert_tf.inference import answerers, rows, stream
from bert_tf.inference.answer_formats import AnswerFormat
from bert_tf.inference.answerers import Answerer
from bert_tf.inference.answers_file import AnswersFile
from bert_tf.tasks.classification import calibration


@dataclasses.dataclass(frozen=True)
class Source:
    """The input, and how to read it.

    Attributes:
      path: lines of text or a table; None: standard input.
      reading: format and encoding.
      settings: {name: text}: settings of the task for reading files.
    """

    path: str | None
    reading: Reading = AS_NAMED
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """For messages."""
        return self.path or STANDARD_INPUT


@dataclasses.dataclass(frozen=True)
class Output:
    """A file of answers.

    Attributes:
      path: the file.
      kind: "jsonl", "csv" or "tsv".
      settings: everything that decides the answers; a file with other settings is refused.
    """

    path: str
    kind: str
    settings: Mapping[str, Any]


def predict(
    model: str | Answerer,
    texts: str | Iterable[str],
    *,
    task: str | None = None,
    batch_size: int = 32,
    temperature: float | None = None,
) -> list[dict[str, Any]]:
    """The answers of a model to texts, in their order.

    Args:
      model: a --model of predict.py, or the result of `inference.answerers.load`.
      texts: one or several, each like a line of predict.py's input: two texts have a tab between
        them.
      task: one of `inference.known_tasks`; None: the task of the model. "embed": vectors.
      batch_size: texts of one batch.
      temperature: for a classifier: divides the logits.

    Returns:
      A dict for each text, as predict.py prints it.

    Raises:
      ValueError: there is no such model, or it cannot read a text.
    """
    answerer = answerers.load(model, task) if isinstance(model, str) else model
    if temperature:
        answerer.task.check_has_temperature()
        answerer = calibrated(answerer, temperature)
    texts = [texts] if isinstance(texts, str) else texts
    lines = (stream.Line(number, text) for number, text in enumerate(texts, start=1))
    windows = stream.windows(lines, batch_size)
    answered = (stream.answer_window(answerer, window, batch_size, "texts") for window in windows)
    return list(itertools.chain.from_iterable(answered))


def for_source(answerer: Answerer, source: Source) -> Answerer:
    """The same answerer, with the reading settings of `source`."""
    task = rows.for_reading(answerer.task, source.reading, source.settings)
    return dataclasses.replace(answerer, task=task)


def print_answers(answerer: Answerer, source: Source, kind: str, batch_size: int) -> None:
    """Prints the answers to all of `source`, in the format `kind`."""
    written = AnswerFormat(kind)
    for window in stream.windows(_lines(answerer, source), batch_size):
        for line in _answer(answerer, window, source.name, written, batch_size):
            print(line)
        sys.stdout.flush()


def answer_into_file(answerer: Answerer, source: Source, output: Output, batch_size: int) -> None:
    """Writes the answers to all of `source`; continues the file of a killed process.

    Raises:
      ValueError: the file has answers to other input.
    """
    lines, digest = _lines(answerer, source), hashlib.sha256()
    with AnswersFile(output.path, dict(output.settings)) as file:
        done = file.num_lines
        written = AnswerFormat(output.kind, with_header=not done)
        if done:
            _skip(lines, file, digest, output.path)
        with progress.bar(unit="lines", description="predicting", initial=done) as bar:
            for window in stream.windows(lines, batch_size):
                _add(digest, window)
                answers = _answer(answerer, window, source.name, written, batch_size)
                file.write(answers, digest.hexdigest())
                bar.update(len(window))


def _lines(answerer: Answerer, source: Source) -> Iterator[stream.Line]:
    return rows.read(source.path, answerer.task, source.reading, source.settings)


def _answer(
    answerer: Answerer,
    window: Sequence[stream.Line],
    name: str,
    written: AnswerFormat,
    batch_size: int,
) -> list[str]:
    answers = stream.answer_window(answerer, window, batch_size, name)
    return written.lines(answers, [line.number for line in window])


def _skip(lines: Iterator[stream.Line], file: AnswersFile, digest: Any, output: str) -> None:
    """Skips the lines that are already answered; ValueError if the lines have changed."""
    _add(digest, itertools.islice(lines, file.num_lines))
    if digest.hexdigest() != file.input_sha256:
        raise ValueError(
            f"{output}.part has answers to other input. Remove it, or choose another --output."
        )
    print(f"continuing after {file.num_lines} lines", file=sys.stderr)


def _add(digest: Any, lines: Iterable[stream.Line]) -> None:
    for line in lines:
        digest.update(line.text.encode() + b"\n")


def converse(answerer: Answerer, source: Source, batch_size: int) -> None:
    """Answers each line until an empty line or the end of the input; errors do not end it."""
    if source.reading.kind(None) != LINES:
        raise ValueError("--interactive reads lines. Leave out --input_format.")
    print("type a line of text, then Enter; an empty line ends", file=sys.stderr, flush=True)
    written = AnswerFormat("jsonl")
    for number, text in enumerate(sys.stdin, start=1):
        text = text.rstrip("\r\n")
        if not text:
            return
        try:
            line = stream.Line(number, text)
            answers = _answer(answerer, [line], STANDARD_INPUT, written, batch_size)
        except ValueError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            continue
        print(answers[0], flush=True)


def fitted_temperature(answerer: Answerer, path: str, batch_size: int) -> float | None:
    """Fits the temperature on a labelled file, and prints it on standard error.

    Returns None, with a message, if it makes the calibration error worse.

    Raises:
      ValueError: the model has no temperature.
    """
    answerer.task.check_has_temperature()
    columns, label_ids = answerer.task.read_calibration(path)
    found = []
    for start in range(0, len(label_ids), batch_size):
        part = [column[start : start + batch_size] for column in columns]
        found.append(answerer.answer(part)["probabilities"])
    found = calibration.fit(np.concatenate(found), label_ids)
    print(found, file=sys.stderr, flush=True)
    return None if found.is_worse else found.temperature


def calibrated(answerer: Answerer, temperature: float) -> Answerer:
    """The same answerer, with the logits of its labels divided by `temperature`."""

    def answer(columns):
        outputs = answerer.answer(columns)
        probabilities = calibration.apply(outputs["probabilities"], temperature)
        decided = answerer.task.decide(tf.constant(probabilities))
        return {**outputs, **{name: tensor.numpy() for name, tensor in decided.items()}}

    return Answerer(answerer.task, answer)
