"""Finds the number of steps that fit into a time budget, by timing steps that are then undone.

The schedule must know its last step from the first step on. So the first steps are run twice: once
to measure their time, after which they are undone, and once as the beginning of the run. The run is
the same as if the number of steps had been in the config.
"""

import time
from collections.abc import Callable, Iterator

import tensorflow as tf
from absl import logging

from bert_tf.training.step import TrainState, TrainStep

_LEAST_STEPS = 10
_ENDLESS = 10**9  # steps while timing: all of it is warm-up, with a rate of almost 0


def fit(
    train_step: TrainStep,
    state: TrainState,
    strategy: tf.distribute.Strategy,
    make_iterator: Callable[[], Iterator],
    *,
    minutes: float,
    steps_per_loop: int,
) -> None:
    """Sets `state.num_train_steps` to the steps that fit into `minutes`, with compilation.

    Args:
      train_step: the compiled steps. The first call compiles them.
      state: at step 0. Afterwards it is the same again, bit for bit.
      strategy: several workers agree on the mean of their numbers.
      make_iterator: returns an iterator over the batches, from the first on.
      minutes: time for all training steps together.
      steps_per_loop: number of steps that are timed; at least 10 are.
    """
    begin = time.perf_counter()
    undo = _remember(state)
    state.num_train_steps.assign(_ENDLESS)
    iterator = make_iterator()
    train_step.train_steps(iterator, tf.constant(1))
    train_step.take_metrics()  # waits for the device
    count = max(_LEAST_STEPS, steps_per_loop)
    start = time.perf_counter()
    train_step.train_steps(iterator, tf.constant(count))
    train_step.take_metrics()
    end = time.perf_counter()
    undo()
    seconds = (end - start) / count
    steps = max(1.0, (minutes * 60.0 - (end - begin)) / seconds)
    total = int(_mean_over_workers(strategy, steps))
    state.num_train_steps.assign(total)
    logging.info("%g minutes at %.3g s a step: %d steps", minutes, seconds, total)


def _remember(state: TrainState) -> Callable[[], None]:
    """Returns a function that restores every variable of `state`. Slots start as 0."""
    slots = state.optimizer.slots
    others = {path: var for path, var in state.variables().items() if path not in slots}
    values = {path: variable.numpy() for path, variable in others.items()}

    def undo():
        for path, variable in others.items():
            variable.assign(values[path])
        for slot in slots.values():
            slot.assign(tf.zeros(slot.shape, slot.dtype))

    return undo


def _mean_over_workers(strategy: tf.distribute.Strategy, value: float) -> float:
    def mean():
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.MEAN, tf.constant(value, tf.float32))

    means = strategy.run(tf.function(mean, autograph=False))
    return float(strategy.experimental_local_results(means)[0])
