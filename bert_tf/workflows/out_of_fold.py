"""Answers to a training set by models that have not seen the rows that they answer."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import logging

from bert_tf.tasks.error_analysis import has_analysis
from bert_tf.tasks.sets import SPLIT_SEED, Result, Split
from bert_tf.tasks.task import Score
from bert_tf.training.evaluate import Evaluator
from bert_tf.training.loop import train


def check(task: Score, part: Split, num_folds: int) -> None:
    """Raises ValueError unless the task can use folds, and the set can be cut into so many."""
    if not has_analysis(task) or not isinstance(part.arrays, Mapping):
        raise ValueError(
            f"--label_folds={num_folds}: the rows of a {task.config.task.name} model cannot be "
            "dealt into folds. Expected a task with one row for each text, such as classification. "
            "Leave it out."
        )
    rows, texts = len(next(iter(part.arrays.values()))), len(part.examples)
    if num_folds == 1 or num_folds > texts:
        raise ValueError(
            f"--label_folds={num_folds}: expected 0, or 2 to {texts:,}: the training set has "
            f"{texts:,} texts."
        )
    if rows != texts:
        raise ValueError(
            f"--label_folds={num_folds}: the training set has {texts:,} texts in {rows:,} rows. "
            "Rows of one text must not stand in two folds. Raise data.max_seq_length until each "
            "text fits into one row, or leave --label_folds out."
        )


def answer(part: Split, num_folds: int, arguments: Mapping[str, Any]) -> Result:
    """The answers to a training set, each by a model that was trained on the other folds.

    A run for each fold stands in `folds/` of the work directory, and goes on where it was stopped.
    Each has as many steps as the run itself.

    Args:
      part: the training set; each of its texts has one row.
      num_folds: number of models, and of parts into which the rows are dealt at random.
      arguments: of `training.loop.train` for the run itself.

    Reference: Northcutt et al. 2021, "Confident Learning", section 3, for out-of-fold answers.
    """
    count = len(part.examples)
    folds_N = np.random.default_rng(SPLIT_SEED).permutation(count) % num_folds
    rows: dict[str, np.ndarray] = {}
    for fold in range(num_folds):
        logging.info("fold %d of %d, to find labels that are likely wrong", fold + 1, num_folds)
        is_held_N = folds_N == fold
        name = f"fold {fold + 1} of {num_folds}"
        for key, values in _answers_of_fold(part, is_held_N, name, arguments).items():
            whole = rows.setdefault(key, np.zeros((count, *values.shape[1:]), values.dtype))
            whole[is_held_N] = values
    return Result(arguments["task"].score(rows, part.arrays), rows)


def _answers_of_fold(
    part: Split, is_held_N: np.ndarray, name: str, arguments: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """`row_outputs` of the rows that are held, by a model that was trained on the others."""
    config, session = arguments["config"], arguments["session"]
    # Nothing is evaluated, so nothing can be chosen or ended by an evaluation.
    without = dataclasses.replace(
        config.train, keep_best="", model_from_best=False, early_stop_patience=0
    )
    made_of = arguments["made_of"]
    trained = train(
        **{
            **arguments,
            "config": dataclasses.replace(config, train=without),
            "train_data": _rows(part, ~is_held_N),
            "eval_data": None,
            "work_dir": f"{arguments['work_dir']}/folds/{name.replace(' ', '_')}",
            "made_of": {**made_of, "data": f"{made_of['data']}, without {name}"},
            "session": dataclasses.replace(
                session, tracker=None, on_evaluation=None, profile_steps=()
            ),
        }
    )
    batch_size = config.train.eval_batch_size
    evaluator = Evaluator(arguments["task"], trained.model, session.strategy, batch_size)
    return evaluator.run_with_rows(_rows(part, is_held_N))[1]


def _rows(part: Split, is_chosen_N: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[is_chosen_N] for name, values in part.arrays.items()}
