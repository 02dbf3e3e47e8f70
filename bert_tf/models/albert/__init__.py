"""ALBERT (Lan et al. 2019). Importing it needs neither TensorFlow nor Keras."""

from bert_tf.models.albert.checkpoint_names import CHECKPOINT_NAMES
from bert_tf.models.albert.config import AlbertConfig
from bert_tf.models.model import imported_on_use

Config = AlbertConfig

__all__ = ["CHECKPOINT_NAMES", "AlbertConfig", "AlbertEncoder", "Config"]

__getattr__ = imported_on_use("AlbertEncoder", AlbertConfig)
