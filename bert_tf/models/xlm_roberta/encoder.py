"""The encoder of XLM-RoBERTa."""

from bert_tf.models.roberta.encoder import RobertaEncoder


class XlmRobertaEncoder(RobertaEncoder):
    """RoBERTa with a larger table of words (Conneau et al. 2019); called as every `Encoder`."""
