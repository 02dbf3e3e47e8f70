"""The base of encoders like BERT: embeddings, LayerNorm, post-norm blocks."""

import keras

from bert_tf.layers.dense import Dense
from bert_tf.layers.embeddings import BertEmbeddings
from bert_tf.layers.heads import Pooler
from bert_tf.layers.transformer import TransformerBlock
from bert_tf.models.encoder import Encoder
from bert_tf.models.model import EncoderConfig


class PostNormEncoder(Encoder):
    """Builds BERT's embeddings, blocks and pooler; call it like every `Encoder`.

    The config has the fields or properties hidden_size, num_hidden_layers, num_attention_heads,
    intermediate_size, hidden_act, hidden_dropout_prob, attention_probs_dropout_prob,
    max_position_embeddings, type_vocab_size (0: no segments), initializer_range, layer_norm_eps
    and, if the embeddings are narrower than the blocks, embedding_size. A subclass can override:

      ALWAYS_PROJECTS: there is a layer between embeddings and blocks even if their widths are
        equal.
      make_embeddings: for another layer of embeddings.
      make_block, make_blocks: for other blocks, or the same block several times.
      PROJECTION: the name of the layer that widens the embeddings.

    Args:
      config: the shape of the encoder.
      embeddings: the embeddings of another encoder, to share; None: make new ones.
      **kwargs: of `Encoder`.
    """

    PROJECTION = "embeddings_project"
    ALWAYS_PROJECTS = False

    def __init__(
        self, config: EncoderConfig, *, embeddings: keras.layers.Layer | None = None, **kwargs
    ):
        super().__init__(config, **kwargs)
        self.embeddings = self.make_embeddings() if embeddings is None else embeddings
        width = getattr(config, "embedding_size", config.hidden_size)
        if self.ALWAYS_PROJECTS or width != config.hidden_size:
            self.embeddings_project = Dense(
                config.hidden_size, name=self.PROJECTION, **self._shared_options()
            )
        self.blocks = self.make_blocks()
        if config.use_pooler:
            self.pooler = Pooler(
                hidden_size=config.hidden_size, name="pooler", **self._shared_options()
            )
        self.build()

    def make_embeddings(self) -> keras.layers.Layer:
        """The layer of words, positions and segments, called as `BertEmbeddings`."""
        return BertEmbeddings(name="embeddings", **self._embeddings_options())

    def _embeddings_options(self) -> dict:
        config = self.config
        return {
            "vocab_size": config.vocab_size,
            "hidden_size": getattr(config, "embedding_size", config.hidden_size),
            "max_position_embeddings": config.max_position_embeddings,
            "type_vocab_size": config.type_vocab_size,
            "layer_norm_eps": config.layer_norm_eps,
            "hidden_dropout_prob": config.hidden_dropout_prob,
            **self._shared_options(),
        }

    def make_blocks(self) -> list[keras.layers.Layer]:
        """The blocks in the order in which they run."""
        return [self.make_block(f"layer_{i}", i) for i in range(self.config.num_hidden_layers)]

    def make_block(self, name: str, index: int) -> keras.layers.Layer:
        """One block.

        Args:
          name: of the layer.
          index: its place in `config.block_sizes`.
        """
        config = self.config
        size = config.block_sizes[index]
        return TransformerBlock(
            hidden_size=config.hidden_size,
            num_attention_heads=size.heads,
            head_size=size.head_size if config.beyond_published else 0,  # which checks it
            intermediate_size=size.units,
            hidden_act=config.hidden_act,
            hidden_dropout_prob=config.hidden_dropout_prob,
            attention_probs_dropout_prob=config.attention_probs_dropout_prob,
            layer_norm_eps=config.layer_norm_eps,
            name=name,
            **self._shared_options(),
        )

    def _shared_options(self) -> dict:
        return {"initializer_range": self.config.initializer_range, "dtype": self.dtype_policy}
