"""XLM-RoBERTa (Conneau et al. 2019): RoBERTa for a hundred languages, with another tokenizer.

Importing it needs neither TensorFlow nor Keras.
"""

from typing import Any

from bert_tf.models.roberta.checkpoint_names import hugging_face, keras
from bert_tf.models.xlm_roberta.config import XlmRobertaConfig

Config = XlmRobertaConfig
CHECKPOINT_NAMES = {
    "hugging_face": hugging_face("xlm_roberta", "XLMRoberta", "xlm-roberta"),
    "keras": keras("xlm_roberta", "XLMRoberta"),
}

__all__ = ["CHECKPOINT_NAMES", "Config", "XlmRobertaConfig", "XlmRobertaEncoder"]


def __getattr__(name: str) -> Any:
    if name == "XlmRobertaEncoder":
        return XlmRobertaConfig.encoder_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
