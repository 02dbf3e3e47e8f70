"""Reads, splits and summarises questions and contexts before training."""

import collections
import dataclasses
import json

from absl import logging

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.tasks import sets
from bert_tf.tasks.question_answering import look
from bert_tf.tasks.question_answering.config import Facts
from bert_tf.tasks.question_answering.rows import encode_squad
from bert_tf.tasks.question_answering.squad_file import Squad, read_squad
from bert_tf.tasks.sets import Files, Prepared, Split
from bert_tf.tokenization.tokenizer import Tokenizer


def read(path: str, facts: Facts, reading: Reading = AS_NAMED) -> Squad:
    """Reads the questions and contexts of a file to score.

    Raises:
      ValueError: as in `read_squad`; no question has an answer, but the model always gives one.
    """
    squad = read_squad(path, reading)
    if not facts.null_answers:
        _check_answers(squad)
    return squad


def _check_answers(squad: Squad) -> None:
    missing = sum(not question.answers for question in squad.questions)
    if missing == len(squad.questions):
        raise ValueError(
            f"{squad.path}: none of the {missing} questions has an answer, but all questions of "
            "the training file had one. Expected answers for the scores; pass a file without "
            "answers as --test_data of finetune.py."
        )
    if missing:
        logging.warning(
            "%s: %d of %d questions have no answer, but all questions of the training file had "
            "one: the model answers every question, and these answers count as wrong",
            squad.path,
            missing,
            len(squad.questions),
        )


def encode(
    examples: Squad, config: ExperimentConfig, tokenizer: Tokenizer, *, training: bool = False
) -> Split:
    """Tokenizes questions, in windows. In training every answer must be in its context."""
    data = encode_squad(
        examples,
        tokenizer,
        max_seq_length=config.data.max_seq_length,
        max_query_length=config.task.max_query_length,
        stride=config.task.doc_stride,
        training=training,
        skip_bad=config.task.skip_bad_answers,
    )
    return Split(data, data)


def prepare(config: ExperimentConfig, files: Files, tokenizer: Tokenizer) -> Prepared:
    """Reads all files and finds the facts: whether there are questions without answer, widths."""
    squad = read_squad(files.train, files.reading)
    if config.data.max_train_examples:
        squad = _of(squad, squad.questions[: config.data.max_train_examples])
    facts = dataclasses.replace(
        config.task.given_facts(config.data),
        null_answers=any(not question.answers for question in squad.questions),
    )
    dev = {name: read(path, facts, files.reading) for name, path in files.dev.items()}
    test = {
        name: read_squad(path, files.reading, with_answers=False)
        for name, path in files.test.items()
    }
    held_out = {}
    if not dev and config.data.dev_fraction > 0:
        squad, dev["dev"] = _hold_out(squad, config.data.dev_fraction)
        held_out = {"dev.json": [_as_json(dev["dev"])]}
    encoded = {"train": encode(squad, config, tokenizer, training=True)}
    for name, part in {**dev, **test}.items():
        encoded[name] = encode(part, config, tokenizer)
    for name, part in test.items():
        encoded[name].is_labelled = _can_be_scored(part, facts)
    looked = look.look({name: part.arrays for name, part in encoded.items()})
    return Prepared.of(
        sets.with_widths(facts, config.data, encoded["train"].arrays.arrays["input_mask"]),
        encoded,
        dev=dev,
        test=test,
        looked=looked,
        look_lines=look.report(looked),
        held_out=held_out,
    )


def _can_be_scored(squad: Squad, facts: Facts) -> bool:
    """Whether a file to answer also has the right answers."""
    return squad.has_answers and (facts.null_answers or any(q.answers for q in squad.questions))


def _of(squad: Squad, questions: list) -> Squad:
    return Squad(squad.path, squad.contexts, questions)


def _hold_out(squad: Squad, fraction: float) -> tuple[Squad, Squad]:
    """(training part, held-out part): all questions about a context go to the same side."""
    contexts = [squad.contexts[question.paragraph] for question in squad.questions]
    parts = sets.hold_out_groups(
        squad.questions, contexts, fraction, path=squad.path, names=("questions", "contexts")
    )
    return _of(squad, parts[0]), _of(squad, parts[1])


def _as_json(squad: Squad) -> str:
    """The content of a file for the same settings as the training file."""
    paragraphs = collections.defaultdict(list)
    for question in squad.questions:
        answers = zip(question.answers, question.starts, strict=True)
        paragraphs[question.paragraph].append(
            {
                "id": question.id,
                "question": question.question,
                "answers": [{"text": text, "answer_start": start} for text, start in answers],
                "is_impossible": not question.answers,
            }
        )
    content = [{"context": squad.contexts[p], "qas": qas} for p, qas in paragraphs.items()]
    return json.dumps({"data": [{"title": "", "paragraphs": content}]}, ensure_ascii=False)
