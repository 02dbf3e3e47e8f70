"""A model whose words can be faded out, one by one: what every method of explaining asks.

A share of 1 is the word as it is, 0 the baseline, and between them its vector is mixed from both.
Removing words, integrating gradients and sampling coalitions are all shares of words.

Shape suffixes: C cases, P questions about cases, S sequence, K numbers of a place, W width of the
word vectors.
"""

import dataclasses
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from bert_tf.explanation import BASELINES
from bert_tf.explanation.words import Rows, Word
from bert_tf.tasks.beliefs import Belief, Explain

_TOKENS_PER_STEP = 1 << 10  # fits into caches


@dataclasses.dataclass(frozen=True)
class Cases:
    """Beliefs to be explained, each with its row.

    Attributes:
      beliefs: C of them.
      inputs: {entry of the batch: [C, ...]}.
      places: int32 [C, K].
      word_ids: int32 [C, S], see `Rows`.
      words: of each case.
      lengths: int [C], tokens of the row.
      texts: int [C], the text of each case.
    """

    beliefs: list[Belief]
    inputs: dict[str, np.ndarray]
    places: np.ndarray
    word_ids: np.ndarray
    words: list[list[Word]]
    lengths: np.ndarray
    texts: np.ndarray

    def __len__(self) -> int:
        return len(self.beliefs)

    def word_sums(self, case: int, values_S: np.ndarray) -> np.ndarray:
        """The sums of the values of each word's tokens, float64 [words]."""
        ids_S = self.word_ids[case, : len(values_S)]
        is_word_S = ids_S >= 0
        count = len(self.words[case])
        return np.bincount(ids_S[is_word_S], values_S[is_word_S].astype(np.float64), count)[:count]

    def chosen(self, rows: np.ndarray, **inputs: np.ndarray) -> "Cases":
        """Some of them, any of them as often as one likes; `inputs` replace theirs."""
        return Cases(
            [self.beliefs[row] for row in rows.tolist()],
            {name: values[rows] for name, values in self.inputs.items()} | inputs,
            self.places[rows],
            self.word_ids[rows],
            [self.words[row] for row in rows.tolist()],
            self.lengths[rows],
            self.texts[rows],
        )

    def token_shares(self, case: int, shares: np.ndarray) -> np.ndarray:
        """Shares of words, [..., words], as those of tokens, float32 [..., S]; 1 for no word."""
        ids_S = self.word_ids[case]
        padded = np.concatenate([shares, np.ones((*shares.shape[:-1], 1))], axis=-1)
        return padded[..., ids_S].astype(np.float32)


def make_cases(task: Explain, rows: Rows, beliefs: list[Belief]) -> Cases:
    """The cases of what a model believes of `rows`."""
    chosen = np.array([belief.row for belief in beliefs], np.int64)
    wanted = (*task.config.model.inputs, *task.belief_inputs)
    batch = {name: rows.batch[name].numpy() for name in wanted if name in rows.batch}
    return Cases(
        beliefs,
        {name: values[chosen] for name, values in batch.items()},
        np.array([belief.place for belief in beliefs], np.int32).reshape(
            len(beliefs), -1 if beliefs else 1
        ),
        rows.word_ids[chosen],
        [rows.words[row] for row in chosen],
        batch["input_mask"].sum(axis=1)[chosen],
        rows.of_text[chosen],
    )


def traced_once(function: Callable) -> Callable:
    """`function` of a dict of arrays [B, ...], traced once for rows of every number and length.

    Left to itself, `tf.function` traces one graph for the first shapes and another one for all
    others, which takes seconds each.
    """
    traced = None

    def call(inputs):
        nonlocal traced
        if traced is None:
            length = inputs["input_ids"].shape[1]
            specs = {
                name: tf.TensorSpec(
                    [None, *(None if size == length else size for size in array.shape[1:])],
                    array.dtype,
                )
                for name, array in inputs.items()
            }
            traced = tf.function(function, autograph=False, input_signature=[specs])
        return traced(inputs)

    return call


class Believer:
    """Says what a model believes when its words are mixed with a baseline.

    Args:
      task, model: what is explained; the model takes `word_vectors` (see `Encoder`).
      baseline: one of `BASELINES`: the vector of the mask token, of padding, or zeros.
      strategy: whose replicas share the work; None: one device.
      compiles: trace graphs.
    """

    def __init__(
        self,
        task: Explain,
        model: keras.Model,
        baseline: str = "mask",
        strategy: tf.distribute.Strategy | None = None,
        *,
        compiles: bool = True,
    ):
        if baseline not in BASELINES:
            raise ValueError(f"baseline is {baseline!r}. Known: {', '.join(BASELINES)}.")
        self.task, self.model = task, model
        self._baseline = baseline
        self._strategy = strategy
        self._compiles = compiles
        self._beliefs = self._replicated(self._compute)
        self._gradients = self._replicated(self._compute_slopes)
        self._vector_gradients = self._replicated(self._compute_gradients)
        self.num_rows = 0  # rows that the model has seen so far

    def beliefs(
        self, cases: Cases, of_case: np.ndarray, shares: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the model believes.

        Args:
          cases: all of them.
          of_case: int [P], the case of each question.
          shares: float32 [P, S].

        Returns:
          (beliefs float64 [P], ids of the answers that are best then int [P]).
        """
        beliefs, answers = np.zeros(len(of_case)), np.zeros(len(of_case), np.int64)
        for chosen, inputs in self._steps(cases, of_case, shares):
            found = self._beliefs(inputs)
            beliefs[chosen], answers[chosen] = (values[: len(chosen)] for values in found)
        return beliefs, answers

    def slopes(
        self, cases: Cases, of_case: np.ndarray, shares: np.ndarray, *, from_zero: bool = False
    ) -> np.ndarray:
        """float64 [P, S]: how the belief grows with the share of each token, at these shares.

        Args:
          cases, of_case, shares: see `beliefs`.
          from_zero: grow from a vector of zeros, whatever the baseline.

        Raises:
          ValueError: the encoder does not heed `word_vectors`.
        """
        slopes = np.zeros((len(of_case), cases.word_ids.shape[1]))
        for chosen, inputs in self._steps(cases, of_case, shares):
            inputs["from_zero"] = np.full([len(inputs["shares"])], from_zero)
            (found,) = self._gradients(inputs)
            slopes[chosen, : found.shape[1]] = found[: len(chosen)]
        return slopes

    def gradients(self, cases: Cases, of_case: np.ndarray) -> np.ndarray:
        """float32 [P, S, W]: how the belief in the texts grows with the vector of each token."""
        width = self.model.encoder.word_embeddings.shape[-1]
        found = np.zeros((len(of_case), cases.word_ids.shape[1], width), np.float32)
        shares = np.ones((len(of_case), found.shape[1]), np.float32)
        for chosen, inputs in self._steps(cases, of_case, shares):
            (some,) = self._vector_gradients(inputs)
            found[chosen, : some.shape[1]] = some[: len(chosen)]
        return found

    def _steps(
        self, cases: Cases, of_case: np.ndarray, shares: np.ndarray
    ) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Yields (numbers of the questions, inputs) of each step: rows of like length."""
        lengths = cases.lengths[of_case]
        order, first = np.argsort(lengths, kind="stable"), 0
        self.num_rows += len(order)
        while first < len(order):
            # Rows get longer, so the last row of a step decides its width.
            last, width = first, 0
            while last < len(order):
                width = lengths[order[last]]
                if last > first and (last + 1 - first) * width > _TOKENS_PER_STEP:
                    break
                last += 1
            chosen = order[first:last]
            width = int(lengths[chosen[-1]])
            yield chosen, self._inputs(cases, of_case[chosen], shares[chosen], width)
            first = last

    def _inputs(
        self, cases: Cases, of_case: np.ndarray, shares: np.ndarray, width: int
    ) -> dict[str, np.ndarray]:
        full = cases.word_ids.shape[1]
        inputs = {
            name: values[of_case][:, :width] if values.shape[1:] == (full,) else values[of_case]
            for name, values in cases.inputs.items()
        }
        inputs |= {"shares": shares[:, :width], "places": cases.places[of_case]}
        return inputs

    def _replicated(self, compute):
        """`compute` of a dict of arrays, its rows divided among the replicas."""
        strategy = self._strategy
        if not self._compiles:

            def at_once(inputs):
                tensors = {name: tf.constant(values) for name, values in inputs.items()}
                return [tensor.numpy() for tensor in compute(tensors)]

            return at_once
        if strategy is None or strategy.num_replicas_in_sync == 1:
            function = traced_once(compute)
            return lambda inputs: [tensor.numpy() for tensor in function(inputs)]
        replicas = strategy.num_replicas_in_sync
        run = tf.function(
            lambda parts: strategy.run(compute, [parts]), autograph=False, reduce_retracing=True
        )

        def divided(inputs):
            count = -(-len(inputs["shares"]) // replicas)
            padded = {n: np.resize(v, (count * replicas, *v.shape[1:])) for n, v in inputs.items()}
            parts = strategy.experimental_distribute_values_from_function(
                lambda context: {
                    name: tf.constant(values[context.replica_id_in_sync_group * count :][:count])
                    for name, values in padded.items()
                }
            )
            outputs = run(parts)
            return [
                tf.concat(strategy.experimental_local_results(tensor), axis=0).numpy()
                for tensor in outputs
            ]

        return divided

    def _vectors(self, inputs) -> tuple[tf.Tensor, tf.Tensor]:
        """The vectors of the words and those of the baseline, [P, S, W] or broadcast to it."""
        encoder, tokenizer = self.model.encoder, self.task.tokenizer
        words_PSW = encoder.word_vectors(inputs["input_ids"])
        if self._baseline == "zero":
            return words_PSW, tf.zeros_like(words_PSW)
        token = tokenizer.mask_id if self._baseline == "mask" else tokenizer.pad_id
        return words_PSW, encoder.word_vectors(tf.fill([1, 1], token))

    def _believe(self, inputs, vectors_PSW):
        names = (*self.task.config.model.inputs, *self.task.belief_inputs)
        batch = {name: inputs[name] for name in names if name in inputs}
        batch["word_vectors"] = vectors_PSW
        return self.task.belief(self.model(batch), batch, inputs["places"])

    def _compute(self, inputs):
        words_PSW, nothing_PSW = self._vectors(inputs)
        shares_PS1 = tf.cast(inputs["shares"], words_PSW.dtype)[..., tf.newaxis]
        return self._believe(inputs, nothing_PSW + shares_PS1 * (words_PSW - nothing_PSW))

    def _compute_slopes(self, inputs):
        words_PSW, nothing_PSW = self._vectors(inputs)
        shares_PS1 = tf.cast(inputs["shares"], words_PSW.dtype)[..., tf.newaxis]
        mixed_PSW = nothing_PSW + shares_PS1 * (words_PSW - nothing_PSW)
        gradient_PSW = self._gradient(inputs, mixed_PSW)
        from_zero_P11 = inputs["from_zero"][:, tf.newaxis, tf.newaxis]
        way_PSW = words_PSW - tf.where(from_zero_P11, tf.zeros([], words_PSW.dtype), nothing_PSW)
        return (tf.reduce_sum(gradient_PSW * way_PSW, axis=-1),)

    def _compute_gradients(self, inputs):
        words_PSW, _ = self._vectors(inputs)
        return (tf.cast(self._gradient(inputs, words_PSW), tf.float32),)

    def _gradient(self, inputs, mixed_PSW):
        """Of the beliefs with these vectors, with respect to them."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(mixed_PSW)
            beliefs_P, _ = self._believe(inputs, mixed_PSW)
        gradient_PSW = tape.gradient(beliefs_P, mixed_PSW)
        if gradient_PSW is None:
            raise ValueError(
                f"{type(self.model.encoder).__name__} does not heed `word_vectors`: its `embed` "
                "must use inputs['word_vectors'] in place of the rows of its table of words."
            )
        return gradient_PSW
