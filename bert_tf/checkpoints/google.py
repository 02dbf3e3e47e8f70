"""google-research/bert: bert_model.ckpt (TensorFlow 1), bert_config.json, vocab.txt.

Our variables carry Google's names; only the classifier of run_classifier.py lies elsewhere. The
slots of Adam and LAMB and the step are left out.
"""

import posixpath
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from bert_tf import members
from bert_tf.checkpoints import mapping, variables
from bert_tf.checkpoints.checkpoint import Checkpoint, Files, write_json
from bert_tf.checkpoints.mapping import Row, Rule
from bert_tf.checkpoints.tensorflow_file import TensorflowFile
from bert_tf.config.task import Settings
from bert_tf.models.bert import BertConfig
from bert_tf.tokenization import tokenizer_config
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

_CONFIG = "bert_config.json"
_TANH_FORMS = ("gelu_new", "gelu_pytorch_tanh")

RULES = [
    *(Rule(path, path) for path in variables.EMBEDDINGS),
    *(
        Rule(f"bert/encoder/layer_{{i}}/{path}", f"bert/encoder/layer_{{i}}/{path}")
        for path in variables.BLOCK
    ),
    *(Rule(path, path) for path in variables.POOLER),
    *(Rule(path, path) for path in variables.MASKED_LM),
    *(Rule(path, path) for path in variables.NEXT_SENTENCE),
    Rule("output_weights", "classifier/kernel", transposed=True),
    Rule("output_bias", "classifier/bias"),
    *(Rule(path, path) for path in variables.SPANS),
]
_SLOTS = ("/adam_m", "/adam_v", "/Adam", "/Adam_1", "/lamb_m", "/lamb_v")
_COUNTERS = ("global_step", "beta1_power", "beta2_power")


def read(files: Files) -> Checkpoint:
    """See `checkpoint.read`."""
    file = TensorflowFile(files)
    config = read_config(files)
    slots = [
        name
        for name in (*file.shapes, *file.others)
        if name.endswith(_SLOTS) or name.rsplit("/", 1)[-1] in _COUNTERS
    ]
    shapes = {name: shape for name, shape in file.shapes.items() if name not in slots}
    beyond = f"bert/encoder/layer_{config.num_hidden_layers}/"
    if any(name.startswith(beyond) for name in shapes):
        raise ValueError(
            f"{file.prefix}: {beyond} is there, but the config says num_hidden_layers "
            f"{config.num_hidden_layers}. They do not belong together."
        )
    config.use_pooler = "bert/pooler/dense/kernel" in shapes
    num_labels = shapes.get("output_weights", (0,))[0]
    task = _task(config.other_keys, shapes, num_labels)
    weights, rows = mapping.read(
        RULES, shapes, file.read, config=config, num_labels=num_labels, source=file.prefix
    )
    if slots:
        rows.append(Row(f"{len(slots)} optimizer slots and counters", None, "", None, "left out"))
    return Checkpoint(files.path, config, task, weights, rows=rows, **read_tokenizer(files))


def read_config(files: Files) -> BertConfig:
    """bert_config.json."""
    path = files.config_file or files.find(_CONFIG)
    if not path:
        raise ValueError(
            f"{files.folder}: {_CONFIG} is missing beside the checkpoint. Copy it there, or name "
            "it (--bert_config_file)."
        )
    return BertConfig.from_json(path)


def read_tokenizer(files: Files) -> dict[str, Any]:
    """`vocabulary`, `do_lower_case` and `max_input_chars_per_word`, arguments of a Checkpoint."""
    vocabulary = files.vocabulary("vocab.txt")
    settings = tokenizer_config.read(files.folder)
    tokenizer_config.check_types(files.folder, settings, WordPieceTokenizer.SETTINGS)
    tokenizer = WordPieceTokenizer.of(vocabulary, settings, files.folder)
    return {
        "vocabulary": vocabulary,
        "do_lower_case": tokenizer.do_lower_case,
        "max_input_chars_per_word": tokenizer.max_input_chars_per_word,
    }


def _task(other_keys: Mapping[str, Any], shapes: dict, num_labels: int) -> Settings:
    """Which head there is; a bert_config.json that we wrote also says the task and the labels."""
    if "cls/predictions/output_bias" in shapes:
        has_pairs = "cls/seq_relationship/output_weights" in shapes
        return members.find("tasks", "pretraining").Config(next_sentence=has_pairs)
    if "cls/squad/output_weights" in shapes:
        return members.find("tasks", "question_answering").Config()
    if not num_labels:
        return members.find("tasks", "embedding").Config()
    name = other_keys.get("finetuning_task")
    if name not in ("token_classification", "multiple_choice"):
        name = "classification"
    task = members.find("tasks", name).Config()
    if name != "multiple_choice":
        labels = other_keys.get("id2label")
        labels = tuple(map(str, labels.values())) if isinstance(labels, dict) else ()
        unnamed = tuple(f"LABEL_{i}" for i in range(num_labels))
        task.labels = labels if len(labels) == num_labels else unnamed
    return task


def losses(checkpoint: Checkpoint) -> list[str]:
    """See `checkpoint.losses`."""
    config, lost = checkpoint.config, []
    for name in ("hidden_act", "masked_lm_hidden_act"):
        if getattr(config, name) == "gelu":
            lost.append(f"{name} is the exact gelu; Google's is the tanh form (up to 5e-4 apart).")
    if _tanh(config.masked_lm_hidden_act or config.hidden_act) != _tanh(config.hidden_act):
        lost.append("the masked-LM head has another activation than the encoder.")
    for name in ("layer_norm_eps", "masked_lm_layer_norm_eps"):
        if getattr(config, name) not in (0.0, 1e-12):
            lost.append(f"{name} is {getattr(config, name)}; Google's is 1e-12.")
    if "cls/predictions/output_weights" in checkpoint.weights:
        lost.append("the masked-LM head has a table of its own; Google's is the word embeddings.")
    return lost


def _tanh(name: str) -> str:
    return "gelu" if name in _TANH_FORMS else name


def write(checkpoint: Checkpoint, folder: str) -> list[Row]:
    """See `checkpoint.write`."""
    weights = checkpoint.weights
    num_labels = weights["classifier/bias"].shape[0] if "classifier/bias" in weights else 0
    rules = mapping.by_name(RULES, checkpoint.config.num_hidden_layers)
    entries = list(mapping.write(RULES, weights, checkpoint.config, num_labels))
    tf.raw_ops.SaveV2(
        prefix=posixpath.join(folder, "bert_model.ckpt"),
        tensor_names=[name for name, _, _ in entries],
        shape_and_slices=[""] * len(entries),
        tensors=[tf.constant(read_tensor()) for _, _, read_tensor in entries],
    )
    write_config(checkpoint, folder)
    return [Row(name, shape, rules[name].ours, shape) for name, shape, _ in entries]


def write_config(checkpoint: Checkpoint, folder: str) -> None:
    """bert_config.json with Google's keys, vocab.txt, and what Google has flags for."""
    config = checkpoint.config
    names = (
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "hidden_dropout_prob",
        "attention_probs_dropout_prob",
        "max_position_embeddings",
        "type_vocab_size",
        "initializer_range",
    )
    values = {name: getattr(config, name) for name in names}
    values["hidden_act"] = _tanh(config.hidden_act)
    values["finetuning_task"] = checkpoint.task.name
    labels = getattr(checkpoint.task, "labels", ())
    if labels:
        values["id2label"] = {str(i): label for i, label in enumerate(labels)}
    write_json(folder, _CONFIG, values)
    checkpoint.vocabulary.save(posixpath.join(folder, "vocab.txt"))
    settings = {name: getattr(checkpoint, name) for name in WordPieceTokenizer.SETTINGS}
    tokenizer_config.write(folder, {"kind": "wordpiece", **settings})
