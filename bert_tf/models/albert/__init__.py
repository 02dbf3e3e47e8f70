"""ALBERT (Lan et al. 2019). Importing it needs neither TensorFlow nor Keras."""

from typing import Any

from bert_tf.models.albert.checkpoint_names import CHECKPOINT_NAMES
from bert_tf.models.albert.config import AlbertConfig

Config = AlbertConfig

__all__ = ["CHECKPOINT_NAMES", "AlbertConfig", "AlbertEncoder", "Config"]


def __getattr__(name: str) -> Any:
    if name == "AlbertEncoder":
        return AlbertConfig.encoder_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
