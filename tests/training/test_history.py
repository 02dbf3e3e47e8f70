"""Best evaluations, early stop and spikes, from numbers alone."""

import dataclasses
import json

import pytest

from bert_tf.config.experiment import TrainConfig
from bert_tf.training.work_dir.history import History


def evaluate(history, values, **settings):
    """Whether each of the evaluations was the best so far."""
    train = TrainConfig(**settings)
    metric = settings.get("keep_best", "loss")
    return [history.add_evaluation(s, {metric: v}, train) for s, v in enumerate(values)]


def test_losses_fall_and_everything_else_rises():
    assert evaluate(History(), [3.0, 2.0, 2.0, 2.5, 1.0]) == [True, True, False, False, True]
    rising = evaluate(History(), [0.1, 0.3, 0.2, 0.4], keep_best="masked_lm_accuracy")
    assert rising == [True, True, False, True]
    assert evaluate(History(), [float("nan"), 9.0, 8.0]) == [True, True, True]


def test_it_is_over_after_so_many_evaluations_in_a_row_without_a_better_one():
    train = TrainConfig(early_stop_patience=2)
    history = History()
    over = []
    for step, value in enumerate([3.0, 3.1, 2.9, 3.0, 2.9]):
        history.add_evaluation(step, {"loss": value}, train)
        over.append(history.is_over(train))
    assert over == [False, False, False, False, True]
    assert not history.is_over(TrainConfig())


def test_a_metric_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(ValueError, match=r"'f1'; an evaluation of this task has accuracy, loss"):
        History().add_evaluation(1, {"loss": 1.0, "accuracy": 0.5}, TrainConfig(keep_best="f1"))


def test_a_spike_is_measured_against_the_median_and_does_not_spoil_it():
    train, history = TrainConfig(spike_factor=1.5), History()
    assert [history.spike(loss, train) for loss in (9.0, 2.0, 2.0, 2.0, 2.0)] == [""] * 5
    assert "3.1, 1.55 times" in history.spike(3.1, train)
    assert history.spike(2.9, train) == ""
    assert history.spike(100.0, TrainConfig()) == ""  # not asked for


def test_it_comes_back_from_json_and_another_metric_starts_anew():
    history = History(totals=[[0.1, 3.0]], skipped=[{"step": 1}])
    evaluate(history, [2.0, 3.0])
    info = json.loads(json.dumps({"history": dataclasses.asdict(history)}))
    assert History.from_info(info, TrainConfig()) == history
    other = History.from_info(info, TrainConfig(keep_best="masked_lm_accuracy"))
    assert other.best == {} and other.skipped == [{"step": 1}]
    assert History.from_info({}, TrainConfig()) == History()  # a checkpoint of an older version
