"""Support for Keras' `model.save`, `load_model` and `fit` with our models."""

from typing import TypeVar

import keras
import tensorflow as tf

from bert_tf import members

_PACKAGE = "bert_tf"
_Class = TypeVar("_Class", bound=type)
_MAX_SEED = 2**31 - 1


def register(cls: _Class) -> _Class:
    """Registers a class for `keras.models.load_model`; replaces an older class with its name."""
    package = cls.__module__ if cls.__module__.partition(".")[0] != _PACKAGE else _PACKAGE
    return keras.saving.register_keras_serializable(package=package)(cls)


def register_keras_classes() -> None:
    """Registers every encoder and task model of bert_tf for `keras.models.load_model`.

    It imports the classes. Call it before you load a file that another process saved.
    """
    for name in members.known("models"):
        members.find("models", name).Config.encoder_class()
    for name in members.known("tasks"):
        config_class = members.find("tasks", name).Config
        if config_class.has_class():
            config_class().task_class()


def random_seed() -> tf.Tensor:
    """A dropout seed, int32 [2], from TensorFlow's generator, for `fit`, which passes none."""
    return tf.random.uniform([2], maxval=_MAX_SEED, dtype=tf.int32)
