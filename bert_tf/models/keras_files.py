"""What Keras needs to know of our models: for `model.save`, `load_model` and `fit`."""

from typing import TypeVar

import keras
import tensorflow as tf

from bert_tf import members

_PACKAGE = "bert_tf"
_Class = TypeVar("_Class", bound=type)
_MAX_SEED = 2**31 - 1


def register(cls: _Class) -> _Class:
    """Makes `keras.models.load_model` know a class; a newer class of the name takes its place."""
    package = cls.__module__ if cls.__module__.partition(".")[0] != _PACKAGE else _PACKAGE
    return keras.saving.register_keras_serializable(package=package)(cls)


def register_keras_classes() -> None:
    """Makes `keras.models.load_model` know every encoder and task model of bert_tf.

    Call it before a file is loaded that another process has saved: it imports the classes.
    """
    for name in members.known("models"):
        members.find("models", name).Config.encoder_class()
    for name in members.known("tasks"):
        config_class = members.find("tasks", name).Config
        if config_class.has_class():
            config_class().task_class()


def random_seed() -> tf.Tensor:
    """A dropout seed, int32 [2], from TensorFlow's own generator; for `fit`, which gives none."""
    return tf.random.uniform([2], maxval=_MAX_SEED, dtype=tf.int32)
