"""XLM-RoBERTa (Conneau et al. 2019): RoBERTa for a hundred languages, with another tokenizer.

Importing it needs neither TensorFlow nor Keras.
"""

from bert_tf.models.model import imported_on_use
from bert_tf.models.roberta.checkpoint_names import hugging_face, keras
from bert_tf.models.xlm_roberta.config import XlmRobertaConfig

Config = XlmRobertaConfig
CHECKPOINT_NAMES = {
    "hugging_face": hugging_face("xlm_roberta", "XLMRoberta", "xlm-roberta"),
    "keras": keras("xlm_roberta", "XLMRoberta"),
}

__all__ = ["CHECKPOINT_NAMES", "Config", "XlmRobertaConfig", "XlmRobertaEncoder"]

__getattr__ = imported_on_use("XlmRobertaEncoder", XlmRobertaConfig)
