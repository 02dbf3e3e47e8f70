"""How fast a run is: rates from the steps that were timed since the last log line."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.training.estimate import matmul_ceiling
from bert_tf.training.flops import step_flops


class Throughput:
    """A clock of the steps of one phase.

    Args:
      config: of the phase.
      num_devices: how many processors the replicas run on, see `num_devices`.
      by_length: whether batches have several widths, so that padding is not counted.

    Attributes:
      seconds_per_step: of the last call that was timed; infinite before the first.
    """

    def __init__(self, config: ExperimentConfig, num_devices: int, *, by_length: bool = False):
        self._config, self._num_devices, self._by_length = config, num_devices, by_length
        self.seconds_per_step = float("inf")
        self._num_steps, self._seconds = 0, 0.0

    @contextmanager
    def timed(self, num_steps: int) -> Iterator[None]:
        """Around `num_steps` steps, the wait for the device included."""
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        self.seconds_per_step = seconds / num_steps
        self._num_steps += num_steps
        self._seconds += seconds

    def take(self, tokens_per_example: float) -> dict[str, float]:
        """Rates since the last call of it.

        Args:
          tokens_per_example: mean number of tokens without padding.

        Returns:
          examples_per_second and tokens_per_second over all replicas, and mfu, the share of the
          measured matmul ceiling.
        """
        config = self._config
        steps_per_second = self._num_steps / self._seconds
        self._num_steps, self._seconds = 0, 0.0
        examples_per_second = steps_per_second * config.train.global_batch_size
        length = tokens_per_example if self._by_length else None
        ceiling = matmul_ceiling(config) * self._num_devices
        return {
            "examples_per_second": examples_per_second,
            "tokens_per_second": examples_per_second * tokens_per_example,
            "mfu": steps_per_second * step_flops(config, length) / ceiling,
        }


def num_devices(strategy: tf.distribute.Strategy, num_workers: int) -> int:
    """How many processors the replicas run on: those of a CPU share it."""
    has_cpus = all("CPU" in name.upper() for name in strategy.extended.worker_devices)
    return num_workers if has_cpus else strategy.num_replicas_in_sync
