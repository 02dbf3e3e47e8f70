"""The learning rate of every step, written out."""

import numpy as np

from bert_tf.training.schedules import linear_warmup_decay


def rates(num_warmup_steps, num_train_steps):
    return [
        float(
            linear_warmup_decay(
                step, peak=8.0, num_warmup_steps=num_warmup_steps, num_train_steps=num_train_steps
            )
        )
        for step in range(num_train_steps + 2)
    ]


def test_rises_in_the_warmup_and_falls_to_zero_at_the_last_step():
    np.testing.assert_allclose(rates(4, 8), [0, 2, 4, 6, 8, 6, 4, 2, 0, 0])


def test_starts_at_the_peak_without_warmup():
    np.testing.assert_allclose(rates(0, 4), [8, 6, 4, 2, 0, 0])


def test_a_warmup_of_the_whole_run_never_falls():
    np.testing.assert_allclose(rates(4, 4)[:4], [0, 2, 4, 6])
