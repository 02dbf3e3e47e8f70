r"""Measures speed on this machine and compares contestants, which take turns (A B A B).

The first word says what is measured:

train   the pretraining step of --config on synthetic full batches, against our step with other
        settings and the steps of other libraries (--against).
finetune  a fine-tuning step on a GLUE task (--task): ours with batches by length, against
        transformers on torch (in the interpreter --peer_python).
data    the tokenizer against tensorflow-text, `tokenizers` and flash-tokenizer; learning a
        vocabulary against `tokenizers`; the builder and the reader. With a pretraining --config
        also the step of that config. With --config=configs/benchmark/create_pretraining_data.py
        instead: whole commands against Model Garden's, with the memory of all their processes.
serve   exported models (--served) against transformers on torch, from text to answers; also their
        accuracy, if the texts have labels.
recipe  pretraining recipes (--recipes, config files), each for --minutes on the same text. All are
        scored on the same held-out examples (made from --valid_input) and by fine-tuning on SST-2
        (--data_dir). The first one also runs with Model Garden's code (--garden_python). Finished
        work in --work_dir is not repeated.

Examples:
    python scripts/benchmark.py train --config=configs/benchmark/l4_h256.py --output=train.json
    python scripts/benchmark.py train --config=configs/benchmark/l4_h256.py \
        --against=mixed_bfloat16,garden:mixed_bfloat16 --garden_python=garden/bin/python
    python scripts/benchmark.py finetune --config=configs/finetune/glue.py --task=mrpc \
        --data_dir=glue --init_checkpoint=MINILM \
        --peer_python=torch/bin/python
    python scripts/benchmark.py data --input='books/*.txt' --output=data.json
    python scripts/benchmark.py data --config=configs/pretrain/mini.py --output=data.json
    python scripts/benchmark.py data --config=configs/benchmark/create_pretraining_data.py \
        --input='books/*.txt' --vocab_file=vocab.txt --garden_python=garden/bin/python
    python scripts/benchmark.py serve --served=served/mrpc,small/mrpc_int8 --texts=MRPC/dev.tsv \
        --hugging_face_model=mrpc_hf --transformers_python=torch/bin/python
    python scripts/benchmark.py recipe --recipes=configs/pretrain/plain.py,mine.py \
        --input='books/train*.jsonl.gz' --valid_input=books/valid.jsonl.gz --vocab_file=vocab \
        --data_dir=glue --work_dir=work/recipes --minutes=40
"""

import os
import sys

from absl import flags
from ml_collections import config_flags

from benchmarks import commands, data, finetune, recipes, serve, train
from bert_tf import app, machine
from bert_tf.config import as_json
from bert_tf.measuring import harness
from bert_tf.tasks.classification.examples import read_examples
from bert_tf.tasks.glue import tasks
from bert_tf.tasks.glue.grid import with_format

_WORDS = ("train", "finetune", "data", "serve", "recipe")
_SERVED_TASKS = ("classify", "embed")

FLAGS = flags.FLAGS
flags.DEFINE_enum("command", None, _WORDS, "What to measure: the first word.", required=True)
flags.DEFINE_string("output", None, "JSON file for all figures and a description of the machine.")
flags.DEFINE_integer("rounds", 5, "Measured rounds.")
flags.DEFINE_integer(
    "warmup_rounds", 1, "Rounds before them, in which steps are compiled. They do not count."
)
config_flags.DEFINE_config_file(
    "config", None, "train: for example configs/benchmark/l4_h256.py. data: see above."
)
flags.DEFINE_list(
    "against",
    ["bert_tf:all", "keras_hub", "garden"],
    f"train: what to measure beside the config's own step. {', '.join(train.LIBRARIES)}, or one "
    f"with a setting such as keras_hub:mixed_bfloat16+xla; settings: {', '.join(train.SETTINGS)}, "
    "all. A setting alone means our step. Without a setting: that of the config.",
)
flags.DEFINE_list(
    "train_data",
    [],
    "train: folders made by create_pretraining_data.py. Our step also runs on their rows, read and "
    "masked as in a training. tokens/s are those that are not padding.",
)
flags.DEFINE_integer("steps_per_round", 5, "train: optimizer steps of a round.")
flags.DEFINE_bool(
    "isolate",
    True,
    "train: run each contestant in its own process. Otherwise its peak memory is unknown.",
)
flags.DEFINE_string(
    "garden_python", None, "The interpreter that has tf-models-official. The default is this one."
)
flags.DEFINE_enum(
    "task",
    None,
    [*tasks.TRAINED, *_SERVED_TASKS],
    "finetune: which task of GLUE, default mrpc. serve: default what the models are for.",
)
flags.DEFINE_string("data_dir", None, "finetune: the folder with CoLA, MRPC, ... in it.")
flags.DEFINE_string("init_checkpoint", None, "finetune: Hugging Face folder of the encoder.")
flags.DEFINE_list(
    "contestants",
    [*finetune.OWN[::-1], *finetune.PEERS],
    "finetune: the contestants. The first is compared with the others.",
)
flags.DEFINE_string(
    "peer_python", None, "train, finetune: the interpreter that has torch and transformers."
)
flags.DEFINE_list(
    "input", [], "data: text files or patterns. The default is Python's own documentation."
)
flags.DEFINE_string(
    "vocab_file", None, "data: vocabulary. The default is one learned from the text."
)
flags.DEFINE_float("megabytes", 5.0, "data: how much text to use. Shorter text is repeated.")
flags.DEFINE_integer("vocab_size", 8000, "data: size of the vocabularies that are learned.")
flags.DEFINE_integer(
    "max_seq_length", 128, "data: tokens of an example. recipe: of the stored file."
)
flags.DEFINE_integer("num_workers", os.cpu_count() or 1, "data: threads of tokenizer and builder.")
flags.DEFINE_list("served", [], "serve: folders made by export.py, or model folders.")
flags.DEFINE_string("texts", None, "serve: a table of texts, as finetune.py reads it.")
flags.DEFINE_list("batch_sizes", ["1", "32"], "serve: numbers of texts that are answered together.")
flags.DEFINE_integer("examples_per_round", 64, "serve: number of texts in a round.", lower_bound=1)
flags.DEFINE_integer("max_texts", 1000, "serve: largest number of texts to use.", lower_bound=1)
flags.DEFINE_string("hugging_face_model", None, "serve: a folder that transformers loads.")
flags.DEFINE_string(
    "transformers_python", None, "serve: the interpreter that has torch and transformers."
)
flags.DEFINE_list("recipes", ["configs/pretrain/plain.py"], "recipe: config files.")
flags.DEFINE_list("valid_input", [], "recipe: held-out text, files or patterns.")
flags.DEFINE_float(
    "minutes",
    40.0,
    "recipe: minutes of training for each. With train.phases the steps of the phases count.",
    lower_bound=0.1,
)
flags.DEFINE_list("seeds", ["1", "2", "3"], "recipe: seeds of the fine-tuning.")
flags.DEFINE_string("work_dir", None, "recipe: folder for all files.")


def main(argv):
    del argv
    description = machine.describe_machine()
    print(machine.summary(description))
    is_commands = isinstance(FLAGS.config, commands.CommandsConfig)
    if is_commands and FLAGS.command != "data":
        raise ValueError(
            f"that --config is for data; {FLAGS.command} needs the config of a training."
        )
    kinds = {
        "train": (_train, train),
        "finetune": (_finetune, finetune),
        "data": (_data, data),
        "commands": (_commands, commands),
        "serve": (_serve, serve),
        "recipe": (_recipe, recipes),
    }
    measure, module = kinds["commands" if is_commands else FLAGS.command]
    result = measure()
    print(module.report(result))
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
        rounds=harness.Rounds(FLAGS.rounds, FLAGS.warmup_rounds),
        steps_per_round=FLAGS.steps_per_round,
        data=FLAGS.train_data,
        isolate=FLAGS.isolate,
        pythons={
            "garden": FLAGS.garden_python,
            "transformers": FLAGS.peer_python,
            "transformers_gathered": FLAGS.peer_python,
        },
    )
    return {
        "config": as_json.to_dict(FLAGS.config),
        "steps_per_round": FLAGS.steps_per_round,
        **result,
    }


def _finetune():
    if FLAGS.config is None or not FLAGS.data_dir or not FLAGS.init_checkpoint:
        raise ValueError(
            "finetune needs --config=configs/finetune/glue.py, --data_dir and --init_checkpoint."
        )
    task = FLAGS.task or "mrpc"
    config = with_format(FLAGS.config, task)
    train_file = tasks.find_files(FLAGS.data_dir, task).train
    if not train_file:
        raise ValueError(f"{FLAGS.data_dir} holds no training file of {task}.")
    result = finetune.run(
        config,
        train_file=train_file,
        init_checkpoint=FLAGS.init_checkpoint,
        contestants=FLAGS.contestants,
        rounds=harness.Rounds(FLAGS.rounds, FLAGS.warmup_rounds),
        steps_per_round=FLAGS.steps_per_round,
        peer_python=FLAGS.peer_python,
    )
    return {"config": as_json.to_dict(config), "task": task, **result}


def _data():
    return data.run(
        FLAGS.input,
        FLAGS.vocab_file,
        megabytes=FLAGS.megabytes,
        max_seq_length=FLAGS.max_seq_length,
        num_workers=FLAGS.num_workers,
        rounds=harness.Rounds(FLAGS.rounds, FLAGS.warmup_rounds),
        vocab_size=FLAGS.vocab_size,
        step_config=FLAGS.config,
    )


def _commands():
    if not FLAGS.input or not FLAGS.vocab_file:
        raise ValueError("whole commands need --input and --vocab_file.")
    result = commands.run(
        FLAGS.config,
        FLAGS.input,
        FLAGS.vocab_file,
        num_workers=FLAGS.num_workers,
        rounds=harness.Rounds(FLAGS.rounds, FLAGS.warmup_rounds),
        garden_python=FLAGS.garden_python,
    )
    return {"config": as_json.to_dict(FLAGS.config), **result}


def _recipe():
    if not (FLAGS.input and FLAGS.valid_input and FLAGS.vocab_file and FLAGS.work_dir):
        raise ValueError("recipe needs --input, --valid_input, --vocab_file and --work_dir.")
    if not all(seed.isdecimal() for seed in FLAGS.seeds):
        raise ValueError(f"--seeds={','.join(FLAGS.seeds)}: expected whole numbers.")
    return recipes.run(
        FLAGS.recipes,
        text=recipes.Text(FLAGS.input, FLAGS.valid_input, FLAGS.vocab_file),
        work_dir=FLAGS.work_dir,
        minutes=FLAGS.minutes,
        sst2=tasks.find_files(FLAGS.data_dir, "sst2") if FLAGS.data_dir else None,
        seeds=[int(seed) for seed in FLAGS.seeds],
        eval_length=FLAGS.max_seq_length,
        garden_python=FLAGS.garden_python,
    )


def _serve():
    if not FLAGS.served or not FLAGS.texts:
        raise ValueError("serve needs --served and --texts.")
    if FLAGS.task and FLAGS.task not in _SERVED_TASKS:
        raise ValueError(f"serve: --task={FLAGS.task}; expected {' or '.join(_SERVED_TASKS)}.")
    if not all(word.isdecimal() and int(word) for word in FLAGS.batch_sizes):
        raise ValueError(f"--batch_sizes={','.join(FLAGS.batch_sizes)}: expected whole numbers.")
    examples = read_examples(FLAGS.texts, with_labels=False if FLAGS.task == "embed" else None)
    columns = [examples.texts] + ([examples.text_pairs] if examples.text_pairs else [])
    if FLAGS.task == "embed":
        columns = columns[:1]
    labels = None
    if examples.label_ids is not None:
        labels = [str(examples.labels[label]) for label in examples.label_ids[: FLAGS.max_texts]]
    return serve.run(
        FLAGS.served,
        serve.Questions(
            [column[: FLAGS.max_texts] for column in columns],
            labels,
            examples_per_round=FLAGS.examples_per_round,
            num_threads=FLAGS.num_workers,
            max_seq_length=FLAGS.max_seq_length,
            task=FLAGS.task,
        ),
        batch_sizes=[int(word) for word in FLAGS.batch_sizes],
        rounds=harness.Rounds(FLAGS.rounds, FLAGS.warmup_rounds),
        peer=FLAGS.hugging_face_model
        and serve.Peer(FLAGS.hugging_face_model, FLAGS.transformers_python),
    )


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        sys.argv[1] = f"--command={sys.argv[1]}"
    app.run(main)
