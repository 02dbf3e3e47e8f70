"""The speed of a run: rates of the steps that were timed since the last log line."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.training.estimate import matmul_ceiling
from bert_tf.training.flops import step_flops


class Throughput:
    """Measures the time of the steps of one phase.

    Args:
      config: the config of the phase.
      num_devices: number of processors on which the replicas run, see `num_devices`.
      by_length: whether batches have several widths. Then operations on padding are not counted.

    Attributes:
      seconds_per_step: of the last timed call; infinite before the first one.
    """

    def __init__(self, config: ExperimentConfig, num_devices: int, *, by_length: bool = False):
        self._config, self._num_devices, self._by_length = config, num_devices, by_length
        self.seconds_per_step = float("inf")
        self._num_steps, self._seconds = 0, 0.0

    @contextmanager
    def timed(self, num_steps: int) -> Iterator[None]:
        """A `with` block around `num_steps` steps. The wait for the device counts."""
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        self.seconds_per_step = seconds / num_steps
        self._num_steps += num_steps
        self._seconds += seconds

    def take(self, tokens_per_example: float) -> dict[str, float]:
        """Rates since the last call of this method.

        Args:
          tokens_per_example: mean number of tokens without padding.

        Returns:
          examples_per_second and tokens_per_second over all replicas; mfu, the operations per
          second relative to the fastest matrix product that was measured.
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
    """Number of processors on which the replicas run. Replicas on a CPU share it."""
    has_cpus = all("CPU" in name.upper() for name in strategy.extended.worker_devices)
    return num_workers if has_cpus else strategy.num_replicas_in_sync
