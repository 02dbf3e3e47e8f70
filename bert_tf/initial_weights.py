"""The initial weights of a run: reads them from a checkpoint, and identifies them by a hash."""

import dataclasses
import hashlib
import types
from collections.abc import Callable, Collection, Mapping, Sequence

import keras
import numpy as np
from absl import logging

from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.checkpoints.found_task import labels_of
from bert_tf.checkpoints.mapping import Weights
from bert_tf.checkpoints.model_variables import heads_among
from bert_tf.config.as_json import parse_setting
from bert_tf.config.task import Settings
from bert_tf.layers.heads import ClassifierHead
from bert_tf.layers.quantization import have_ranges, is_range
from bert_tf.model_folder import assign, read_checkpoint
from bert_tf.models.model import EncoderConfig
from bert_tf.tokenization.tokenizer import Tokenizer


def config_of_checkpoint(
    path: str, config: EncoderConfig, given: Mapping[str, str] = types.MappingProxyType({})
) -> EncoderConfig:
    """The config of the encoder in a checkpoint, with the training settings of a run.

    The checkpoint decides the kind and the shape of the encoder. The run decides the
    `TRAINING_FIELDS`: dropout rates, and whether there is a pooler, which is random if the
    checkpoint has none.

    Args:
      path: the checkpoint.
      config: of the run; settings of another kind of encoder have no effect.
      given: {setting: text}, the settings of the model on the command line.

    Raises:
      ValueError: `given` has a setting that this encoder does not have, or another shape.
    """
    theirs = read_checkpoint(path).config
    names = theirs.TRAINING_FIELDS if type(config) is type(theirs) else ()
    changes = {name: getattr(config, name) for name in names}
    fields = {field.name for field in dataclasses.fields(theirs)}
    for name, text in given.items():
        where = f"--config.model.{name}={text}"
        if name not in fields:
            known = ", ".join(sorted(fields))
            raise ValueError(f"{where}: config.model has no key {name!r}. Known: {known}.")
        value = parse_setting(type(theirs), name, text, where)
        if name in theirs.TRAINING_FIELDS:
            changes[name] = value
        elif value != getattr(theirs, name):
            raise ValueError(
                f"{where}: {path} has {getattr(theirs, name)!r}. A model that starts from a "
                f"checkpoint has its shape; a run can set only {', '.join(theirs.TRAINING_FIELDS)}."
            )
    return dataclasses.replace(theirs, **changes)


def initializer(path: str | None, tokenizer: Tokenizer) -> Callable[[keras.Model], None] | None:
    """The function with which `training.loop.train` fills a new model from `path`, or None."""
    return (lambda model: initialize(model, path, tokenizer)) if path else None


def identity(path: str | None) -> str:
    """Identifies the weights at `path` by a SHA-256 of its smallest tensors; "" for None.

    These are all vectors (biases and scales, which training always changes), and the smallest table
    except the word embeddings. So the large tensors are not read.
    """
    if not path:
        return ""
    checkpoint = read_checkpoint(path)
    variables = checkpoint.variables()
    shapes = variables.shapes | {row.ours: row.our_shape for row in checkpoint.rows if row.ours}
    tables = sorted(
        set(variables.tables) - {variables.words}, key=lambda path: (shapes[path], path)
    )
    small = [path for path in checkpoint.weights if len(shapes[path]) == 1] + tables[:1]
    digest = hashlib.sha256()
    for name in sorted(small):
        digest.update(name.encode() + np.ascontiguousarray(checkpoint.weights[name]).tobytes())
    return digest.hexdigest()


def initialize(model: keras.Model, path: str, tokenizer: Tokenizer) -> None:
    """Loads the encoder and all existing heads from `path` (see `read_checkpoint`).

    A missing variable of the encoder is an error. Only heads, and the pooler if the checkpoint has
    none, can have random weights; the log names them.

    Raises:
      ValueError: its vocabulary differs from that of `tokenizer`, or weights are missing or do not
        fit.
    """
    checkpoint = read_checkpoint(path)
    theirs = checkpoint.tokenizer
    if theirs.identity != tokenizer.identity:
        raise ValueError(
            f"{path} has another vocabulary ({len(theirs)} tokens, SHA-256 {theirs.identity[:12]}) "
            f"than the data ({len(tokenizer)} tokens, SHA-256 {tokenizer.identity[:12]}). Build "
            "the data with that vocabulary."
        )
    encoder = {weight.path for weight in model.encoder.weights}
    optional = {weight.path for weight in model.weights} - encoder
    if not checkpoint.config.use_pooler:
        pooler = [part for part in model.encoder.parts if part.kind == "pooler"]
        optional |= {variable.path for part in pooler for variable in part.variables}
    optional |= {weight.path for weight in model.weights if is_range(weight.path)}
    assign(model, _of_the_same_task(checkpoint, model), source=path, optional=optional)
    is_lost = have_ranges(checkpoint.weights) and not have_ranges(w.path for w in model.weights)
    if is_lost:
        logging.warning(
            "%s was trained for int8. Its ranges are LEFT OUT; --config.quantization.bits=8 keeps "
            "them.",
            path,
        )


def _of_the_same_task(checkpoint: Checkpoint, model: keras.Model) -> Weights:
    """The weights, without a classifier that has other labels or another pooling.

    If only the order of the labels differs, the classifier's scores are reordered.
    """

    def learned(settings: Settings):
        names = ("problem_type", "classifier_pooling")
        return (type(settings), *(getattr(settings, name, None) for name in names))

    theirs, facts = checkpoint.task.for_encoder(checkpoint.config), checkpoint.facts
    ours = model.config.task.for_encoder(model.config.model)
    classifier = [path for path in checkpoint.weights if heads_among([path]) == {"classifier"}]
    if not classifier:
        return checkpoint.weights
    if learned(theirs) == learned(ours):
        labels = (getattr(about, "labels", None) for about in (facts, model.facts))
        theirs_labels, our_labels = (tuple(map(str, known or ())) for known in labels)
        if theirs_labels == our_labels:
            return checkpoint.weights
        if sorted(theirs_labels) == sorted(our_labels) and _has_scores(model, classifier):
            order = [theirs_labels.index(label) for label in our_labels]
            return _in_order(checkpoint, model.classifier, order)
    logging.warning(
        "%s: its classifier answers %s (classifier_pooling %s) and is LEFT OUT.",
        checkpoint.source,
        ", ".join(labels_of(facts)) or "numbers",
        getattr(theirs, "classifier_pooling", ""),
    )
    return checkpoint.weights.replaced(dict.fromkeys(classifier))


def _has_scores(model: keras.Model, classifier: Collection[str]) -> bool:
    """Whether the model's classifier has a known form, and the checkpoint has its variables."""
    head = getattr(model, "classifier", None)
    if not isinstance(head, ClassifierHead):
        return False
    return {head.kernel.path, head.bias.path} <= set(classifier)


def _in_order(checkpoint: Checkpoint, head: ClassifierHead, order: Sequence[int]) -> Weights:
    """The weights with the scores of the classifier in another order: i is the old order[i]."""

    def reader(path: str) -> Callable[[], np.ndarray]:
        return lambda: checkpoint.weights[path][..., order]

    logging.info("%s: its classifier has the same labels in another order", checkpoint.source)
    scores = (head.kernel.path, head.bias.path)
    return checkpoint.weights.replaced({path: reader(path) for path in scores})
