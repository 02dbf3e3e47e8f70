"""Measures speed on this machine, contestants in turn (A B A B), and compares them.

The first word says what:

train   the pretraining step of --config on synthetic full batches, against our step in other
        settings and the steps of other libraries (--against).
data    the tokenizer against the package `tokenizers`, the builder, the reader.

Examples:

    python scripts/benchmark.py train --config=configs/benchmark/l4_h256.py --output=train.json
    python scripts/benchmark.py train --config=configs/benchmark/l4_h256.py \\
        --against=mixed_bfloat16,garden:mixed_bfloat16 --garden_python=garden/bin/python
    python scripts/benchmark.py data --input='books/*.txt' --output=data.json
"""

import dataclasses
import os
import sys

from absl import flags
from ml_collections import config_flags

from bert_tf import app, machine
from bert_tf.benchmark import data, harness, train

_COMMANDS = ("train", "data")

FLAGS = flags.FLAGS
flags.DEFINE_enum("command", None, _COMMANDS, "What to measure: the first word.", required=True)
flags.DEFINE_string("output", None, "JSON file for all figures and the machine's description.")
flags.DEFINE_integer("rounds", 5, "Rounds that count.")
flags.DEFINE_integer("warmup_rounds", 1, "Rounds before them, which compile and do not count.")
config_flags.DEFINE_config_file("config", None, "train: for example configs/benchmark/l4_h256.py.")
flags.DEFINE_list(
    "against",
    ["bert_tf:all", "keras_hub", "garden"],
    f"train: what to measure beside the config's own step. {', '.join(train.LIBRARIES)}, or one "
    f"with a setting such as keras_hub:mixed_bfloat16+xla; settings: {', '.join(train.SETTINGS)}, "
    "all. A setting alone means our step. Without a setting: that of the config.",
)
flags.DEFINE_integer("steps_per_round", 5, "train: optimizer steps of a round.")
flags.DEFINE_bool(
    "isolate", True, "train: each contestant in its own process; else its peak memory is unknown."
)
flags.DEFINE_string(
    "garden_python", None, "train: the interpreter that has tf-models-official; default this one."
)
flags.DEFINE_list("input", [], "data: text files or patterns; default Python's own documentation.")
flags.DEFINE_string("vocab_file", None, "data: vocabulary; default one learned from the text.")
flags.DEFINE_float("megabytes", 5.0, "data: how much of the text to use; repeated if it is less.")
flags.DEFINE_integer("max_seq_length", 128, "data: tokens of an example.")
flags.DEFINE_integer("num_workers", os.cpu_count() or 1, "data: threads of tokenizer and builder.")


def main(argv):
    del argv
    description = machine.describe_machine()
    print(machine.summary(description))
    result = {"train": _train, "data": _data}[FLAGS.command]()
    print({"train": train, "data": data}[FLAGS.command].report(result))
    if FLAGS.output:
        settings = {"rounds": FLAGS.rounds, "warmup_rounds": FLAGS.warmup_rounds}
        head = {"benchmark": FLAGS.command, "machine": description, "settings": settings}
        harness.write_json(FLAGS.output, head | result)
        print(f"{FLAGS.output} written")


def _train():
    if FLAGS.config is None:
        raise ValueError("train needs --config, for example configs/benchmark/l4_h256.py.")
    result = train.run(
        FLAGS.config,
        FLAGS.against,
        rounds=FLAGS.rounds,
        warmup_rounds=FLAGS.warmup_rounds,
        steps_per_round=FLAGS.steps_per_round,
        isolate=FLAGS.isolate,
        pythons={"garden": FLAGS.garden_python},
    )
    return {
        "config": dataclasses.asdict(FLAGS.config),
        "steps_per_round": FLAGS.steps_per_round,
        **result,
    }


def _data():
    return data.run(
        FLAGS.input,
        FLAGS.vocab_file,
        megabytes=FLAGS.megabytes,
        max_seq_length=FLAGS.max_seq_length,
        num_workers=FLAGS.num_workers,
        rounds=FLAGS.rounds,
        warmup_rounds=FLAGS.warmup_rounds,
    )


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        sys.argv[1] = f"--command={sys.argv[1]}"
    app.run(main)
