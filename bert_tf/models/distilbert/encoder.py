"""The encoder of DistilBERT.

Reference: Sanh et al. 2019; the computation is as in transformers, which is the authors' code.
"""

import keras

from bert_tf.layers.heads import DenseClassifierHead
from bert_tf.models.post_norm import PostNormEncoder


class DistilBertEncoder(PostNormEncoder):
    """BERT with half of the layers, without segments or pooler; call it like every `Encoder`."""

    def make_block(self, name: str, index: int) -> keras.layers.Layer:
        """One block, without dropout between its attention and the residual sum."""
        block = super().make_block(name, index)
        block.attended_dropout_prob = 0.0
        return block

    def classifier_head(self, num_labels: int, dropout_prob: float) -> DenseClassifierHead:
        """See `Encoder`. It has a dense layer and ReLU below the scores."""
        return DenseClassifierHead(
            num_labels=num_labels,
            dropout_prob=dropout_prob,
            hidden_act="relu",
            drops_input=False,
            name="classifier",
            **self._head_options(),
        )
