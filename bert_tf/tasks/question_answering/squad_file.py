"""Questions about texts in the format of SQuAD 1.1 and 2.0, CMRC 2018, XQuAD and others.

    {"data": [{"paragraphs": [{"context": "...", "qas": [{"id": "...", "question": "...",
        "answers": [{"text": "...", "answer_start": 0}], "is_impossible": false}]}]}]}

Also as flat rows, in {"data": [...]}, as a list, as JSON lines or in Parquet:

    {"id": "...", "context": "...", "question": "...",
        "answers": {"text": ["..."], "answer_start": [0]}}

Offsets count characters. Knows nothing of tokens or tensors.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from absl import logging

from bert_tf.data.labelled import records
from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.data.text.lines import holds_half_a_surrogate_pair, read_lines
from bert_tf.files import parse_json

_ANSWER_KEYS = ("text", "answer_start")


@dataclasses.dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
      id: unique in its file.
      question: the question.
      paragraph: index of its context in `Squad.contexts`.
      answers: the texts of the answers; empty if the context does not answer the question.
      starts: where each answer begins in the context, according to the file.
    """

    id: str
    question: str
    paragraph: int
    answers: tuple[str, ...]
    starts: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Squad:
    """One file.

    Attributes:
      path: the file.
      contexts: all different contexts.
      questions: the questions about the contexts.
      has_answers: whether the file has answers, or says that there are none.
    """

    path: str
    contexts: list[str]
    questions: list[Question]
    has_answers: bool = True


def read_squad(path: str, reading: Reading = AS_NAMED, *, with_answers: bool = True) -> Squad:
    """Reads a file, which can be compressed.

    Args:
      path: the file.
      reading: its encoding, and its format if the name does not tell it.
      with_answers: False: questions need no list of answers, as in test sets.

    Raises:
      ValueError: the file is missing, has another encoding or is not JSON (the message has the
        line), a field is missing or has another type (the message has its place), two questions
        have the same id, or there are no questions.
    """
    contexts, questions, seen, has_answers = {}, [], set(), False
    for place, record in iterate_questions(path, reading):
        context = _text(path, record, place, "context")
        has_answers |= record.get("answers") is not None
        if not with_answers and record.get("answers") is None:
            record = {**record, "answers": []}
        paragraph = contexts.setdefault(context, len(contexts))
        question = _question(path, record, place, paragraph)
        if question.id in seen:
            raise ValueError(f"{path}: two questions have the id {question.id!r}.")
        seen.add(question.id)
        questions.append(question)
    if not questions:
        raise ValueError(f"{path}: no questions. Expected at least one.")
    return Squad(path, list(contexts), questions, has_answers)


def iterate_questions(
    path: str, reading: Reading = AS_NAMED
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields (place in the file, flat record) of every question; does not check the fields."""
    if reading.kind(path) == "parquet":
        yield from _rows(path, reading, "row")
    elif _is_of_lines(path, reading):
        yield from _rows(path, dataclasses.replace(reading, format="jsonl"), "line")
    else:
        yield from _flat(path, _read_json(path, reading))


def _rows(path: str, reading: Reading, unit: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for line, record in records.iterate_objects(path, reading):
        yield f"{unit} {line}", record


def _is_of_lines(path: str, reading: Reading) -> bool:
    """Whether the first line is a question; a JSON file can also be one long line."""
    _, first = next(read_lines(path, reading.encoding), (1, ""))
    try:
        record = parse_json(first, "")
    except ValueError:
        return False
    return isinstance(record, dict) and "question" in record


def _flat(path: str, content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    items = content if isinstance(content, list) else _items(path, content, "", "data")
    for number, article in enumerate(items):
        where = f"data[{number}]"
        if isinstance(article, dict) and "question" in article:
            yield where, article
            continue
        for index, paragraph in enumerate(_items(path, article, where, "paragraphs")):
            place = f"{where}.paragraphs[{index}]"
            context = _text(path, paragraph, place, "context")
            for place_in, qa in enumerate(_items(path, paragraph, place, "qas")):
                if not isinstance(qa, dict):
                    raise ValueError(f"{path}: {place}.qas[{place_in}]: expected an object.")
                yield f"{place}.qas[{place_in}]", {**qa, "context": context}


def _read_json(path: str, reading: Reading) -> Any:
    text = "".join(line for _, line in read_lines(path, reading.encoding))
    try:
        return parse_json(text, f"{path}:")
    except ValueError as error:
        raise ValueError(f"{error} Expected a file like SQuAD's, or JSON lines.") from error


def _question(path: str, qa: Any, place: str, paragraph: int) -> Question:
    identity = qa.get("id") if isinstance(qa, dict) else None
    place = f"{place} (id {identity!r})"
    if not isinstance(identity, str | int):
        raise ValueError(f"{path}: {place}: expected an object with an id.")
    answers = [] if _is_impossible(path, qa, place) else _answers(path, qa, place)
    texts = tuple(_text(path, answer, place, "text") for answer in answers)
    starts = tuple(answer.get("answer_start") for answer in answers)
    for start in starts:
        if not isinstance(start, int):
            raise ValueError(f"{path}: {place}: answer_start is {start!r}. Expected a number.")
    text = qa.get("question")
    if isinstance(text, str) and not text.strip():  # published files have some
        logging.warning("%s: %s: the question is empty", path, place)
    else:
        text = _text(path, qa, place, "question")
    return Question(str(identity), text, paragraph, texts, starts)


def _answers(path: str, qa: dict, place: str) -> list:
    """The answers as a list of objects; converts an object of lists."""
    columns = qa.get("answers")
    if not isinstance(columns, dict):
        return _items(path, qa, place, "answers")
    texts, starts = (_items(path, columns, f"{place}: answers", k) for k in _ANSWER_KEYS)
    if len(texts) != len(starts):
        raise ValueError(
            f"{path}: {place}: {len(texts)} texts of answers, but {len(starts)} starts. Expected "
            "one start for each text."
        )
    return [dict(zip(_ANSWER_KEYS, pair, strict=True)) for pair in zip(texts, starts, strict=True)]


def _is_impossible(path: str, qa: dict, place: str) -> bool:
    value = qa.get("is_impossible")
    value = False if value is None else value  # Parquet has every column in every row
    if not isinstance(value, bool):  # the string "false" is true in Python: no answers
        raise ValueError(
            f"{path}: {place}: is_impossible is {value!r}. Expected true or false, without quotes."
        )
    return value


def _items(path: str, holder: Any, place: str, key: str) -> list:
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, list):
        found = "nothing" if value is None else f"a {type(value).__name__}"
        raise ValueError(f"{path}: {place or 'top level'}: {key!r} is {found}. Expected a list.")
    return value


def _text(path: str, holder: Any, place: str, key: str) -> str:
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{path}: {place}: {key!r} is {value!r}. Expected text.")
    if holds_half_a_surrogate_pair(value):
        raise ValueError(f"{path}: {place}: {key!r} holds half a surrogate pair, which is no text.")
    return value


def locate_answers(squad: Squad, *, skip_bad: bool) -> dict[str, tuple[int, int] | None]:
    """Finds the first answer of each question.

    If an answer does not begin where the file says, the nearest occurrence in the context is used;
    the log has the number of moved answers.

    Args:
      squad: the file.
      skip_bad: whether to skip answers that are not in their context; the log has their number.

    Returns:
      {id: (begin, end) in characters, or None without an answer}. Has no entry for a question whose
      answer is not in its context.

    Raises:
      ValueError: an answer is not in its context, and `skip_bad` is False.
    """
    places, num_moved, num_bad = {}, 0, 0
    for question in squad.questions:
        if not question.answers:
            places[question.id] = None
            continue
        answer, start = question.answers[0], question.starts[0]
        found = _nearest(squad.contexts[question.paragraph], answer, start)
        if found is None:
            num_bad += 1
            if not skip_bad:
                raise ValueError(
                    f"{squad.path}: question {question.id!r}: the answer {answer[:60]!r} is not in "
                    "its context. Correct it, or pass --config.task.skip_bad_answers=true."
                )
            continue
        num_moved += found != start
        places[question.id] = (found, found + len(answer))
    if num_moved or num_bad:
        logging.warning(
            "%s: %d answers do not begin where the file says and were found elsewhere in the "
            "context; %d answers are not in the context",
            squad.path,
            num_moved,
            num_bad,
        )
    return places


def _nearest(context: str, answer: str, start: int) -> int | None:
    if start >= 0 and context.startswith(answer, start):
        return start
    found, best = context.find(answer), None
    while found >= 0:
        if best is None or abs(found - start) < abs(best - start):
            best = found
        found = context.find(answer, found + 1)
    return best
