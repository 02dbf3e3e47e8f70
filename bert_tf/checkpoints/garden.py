"""TensorFlow Model Garden: an encoder alone, or inside BertPretrainerV2.

Reading and writing do not need Model Garden. A TensorFlow 2 checkpoint is a graph of objects; for
`restore`, a tree of `tf.train.Checkpoint`s with the same edges is the same model. A node that has
other names in other classes (`GardenNames.aliases`) is written with all names, so that each class
can restore it with `assert_consumed`.
"""

import dataclasses
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping

import tensorflow as tf
from absl import logging

from bert_tf.checkpoints import encoders, garden_params, google, mapping, own_tokenizer
from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.checkpoints.found_task import task_without_classifier
from bert_tf.checkpoints.mapping import Entry, Row, Tensors
from bert_tf.checkpoints.model_variables import heads_among, variables_among
from bert_tf.checkpoints.source_files import Files
from bert_tf.checkpoints.tensorflow_file import TensorflowFile
from bert_tf.models.checkpoint_names import PLACEHOLDER, GardenNames, GardenPretrainer, in_layer
from bert_tf.models.model import EncoderConfig

_NAME = "garden"
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
# Paths to the encoder; {} is the pretrainer's attribute.
_OUTER = ("model/{}/", "{}/", "model/encoder/", "encoder/", "model/", "")


def read(files: Files) -> Checkpoint:
    """See `checkpoint.read`. The shapes and params.yaml can replace a configuration file."""
    file = TensorflowFile(files)
    names, plain = _recognise(file)
    shapes = {name: file.shapes[full] for name, full in plain.items()}
    left_out = names.pretrainer.left_out(shapes)
    found = Tensors(shapes, lambda name: file.read(plain[name]), file.prefix, left_out)
    config_path = google.find_config(files)
    if config_path:
        config = encoders.read_config(config_path)
        names = encoders.names_of(config, _NAME)
    else:
        config = _inferred(names, found, files)
    mapping.check_layers(names.rules, found, config)
    paths = mapping.paths_in(names.rules, found, config.num_hidden_layers)
    task = task_without_classifier(heads_among(paths))
    config, variables = variables_among(paths, config, task.name)
    weights, rows = mapping.read(names.rules, found, variables, config)
    rows = [dataclasses.replace(row, theirs=plain[row.theirs]) for row in rows]
    return Checkpoint(files.path, config, task, weights, own_tokenizer.read(files), rows=rows)


def _recognise(file: TensorflowFile) -> tuple[GardenNames, dict[str, str]]:
    """The names of the model in the file, and {name in its rules: name in the file}."""
    full_names = {
        name.removesuffix(_VALUE): name
        for name in file.shapes
        if name.endswith(_VALUE) and ".OPTIMIZER_SLOT" not in name
    }
    for _, names in encoders.known(_NAME):
        for outer in _OUTER:
            inside = dict(_without_outer(full_names, outer.format(names.pretrainer.encoder)))
            aliases = names.aliases(inside)
            plain = {_without_aliases(name, names, aliases): full for name, full in inside.items()}
            if all(mark in plain for mark in names.marks):
                return names, plain
    raise ValueError(
        f"{file.prefix}: this TensorFlow 2 checkpoint has no known encoder of Model Garden. Its "
        f"first names are {', '.join(list(full_names)[:3]) or 'missing'}."
    )


def _without_outer(full_names: Mapping[str, str], outer: str) -> Iterator[tuple[str, str]]:
    """The names without the path to the encoder, or to the pretrainer that contains it."""
    for name, full in full_names.items():
        plain = name.removeprefix(outer if name.startswith(outer) else "model/")
        if not plain.startswith("optimizer/"):
            yield plain, full


def _without_aliases(name: str, names: GardenNames, aliases: Mapping[str, str]) -> str:
    """Replaces another name of a node by the name in the rules."""
    known = {rule.theirs for rule in names.rules}
    for alias, node in aliases.items():
        number = re.search(PLACEHOLDER, alias)
        pattern = re.escape(alias)
        if number:
            pattern = pattern.replace(re.escape(number[0]), r"(?P<number>\d{1,9})")
        match = re.fullmatch(f"{pattern}/(?P<rest>.*)", name, re.DOTALL)
        if match and f"{node}/{match['rest']}" in known:
            is_layer = number and number["what"] == "i"
            layer = int(match["number"]) - int(number["plus"]) if is_layer else 0
            return f"{in_layer(node, layer, 0)}/{match['rest']}"
    return name


def _inferred(names: GardenNames, found: Tensors, files: Files) -> EncoderConfig:
    """Sizes from the weights, other settings from params.yaml, or else Model Garden's defaults."""
    config = names.infer(found.shapes, found.source)
    params = files.find(garden_params.NAME)
    if params:
        paths = mapping.paths_in(names.rules, found, config.num_hidden_layers)
        return garden_params.complete(config, names.params, params, heads_among(paths))
    if names.hidden:
        raise ValueError(
            f"{found.source}: the weights do not show {names.hidden}. Copy the "
            f"{garden_params.NAME} of the training, or the configuration file of the model, to the "
            "same folder."
        )
    logging.info(
        "%s: no configuration file and no %s; other settings are Model Garden's defaults.",
        found.source,
        garden_params.NAME,
    )
    return config


def losses(checkpoint: Checkpoint) -> list[str]:
    """See `checkpoint.losses`."""
    del checkpoint
    return []


def write(checkpoint: Checkpoint, folder: str) -> list[Row]:
    """See `checkpoint.write`."""
    config, heads = checkpoint.config, checkpoint.heads
    names = encoders.names_of(config, _NAME)
    entries = mapping.write(names.rules, checkpoint.weights, checkpoint.variables(), config)
    values = {}
    for entry in entries:
        if entry.ours not in values:
            values[entry.ours] = tf.Variable(entry.read(), dtype=tf.float32)
    pretrainer = names.pretrainer
    encoder = _Node()
    encoder.put_all((e for e in entries if not e.theirs.startswith(pretrainer.nodes)), values)
    encoder.add_aliases(names.aliases([e.theirs for e in entries]), config.num_hidden_layers)
    root = _Node()
    root.encoder = root.model = encoder
    if own := _of_pretrainer(entries, pretrainer, heads):
        root.model = _Node()
        setattr(root.model, pretrainer.encoder, encoder)
        root.model.put_all(own, values)
        if hasattr(root.model, "masked_lm"):
            root.masked_lm = root.model.masked_lm
    tf.train.Checkpoint(**root.children()).write(posixpath.join(folder, "bert_model.ckpt"))
    google.write_config(checkpoint, folder)
    return [
        Row(entry.ours, tuple(values[entry.ours].shape), entry.ours, entry.our_shape)
        for entry in {entry.ours: entry for entry in entries}.values()
    ]


def _of_pretrainer(
    entries: Iterable[Entry], pretrainer: GardenPretrainer, heads: Collection[str]
) -> list[Entry]:
    """The tensors of the class around the encoder; none where its heads are missing."""
    if not {"masked_lm", "replaced_tokens"} & set(heads):
        return []
    with_pairs = "next_sentence" in heads
    return [
        entry
        for entry in entries
        if entry.theirs.startswith(pretrainer.nodes)
        and (with_pairs or not entry.theirs.startswith(("classification_heads", "next_sentence..")))
    ]


class _Node(tf.train.Checkpoint):
    """An object of the graph: its attributes are the edges."""

    def put_all(self, entries: Iterable[Entry], values: Mapping[str, tf.Variable]) -> None:
        """Puts the variable of each entry at the end of the path that is its name."""
        for entry in entries:
            self._put(entry.theirs, values[entry.ours])

    def _put(self, path: str, variable: tf.Variable) -> None:
        """Puts `variable` at the end of `path`, and makes the nodes on the path."""
        name, _, rest = path.partition("/")
        name = name.replace(".S", "/")
        if not rest:
            setattr(self, name, variable)
            return
        if not hasattr(self, name):
            setattr(self, name, _Node())
        getattr(self, name)._put(rest, variable)

    def add_aliases(self, aliases: Mapping[str, str], num_layers: int) -> None:
        """Adds an edge for each other name of an existing child node."""
        for alias, target in aliases.items():
            for i in range(num_layers if "{i" in alias else 1):
                node = self._at(in_layer(target, i, num_layers))
                if node is not None:
                    setattr(self, in_layer(alias, i, num_layers), node)

    def _at(self, path: str) -> "_Node | None":
        node = self
        for name in path.split("/"):
            node = getattr(node, name, None)
        return node

    def children(self) -> dict[str, tf.train.Checkpoint]:
        """{name: node} of its edges."""
        return {name: node for name, node in vars(self).items() if isinstance(node, _Node)}
