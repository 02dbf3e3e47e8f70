"""The encoder of RoBERTa.

Reference: Liu et al. 2019; the computation is as in fairseq and transformers.
"""

import keras

from bert_tf.layers.embeddings import OffsetEmbeddings
from bert_tf.layers.heads import DenseClassifierHead
from bert_tf.models.post_norm import PostNormEncoder


class RobertaEncoder(PostNormEncoder):
    """BERT without segments; positions skip the padding. Call it like every `Encoder`."""

    def make_embeddings(self) -> keras.layers.Layer:
        """See `PostNormEncoder`."""
        return OffsetEmbeddings(
            pad_token_id=self.config.pad_token_id, name="embeddings", **self._embeddings_options()
        )

    def embed(self, inputs, dropout_seed):
        """See `Encoder`. The positions need the mask."""
        names = ("input_ids", "input_mask", "position_ids")
        return self.embeddings(
            *(inputs[name] for name in names),
            dropout_seed=dropout_seed,
            word_vectors=inputs["word_vectors"],
        )

    def classifier_head(self, num_labels: int, dropout_prob: float) -> DenseClassifierHead:
        """See `Encoder`. It has a dense layer and tanh below the scores."""
        return DenseClassifierHead(
            num_labels=num_labels,
            dropout_prob=dropout_prob,
            hidden_act="tanh",
            name="classifier",
            **self._head_options(),
        )
