"""The error analysis of scored sets: its JSON, its files, its part of the report page.

report.json                  what the page shows: numbers, mistakes, slices, comparisons
predictions/<set>/judged.jsonl   each row: what was expected and given, and its counts, so that
                             another run can be compared with this one
"""

import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf
from absl import logging

from bert_tf import files
from bert_tf.analysis import comparison, errors, suspects
from bert_tf.analysis.comparison import Other
from bert_tf.analysis.judged import Judged
from bert_tf.analysis.slices import Asked
from bert_tf.report import errors_page
from bert_tf.tasks.sets import Result, Split
from bert_tf.tasks.task import Score

JSON, ROWS = "report.json", "judged.jsonl"
# (texts, the answer that was given, where the word begins that it is about, or None)
Wrong = tuple[tuple[str, ...], str, int | None]
Part = tuple[Any, ...]
CUT = "…"  # where a text goes on


@dataclasses.dataclass(frozen=True)
class Looking:
    """What a user wants to see of errors besides what every page has.

    Attributes:
      slice_words: rows that hold a word, against those that do not.
      slice_columns: columns of the file by whose values rows are told apart.
      compare: the work directory of another run.
      check_labels: a training set of up to so many rows is answered too, to find labels that are
        likely wrong and words that are new; 0: never.
      label_folds: if not 0, the training set is answered out of fold, by so many models, and not
        by the one that was trained on it.
      coloured: of so many mistakes of a set, the most confident ones, the words are coloured by
        their parts in the answer.
    """

    slice_words: Sequence[str] = ()
    slice_columns: Sequence[str] = ()
    compare: str = ""
    check_labels: int = suspects.MOST_CHECKED
    label_folds: int = 0
    coloured: int = errors.COLOURED

    def check(self) -> None:
        """ValueError if `compare` is no work directory whose rows were kept."""
        pattern = os.path.join(self.compare, "predictions", "*", ROWS)
        if self.compare and not tf.io.gfile.glob(pattern):
            raise ValueError(
                f"--compare={self.compare}: found no {pattern}. Expected the work directory of a "
                "fine-tuning that has ended; of one that an older version made, run its command "
                "again, or give both models to evaluate.py."
            )


@dataclasses.dataclass(frozen=True)
class Analysed:
    """The analysis of all scored sets.

    Attributes:
      content: for JSON: `format_version`, `sets` {name: analysis}, `comparisons` {name: of two
        runs}, `training` (likely wrong labels, or None).
      judged: {name of the set: what became of its rows}.
      asked: {name of the set: what else is looked at}.
    """

    content: dict[str, Any]
    judged: Mapping[str, Judged]
    asked: Mapping[str, Asked]

    def add_comparison(self, name: str, other_name: str, other: Judged) -> None:
        """Adds that of the set `name` with another model that was judged on the same rows.

        Raises:
          ValueError: it was judged on other rows, or in another way.
        """
        found = comparison.other_of(other_name, other)
        comparison.check_same(self.judged[name], found, name)
        self.content["comparisons"][name] = comparison.compare(
            self.judged[name], found, self.asked[name]
        )

    def add_colours(self, colour: Callable[[list[Wrong]], list[list[Part]]], most: int) -> None:
        """Adds to the first mistakes of each set what speaks for the wrong answer.

        Args:
          colour: gives the parts of the words of mistakes, see `explanation.colours.word_parts`.
          most: mistakes of a set.
        """
        for name, judged in self.judged.items():
            mistakes = self.content["sets"][name]["mistakes"][:most]
            if not judged.inputs or not mistakes:
                continue
            items, numbers = judged.items, errors.confident_mistakes(judged)[:most]
            wrong = [
                (
                    judged.inputs[items.rows[number]],
                    items.given[number],
                    items.starts[number] if items.starts else None,
                )
                for number in numbers
            ]
            for mistake, (texts, *_), parts in zip(mistakes, wrong, colour(wrong), strict=True):
                mistake["parts"] = _placed(mistake["text"], texts, parts)

    def sections(self) -> Iterator[tuple[str, str]]:
        """(title, HTML) of each part of the page."""
        return errors_page.every(self.content)

    def row_files(self, name: str) -> dict[str, Iterator[str]]:
        """{file name: its lines} beside the predictions for the set."""
        return {ROWS: comparison.lines(self.judged[name])} if name in self.judged else {}

    def as_line(self) -> str:
        """The content of `report.json`."""
        return as_line(self.content)


def _placed(shown: str, texts: tuple[str, ...], parts: Sequence[Part]) -> list[Part]:
    """(start, end, share) of the words in the text that is shown, which may be a part of them."""
    first, _, second = shown.partition("\n") if len(texts) > 1 else (shown, "", "")
    if len(texts) > 1 and not texts[0].startswith(first):  # a line end is in the first text
        first, second = shown[: len(texts[0])], shown[len(texts[0]) + 1 :]
    placed, begin = [], 0
    for number, (text, piece) in enumerate(zip(texts, (first, second), strict=False)):
        core = piece.strip(CUT)
        # Where the piece begins in the text, and its core in what is shown.
        offset, lead = max(text.find(core), 0), len(piece) - len(piece.lstrip(CUT))
        for of_text, start, end, share in parts:
            if of_text == number and offset <= start and end <= offset + len(core):
                shift = begin + lead - offset
                placed.append((start + shift, end + shift, share))
        begin += len(piece) + 1
    return placed


def analyse(
    task: Score,
    splits: Mapping[str, Split],
    results: Mapping[str, Result],
    looking: Looking = Looking(),  # noqa: B008 - frozen
    train: tuple[Split, Result] | None = None,
) -> Analysed:
    """The error analysis of the sets that have labels and whose task says what became of rows.

    Args:
      task: the task.
      splits: {name: the set}.
      results: {name: its results}.
      looking: what else is wanted.
      train: the training set and its results, if it was answered.

    Raises:
      ValueError: the files have no such columns, or the other run was scored on other rows.
    """
    judged, asked = {}, {}
    trained_on = task.judge(train[0], train[1].rows) if train else None
    known_words = trained_on and suspects.known_words(trained_on)
    for name, result in results.items():
        found = task.judge(splits[name], result.rows) if splits[name].is_labelled else None
        if found is not None and len(found):
            judged[name] = found
            columns = columns_of(task, splits[name], looking.slice_columns)
            asked[name] = Asked(tuple(looking.slice_words), columns, known_words)
    content = {
        "format_version": errors.FORMAT_VERSION,
        "sets": {name: errors.analyse(one, asked[name]) for name, one in judged.items()},
        "comparisons": _comparisons(judged, asked, looking.compare),
        "training": trained_on and suspects.find(trained_on, looking.label_folds),
    }
    return Analysed(content, judged, asked)


def columns_of(task: Score, part: Split, names: Sequence[str]) -> dict[str, list[str]]:
    """{column: its value in each row}; ValueError for files without such columns."""
    found = task.set_columns(part, names) if names else {}
    if names and not found:
        raise ValueError(
            f"--slice_columns={','.join(names)}: the files of {task.config.task.name} have no "
            "columns with names. Leave it out."
        )
    return found


def _comparisons(
    judged: Mapping[str, Judged], asked: Mapping[str, Asked], folder: str
) -> dict[str, Any]:
    """Of the sets that the other run has too, by name; what does not fit is logged, not compared.

    It is found at the end of a training, which is not lost for it.
    """
    found = {}
    for name, one in judged.items() if folder else ():
        other = _read_other(folder, name)
        try:
            if other is None:
                raise ValueError(f"it has no set called {name}")
            comparison.check_same(one, other, name)
            found[name] = comparison.compare(one, other, asked[name])
        except ValueError as error:
            logging.warning("--compare=%s: %s is NOT compared: %s", folder, name, error)
    return found


def _read_other(folder: str, name: str) -> Other | None:
    """What another run left of a set; None if it has no such set."""
    path = os.path.join(folder, "predictions", name, ROWS)
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path, "rb") as file:
        lines = file.read().splitlines()
    records = (files.parse_json(line, f"{path}:{n}: it is") for n, line in enumerate(lines, 1))
    return comparison.parse(folder, path, records)


def as_line(content: Mapping[str, Any]) -> str:
    """JSON as it stands beside a page."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1)


def wants_training_set(task: Score, rows: int, looking: Looking) -> bool:
    """Whether the training set of so many rows is to be answered for the analysis."""
    return has_analysis(task) and rows <= looking.check_labels


def has_analysis(task: Score) -> bool:
    """Whether the task says what became of its rows."""
    return type(task).judge is not Score.judge
