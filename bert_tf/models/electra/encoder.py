"""The encoder of ELECTRA's discriminator and generator.

References: Clark et al. 2020; names of variables as in google-research/electra.
"""

from bert_tf.layers.heads import DenseClassifierHead
from bert_tf.models.post_norm import PostNormEncoder


class ElectraEncoder(PostNormEncoder):
    """BERT with embeddings that can be narrower, without a pooler; call it like every `Encoder`.

    In pretraining, the generator and the discriminator share their `embeddings`.
    """

    def classifier_head(self, num_labels: int, dropout_prob: float) -> DenseClassifierHead:
        """See `Encoder`. It has a dense layer and the exact GELU below the scores."""
        return DenseClassifierHead(
            num_labels=num_labels,
            dropout_prob=dropout_prob,
            hidden_act="gelu",
            name="classifier",
            **self._head_options(),
        )
