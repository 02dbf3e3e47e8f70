"""The configuration of XLM-RoBERTa, with the keys of its config.json. No TensorFlow, no Keras.

Reference: Conneau et al. 2019.
"""

import dataclasses

from bert_tf.models.roberta.config import RobertaConfig


@dataclasses.dataclass
class XlmRobertaConfig(RobertaConfig):
    """The shape of an XLM-RoBERTa. For its attributes see `RobertaConfig`."""

    SIZES = {name: RobertaConfig.SIZES[name] for name in ("base", "large")}

    vocab_size: int = 250002

    @classmethod
    def encoder_class(cls) -> type:
        from bert_tf.models.xlm_roberta.encoder import XlmRobertaEncoder

        return XlmRobertaEncoder
