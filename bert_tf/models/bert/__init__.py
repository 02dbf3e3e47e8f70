"""BERT (Devlin et al. 2018). Importing it needs neither TensorFlow nor Keras."""

from bert_tf.models.bert.checkpoint_names import CHECKPOINT_NAMES
from bert_tf.models.bert.config import SIZES, BertConfig
from bert_tf.models.model import imported_on_use

Config = BertConfig

__all__ = ["CHECKPOINT_NAMES", "SIZES", "BertConfig", "BertEncoder", "Config"]

__getattr__ = imported_on_use("BertEncoder", BertConfig)
