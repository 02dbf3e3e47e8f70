"""The encoder of BERT.

Knows layers only; heads, losses and checkpoints of other projects live elsewhere.

Shape suffixes: B batch, S sequence, E examples in a packed row, D hidden, N heads.

References: Devlin et al. 2018; names of variables as in google-research/bert.
"""

import keras
import tensorflow as tf

from bert_tf.layers.attention import attention_bias
from bert_tf.layers.dropout import fold_in
from bert_tf.layers.embeddings import BertEmbeddings
from bert_tf.layers.heads import Pooler
from bert_tf.layers.recompute import recomputed
from bert_tf.layers.transformer import TransformerBlock
from bert_tf.models.bert.config import BertConfig


class BertEncoder(keras.Model):
    """The bidirectional encoder of Devlin et al. 2018, section 3.

    Args:
      config: its shape. The variables exist after construction.
      recompute: in training, keep only the inputs of each block for the backward pass.
      dtype: Keras dtype policy, for example "mixed_bfloat16".

    Call arguments:
      input_ids: int32 [B, S].
      input_mask: int32 [B, S], 1 for tokens; None for all ones.
      segment_ids: int32 [B, S]; None for zeros.
      position_ids: int32 [B, S]; None for 0..S-1.
      example_ids: int32 [B, S], which example of a packed row a token belongs to, 0 for padding.
      cls_positions: int32 [B, E], where the [CLS] of each example of a packed row stands.
      dropout_seed: int32 [2]; None for no dropout.
      output_hidden_states: also return every layer's output.
      output_attention_probs: also return every layer's attention probabilities.

    Returns:
      A dict of `sequence_output` [B, S, D] and, with `config.use_pooler`, `pooled_output` [B, D]
      ([B, E, D] when `cls_positions` is given); on request `hidden_states` (num_hidden_layers + 1
      tensors [B, S, D], the embeddings first) and `attention_probs` (num_hidden_layers tensors
      float32 [B, N, S, S]).
    """

    def __init__(self, config: BertConfig, *, recompute=False, name: str = "bert", **kwargs):
        super().__init__(name=name, **kwargs)
        self.config, self.recompute = config, recompute
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
        self.pooler = Pooler(name="pooler", **shape, **policy) if config.use_pooler else None
        self.build()

    def build(self, input_shape=None):
        # All shapes follow from the config: building here makes the variable paths the same however
        # the encoder is called first.
        self.embeddings.build()
        with keras.name_scope("encoder"):
            for block in self.blocks:
                block.build()
        if self.pooler is not None:
            self.pooler.build()
        self.built = True

    def call(
        self,
        input_ids,
        input_mask=None,
        segment_ids=None,
        position_ids=None,
        example_ids=None,
        cls_positions=None,
        dropout_seed=None,
        output_hidden_states=False,
        output_attention_probs=False,
    ):
        input_mask = tf.ones_like(input_ids) if input_mask is None else input_mask
        segment_ids = tf.zeros_like(input_ids) if segment_ids is None else segment_ids
        bias = attention_bias(input_mask, example_ids)
        hidden_BSD = self.embeddings(
            input_ids, segment_ids, position_ids, dropout_seed=fold_in(dropout_seed, 0)
        )
        hidden_states, attention_probs = [hidden_BSD], []
        for index, block in enumerate(self.blocks):
            seed = fold_in(dropout_seed, index + 1)
            keeps = seed is None or output_attention_probs or not self.recompute
            run = block if keeps else recomputed(block)
            hidden_BSD, probs_BNSS = run(hidden_BSD, bias, dropout_seed=seed)
            hidden_states.append(hidden_BSD)
            attention_probs.append(probs_BNSS)
        outputs = {"sequence_output": hidden_BSD}
        if self.pooler is not None:
            outputs["pooled_output"] = self.pooler(hidden_BSD, cls_positions)
        if output_hidden_states:
            outputs["hidden_states"] = hidden_states
        if output_attention_probs:
            outputs["attention_probs"] = attention_probs
        return outputs

    def get_config(self):
        return {
            "config": self.config.to_dict(),
            "recompute": self.recompute,
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(BertConfig(**config.pop("config")), **config)
