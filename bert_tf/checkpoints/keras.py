"""Keras presets of keras-hub (keras-nlp): BertBackbone, BertMaskedLM, BertTextClassifier.

Read and written through keras-hub's own classes; a preset's JSON is read as data, so that it cannot
name a class to import. keras-hub fixes what others leave open: tanh GELU in the encoder, exact GELU
in the masked-LM head, epsilon 1e-12 and in that head 1e-5; it has no next-sentence head.
"""

import posixpath
from typing import Any

import tensorflow as tf

from bert_tf import members
from bert_tf.checkpoints import mapping
from bert_tf.checkpoints.checkpoint import Checkpoint, Files, read_json
from bert_tf.checkpoints.mapping import Row, Rule
from bert_tf.config.experiment import DataConfig
from bert_tf.config.task import Settings
from bert_tf.models.bert import BertConfig

_WEIGHTS, _TASK_WEIGHTS = "model.weights.h5", "task.weights.h5"
_VOCABULARY = "assets/tokenizer/vocabulary.txt"
_HEAD_EPSILON = 1e-5
_TANH_FORMS = ("gelu_new", "gelu_pytorch_tanh")


def _dense(theirs: str, ours: str, shapes: tuple[str, str] = ("", "")) -> list[Rule]:
    names = ("kernel", "bias")
    return [Rule(f"{theirs}/{n}", f"{ours}/{n}", s) for n, s in zip(names, shapes, strict=True)]


def _norm(theirs: str, ours: str) -> list[Rule]:
    return [Rule(f"{theirs}/{name}", f"{ours}/{name}") for name in ("gamma", "beta")]


_LAYER, _OURS = "transformer_layer_{i}", "bert/encoder/layer_{i}"
_ATTENTION = f"{_LAYER}/self_attention_layer"
_HEADS = ("D,N,H", "N,H")
RULES = [
    Rule("token_embedding/embeddings", "bert/embeddings/word_embeddings"),
    Rule("position_embedding/embeddings", "bert/embeddings/position_embeddings"),
    Rule("segment_embedding/embeddings", "bert/embeddings/token_type_embeddings"),
    *_norm("embeddings_layer_norm", "bert/embeddings/LayerNorm"),
    *_dense(f"{_ATTENTION}/query", f"{_OURS}/attention/self/query", _HEADS),
    *_dense(f"{_ATTENTION}/key", f"{_OURS}/attention/self/key", _HEADS),
    *_dense(f"{_ATTENTION}/value", f"{_OURS}/attention/self/value", _HEADS),
    *_dense(f"{_ATTENTION}/attention_output", f"{_OURS}/attention/output/dense", ("N,H,D", "")),
    *_norm(f"{_LAYER}/self_attention_layer_norm", f"{_OURS}/attention/output/LayerNorm"),
    *_dense(f"{_LAYER}/feedforward_intermediate_dense", f"{_OURS}/intermediate/dense"),
    *_dense(f"{_LAYER}/feedforward_output_dense", f"{_OURS}/output/dense"),
    *_norm(f"{_LAYER}/feedforward_layer_norm", f"{_OURS}/output/LayerNorm"),
    *_dense("pooled_dense", "bert/pooler/dense"),
    *_dense("mlm_head/intermediate_dense", "cls/predictions/transform/dense"),
    *_norm("mlm_head/intermediate_layer_norm", "cls/predictions/transform/LayerNorm"),
    Rule("mlm_head/output_bias", "cls/predictions/output_bias"),
    *_dense("logits", "classifier"),
]
_TASKS = {"BertMaskedLM": "pretraining", "BertTextClassifier": "classification"}
# theirs -> ours
_CONFIG = {
    "vocabulary_size": "vocab_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "hidden_dim": "hidden_size",
    "intermediate_dim": "intermediate_size",
    "dropout": "hidden_dropout_prob",
    "max_sequence_length": "max_position_embeddings",
    "num_segments": "type_vocab_size",
}


def read(files: Files) -> Checkpoint:
    """See `checkpoint.read`."""
    config = _read_config(files)
    task, settings = _read_task(files, config)
    num_labels = len(getattr(task, "labels", ()))
    model = _build(config, task, num_labels)
    _load(model, files)
    tensors = {variable.path: variable for variable in model.weights}
    weights, rows = mapping.read(
        RULES,
        {path: tuple(variable.shape) for path, variable in tensors.items()},
        lambda path: tensors[path].numpy(),
        config=config,
        num_labels=num_labels,
        source=files.folder,
    )
    vocabulary = files.vocabulary(_VOCABULARY, "vocab.txt")
    lower_case = _inner(files.json("tokenizer.json")).get("lowercase")
    if not isinstance(lower_case, bool):
        lower_case = not vocabulary.looks_cased
    length = settings.get("sequence_length")
    data = DataConfig(max_seq_length=length if type(length) is int and length > 2 else 512)
    return Checkpoint(
        files.path, config, task, weights, vocabulary, lower_case, data=data, rows=rows
    )


def _inner(values: dict[str, Any]) -> dict[str, Any]:
    found = values.get("config")
    return found if isinstance(found, dict) else {}


def _read_config(files: Files) -> BertConfig:
    path = files.find("config.json")
    values = read_json(path) if path else {}
    if values.get("class_name") != "BertBackbone":
        raise ValueError(
            f"{files.folder}: config.json says class_name {values.get('class_name')!r}; expected a "
            "preset of 'BertBackbone'."
        )
    given = _inner(values)
    missing = sorted(set(_CONFIG) - set(given))
    if missing:
        raise ValueError(f"{path}: keys are missing: {', '.join(missing)}.")
    config = BertConfig(
        **{ours: given[theirs] for theirs, ours in _CONFIG.items()},
        hidden_act="gelu_new",
        masked_lm_hidden_act="gelu",
        masked_lm_layer_norm_eps=_HEAD_EPSILON,
    ).check(path)
    config.attention_probs_dropout_prob = config.hidden_dropout_prob
    # Before anything is allocated: weights of that size must be there.
    layer = 4 * config.hidden_size**2 + 2 * config.hidden_size * config.intermediate_size
    tables = config.vocab_size + config.max_position_embeddings + config.type_vocab_size
    numbers = layer * config.num_hidden_layers + tables * config.hidden_size
    size = tf.io.gfile.stat(posixpath.join(files.folder, _WEIGHTS)).length
    if 2 * numbers > size:
        raise ValueError(
            f"{path}: the config speaks of more than {numbers:,} weights, {_WEIGHTS} has only "
            f"{size:,} bytes. They do not belong together."
        )
    return config


def _read_task(files: Files, config: BertConfig) -> tuple[Settings, dict[str, Any]]:
    """(which head there is, the settings of the preprocessor)."""
    values = files.json("task.json")
    settings = _inner(files.json("preprocessor.json"))
    if not values or not files.find(_TASK_WEIGHTS):
        return members.find("tasks", "embedding").Config(), settings
    class_name = values.get("class_name")
    if class_name not in _TASKS:
        raise ValueError(
            f"{files.folder}/task.json: class_name {class_name!r}; known: {', '.join(_TASKS)}."
        )
    name = _TASKS[class_name]
    task = members.find("tasks", name).Config()
    if name == "pretraining":
        task.next_sentence = False
    if task.name == "classification":
        count = _inner(values).get("num_classes")
        if type(count) is not int or not 0 < count <= 10**6:
            raise ValueError(f"{files.folder}/task.json: num_classes is {count!r}.")
        task.labels = tuple(f"LABEL_{i}" for i in range(count))
        dropout = _inner(values).get("dropout")
        if isinstance(dropout, float):
            task.classifier_dropout_prob = dropout
    return task, settings


def _build(config: BertConfig, task: Settings, num_labels: int, preprocessor=None):
    """keras-hub's model of the config, weights random."""
    from keras_hub import models  # large: only when it is needed

    given = {theirs: getattr(config, ours) for theirs, ours in _CONFIG.items()}
    backbone = models.BertBackbone(**given, dtype="float32")
    if task.name == "pretraining":
        return models.BertMaskedLM(backbone=backbone, preprocessor=preprocessor)
    if task.name == "classification":
        return models.BertTextClassifier(
            backbone=backbone,
            num_classes=num_labels,
            preprocessor=preprocessor,
            dropout=task.classifier_dropout_prob,
        )
    return backbone


def _load(model, files: Files) -> None:
    backbone = getattr(model, "backbone", model)
    path = posixpath.join(files.folder, _WEIGHTS)
    try:
        backbone.load_weights(path)
        if model is not backbone:
            path = posixpath.join(files.folder, _TASK_WEIGHTS)
            model.load_task_weights(path)
    except Exception as error:  # h5py and Keras raise whatever a damaged file makes them
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"{path}: not the weights of this preset ({reason[0]}).") from error


def losses(checkpoint: Checkpoint) -> list[str]:
    """See `checkpoint.losses`."""
    config, weights, lost = checkpoint.config, checkpoint.weights, []
    if config.hidden_act not in _TANH_FORMS:
        lost.append(f"hidden_act is {config.hidden_act!r}; keras-hub's encoder has tanh gelu.")
    if config.layer_norm_eps != 1e-12:
        lost.append(f"layer_norm_eps is {config.layer_norm_eps}; keras-hub's encoder has 1e-12.")
    if "cls/predictions/output_bias" in weights:
        activation = config.masked_lm_hidden_act or config.hidden_act
        if activation != "gelu":
            lost.append(f"the masked-LM head has {activation!r}; keras-hub's has the exact gelu.")
        epsilon = config.masked_lm_layer_norm_eps or config.layer_norm_eps
        if epsilon != _HEAD_EPSILON:
            lost.append(f"the masked-LM head has epsilon {epsilon}; keras-hub's has 1e-5.")
    if "cls/seq_relationship/output_bias" in weights:
        lost.append("the next-sentence head: keras-hub has none.")
    if "cls/predictions/output_weights" in weights:
        lost.append("the masked-LM head's own table: keras-hub's scores with the word embeddings.")
    if not config.use_pooler:
        lost.append("that there is no pooler: keras-hub always has one, which starts at random.")
    if checkpoint.task.name not in ("embedding", *_TASKS.values()):
        lost.append(f"the head for {checkpoint.task.name}: keras-hub has no such BERT.")
    return lost


def write(checkpoint: Checkpoint, folder: str) -> list[Row]:
    """See `checkpoint.write`. `folder` must be local: keras-hub writes nothing else."""
    from keras_hub import models

    config, task, weights = checkpoint.config, checkpoint.task, checkpoint.weights
    num_labels = weights["classifier/bias"].shape[0] if "classifier/bias" in weights else 0
    # The tokenizer strips accents where it lower-cases, as BERT's does.
    tokenizer = models.BertTokenizer(
        vocabulary=list(checkpoint.vocabulary.tokens),
        lowercase=checkpoint.do_lower_case,
        strip_accents=checkpoint.do_lower_case,
    )
    kinds = {
        "pretraining": models.BertMaskedLMPreprocessor,
        "classification": models.BertTextClassifierPreprocessor,
    }
    preprocessor = None
    if task.name in kinds:
        length = checkpoint.data.max_seq_length
        preprocessor = kinds[task.name](tokenizer, sequence_length=length)
    model = _build(config, task, num_labels, preprocessor)
    variables = {variable.path: variable for variable in model.weights}
    rules = mapping.by_name(RULES, config.num_hidden_layers)
    rows = []
    for name, shape, read_tensor in mapping.write(RULES, weights, config, num_labels):
        if name in variables:
            variables[name].assign(read_tensor())
            rows.append(Row(name, shape, rules[name].ours, weights[rules[name].ours].shape))
    model.save_to_preset(folder)
    if preprocessor is None:
        tokenizer.save_to_preset(folder)
    return rows
