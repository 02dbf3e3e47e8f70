"""The learning rate of every step, written out, and against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config.experiment import SCHEDULES, OptimizerConfig
from bert_tf.training.optimizers import schedules


def rates(num_warmup_steps, num_train_steps, **options):
    config = OptimizerConfig(
        learning_rate=8.0, warmup_proportion=num_warmup_steps / num_train_steps, **options
    )
    steps = range(num_train_steps + 2)
    return [float(schedules.learning_rate(step, config, num_train_steps)) for step in steps]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0, 2, 4, 6, 8, 6, 4, 2, 0, 0]),
        ({"end_learning_rate": 4.0}, [0, 2, 4, 6, 8, 7, 6, 5, 4, 4]),
        ({"schedule": "polynomial", "power": 2.0}, [0, 2, 4, 6, 8, 4.5, 2, 0.5, 0, 0]),
        ({"schedule": "cosine"}, [0, 2, 4, 6, 8, 4 + 8**0.5, 4, 4 - 8**0.5, 0, 0]),
        ({"schedule": "constant"}, [0, 2, 4, 6, 8, 8, 8, 8, 8, 8]),
        (
            {"schedule": "warmup_stable_decay", "decay_proportion": 0.25},
            [0, 2, 4, 6, 8, 8, 8, 4, 0, 0],
        ),
        # the decay is at most what the warm-up leaves
        (
            {"schedule": "warmup_stable_decay", "decay_proportion": 1.0},
            [0, 2, 4, 6, 8, 6, 4, 2, 0, 0],
        ),
    ],
)
def test_every_step_of_eight(options, expected):
    np.testing.assert_allclose(rates(4, 8, **options), expected, atol=1e-6)


def numpy_rate(step, schedule, total, warmup, decay, power, peak, end):
    if step < warmup:
        return peak * step / warmup
    begin = max(warmup, total - decay) if schedule == "warmup_stable_decay" else warmup
    progress = np.clip((step - begin) / (total - begin), 0, 1)
    share = {
        "linear": 1 - progress,
        "polynomial": (1 - progress) ** power,
        "cosine": (1 + np.cos(np.pi * progress)) / 2,
        "constant": 1.0,
        "warmup_stable_decay": 1 - progress,
    }[schedule]
    return end + (peak - end) * share


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_thousand_steps_equal_numpy_with_a_number_of_steps_that_is_a_variable(schedule):
    config = OptimizerConfig(
        learning_rate=3e-4,
        end_learning_rate=1e-5,
        schedule=schedule,
        warmup_proportion=0.06,
        decay_proportion=0.2,
        power=1.7,
    )
    total = tf.Variable(1000, dtype=tf.int64)
    steps = tf.range(1100, dtype=tf.int64)
    function = tf.function(
        lambda: schedules.learning_rate(steps, config, tf.convert_to_tensor(total))
    )
    options = (schedule, 1000, 60, 200, 1.7, 3e-4, 1e-5)
    expected = [numpy_rate(step, *options) for step in range(1100)]
    np.testing.assert_allclose(function().numpy(), expected, rtol=2e-5, atol=1e-10)


def test_starts_at_the_peak_without_warmup():
    np.testing.assert_allclose(rates(0, 4), [8, 6, 4, 2, 0, 0])


def test_a_warmup_of_the_whole_run_never_falls():
    np.testing.assert_allclose(rates(4, 4)[:4], [0, 2, 4, 6])


@pytest.mark.parametrize(("proportion", "total"), [(0.1, 12000), (0.29, 100), (0.07, 300)])
def test_the_warmup_has_as_many_steps_as_python_counts(proportion, total):
    config = OptimizerConfig(learning_rate=1.0, warmup_proportion=proportion)
    of_step = schedules.learning_rate(tf.range(total), config, total)
    assert int(np.argmax(of_step)) == int(proportion * total)
