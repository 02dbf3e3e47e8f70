"""The common flags of pretrain.py, finetune.py and distill.py. This is not a script."""

from collections.abc import Mapping

from absl import flags

from bert_tf.trackers import TRACKERS
from bert_tf.training import STRATEGIES

FLAGS = flags.FLAGS
flags.disclaim_key_flags()  # --help of the script that calls `define` shows them as its own


def define() -> None:
    """Defines the flags as flags of the calling script."""
    flags.DEFINE_enum("strategy", "auto", STRATEGIES, "Which devices to use.")
    flags.DEFINE_integer(
        "num_logical_devices",
        1,
        "Divide the CPU into this many devices, to try --strategy=mirrored without GPUs.",
        lower_bound=1,
    )
    flags.DEFINE_string("tpu", "", "Name or address of the TPU; 'local' on a TPU VM.")
    flags.DEFINE_bool(
        "dry_run", False, "Run two steps, print what the run would do, and write nothing."
    )
    flags.DEFINE_bool(
        "find_batch",
        False,
        "Find the smallest train.num_micro_batches that fits in memory, by trying it in child "
        "processes. The global batch size does not change.",
    )
    flags.DEFINE_string("trial", "", "Used by --find_batch: the PHASE:NUM_MICRO_BATCHES to try.")
    flags.DEFINE_float(
        "max_hours",
        0.0,
        "Save a checkpoint and stop after this many hours. The same command continues. 0: no "
        "limit.",
        lower_bound=0.0,
    )
    flags.DEFINE_enum(
        "tracker",
        None,
        TRACKERS,
        "Also send settings, curves, pages and model to MLflow or Weights & Biases. Needs the "
        "extra of that name. Its own environment variables set the server.",
    )
    flags.DEFINE_list(
        "profile_steps", None, "FIRST,LAST: write a profile of these steps for TensorBoard."
    )


def strategy():
    """The `tf.distribute.Strategy` for the flags."""
    from bert_tf.training import distribution

    if FLAGS.num_logical_devices > 1:
        distribution.divide_cpu(FLAGS.num_logical_devices)
    return distribution.make_strategy(FLAGS.strategy, tpu=FLAGS.tpu)


def session(strategy):
    """The `Session` that the flags say, on the devices of `strategy`."""
    from bert_tf.trackers.tracker import make_tracker
    from bert_tf.training.loop import Session

    return Session(
        strategy,
        time_limit=FLAGS.max_hours * 3600,
        profile_steps=FLAGS.profile_steps or (),
        dry_run=FLAGS.dry_run,
        tracker=None if FLAGS.dry_run else make_tracker(FLAGS.tracker or ""),
    )


def print_scores(scores: Mapping[str, Mapping[str, float]]) -> None:
    """A line for each metric of each set; with the name of the set if there are several."""
    for name, values in scores.items():
        for metric, value in values.items():
            print(f"{name + ' ' if len(scores) > 1 else ''}{metric}: {value:.4f}")
