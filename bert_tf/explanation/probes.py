"""What each layer knows: linear probes, and how much of it they learn by heart.

A probe is a linear classifier on the vectors of one layer. It may be right because the layer holds
what is asked, or because a classifier can learn any table of words. The control task tells the two
apart: each word type has a label drawn for it, which only a table can give. Selectivity is the
accuracy of the probe less that of the control.

Shape suffixes: N items (words or texts), D hidden, L layers, C labels.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import scipy.optimize
import scipy.special
import tensorflow as tf

from bert_tf import progress
from bert_tf.layers.pooling import pool
from bert_tf.tasks.task import Task
from bert_tf.tasks.task_model import encoder_inputs

_TEXTS_PER_STEP = 32
_DECAY = 1e-3  # weight decay of a probe
_MOST_STEPS = 100


@dataclasses.dataclass(frozen=True)
class Items:
    """What is probed.

    Attributes:
      texts: of each item, as `columns` one or two.
      spans: characters [start, end) of each item's word in its text; None: the texts themselves.
      of_text: int [N], the text of each item.
      labels: of each item.
      types: what the control task draws a label for: the word, or the text's first word.
    """

    columns: Sequence[Sequence[str]]
    spans: Sequence[tuple[int, int]] | None
    of_text: np.ndarray
    labels: Sequence[str]
    types: Sequence[str]


def of_texts(columns: Sequence[Sequence[str]], labels: Sequence[str]) -> Items:
    """Labelled texts; the control task is about the first word of each."""
    firsts = [(text.split() or [""])[0].lower() for text in columns[0]]
    return Items(columns, None, np.arange(len(labels)), labels, firsts)


def of_words(sentences: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]) -> Items:
    """Tagged words of sentences."""
    spans, of_text = [], []
    for number, sentence in enumerate(sentences):
        end = -1
        for word in sentence:
            spans.append((end + 1, end + 1 + len(word)))
            end = spans[-1][1]
            of_text.append(number)
    labels = [tag for row in tags for tag in row]
    types = [word.lower() for sentence in sentences for word in sentence]
    texts = [" ".join(sentence) for sentence in sentences]
    return Items([texts], spans, np.array(of_text, np.int64), labels, types)


def control_labels(items: Items, seed: int = 0) -> list[str]:
    """Of each item the label that was drawn for its type, as often as labels really occur.

    Reference: Hewitt and Liang 2019, "Designing and Interpreting Probes with Control Tasks".
    """
    types = sorted(set(items.types))
    drawn = np.random.default_rng(seed).choice(np.array(items.labels, object), len(types))
    of_type = dict(zip(types, drawn.tolist(), strict=True))
    return [of_type[one] for one in items.types]


def vectors(task: Task, model: keras.Model, items: Items) -> tuple[np.ndarray, np.ndarray]:
    """(float32 [L + 1, N, D], bool [N]): the vectors of all layers, and which items have one.

    That of a word is the mean of its tokens, that of a text the mean of all tokens. Words behind
    the end of a row have none.
    """
    compute = tf.function(
        lambda batch: model.encoder(**batch, output_hidden_states=True)["hidden_states"],
        autograph=False,
        reduce_retracing=True,
    )
    count = len(items.columns[0])
    found: list[list[np.ndarray]] = []
    has = np.zeros(len(items.labels), bool)
    for part in progress.parts(count, _TEXTS_PER_STEP, unit="texts", description="vectors"):
        texts = [tf.constant(list(column[part]), tf.string) for column in items.columns]
        length = min(512, task.config.model.longest_sequence)
        batch = task.tokenizer.encode(*texts, max_seq_length=length, pad=False)
        states = compute(encoder_inputs(batch, task.config.model))
        weights, chosen = _weights(task, texts, batch, items, part)
        has[chosen] = True
        found.append([np.asarray(weights(state)) for state in states])
    layers = [np.concatenate(some) for some in zip(*found, strict=True)]
    return np.stack(layers), has


def _weights(task, texts, batch, items, part):
    """(a function of hidden states that gives the items' vectors, the numbers of the items)."""
    first, last = np.searchsorted(items.of_text, [part.start, part.stop])
    numbers = np.arange(first, last)
    if items.spans is None:
        return lambda state: pool({"sequence_output": state}, batch["input_mask"], "mean"), numbers
    _, starts, ends = task.tokenizer.tokenize_with_offsets(texts[0])
    begin, width = task.tokenizer.layout.first_begin, batch["input_ids"].shape[1]
    room = width - begin - len(task.tokenizer.layout.after)
    rows, means = [], []
    for number in numbers:
        row = items.of_text[number] - part.start
        start, end = items.spans[number]
        pieces = (starts[row].numpy()[:room] < end) & (ends[row].numpy()[:room] > start)
        mean = np.zeros(width, np.float32)
        mean[begin : begin + len(pieces)] = pieces
        rows.append(row)
        means.append(mean)
    means_NS = np.array(means, np.float32).reshape(-1, width)
    is_there = means_NS.sum(axis=1) > 0
    means_NS = means_NS[is_there] / means_NS[is_there].sum(axis=1, keepdims=True)
    rows = np.array(rows, np.int64)[is_there]
    return lambda state: np.einsum("ns,nsd->nd", means_NS, state.numpy()[rows]), numbers[is_there]


class Probe:
    """A linear classifier: multinomial logistic regression with a little weight decay.

    Args:
      inputs_ND: float, the vectors; they are put to mean 0 and variance 1.
      labels: N of them.
    """

    def __init__(self, inputs_ND: np.ndarray, labels: Sequence[str]):
        self._mean_D = inputs_ND.mean(axis=0, dtype=np.float64)
        self._scale_D = 1 / np.maximum(inputs_ND.std(axis=0, dtype=np.float64), 1e-6)
        names, targets_N = np.unique(np.array(labels, object).astype(str), return_inverse=True)
        self._names = names
        inputs_ND = self._normed(inputs_ND)
        num_inputs, num_labels = inputs_ND.shape[1], len(names)
        targets_NC = np.eye(num_labels, dtype=np.float32)[targets_N]

        def loss(flat):
            weights = flat.reshape(num_inputs + 1, num_labels).astype(np.float32)
            scores_NC = inputs_ND @ weights[:-1] + weights[-1]
            log_probs_NC = scores_NC - scipy.special.logsumexp(scores_NC, axis=1, keepdims=True)
            error_NC = (np.exp(log_probs_NC) - targets_NC) / len(targets_NC)
            gradient = np.vstack([inputs_ND.T @ error_NC, error_NC.sum(axis=0)])
            gradient[:-1] += _DECAY * weights[:-1]
            value = -(log_probs_NC * targets_NC).sum() / len(targets_NC)
            value += _DECAY / 2 * (weights[:-1] ** 2).sum()
            return float(value), gradient.astype(np.float64).ravel()

        start = np.zeros((num_inputs + 1) * num_labels)
        options = {"maxiter": _MOST_STEPS}
        found = scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
        self._weights = found.x.reshape(num_inputs + 1, num_labels).astype(np.float32)

    def _normed(self, inputs_ND: np.ndarray) -> np.ndarray:
        return ((inputs_ND - self._mean_D) * self._scale_D).astype(np.float32)

    def accuracy(self, inputs_ND: np.ndarray, labels: Sequence[str]) -> float:
        """The share of N labels that it gives."""
        scores_NC = self._normed(inputs_ND) @ self._weights[:-1] + self._weights[-1]
        answers = self._names[scores_NC.argmax(axis=1)]
        return float(np.mean(answers == np.array(labels, object).astype(str)))


def curve(
    layers: np.ndarray, items_labels: Sequence[str], control: Sequence[str], is_test: np.ndarray
) -> Iterator[dict[str, Any]]:
    """Yields a dict for each layer: `layer`, 0 for the embeddings, and its scores.

    They are `accuracy`, `control_accuracy`, `selectivity`, and `majority`: that of always giving
    the commonest label.

    Args:
      layers: float32 [L + 1, N, D].
      items_labels, control: N labels each.
      is_test: bool [N], the items on which probes are scored; they learn from the others.
    """
    true, drawn = (np.array(labels, object) for labels in (items_labels, control))
    _, counts = np.unique(true[~is_test].astype(str), return_counts=True)
    commonest = np.unique(true[~is_test].astype(str))[counts.argmax()]
    majority = float(np.mean(true[is_test].astype(str) == commonest))
    for number, inputs_ND in enumerate(layers):
        scores = [
            Probe(inputs_ND[~is_test], labels[~is_test]).accuracy(
                inputs_ND[is_test], labels[is_test]
            )
            for labels in (true, drawn)
        ]
        yield {
            "layer": number,
            "accuracy": scores[0],
            "control_accuracy": scores[1],
            "selectivity": scores[0] - scores[1],
            "majority": majority,
        }


def held_out(items: Items, share: float = 0.3, seed: int = 0) -> np.ndarray:
    """Bool [N]: items of texts that probes are scored on, whole texts."""
    texts = np.unique(items.of_text)
    chosen = np.random.default_rng(seed).permutation(texts)[: max(1, int(share * len(texts)))]
    return np.isin(items.of_text, chosen)
