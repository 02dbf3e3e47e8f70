"""BERT (Devlin et al. 2018). Importing it needs neither TensorFlow nor Keras."""

from typing import Any

from bert_tf.models.bert.checkpoint_names import CHECKPOINT_NAMES
from bert_tf.models.bert.config import SIZES, BertConfig

Config = BertConfig

__all__ = ["CHECKPOINT_NAMES", "SIZES", "BertConfig", "BertEncoder", "Config"]


def __getattr__(name: str) -> Any:
    if name == "BertEncoder":
        return BertConfig.encoder_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
