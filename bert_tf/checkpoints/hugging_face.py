"""Hugging Face: safetensors, config.json and a tokenizer in a folder. No transformers, no torch.

Reads BertModel, BertForPreTraining, BertForMaskedLM and the four classes with a classifier or a
span head, with and without `bert.` in front, with the old names gamma and beta, in float32, float16
and bfloat16, in one file or in several. Writes what `from_pretrained` loads without a warning.
"""

import dataclasses
import posixpath
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf import members
from bert_tf.checkpoints import hugging_face_tokenizer, mapping, tensors
from bert_tf.checkpoints.checkpoint import Checkpoint, Files, read_json, write_json
from bert_tf.checkpoints.mapping import Row, Rule
from bert_tf.config.experiment import DataConfig
from bert_tf.config.task import Settings
from bert_tf.models.bert import BertConfig

_WEIGHTS = "model.safetensors"


def _dense(theirs: str, ours: str) -> list[Rule]:
    return [
        Rule(f"{theirs}.weight", f"{ours}/kernel", transposed=True),
        Rule(f"{theirs}.bias", f"{ours}/bias"),
    ]


def _norm(theirs: str, ours: str) -> list[Rule]:
    return [Rule(f"{theirs}.weight", f"{ours}/gamma"), Rule(f"{theirs}.bias", f"{ours}/beta")]


def _head(theirs: str, ours: str) -> list[Rule]:
    return [
        Rule(f"{theirs}.weight", f"{ours}/output_weights"),
        Rule(f"{theirs}.bias", f"{ours}/output_bias"),
    ]


_LAYER, _OURS = "encoder.layer.{i}", "bert/encoder/layer_{i}"
RULES = [
    Rule("embeddings.word_embeddings.weight", "bert/embeddings/word_embeddings"),
    Rule("embeddings.position_embeddings.weight", "bert/embeddings/position_embeddings"),
    Rule("embeddings.token_type_embeddings.weight", "bert/embeddings/token_type_embeddings"),
    *_norm("embeddings.LayerNorm", "bert/embeddings/LayerNorm"),
    *_dense(f"{_LAYER}.attention.self.query", f"{_OURS}/attention/self/query"),
    *_dense(f"{_LAYER}.attention.self.key", f"{_OURS}/attention/self/key"),
    *_dense(f"{_LAYER}.attention.self.value", f"{_OURS}/attention/self/value"),
    *_dense(f"{_LAYER}.attention.output.dense", f"{_OURS}/attention/output/dense"),
    *_norm(f"{_LAYER}.attention.output.LayerNorm", f"{_OURS}/attention/output/LayerNorm"),
    *_dense(f"{_LAYER}.intermediate.dense", f"{_OURS}/intermediate/dense"),
    *_dense(f"{_LAYER}.output.dense", f"{_OURS}/output/dense"),
    *_norm(f"{_LAYER}.output.LayerNorm", f"{_OURS}/output/LayerNorm"),
    *_dense("pooler.dense", "bert/pooler/dense"),
    *_dense("cls.predictions.transform.dense", "cls/predictions/transform/dense"),
    *_norm("cls.predictions.transform.LayerNorm", "cls/predictions/transform/LayerNorm"),
    Rule("cls.predictions.bias", "cls/predictions/output_bias"),
    Rule("cls.predictions.decoder.weight", "cls/predictions/output_weights"),
    *_head("cls.seq_relationship", "cls/seq_relationship"),
    *_dense("classifier", "classifier"),
    *_head("qa_outputs", "cls/squad"),
]
_BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")
_OLD_NAMES = {".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"}

# task -> (class, does its encoder have a pooler)
_CLASSES = {
    "embedding": ("BertModel", True),
    "pretraining": ("BertForPreTraining", True),
    "masked_lm": ("BertForMaskedLM", False),
    "classification": ("BertForSequenceClassification", True),
    "token_classification": ("BertForTokenClassification", False),
    "question_answering": ("BertForQuestionAnswering", False),
    "multiple_choice": ("BertForMultipleChoice", True),
}
_DTYPES = {
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
}
_MULTI = "multi_label_classification"
_NOT_IN_CONFIG = ("masked_lm_hidden_act", "masked_lm_layer_norm_eps", "use_pooler", "other_keys")


def read(files: Files) -> Checkpoint:
    """See `checkpoint.read`."""
    config_path = files.config_file or files.find("config.json", "bert_config.json")
    if not config_path:
        raise ValueError(f"{files.folder}: config.json is missing beside the safetensors.")
    # What the file is comes before what is wrong with it: a GPT-2 has other keys and tensors.
    values = read_json(config_path)
    config = BertConfig.from_json(config_path)
    home = _open(files)
    names = _plain_names(home, files.path)
    shapes = {plain: home[name].shapes[name] for plain, name in names.items()}
    _check_layers(shapes, config, files.path)
    config.use_pooler = "pooler.dense.weight" in shapes
    _keep_dtype(config, {home[name].dtypes[name] for name in names.values()})
    task = _task(values, shapes, config)
    num_labels = shapes.get("classifier.weight", (0,))[0]

    def read_tensor(plain: str) -> np.ndarray:
        return home[names[plain]].read(names[plain])

    ignored = {name: "a buffer, not a weight" for name in _BUFFERS}
    ignored |= _tied(config, shapes, read_tensor, files.path)
    weights, rows = mapping.read(
        RULES,
        shapes,
        read_tensor,
        config=config,
        num_labels=num_labels,
        source=files.path,
        ignored=ignored,
    )
    rows = [Row(names[row.theirs], *_rest(row)) for row in rows]
    settings = hugging_face_tokenizer.read(files)
    if task.name == "embedding":
        task = dataclasses.replace(task, **hugging_face_tokenizer.read_pooling(files))
    data = DataConfig(max_seq_length=_length(files))
    return Checkpoint(files.path, config, task, weights, rows=rows, data=data, **settings)


def _rest(row: Row) -> tuple:
    return row.their_shape, row.ours, row.our_shape, row.note


def _open(files: Files) -> dict[str, tensors.SafetensorsFile]:
    """{tensor name: the file that holds it}."""
    home: dict[str, tensors.SafetensorsFile] = {}
    for path in _weight_files(files):
        file = tensors.SafetensorsFile(path)
        twice = sorted(set(home) & set(file.shapes))
        if twice:
            raise ValueError(f"{path}: {twice[0]!r} is also in {home[twice[0]].path}.")
        home |= dict.fromkeys(file.shapes, file)
    return home


def _weight_files(files: Files) -> list[str]:
    """The file that was asked for, or all that the index names, or the one in the folder."""
    if files.path.endswith(".safetensors"):
        return [files.path]
    named = files.path.endswith(".json")
    index = files.path if named else files.find(f"{_WEIGHTS}.index.json")
    if index:
        weight_map = read_json(index).get("weight_map")
        if not isinstance(weight_map, dict) or not weight_map:
            raise ValueError(f"{index}: expected a weight_map of tensors to files.")
        names = sorted({str(name) for name in weight_map.values()})
        if any(posixpath.basename(name) != name for name in names):
            raise ValueError(f"{index}: the files in weight_map must lie in the same folder.")
        paths = [posixpath.join(files.folder, name) for name in names]
        for path in paths:
            if not tf.io.gfile.exists(path):
                raise ValueError(f"{path} is missing; {index} names it.")
        return paths
    one = files.find(_WEIGHTS)
    found = [one] if one else sorted(tf.io.gfile.glob(f"{files.folder}/*.safetensors"))
    if len(found) != 1:
        raise ValueError(
            f"{files.folder}: {len(found)} files of safetensors and no {_WEIGHTS}.index.json; name "
            "the file to read."
        )
    return found


def _plain_names(home: Mapping[str, Any], source: str) -> dict[str, str]:
    """{name as in RULES: name in the file}."""
    names: dict[str, str] = {}
    for name in home:
        plain = name.removeprefix("bert.")
        for old, new in _OLD_NAMES.items():
            plain = plain.replace(old, new)
        if plain in names:
            raise ValueError(f"{source}: {name!r} and {names[plain]!r} are the same variable.")
        names[plain] = name
    if "cls.predictions.decoder.bias" in names and "cls.predictions.bias" not in names:
        names["cls.predictions.bias"] = names.pop("cls.predictions.decoder.bias")
    return names


def _check_layers(shapes: Mapping[str, Any], config: BertConfig, source: str) -> None:
    beyond = [
        name for name in shapes if name.startswith(f"encoder.layer.{config.num_hidden_layers}.")
    ]
    if beyond:
        raise ValueError(
            f"{source}: {beyond[0]} is there, but the config says num_hidden_layers "
            f"{config.num_hidden_layers}. They do not belong together."
        )


def _keep_dtype(config: BertConfig, dtypes: set[np.dtype]) -> None:
    """The width of the file's floats, so that it can be written back as it was."""
    widths = [name for name, dtype in _DTYPES.items() if dtype in dtypes]
    config.other_keys.pop("torch_dtype", None)
    config.other_keys["dtype"] = widths[0] if len(widths) == 1 else "float32"


def _tied(config: BertConfig, shapes, read_tensor, source: str) -> dict[str, str]:
    """Copies in the file of what is one variable; and whether the decoder is its own."""
    decoder, bias = "cls.predictions.decoder.weight", "cls.predictions.decoder.bias"
    ignored = {}
    if bias in shapes:
        ignored[bias] = "the same as cls.predictions.bias"
        if not np.array_equal(read_tensor(bias), read_tensor("cls.predictions.bias")):
            raise ValueError(f"{source}: {bias} and cls.predictions.bias differ; expected a copy.")
    if decoder not in shapes and "cls.predictions.bias" in shapes:
        if not config.tie_word_embeddings:
            raise ValueError(
                f"{source}: tie_word_embeddings is false in the config, but {decoder} is missing."
            )
    elif config.tie_word_embeddings and decoder in shapes:
        ignored[decoder] = "tied to the word embeddings"
        words = "embeddings.word_embeddings.weight"
        if words in shapes and not np.array_equal(read_tensor(decoder), read_tensor(words)):
            logging.warning(
                "%s: %s is NOT the word embeddings, but the config ties them: the word embeddings "
                "are used, as transformers does.",
                source,
                decoder,
            )
    elif "cls.predictions.bias" not in shapes:
        config.tie_word_embeddings = True  # without a head there is nothing to tie
    return ignored


def _task(values: Mapping[str, Any], shapes: Mapping[str, tuple], config: BertConfig) -> Settings:
    """Which head the tensors are, which labels the config gives."""
    classes = " ".join(map(str, values.get("architectures") or []))
    dropout = values.get("classifier_dropout")
    dropout = config.hidden_dropout_prob if dropout is None else dropout
    if not isinstance(dropout, int | float):
        raise ValueError(f"classifier_dropout is {dropout!r}; expected a number.")
    if "cls.predictions.bias" in shapes:
        has_pairs = "cls.seq_relationship.weight" in shapes
        return members.find("tasks", "pretraining").Config(next_sentence=has_pairs)
    if "qa_outputs.weight" in shapes:
        return members.find("tasks", "question_answering").Config()
    if "classifier.weight" not in shapes:
        return members.find("tasks", "embedding").Config()
    kinds = {"TokenClassification": "token_classification", "MultipleChoice": "multiple_choice"}
    name = next((kinds[kind] for kind in kinds if kind in classes), "classification")
    count = shapes["classifier.weight"][0]
    task = members.find("tasks", name).Config(classifier_dropout_prob=dropout)
    if name == "classification" and count == 1:
        task.problem_type = "regression"
    elif name != "multiple_choice":
        task.labels = _labels(values, count)
    if name == "classification" and values.get("problem_type") == _MULTI and count > 1:
        task.problem_type = _MULTI
    return task


def _labels(values: Mapping[str, Any], count: int) -> tuple[str, ...]:
    given = values.get("id2label")
    if not isinstance(given, dict) or set(given) != {str(i) for i in range(count)}:
        return tuple(f"LABEL_{i}" for i in range(count))
    return tuple(str(given[str(i)]) for i in range(count))


def _length(files: Files) -> int:
    """The longest text of a sentence-transformers model; otherwise what the positions allow."""
    length = files.json("sentence_bert_config.json").get("max_seq_length")
    return length if type(length) is int and length > 2 else 512


def losses(checkpoint: Checkpoint) -> list[str]:
    """See `checkpoint.losses`."""
    config, lost = checkpoint.config, []
    for name, own in (("hidden_act", ""), ("layer_norm_eps", 0.0)):
        head = getattr(config, f"masked_lm_{name}")
        if head != own and head != getattr(config, name) and _has_masked_lm(checkpoint):
            lost.append(
                f"the masked-LM head has {name} {head!r}, the encoder {getattr(config, name)!r}: "
                "Hugging Face has one for both."
            )
    return lost


def _has_masked_lm(checkpoint: Checkpoint) -> bool:
    return "cls/predictions/output_bias" in checkpoint.weights


def write(checkpoint: Checkpoint, folder: str) -> list[Row]:
    """See `checkpoint.write`."""
    kind = checkpoint.task.name
    if kind == "pretraining" and "cls/seq_relationship/output_bias" not in checkpoint.weights:
        kind = "masked_lm"
    if kind not in _CLASSES:
        raise ValueError(f"{checkpoint.source}: Hugging Face has no class for task {kind!r}.")
    class_name, has_pooler = _CLASSES[kind]
    rules = _used(checkpoint, has_pooler)
    prefix = "" if kind == "embedding" else "bert."
    entries = [
        (prefix * rule.ours.startswith("bert/") + name, shape, reader)
        for rule, (name, shape, reader) in zip(rules, _entries(checkpoint, rules), strict=True)
    ]
    dtype = _exact_dtype(checkpoint)
    tensors.write(
        posixpath.join(folder, _WEIGHTS), entries, dtype=_DTYPES[dtype], metadata={"format": "pt"}
    )
    write_json(folder, "config.json", _config(checkpoint, class_name, dtype))
    hugging_face_tokenizer.write(checkpoint, folder)
    return [
        Row(name, shape, rule.ours, checkpoint.weights[rule.ours].shape)
        for rule, (name, shape, _) in zip(rules, entries, strict=True)
    ]


def _used(checkpoint: Checkpoint, has_pooler: bool) -> list[Rule]:
    """The rules of the variables that the class has."""
    rules = mapping.by_name(RULES, checkpoint.config.num_hidden_layers).values()
    return [
        rule
        for rule in rules
        if rule.ours in checkpoint.weights
        and (has_pooler or not rule.ours.startswith("bert/pooler/"))
    ]


def _entries(checkpoint: Checkpoint, rules: list[Rule]):
    weights = checkpoint.weights
    num_labels = weights["classifier/bias"].shape[0] if "classifier/bias" in weights else 0
    return mapping.write(rules, weights, checkpoint.config, num_labels)


def _exact_dtype(checkpoint: Checkpoint) -> str:
    """The width the weights came in, if it still holds them exactly; otherwise float32."""
    name = checkpoint.config.other_keys.get("dtype")
    if name not in _DTYPES or name == "float32":
        return "float32"
    for array in checkpoint.weights.values():
        with np.errstate(over="ignore"):
            if not np.array_equal(array.astype(_DTYPES[name]).astype(np.float32), array):
                return "float32"
    return name


def _config(checkpoint: Checkpoint, class_name: str, dtype: str) -> dict[str, Any]:
    values = checkpoint.config.to_dict()
    kept = dict(values["other_keys"])
    for name in (*_NOT_IN_CONFIG, "id2label", "label2id"):
        values.pop(name, None)
        kept.pop(name, None)
    values = {**kept, **values, "architectures": [class_name], "model_type": "bert", "dtype": dtype}
    values["pad_token_id"] = checkpoint.vocabulary.pad_id
    labels = [str(label) for label in getattr(checkpoint.task, "labels", ())]
    if labels:
        values["id2label"] = {str(i): label for i, label in enumerate(labels)}
        values["label2id"] = {label: i for i, label in enumerate(labels)}
    elif checkpoint.task.name == "question_answering" or "classifier/bias" in checkpoint.weights:
        values["num_labels"] = 2 if checkpoint.task.name == "question_answering" else 1
    if "classifier/bias" in checkpoint.weights:
        values["classifier_dropout"] = checkpoint.task.classifier_dropout_prob
    if checkpoint.task.name == "classification":
        values["problem_type"] = checkpoint.task.problem_type
    return values
