"""The encoder of ELECTRA, of the discriminator and of the generator.

References: Clark et al. 2020; names of variables as in google-research/electra.
"""

from bert_tf.layers.heads import DenseClassifierHead
from bert_tf.models.post_norm import PostNormEncoder


class ElectraEncoder(PostNormEncoder):
    """BERT with embeddings that may be narrower, and without a pooler; called as every `Encoder`.

    A generator and a discriminator that are trained together share their `embeddings`.
    """

    def classifier_head(self, num_labels: int, dropout_prob: float) -> DenseClassifierHead:
        """See `Encoder`: a dense layer and the exact GELU below the scores."""
        return DenseClassifierHead(
            num_labels=num_labels,
            dropout_prob=dropout_prob,
            hidden_act="gelu",
            name="classifier",
            **self._head_options(),
        )
