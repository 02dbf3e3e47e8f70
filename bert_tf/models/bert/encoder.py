"""The encoder of BERT.

References: Devlin et al. 2018; names of variables as in google-research/bert.
"""

from bert_tf.models.post_norm import PostNormEncoder


class BertEncoder(PostNormEncoder):
    """The bidirectional encoder of Devlin et al. 2018, section 3; call it like every `Encoder`."""
