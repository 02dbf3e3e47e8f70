"""The encoder of XLM-RoBERTa."""

from bert_tf.models.roberta.encoder import RobertaEncoder


class XlmRobertaEncoder(RobertaEncoder):
    """RoBERTa with a larger vocabulary (Conneau et al. 2019); call it like every `Encoder`."""
