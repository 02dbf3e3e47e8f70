"""TensorFlow Model Garden: BertEncoder and BertEncoderV2, alone and inside BertPretrainerV2.

Neither reading nor writing needs Model Garden. A TensorFlow 2 checkpoint is a graph of objects; a
tree of `tf.train.Checkpoint`s with the same edges is, for `restore`, the same model. What is
written has the edges of both encoders, so that either restores it with `assert_consumed`.

The next-sentence head of BertPretrainerV2 has a pooler of its own, and trains that one; the
encoder's is not trained. So the head's is our pooler. The encoder's, where it differs, is kept
under garden/pooler_transform, used by nothing, and written back.
"""

import dataclasses
import posixpath
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf import members
from bert_tf.checkpoints import garden_params, google, mapping, variables
from bert_tf.checkpoints.checkpoint import Checkpoint, Files
from bert_tf.checkpoints.mapping import Row, Rule
from bert_tf.checkpoints.tensorflow_file import TensorflowFile
from bert_tf.config.task import Settings
from bert_tf.models.bert import BertConfig

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_OUTER = ("model/encoder_network/", "encoder_network/", "model/encoder/", "encoder/", "model/", "")
_KEPT_POOLER = "garden/pooler_transform"
_WORDS = "bert/embeddings/word_embeddings"


def _dense(theirs: str, ours: str, shapes: tuple[str, str] = ("", "")) -> list[Rule]:
    return [Rule(f"{theirs}/{n}", f"{ours}/{n}", s) for n, s in zip(_DENSE, shapes, strict=True)]


def _norm(theirs: str, ours: str) -> list[Rule]:
    return [Rule(f"{theirs}/{name}", f"{ours}/{name}") for name in ("gamma", "beta")]


_DENSE = ("kernel", "bias")
_HEADS = ("D,N,H", "N,H")
_OURS = "bert/encoder/layer_{i}"


def _encoder(words: str, positions: str, types: str, norm: str, block: str, pooler: str):
    return [
        Rule(f"{words}/embeddings", _WORDS),
        Rule(f"{positions}/embeddings", "bert/embeddings/position_embeddings"),
        Rule(f"{types}/embeddings", "bert/embeddings/token_type_embeddings"),
        *_norm(norm, "bert/embeddings/LayerNorm"),
        *_dense(f"{block}/_attention_layer/_query_dense", f"{_OURS}/attention/self/query", _HEADS),
        *_dense(f"{block}/_attention_layer/_key_dense", f"{_OURS}/attention/self/key", _HEADS),
        *_dense(f"{block}/_attention_layer/_value_dense", f"{_OURS}/attention/self/value", _HEADS),
        *_dense(
            f"{block}/_attention_layer/_output_dense",
            f"{_OURS}/attention/output/dense",
            ("N,H,D", ""),
        ),
        *_norm(f"{block}/_attention_layer_norm", f"{_OURS}/attention/output/LayerNorm"),
        *_dense(f"{block}/_intermediate_dense", f"{_OURS}/intermediate/dense"),
        *_dense(f"{block}/_output_dense", f"{_OURS}/output/dense"),
        *_norm(f"{block}/_output_layer_norm", f"{_OURS}/output/LayerNorm"),
        *_dense(pooler, "bert/pooler/dense"),
    ]


# The functional BertEncoder counts its layers with weights, BertEncoderV2 names them.
FUNCTIONAL = _encoder(*(f"layer_with_weights-{n}" for n in (0, 1, 2, 3, "{i+4}", "{n+4}")))
V2 = _encoder(
    "_embedding_layer",
    "_position_embedding_layer",
    "_type_embedding_layer",
    "_embedding_norm_layer",
    "_transformer_layers/{i}",
    "_pooler_layer",
)
# What we write has the edges of both, and TensorFlow names a variable by the shortest way to it.
ENCODERS = [*V2, *FUNCTIONAL]
PRETRAINER = [
    Rule("masked_lm/embedding_table", _WORDS),
    *_dense("masked_lm/dense", "cls/predictions/transform/dense"),
    *_norm("masked_lm/layer_norm", "cls/predictions/transform/LayerNorm"),
    Rule("masked_lm/output_bias.Sbias", "cls/predictions/output_bias"),
    *_dense("classification_heads/0/dense", "bert/pooler/dense"),
    *_dense("next_sentence..pooler_dense", "bert/pooler/dense"),
    Rule("classification_heads/0/out_proj/kernel", "cls/seq_relationship/output_weights", "", True),
    Rule("classification_heads/0/out_proj/bias", "cls/seq_relationship/output_bias"),
]


def read(files: Files) -> Checkpoint:
    """See `checkpoint.read`. In place of bert_config.json do the shapes and params.yaml."""
    file = TensorflowFile(files)
    names = _plain_names(file)
    shapes = {plain: file.shapes[name] for plain, name in names.items()}
    if files.config_file or files.find("bert_config.json"):
        config = google.read_config(files)
    else:
        config = _inferred(shapes, files, file.prefix)
    mapping.check_layers(config, shapes, file.prefix)
    used = mapping.by_name([*ENCODERS, *PRETRAINER], config.num_hidden_layers)
    poolers = [n for n, rule in used.items() if n in shapes and "bert/pooler/" in rule.ours]
    config.use_pooler = bool(poolers)
    if any(rule.theirs in poolers for rule in PRETRAINER):
        for name in poolers:
            if "pooler_layer" in name or "layer_with_weights" in name:
                used[name] = Rule(name, f"{_KEPT_POOLER}/{name.rsplit('/', 1)[-1]}")
    weights, rows = mapping.read(
        used.values(),
        shapes,
        lambda plain: file.read(names[plain]),
        config=config,
        num_labels=0,
        source=file.prefix,
    )
    weights = _without_copy_of_pooler(weights)
    rows = [dataclasses.replace(row, theirs=names[row.theirs]) for row in rows]
    task = _task(shapes)
    return Checkpoint(files.path, config, task, weights, rows=rows, **google.read_tokenizer(files))


def _plain_names(file: TensorflowFile) -> dict[str, str]:
    """{name as in the rules: name in the file}."""
    names = {
        name.removesuffix(_VALUE): name
        for name in file.shapes
        if name.endswith(_VALUE) and ".OPTIMIZER_SLOT" not in name
    }
    for outer in _OUTER:
        for mark in ("layer_with_weights-3/gamma", "_embedding_norm_layer/gamma"):
            if outer + mark in names:
                return _without(names, outer)
    raise ValueError(
        f"{file.prefix}: no BertEncoder or BertEncoderV2 of Model Garden in this TensorFlow 2 "
        f"checkpoint. It begins with {', '.join(list(names)[:3]) or 'nothing'}."
    )


def _without(names: Mapping[str, str], outer: str) -> dict[str, str]:
    """The names without the way to the encoder, or to the pretrainer around it."""
    plain = {}
    for name, full in names.items():
        inner = name.startswith(outer)
        plain[name.removeprefix(outer if inner else "model/")] = full
    return {name: full for name, full in plain.items() if not name.startswith("optimizer/")}


def _inferred(shapes: Mapping[str, tuple], files: Files, source: str) -> BertConfig:
    """The sizes from the weights, the rest from params.yaml, or else as Model Garden has it."""
    rules = mapping.by_name([*ENCODERS, *PRETRAINER], 1)
    found = {rule.ours: shapes[name] for name, rule in rules.items() if name in shapes}
    block = "bert/encoder/layer_0"
    try:
        words = found[_WORDS]
        _, heads, _ = found[f"{block}/attention/self/query/kernel"]
        positions = found["bert/embeddings/position_embeddings"]
        types = found["bert/embeddings/token_type_embeddings"]
        intermediate = found[f"{block}/intermediate/dense/kernel"]
    except (KeyError, ValueError) as error:
        raise ValueError(f"{source}: variables of the encoder are missing ({error}).") from error
    query = "/_attention_layer/_query_dense/bias"
    config = BertConfig(
        vocab_size=words[0],
        hidden_size=words[-1],
        num_hidden_layers=sum(name.endswith(query) for name in shapes),
        num_attention_heads=heads,
        intermediate_size=intermediate[-1],
        hidden_act="gelu_new",
        max_position_embeddings=positions[0],
        type_vocab_size=types[0],
    ).check(source)
    params = files.find(garden_params.NAME)
    if params:
        return garden_params.complete(config, params, _heads(shapes))
    logging.info(
        "%s: neither bert_config.json nor params.yaml; hidden_act is taken to be gelu_new", source
    )
    return config


def _heads(shapes: Mapping[str, tuple]) -> frozenset[str]:
    marks = {
        "masked_lm": "masked_lm/dense/kernel",
        "next_sentence": "classification_heads/0/out_proj/kernel",
    }
    return frozenset(head for head, mark in marks.items() if mark in shapes)


def _task(shapes: Mapping[str, tuple]) -> Settings:
    heads = _heads(shapes)
    if "masked_lm" not in heads:
        return members.find("tasks", "embedding").Config()
    return members.find("tasks", "pretraining").Config(next_sentence="next_sentence" in heads)


def _without_copy_of_pooler(weights: mapping.Weights) -> mapping.Weights:
    kept = [f"{_KEPT_POOLER}/{name}" for name in _DENSE]
    used = [f"bert/pooler/dense/{name}" for name in _DENSE]
    if kept[0] not in weights:
        return weights
    same = all(np.array_equal(weights[a], weights[b]) for a, b in zip(kept, used, strict=True))
    return weights.replaced(dict.fromkeys(kept)) if same else weights


def losses(checkpoint: Checkpoint) -> list[str]:
    """See `checkpoint.losses`."""
    lost = google.losses(checkpoint)
    for path in ("classifier/bias", "cls/squad/output_bias"):
        if path in checkpoint.weights:
            lost.append(f"Model Garden's encoder and pretrainer have no place for {path}.")
    return lost


def write(checkpoint: Checkpoint, folder: str) -> list[Row]:
    """See `checkpoint.write`."""
    config, weights = checkpoint.config, checkpoint.weights
    shapes = variables.all_shapes(config)
    sizes = variables.numbers(config)
    nodes = {
        rule.ours: tf.Variable(read_tensor(), dtype=tf.float32)
        for rule, (_, _, read_tensor) in _written(V2, weights, config)
    }
    kept = {f"bert/pooler/dense/{n}": f"{_KEPT_POOLER}/{n}" for n in _DENSE}
    own = {o: tf.Variable(weights[k]) for o, k in kept.items() if k in weights}
    encoder = _Node()
    for rule, _ in _written(V2, weights, config):
        encoder.put(rule.theirs, own.get(rule.ours, nodes[rule.ours]))
    encoder.number_layers(config.num_hidden_layers)
    root = _Node()
    root.encoder = root.model = encoder
    if "cls/predictions/output_bias" in weights:
        root.model = pretrainer = _Node()
        pretrainer.encoder_network = encoder
        rules = [rule for rule in PRETRAINER if not rule.theirs.startswith("next_sentence")]
        if "cls/seq_relationship/output_bias" not in weights:
            rules = [rule for rule in rules if "classification_heads" not in rule.theirs]
        for rule, (_, _, read_tensor) in _written(rules, weights, config):
            value = nodes.setdefault(rule.ours, tf.Variable(read_tensor(), dtype=tf.float32))
            pretrainer.put(rule.theirs, value)
        root.masked_lm = pretrainer.masked_lm
    tf.train.Checkpoint(**root.children()).write(posixpath.join(folder, "bert_model.ckpt"))
    google.write_config(checkpoint, folder)
    return [
        Row(path, tuple(value.shape), path, variables.shape_of(shapes[path], sizes))
        for path, value in (nodes | {kept[o]: value for o, value in own.items()}).items()
    ]


def _written(rules: list[Rule], weights: Mapping[str, np.ndarray], config: BertConfig):
    """(rule for one layer, (their name, shape, function that gives the array)) of each."""
    table = mapping.by_name(rules, config.num_hidden_layers)
    for entry in mapping.write(rules, weights, config, 0):
        yield table[entry[0]], entry


class _Node(tf.train.Checkpoint):
    """An object of the graph: its attributes are the edges."""

    def put(self, path: str, variable: tf.Variable) -> None:
        """Hangs `variable` at the end of `path`, making the nodes on the way."""
        name, _, rest = path.partition("/")
        name = name.replace(".S", "/")
        if not rest:
            setattr(self, name, variable)
            return
        if not hasattr(self, name):
            setattr(self, name, _Node())
        getattr(self, name).put(rest, variable)

    def number_layers(self, num_layers: int) -> None:
        """Adds the edges of the functional encoder, which lead to the same nodes."""
        before = ("_embedding", "_position_embedding", "_type_embedding", "_embedding_norm")
        layers = [getattr(self, f"{name}_layer") for name in before]
        layers += [getattr(self._transformer_layers, str(i)) for i in range(num_layers)]
        layers += [self._pooler_layer] if hasattr(self, "_pooler_layer") else []
        for number, layer in enumerate(layers):
            setattr(self, f"layer_with_weights-{number}", layer)

    def children(self) -> dict[str, tf.train.Checkpoint]:
        """{name: node} of its edges."""
        return {name: node for name, node in vars(self).items() if isinstance(node, _Node)}
