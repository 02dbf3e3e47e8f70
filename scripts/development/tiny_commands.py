"""A documented command on tiny data: its files become small ones, its run becomes a few steps.

Flags and settings stay as the document has them, but for those that say where something is and how
much is done. So a flag or a setting that does not exist, or one that does not go with the others,
fails here as it would for a reader.
"""

import dataclasses
import pathlib
import re

from documented import Command

# What a run must not do in full; appended, so that it wins over the command and its config.
_FEW_STEPS = {
    "data.max_seq_length": 32,
    "train.num_train_steps": 2,
    "train.global_batch_size": 4,
    "train.num_micro_batches": 1,
    "train.eval_batch_size": 16,
    "train.steps_per_loop": 1,
}
_TINY_MODEL = {
    "train.phases": "()",
    "task.max_predictions_per_seq": 5,
    "model.vocab_size": 160,
    "model.hidden_size": 16,
    "model.num_hidden_layers": 2,
    "model.num_attention_heads": 2,
    "model.intermediate_size": 32,
    "model.max_position_embeddings": 32,
}
# Why a command is not run: what it says -> the reason.
_NOT_RUN = {
    r"\.\.\.|<\w+>": "a pattern, not a whole command",
    r"scripts/(quickstart|test)\.sh": "minutes long; run by hand and in CI",
    r"load_test|--grpc|localhost:850": "needs TensorFlow Serving",
    r"--strategy=(tpu|multi_worker)|--tpu": "needs several machines, or TPUs",
    r"tfds:|gs://|s3://|beam": "needs the network or an extra",
    r"benchmark\.py (recipe|finetune|serve)": "a measurement of hours; tests/scripts has it small",
    r"scripts/development/": "for developers: needs torch, runs for an hour, or writes docs",
    r"two_phases": "needs data of two lengths; tests/scripts has it",
    r"-m tests|time_transformers": "a development tool of its own",
}
# Words that make a benchmark short.
_ONE_ROUND = ["--rounds=1", "--warmup_rounds=0"]
_SHORT_BENCHMARK = {
    "train": [*_ONE_ROUND, "--steps_per_round=1", "--against=bert_tf:all", "--noisolate"],
    "data": [*_ONE_ROUND, "--megabytes=0.01", "--vocab_size=150"],
}
_SMALL_GRID = ["--tasks=mrpc,rte", "--seeds=1", "--learning_rates=1e-4", "--from_mnli="]
# What a command says of its columns -> the end of the name of the file that has them.
_OTHER_COLUMNS = {
    "label_columns": "topics.jsonl",
    "text_column=text_a": "text_a.tsv",
    "{Subject}": "wide.tsv",
    "slice_columns": "wide.tsv",
}
_SPANS, _TAGS = r"squad|answers|--task=qa", r"conll|ner\b|entit|tagg"
_PRETRAINED = r"\b(mini|base|zh\d?|pretrained|bert-|cramming|plain|wiki)"


@dataclasses.dataclass(frozen=True)
class World:
    """The tiny files, and where commands may write.

    Attributes:
      inputs: texts, labelled files, records and models, see `tests/family/cases.py` for names.
      outputs: each command writes below a folder of its own in here.
      glue: a folder in GLUE's layout.
      foreign: a checkpoint of Hugging Face.
    """

    inputs: pathlib.Path
    outputs: pathlib.Path
    glue: pathlib.Path
    foreign: pathlib.Path

    def labelled(self, kind: str, name: str) -> pathlib.Path:
        """The file `name` (train, dev) that a task reads."""
        ending = {"spans": "json", "tags": "conll"}.get(kind, "tsv")
        return self.inputs / f"{name}.{ending}"


def kind_of(command: Command) -> str:
    """What a command is about: "spans", "tags", "int8", "pretraining" or "labels"."""
    about = " ".join(re.findall(r"--(?:model|train_data|config)=(\S+)", command.text))
    if re.search(_SPANS, about):
        return "spans"
    if re.search(_TAGS, about):
        return "tags"
    if "_int8" in about:
        return "int8"
    return "pretraining" if re.search(_PRETRAINED, about) else "labels"


def reason_not_to_run(command: Command) -> str:
    """Why a command is left out; "" for one that is run."""
    found = (reason for words, reason in _NOT_RUN.items() if re.search(words, command.text))
    return next(found, "")


def words_of(command: Command, world: World, number: int) -> list[str]:
    """The words of the command after its script, on the files of `world`.

    Args:
      command: one that `reason_not_to_run` has nothing against.
      world: the tiny files.
      number: of the command; its outputs go into a folder of this name.
    """
    script = pathlib.PurePosixPath(command.script).stem
    words = [_tiny_word(word, command, script, world, number) for word in _joined(command.words)]
    if script == "pretrain":
        words += pretraining_settings()
    elif script in ("finetune", "distill", "prune"):
        words += finetuning_settings()
    elif script == "benchmark":
        is_train = command.words[0] == "train"
        words += _SHORT_BENCHMARK[command.words[0]] + (pretraining_settings() if is_train else [])
    if "task.top_k" in command.text:
        words.append("--config.task.top_k=2")  # the tiny labels are two
    if "=distill/vectors" in command.text:
        words.append("--config.data.max_seq_length=12")  # the longest of that teacher
    if "--task=glue" in words:
        words += _SMALL_GRID
    if any("time_budget" in word for word in words):
        words += ["--config.train.num_train_steps=0", "--config.train.time_budget_minutes=0.01"]
    return words


def pretraining_settings() -> list[str]:
    """Words after which pretrain.py makes a tiny model in two steps."""
    return finetuning_settings() + [f"--config.{k}={v}" for k, v in _TINY_MODEL.items()]


def finetuning_settings() -> list[str]:
    """Words after which finetune.py takes two steps."""
    return [f"--config.{key}={value}" for key, value in _FEW_STEPS.items()]


def _joined(words: list[str]) -> list[str]:
    """`--flag value` as one word."""
    joined = []
    for word in words:
        if joined and not word.startswith("-") and joined[-1].startswith("--"):
            follows = "=" not in joined[-1] and not joined[-1].startswith("--no")
            if follows:
                joined[-1] += f"={word}"
                continue
        joined.append(word)
    return joined


def _tiny_word(word: str, command: Command, script: str, world: World, number: int) -> str:
    flag, equals, value = word.partition("=")
    name = flag.removeprefix("--")
    if not equals or name.startswith("config"):
        return word
    if name in ("output_dir", "work_dir", "output", "page", "report"):
        return f"{flag}={world.outputs / str(number) / pathlib.PurePosixPath(value).name}"
    place = _place(name, value, command, script, world)
    return f"{flag}={place}" if place else _smaller(word, command)


def _place(name: str, value: str, command: Command, script: str, world: World):
    """The tiny file or folder in place of `value` of the flag `name`; None for other flags."""
    inputs, kind = world.inputs, kind_of(command)
    if name == "input" and script == "convert_checkpoint":
        return world.foreign if "=bert_tf" in command.text else inputs / "labels"
    if script in ("pretrain", "report_pretraining_data", "benchmark") and name.endswith("data"):
        part = inputs / ("valid" if name == "eval_data" else "train")
        if ".tfrecord" in value:
            return inputs / "static" / "*.tfrecord"
        return f"{part}:0.7,{inputs / 'valid'}:0.3" if ":0" in value else part
    if script == "distill" and name in ("teacher", "train_data", "eval_data"):
        return _for_distill(name, command, world)
    if name == "models":
        return f"{inputs / kind},{inputs / 'saved_model'}" if "," in value else inputs / kind
    is_dev = name in ("eval_data", "test_data", "data")
    part = "dev" if is_dev else "train"
    labelled = world.labelled(kind, part)
    for column, file in _OTHER_COLUMNS.items():
        labelled = inputs / f"{part}_{file}" if column in command.text else labelled
    if script == "evaluate" and kind == "pretraining":
        labelled = inputs / "valid"
    return {
        "train_data": labelled,
        "eval_data": labelled,
        "test_data": labelled,
        "data": labelled,
        "calibration_data": inputs / ("dev.tsv" if script == "predict" else "lines.txt"),
        "data_dir": world.glue,
        "init_checkpoint": inputs / "pretraining",
        "model": inputs / ("onnx" if script == "ask_small_model" else kind),
        "compare": inputs / kind,
        "checks": inputs / "checks.yaml",
        "saved_model": inputs / "saved_model",
        "new_vocab_file": inputs / "vocab" / "vocab.txt",
        "valid_input": inputs / "valid.txt",
        "vocab_file": inputs / "vocab",
        "input": _input(script, value, world),
    }.get(name)


def _for_distill(name: str, command: Command, world: World) -> pathlib.Path:
    """The teacher, or the data, of a distillation of a task, of masked LMs or of vectors."""
    inputs, is_eval = world.inputs, name == "eval_data"
    if "=distill/vectors" in command.text:
        return world.foreign.parent / "BertModel" if name == "teacher" else inputs / "train.txt"
    if "=distill/" in command.text:
        part = "valid" if is_eval else "train"
        return inputs / ("pretraining" if name == "teacher" else part)
    if name == "teacher":
        return inputs / "labels"
    return world.labelled("labels", "dev" if is_eval else "train")


def _input(script: str, value: str, world: World) -> pathlib.Path:
    """The tiny file in place of the texts `value`."""
    if script == "explain":
        for ending, kind in ((".tsv", "labels"), (".testa", "tags")):
            if value.endswith(ending):
                return world.labelled(kind, "dev")
    of_lines = ("predict", "extract_features", "explain")
    return world.inputs / ("lines.txt" if script in of_lines else "train.txt")


def _smaller(word: str, command: Command) -> str:
    """A number that says how much is done, or how deep the model is."""
    least = 300 if "--kind=byte_pair" in command.text else 150  # the bytes alone are 256
    small = {"max_seq_length": 32, "rounds": 1, "seeds": 1, "minutes": 0.02}
    small |= {"vocab_size": least, "layers": "-1,-2", "target_flops": 0.9}
    name = word.partition("=")[0].removeprefix("--")
    return f"--{name}={small[name]}" if name in small else word
