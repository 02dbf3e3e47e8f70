"""DistilBERT (Sanh et al. 2019). Importing it needs neither TensorFlow nor Keras."""

from typing import Any

from bert_tf.models.distilbert.checkpoint_names import CHECKPOINT_NAMES
from bert_tf.models.distilbert.config import DistilBertConfig

Config = DistilBertConfig

__all__ = ["CHECKPOINT_NAMES", "Config", "DistilBertConfig", "DistilBertEncoder"]


def __getattr__(name: str) -> Any:
    if name == "DistilBertEncoder":
        return DistilBertConfig.encoder_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
