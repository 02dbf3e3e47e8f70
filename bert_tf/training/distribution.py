"""The devices of a run, chosen by the name of a strategy."""

import contextlib
import functools

import tensorflow as tf
from absl import logging

from bert_tf import locks
from bert_tf.training import STRATEGIES, peers


def make_strategy(name: str = "auto", *, tpu: str = "") -> tf.distribute.Strategy:
    """The tf.distribute strategy called `name`.

    `auto` takes the TPU if `tpu` is given, several workers if TF_CONFIG is set, all GPUs if there
    is more than one, and one device otherwise.

    Args:
      name: one of `STRATEGIES`. `mirrored` uses all GPUs, or all logical CPU devices.
      tpu: name or address of the TPU; "local" on a TPU VM.

    Raises:
      ValueError: unknown name.
    """
    if name not in STRATEGIES:
        raise ValueError(f"unknown strategy {name!r}. Known: {', '.join(STRATEGIES)}.")
    if name == "auto":
        name = _best_name(tpu)
    strategy = _make(name, tpu)
    if name == "mirrored" and strategy.num_replicas_in_sync == 1:
        logging.warning(
            "--strategy=mirrored found one device, so nothing is mirrored. "
            "--num_logical_devices=2 divides a CPU, to try it."
        )
    logging.info("strategy %s: %d replica(s)", name, strategy.num_replicas_in_sync)
    return strategy


def _best_name(tpu: str) -> str:
    if tpu:
        return "tpu"
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if resolver.cluster_spec().as_dict():
        return "multi_worker"
    return "mirrored" if len(tf.config.list_logical_devices("GPU")) > 1 else "one_device"


def divide_cpu(number: int) -> None:
    """Makes `number` logical devices of the CPU, so that `mirrored` can be tried without GPUs.

    Raises:
      ValueError: TensorFlow has begun to use the devices.
    """
    (cpu,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration()] * number
    try:
        tf.config.set_logical_device_configuration(cpu, parts)
    except RuntimeError as error:
        raise ValueError(f"--num_logical_devices: {error}") from error


# One strategy of a kind in a process: all MirroredStrategies number their collectives from the same
# start, and two on the same devices would take part in each other's.
@functools.cache
def _make(name: str, tpu: str) -> tf.distribute.Strategy:
    if name == "tpu":
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=tpu)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    if name == "multi_worker":
        # Before the cluster forms: forming waits for the other workers, which may have ended.
        peers.watch(tf.distribute.cluster_resolver.TFConfigClusterResolver())
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = tf.config.list_logical_devices("GPU")
    devices = [device.name for device in gpus or tf.config.list_logical_devices("CPU")]
    if name == "mirrored":
        return tf.distribute.MirroredStrategy(devices)
    return tf.distribute.OneDeviceStrategy(devices[0])


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes files."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    has_chief = "chief" in resolver.cluster_spec().jobs
    return resolver.task_type == "chief" or (not has_chief and resolver.task_id == 0)


def owning(
    work_dir: str, strategy: tf.distribute.Strategy, *, writes: bool = True
) -> contextlib.AbstractContextManager[None]:
    """A `with` block in which only this job may use the work directory.

    The chief holds a lock. The other workers write nothing.

    Args:
      work_dir: the folder; it is made if it is missing.
      strategy: of the job.
      writes: False for a dry run.

    Raises:
      ValueError: another job trains there, or the folder cannot be written.
    """
    holds = writes and is_chief(strategy)
    return locks.folder(work_dir) if holds else contextlib.nullcontext()


def is_on_cpu(strategy: tf.distribute.Strategy) -> bool:
    """Whether all replicas of this process compute on CPUs."""
    return all("CPU" in device.upper() for device in strategy.extended.worker_devices)
