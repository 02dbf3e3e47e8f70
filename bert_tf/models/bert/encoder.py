"""The encoder of BERT.

References: Devlin et al. 2018; names of variables as in google-research/bert.
"""

from bert_tf.layers.embeddings import BertEmbeddings
from bert_tf.layers.heads import Pooler
from bert_tf.layers.transformer import TransformerBlock
from bert_tf.models.bert.config import BertConfig
from bert_tf.models.encoder import Encoder


class BertEncoder(Encoder):
    """The bidirectional encoder of Devlin et al. 2018, section 3; called as every `Encoder`."""

    def __init__(self, config: BertConfig, **kwargs):
        super().__init__(config, **kwargs)
        policy = {"dtype": self.dtype_policy}
        shape = {
            "hidden_size": config.hidden_size,
            "initializer_range": config.initializer_range,
        }
        norm = {
            "layer_norm_eps": config.layer_norm_eps,
            "hidden_dropout_prob": config.hidden_dropout_prob,
        }
        self.embeddings = BertEmbeddings(
            vocab_size=config.vocab_size,
            max_position_embeddings=config.max_position_embeddings,
            type_vocab_size=config.type_vocab_size,
            name="embeddings",
            **shape,
            **norm,
            **policy,
        )
        self.blocks = [
            TransformerBlock(
                num_attention_heads=config.num_attention_heads,
                intermediate_size=config.intermediate_size,
                hidden_act=config.hidden_act,
                attention_probs_dropout_prob=config.attention_probs_dropout_prob,
                name=f"layer_{index}",
                **shape,
                **norm,
                **policy,
            )
            for index in range(config.num_hidden_layers)
        ]
        if config.use_pooler:
            self.pooler = Pooler(name="pooler", **shape, **policy)
        self.build()
