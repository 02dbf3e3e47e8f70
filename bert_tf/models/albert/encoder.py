"""The encoder of ALBERT.

References: Lan et al. 2019; google-research/albert, modeling.py.
"""

import keras

from bert_tf.models.post_norm import PostNormEncoder


class AlbertEncoder(PostNormEncoder):
    """BERT with narrow embeddings and blocks that share weights; call it like every `Encoder`."""

    PROJECTION = "embedding_hidden_mapping_in"
    ALWAYS_PROJECTS = True

    def make_blocks(self) -> list[keras.layers.Layer]:
        """The blocks of each layer's group, in the order in which they run."""
        config = self.config
        groups = [
            [
                self.make_block(f"group_{i}_inner_{j}", i * config.inner_group_num + j)
                for j in range(config.inner_group_num)
            ]
            for i in range(config.num_hidden_groups)
        ]
        return [
            block
            for layer in range(config.num_hidden_layers)
            for block in groups[config.group_of(layer)]
        ]
