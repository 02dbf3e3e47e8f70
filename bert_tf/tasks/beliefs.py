"""How much a model believes in one of its answers: the numbers that `bert_tf.explanation` explains.

Shape suffixes: B rows, L labels.
"""

import abc
import dataclasses

import numpy as np
import tensorflow as tf

from bert_tf.layers.precision import at_least_float32
from bert_tf.tasks.task import Batch, Serve
from bert_tf.tokenization import model_inputs
from bert_tf.tokenization.row_layout import RowLayout

# What a belief is: the values of `Explain.belief_unit`.
LOG_ODDS, LOG_PROBABILITY, NUMBER = "log odds", "log probability", "number"


@dataclasses.dataclass(frozen=True)
class Belief:
    """An answer of a model, and where its outputs say how much the model believes in it.

    Attributes:
      row: of the batch.
      place: what `Explain.belief` finds it by; the numbers mean something to the task alone.
      answer: its id among all that could stand there.
      name: for people.
      span: the characters [start, end) of the text that it is about; None: all of it.
      text: 0 if that is the first text of the row, 1 if it is the second.
    """

    row: int
    place: tuple[int, ...]
    answer: int
    name: str
    span: tuple[int, int] | None = None
    text: int = 0


class Explain(Serve):
    """A role of a task: its answers can be explained.

    Class attributes:
      belief_unit: what a `belief` is, one of the constants above.
      belief_inputs: entries of a batch beside the encoder's inputs that the model takes or `belief`
        reads, each [B, ...].
      keeps_special_tokens: a special token written in a text is one, such as the mask token.
      nothing: the answer that says that nothing is there, such as the tag O; "": there is none.
    """

    belief_unit = LOG_ODDS
    belief_inputs: tuple[str, ...] = ()
    keeps_special_tokens = False
    nothing = ""

    def token_rows(
        self, first: tf.RaggedTensor, second: tf.RaggedTensor | None, layout: RowLayout
    ) -> tf.Tensor:
        """int32 [B, S]: the rows of `encode`, of whatever stands for the tokens of the texts.

        Explanations give the numbers of the tokens, and so learn where each of them stands.

        Args:
          first, second: int32 [N, (tokens)], one for each token of the texts.
          layout: says what stands for special tokens and padding.
        """
        length = self.config.data.max_seq_length
        return model_inputs.rows(first, second, layout, length, pad=False)["input_ids"]

    @abc.abstractmethod
    def believed(self, outputs: Batch, batch: Batch, wanted: str = "") -> list[Belief]:
        """The answers of a model to a batch of `encode`.

        Args:
          outputs: of the model.
          batch: of `encode`.
          wanted: an answer to be explained in place of the given ones, such as a label.

        Raises:
          ValueError: no answer is `wanted`.
        """

    @abc.abstractmethod
    def belief(
        self, outputs: Batch, batch: Batch, places: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """How much the model believes in an answer for each row, in TF ops with gradients.

        Args:
          outputs: of the model.
          batch: its inputs and `belief_inputs`.
          places: int32 [B, K], `Belief.place` of each row.

        Returns:
          (float [B] in `belief_unit`, int32 [B] the id of the answer that is best now, to be
          compared with `Belief.answer`).
        """

    def name_of(self, answer: int) -> str:
        """The answer with an id that `belief` gave, for people."""
        return f"another answer ({answer})"


def log_odds(logits_BL: tf.Tensor, labels_B: tf.Tensor) -> tf.Tensor:
    """Float [B]: log p - log(1 - p) of a label, where p is its softmax.

    Unlike p it does not level off where the model is sure, so its gradient still says why.
    """
    logits_BL = at_least_float32(logits_BL)
    chosen_B = tf.gather(logits_BL, labels_B, batch_dims=1)
    is_chosen_BL = tf.one_hot(labels_B, tf.shape(logits_BL)[-1], True, False, dtype=tf.bool)
    others_BL = tf.where(is_chosen_BL, tf.constant(-1e30, logits_BL.dtype), logits_BL)
    return chosen_B - tf.reduce_logsumexp(others_BL, axis=-1)


def probability(beliefs: np.ndarray, unit: str) -> np.ndarray:
    """What people compare: the probabilities of beliefs; a number stays a number."""
    if unit == LOG_ODDS:
        from scipy import special  # takes a tenth of a second, so only where it is needed

        return special.expit(beliefs)
    return np.exp(beliefs) if unit == LOG_PROBABILITY else beliefs
