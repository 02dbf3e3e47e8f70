"""What a run starts from: the weights of a checkpoint, and who they are."""

import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from absl import logging

from bert_tf.checkpoints import variables
from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.checkpoints.mapping import Weights
from bert_tf.config.task import Settings
from bert_tf.model_folder import assign, read_checkpoint
from bert_tf.tokenization.tokenizer import Tokenizer


def config_of_checkpoint(path: str, config: Any) -> Any:
    """The encoder's config in `path`, with what `config` says about training and the pooler.

    A run that starts from a checkpoint takes its shape from there. Dropout rates are not weights,
    and a checkpoint without a pooler gets one, which starts at random.
    """
    theirs = read_checkpoint(path).config
    names = ("hidden_dropout_prob", "attention_probs_dropout_prob", "use_pooler")
    return dataclasses.replace(theirs, **{name: getattr(config, name) for name in names})


def initializer(path: str | None, tokenizer: Tokenizer) -> Callable[[keras.Model], None] | None:
    """What `training.loop.train` calls to fill a new model from `path`; None for random weights."""
    return (lambda model: initialize(model, path, tokenizer)) if path else None


def identity(path: str | None) -> str:
    """Tells the weights at `path` from others, by a SHA-256 of its smallest tensors; "" for None.

    Training moves every bias and LayerNorm, so that nobody has to read the large ones.
    """
    if not path:
        return ""
    weights = read_checkpoint(path).weights
    small = ("bias", "gamma", "beta", "token_type_embeddings")
    digest = hashlib.sha256()
    for name in sorted(name for name in weights if name.endswith(small)):
        digest.update(name.encode() + np.ascontiguousarray(weights[name]).tobytes())
    return digest.hexdigest()


def initialize(model: keras.Model, path: str, tokenizer: Tokenizer) -> None:
    """Loads the encoder, and the heads that are there, from what is at `path` (`read_checkpoint`).

    Raises:
      ValueError: its vocabulary is not that of `tokenizer`, or weights do not fit.
    """
    checkpoint = read_checkpoint(path)
    theirs = checkpoint.vocabulary
    if theirs.sha256 != tokenizer.vocabulary.sha256:
        raise ValueError(
            f"{path} has another vocabulary ({len(theirs)} tokens, SHA-256 {theirs.sha256[:12]}) "
            f"than the data ({len(tokenizer.vocabulary)} tokens, SHA-256 "
            f"{tokenizer.vocabulary.sha256[:12]}). Build the data with that vocabulary."
        )
    optional = () if checkpoint.config.use_pooler else variables.POOLER
    assign(model, _of_the_same_task(checkpoint, model.config.task), source=path, optional=optional)


def _of_the_same_task(checkpoint: Checkpoint, task: Settings) -> Weights:
    """The weights, without those of a classifier of other labels or of another pooling."""

    def learned(config: Settings):
        names = ("labels", "problem_type", "classifier_pooling")
        return type(config), *(getattr(config, name, None) for name in names)

    theirs = checkpoint.task
    classifier = [path for path in checkpoint.weights if path.startswith("classifier/")]
    if not classifier or learned(theirs) == learned(task):
        return checkpoint.weights
    logging.warning(
        "%s: its classifier answers %s (classifier_pooling %s) and is LEFT OUT.",
        checkpoint.source,
        ", ".join(map(str, getattr(theirs, "labels", ()))) or "numbers",
        getattr(theirs, "classifier_pooling", ""),
    )
    return checkpoint.weights.replaced(dict.fromkeys(classifier))
