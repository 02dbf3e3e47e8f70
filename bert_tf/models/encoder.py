"""The Keras side of an encoder: the contract of every `encoder.py`, and the common code.

Shape suffixes: B batch, S sequence, E examples in a packed row, D hidden, N heads, V vocabulary,
W width of the word embeddings, H head size.
"""

import contextlib
import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from bert_tf import members
from bert_tf.layers.attention import attention_bias, recorded
from bert_tf.layers.dropout import fold_in
from bert_tf.layers.gates import gated_run
from bert_tf.layers.heads import (
    ClassifierHead,
    MaskedLanguageModelHead,
    NextSentenceHead,
    ReplacedTokenHead,
    SpanHead,
)
from bert_tf.layers.recompute import recomputed
from bert_tf.models.keras_files import random_seed, register
from bert_tf.models.model import EncoderConfig


@dataclasses.dataclass(frozen=True)
class Part:
    """Some of an encoder's variables, which have one learning rate and are frozen together.

    Attributes:
      kind: "embeddings", "block", "pooler" or "top" (the rest above the blocks, such as a norm).
      name: for messages.
      variables: at least one. Each variable is in one part; a variable of several blocks is in the
        lowest of them.
    """

    kind: str
    name: str
    variables: tuple[keras.Variable, ...]


class Encoder(keras.Model):
    """Base class of the encoders.

    The constructor of a subclass makes the layers `embeddings`, `blocks` (a list; a layer can occur
    several times) and, if it has them, `embeddings_project` (widens narrow embeddings to the width
    of the blocks) and `pooler`, and then calls `self.build()`. A subclass can override:

      embed: if the embeddings take other arguments.
      block_arguments: if blocks take other arguments, or each block takes its own.
      finish: if there is a layer above the blocks, such as the norm of a pre-norm encoder.
      build, parts, word_embeddings: if it has other layers.
      masked_lm_head and the other heads: if the model has its own form of a head.

    A block is called as `block(hidden_BSD, **arguments, dropout_seed=seed)` and returns (hidden
    states, attention probabilities).

    Args:
      config: the shape of the encoder. The variables exist after construction.
      recompute: in training, keep only the inputs of each block for the backward pass.
      name: first part of the variables' paths; by default the last word of the model type.
      **kwargs: of keras.Model, for example the dtype policy "mixed_bfloat16".

    Call arguments:
      input_ids: int32 [B, S]; or a batch, a dict of this and the following: `encoder(batch)`.
        Entries that the encoder does not take are ignored.
      input_mask: int32 [B, S], 1 for tokens; None for all ones.
      segment_ids: int32 [B, S]; None for zeros. Only for encoders that have it in `config.inputs`.
      position_ids: int32 [B, S]; None for 0..S-1.
      example_ids: int32 [B, S], the example of each token in a packed row, 0 for padding.
      cls_positions: int32 [B, E], the position of each example's first token in a packed row.
      dropout_seed: int32 [2]; None for no dropout, unless `training`.
      training: set by Keras' `fit`. Without a `dropout_seed` a random one is drawn.
      output_hidden_states: also return every layer's output.
      output_attention_probs: also return every layer's attention probabilities.
      output_projections: also return the queries, keys and values of the blocks with these numbers,
        from 0.
      word_vectors: float [B, S, W], replaces `word_vectors(input_ids)`. Explanations use it to
        compute the answer with other words, or with none. None: the vectors of the words.

    Returns:
      A dict of `sequence_output` [B, S, D] and, with a pooler, `pooled_output` [B, D] ([B, E, D]
      when `cls_positions` is given); on request `hidden_states` (num_hidden_layers + 1 tensors
      [B, S, D], the embeddings first, `sequence_output` last), `attention_probs`
      (num_hidden_layers tensors float32 [B, N, S, S]; of a pruned encoder N differs) and
      `projections` ({number of a block: (queries, keys, values), each [B, N, S, H]}).
    """

    _gives_hidden_states: bool = False
    _gives_projections: Collection[int] = ()

    embeddings: keras.layers.Layer
    embeddings_project: keras.layers.Layer | None = None
    blocks: list[keras.layers.Layer]
    pooler: keras.layers.Layer | None = None

    def __init__(self, config: EncoderConfig, *, recompute: bool = False, name: str = "", **kwargs):
        super().__init__(name=name or config.model_type.rpartition(".")[-1], **kwargs)
        self.config, self.recompute = config, recompute

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        register(cls)

    def build(self, input_shape=None):
        # The config decides all shapes. Building here gives the variables the same paths, whatever
        # arguments the first call has.
        if not self.embeddings.built:  # another encoder may share them
            self.embeddings.build()
        if self.embeddings_project is not None:
            self.embeddings_project.build((None, None, self.word_embeddings.shape[-1]))
        with keras.name_scope("encoder"):
            for block in self.blocks:
                if not block.built:
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
        training=None,
        word_vectors=None,
        output_projections=(),
    ):
        if isinstance(input_ids, Mapping):
            return self.call(
                **{name: input_ids[name] for name in self.config.inputs if name in input_ids},
                dropout_seed=dropout_seed,
                output_hidden_states=output_hidden_states,
                output_attention_probs=output_attention_probs,
                training=training,
                word_vectors=input_ids.get("word_vectors"),
                output_projections=output_projections,
            )
        if training and dropout_seed is None:
            dropout_seed = random_seed()
        inputs = {
            "input_ids": input_ids,
            "input_mask": tf.ones_like(input_ids) if input_mask is None else input_mask,
            "segment_ids": tf.zeros_like(input_ids) if segment_ids is None else segment_ids,
            "position_ids": position_ids,
            "example_ids": example_ids,
            "word_vectors": word_vectors,
        }
        hidden_BSD = self.embed(inputs, fold_in(dropout_seed, 0))
        hidden_states, attention_probs, projections = [hidden_BSD], [], {}
        arguments = self.block_arguments(inputs)
        for index, block in enumerate(self.blocks):
            seed = fold_in(dropout_seed, index + 1)
            is_asked = index in output_projections or index in self._gives_projections
            keeps = seed is None or output_attention_probs or is_asked or not self.recompute
            run = block if keeps else recomputed(block)
            with recorded() as found:
                after_BSD, probs_BNSS = run(hidden_BSD, **arguments[index], dropout_seed=seed)
            if is_asked:
                projections[index] = self._only(found, index)
            hidden_BSD = gated_run(index, hidden_BSD, after_BSD)
            hidden_states.append(hidden_BSD)
            attention_probs.append(probs_BNSS)
        hidden_states[-1] = hidden_BSD = self.finish(hidden_BSD)
        outputs = {"sequence_output": hidden_BSD}
        if self.pooler is not None:
            outputs["pooled_output"] = self.pooler(hidden_BSD, cls_positions)
        if output_hidden_states or self._gives_hidden_states:
            outputs["hidden_states"] = hidden_states
        if projections:
            outputs["projections"] = projections
        if output_attention_probs:
            outputs["attention_probs"] = attention_probs
        return outputs

    @contextlib.contextmanager
    def giving(self, *, hidden_states: bool, projections: Collection[int]) -> Iterator[None]:
        """Context in which every call returns these outputs, as if they were asked for.

        So a loss can use them although the model of a task calls the encoder.

        Args:
          hidden_states: see `output_hidden_states`.
          projections: see `output_projections`.
        """
        before = self._gives_hidden_states, self._gives_projections
        self._gives_hidden_states, self._gives_projections = hidden_states, tuple(projections)
        try:
            yield
        finally:
            self._gives_hidden_states, self._gives_projections = before

    def _only(self, found: list[tuple], index: int) -> tuple:
        """The projections of a block, from what its attention layers recorded."""
        if len(found) != 1:
            raise ValueError(
                f"block {index} of {type(self).__name__} recorded the queries, keys and values of "
                f"{len(found)} attention layers; expected one (bert_tf.layers.attention.record)."
            )
        return found[0]

    def embed(self, inputs: Mapping[str, tf.Tensor | None], dropout_seed) -> tf.Tensor:
        """The hidden states [B, S, D] below the first block, from the call arguments by name."""
        embedded_BSW = self.embeddings(
            inputs["input_ids"],
            inputs["segment_ids"],
            inputs["position_ids"],
            dropout_seed=dropout_seed,
            word_vectors=inputs["word_vectors"],
        )
        if self.embeddings_project is None:
            return embedded_BSW
        return self.embeddings_project(embedded_BSW)

    def block_arguments(self, inputs: Mapping[str, tf.Tensor | None]) -> list[dict[str, Any]]:
        """The arguments of each block besides the hidden states, by name; here all have the same.

        Args:
          inputs: the call arguments by name.
        """
        bias = attention_bias(inputs["input_mask"], inputs["example_ids"])
        return [{"bias": bias}] * len(self.blocks)

    def finish(self, hidden_BSD: tf.Tensor) -> tf.Tensor:
        """`sequence_output` from the output of the last block [B, S, D]; here both are equal."""
        return hidden_BSD

    @property
    def parts(self) -> list[Part]:
        """The parts in order of depth. A block without variables of its own is not a part."""
        projection = [] if self.embeddings_project is None else [self.embeddings_project]
        layers = [("embeddings", [self.embeddings, *projection])]
        layers += [("block", [block]) for block in self.blocks]
        if self.pooler is not None:
            layers.append(("pooler", [self.pooler]))
        parts, taken = [], set()
        for kind, (first, *others) in [*layers, ("top", [self])]:
            variables = [v for layer in (first, *others) for v in layer.variables]
            own = tuple(variable for variable in variables if id(variable) not in taken)
            taken |= {id(variable) for variable in own}
            if own:
                parts.append(Part(kind, first.name, own))
        return parts

    @property
    def word_embeddings(self) -> keras.Variable:
        """The table [V, W]."""
        return self.embeddings.word_embeddings

    def word_vectors(self, input_ids: tf.Tensor) -> tf.Tensor:
        """Float [B, S, W]: the rows of `word_embeddings` for the tokens."""
        return tf.gather(tf.convert_to_tensor(self.word_embeddings), input_ids)

    def masked_lm_head(self) -> keras.layers.Layer:
        """Called as `head(sequence_BSD, word_embeddings_VW, masked_lm_positions)`; gives logits.

        If the config has no fields for them: GELU, epsilon 1e-12, tied to the word embeddings.
        """
        config = self.config
        hidden_act = getattr(config, "hidden_act", "gelu")
        layer_norm_eps = getattr(config, "layer_norm_eps", 1e-12)
        return MaskedLanguageModelHead(
            vocab_size=config.vocab_size,
            embedding_size=self.word_embeddings.shape[-1],
            hidden_act=getattr(config, "masked_lm_hidden_act", "") or hidden_act,
            layer_norm_eps=getattr(config, "masked_lm_layer_norm_eps", 0.0) or layer_norm_eps,
            tied=getattr(config, "tie_word_embeddings", True),
            name="predictions",
            **self._head_options(),
        )

    def next_sentence_head(self) -> keras.layers.Layer:
        """Called as `head(pooled)`; gives two logits."""
        return NextSentenceHead(name="seq_relationship", **self._head_options())

    def classifier_head(self, num_labels: int, dropout_prob: float) -> keras.layers.Layer:
        """Called as `head(vectors_BD, dropout_seed=seed)`; gives a logit for each label."""
        return ClassifierHead(
            num_labels=num_labels,
            dropout_prob=dropout_prob,
            name="classifier",
            **self._head_options(),
        )

    def token_classifier_head(self, num_labels: int, dropout_prob: float) -> keras.layers.Layer:
        """Called as `head(sequence_BSD, dropout_seed=seed)`; gives logits for each token."""
        return ClassifierHead(
            num_labels=num_labels,
            dropout_prob=dropout_prob,
            name="classifier",
            **self._head_options(),
        )

    def replaced_token_head(self) -> keras.layers.Layer:
        """Called as `head(sequence_BSD)`; gives a logit for each token: that it was replaced."""
        return ReplacedTokenHead(
            hidden_act=getattr(self.config, "hidden_act", "gelu"),
            name="discriminator_predictions",
            **self._head_options(),
        )

    def span_head(self) -> keras.layers.Layer:
        """Called as `head(sequence_BSD)`; gives start and end logits [B, S]."""
        return SpanHead(name="squad", **self._head_options())

    def _head_options(self) -> dict[str, Any]:
        return {
            "hidden_size": self.config.hidden_size,
            "initializer_range": self.config.initializer_range,
            "dtype": self.dtype_policy,
        }

    def get_config(self):
        return {
            "config": dataclasses.asdict(self.config),
            "recompute": self.recompute,
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config_class = members.find("models", members.name_of(cls)).Config
        return cls(config_class(**config.pop("config")), **config)
