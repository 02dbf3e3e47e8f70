"""The training step of every encoder beside BERT's and keras-hub's, in turn in one process.

    python scripts/development/compare_encoders.py --rounds=7
    python scripts/development/compare_encoders.py --encoders=bert,roberta --keras_hub

A round does a few steps of each, one after the other. The table has the median over the rounds of
the ratio to BERT's step in the same round, in processor time of this process, which says more than
the clock on a machine that does other things too. The shapes are those of
configs/benchmark/family.py.
"""

import importlib.util
import pathlib
import statistics
import sys
import time

from absl import flags, logging

sys.path[:0] = [str(pathlib.Path(__file__).parents[1])]

from benchmarks.contestants import own_step  # noqa: E402
from bert_tf import app, members  # noqa: E402
from bert_tf.config import as_json  # noqa: E402

FLAGS = flags.FLAGS
flags.DEFINE_list("encoders", None, "Names; BERT first. Default: all.")
flags.DEFINE_bool("keras_hub", False, "Also keras-hub's model of each encoder that has one.")
flags.DEFINE_integer("rounds", 5, "Rounds that count, after one that does not.")
flags.DEFINE_integer("steps", 4, "Steps of a round.")
flags.DEFINE_enum("dtype", "float32", ["float32", "mixed_bfloat16"], "Of the step.")

_CONFIG = pathlib.Path(__file__).parents[2] / "configs" / "benchmark" / "family.py"


def main(argv):
    del argv
    names = FLAGS.encoders or ["bert", *(n for n in members.known("models") if n != "bert")]
    contestants = {}
    for name in names:
        contestants[name] = own_step.make_round(_settings(name))[0]
        if FLAGS.keras_hub and _has_keras_hub(name):
            from benchmarks.contestants import keras_hub_step

            contestants[f"{name} (keras-hub)"] = keras_hub_step.make_round(_settings(name))[0]
    seconds = {name: [] for name in contestants}
    for number in range(FLAGS.rounds + 1):
        for name, run in contestants.items():
            start = time.process_time()
            run()
            if number:
                seconds[name].append((time.process_time() - start) / FLAGS.steps)
        logging.info("round %d of %d is done", number, FLAGS.rounds)
    print(f"{'encoder':28}{'ms a step':>12}{'BERT / it':>12}")
    for name, own in seconds.items():
        pairs = zip(seconds[names[0]], own, strict=True)
        ratio = statistics.median(first / other for first, other in pairs)
        print(f"{name:28}{1000 * statistics.median(own):12.0f}{ratio:12.2f}")


def _settings(encoder: str) -> dict:
    spec = importlib.util.spec_from_file_location("family", _CONFIG)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.get_config(encoder)
    config.train.dtype = FLAGS.dtype
    return {"config": as_json.to_dict(config), "steps_per_round": FLAGS.steps}


def _has_keras_hub(encoder: str) -> bool:
    names = members.find("models", encoder).CHECKPOINT_NAMES.get("keras")
    return names is not None and "pretraining" in names.tasks


if __name__ == "__main__":
    app.run(main)
