"""A tag for each word: entities, parts of speech (Devlin et al. 2018, section 5.3).

The first token of a word is predicted. Tags are decoded together, so that only sequences come out
that are valid in the scheme of the labels.

Shape suffixes: B rows, S sequence, L labels, N texts or sentences, W words of a text, E entities
of a text, K entities of all texts.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.tasks import losses, task
from bert_tf.tasks.classification.task import ClassificationModel
from bert_tf.tasks.token_classification import tags as tag_lib
from bert_tf.tasks.token_classification.columns import Sentence
from bert_tf.tasks.token_classification.rows import TaggedData, lay_out_words
from bert_tf.tasks.token_classification.scores import entity_scores

_NEVER = -1e9  # the score of a pair of tags that is not valid
_SENTENCES_PER_CALL = 256


class TokenClassificationModel(ClassificationModel):
    """An encoder with a classifier on every token.

    Call arguments:
      batch: dict with `input_ids` and, as far as there are any, the other inputs of the encoder.
      dropout_seed: int32 [2]; None for no dropout.

    Returns:
      The encoder's outputs and `logits` [B, S, L].
    """

    def __init__(self, config: ExperimentConfig, *, name: str = "token_classification"):
        super().__init__(config, name=name)

    def _make_classifier(self, **options):
        return self.encoder.token_classifier_head(**options)

    def _classified(self, outputs, batch):
        return outputs["sequence_output"]


class TokenClassificationTask(task.ArrayTask):
    """Predicts one of `config.task.labels` for each word."""

    loss_names = ("loss",)
    metric_names = ("accuracy",)
    token_names = (*task.Task.token_names, "label_ids", "label_weights")
    weights_name = "label_weights"

    def __init__(self, config: ExperimentConfig, tokenizer: task.Tokenizer):
        super().__init__(config, tokenizer)
        labels, scheme = [str(label) for label in config.task.labels], config.task.tag_scheme
        if len(labels) < 2:
            raise ValueError(
                f"tags need at least two labels, received {config.task.labels!r} (task.labels, or "
                "the tags of the training file)."
            )
        if scheme == "auto":
            scheme = tag_lib.scheme_of_labels(labels)
        if scheme not in tag_lib.SCHEMES:
            known = ", ".join(["auto", *tag_lib.SCHEMES])
            raise ValueError(f"task.tag_scheme is {scheme!r}. Known: {known}.")
        wrong = [label for label in labels if not tag_lib.is_entity_tag(label)]
        if scheme != "plain" and (wrong or tag_lib.OUTSIDE not in labels):
            raise ValueError(
                f"task.tag_scheme is {scheme!r}, but the labels are {', '.join(labels)}; expected "
                "O and tags such as B-PER, or --config.task.tag_scheme=plain."
            )
        self._labels, self.is_plain = labels, scheme == "plain"
        self._decoder = _TagDecoder(labels, scheme)

    def build_model(self) -> TokenClassificationModel:
        return TokenClassificationModel(self.config)

    def compute_loss(self, outputs, batch):
        return self._sum(losses.weighted_cross_entropy, "loss", outputs, batch)

    def compute_metrics(self, outputs, batch):
        """`accuracy` of the best tag of each word by itself."""
        return self._sum(losses.weighted_hits, "accuracy", outputs, batch)

    def _sum(self, function, name, outputs, batch):
        weight = self.loss_weights(batch)["loss"]
        value = function(outputs["logits"], batch["label_ids"], batch["label_weights"])
        return {name: (value, weight)}

    def row_outputs(self, outputs, batch):
        """`log_probabilities` float32 [B, S, L], 0 where the rows are cut."""
        log_probs_BSL = tf.nn.log_softmax(tf.cast(outputs["logits"], tf.float32))
        cut = self.config.data.max_seq_length - log_probs_BSL.shape[1]
        return {
            "log_probabilities": tf.pad(log_probs_BSL, [[0, 0], [0, cut], [0, 0]]),
            "row_ids": batch["row_ids"],
        }

    def score(self, rows, data: TaggedData):
        """`precision`, `recall`, `f1` of entities, or nothing for plain tags."""
        if self.is_plain:
            return {}
        tags = [sentence.tags for sentence in data.sentences]
        predicted = self.tags_of(rows, data)
        return entity_scores(
            [tag_lib.convert(row, "iob2") for row in tags],
            [tag_lib.convert(row, "iob2") for row in predicted],
        )

    @property
    def known_by(self):
        return ("accuracy",) if self.is_plain else ("f1", "precision", "recall")

    def prediction_files(self, rows, data: TaggedData):
        """`predictions.txt`: word, tag, predicted tag, which is what conlleval reads; `errors.txt`:
        the entities that were missed or made up, each with its sentence.
        """
        predicted = self.tags_of(rows, data)
        files = {"predictions.txt": _columns(data.sentences, predicted)}
        if not self.is_plain:
            files["errors.txt"] = map("\t".join, entity_errors(data.sentences, predicted))
        return files

    def tags_of(self, rows, data: TaggedData) -> list[list[str]]:
        """The tags of each sentence, decoded as a whole even if it lies in several windows."""
        scores_XL = rows["log_probabilities"][data.word_rows, data.word_positions]
        lengths = [len(sentence.words) for sentence in data.sentences]
        ends, tags = np.cumsum(lengths), []
        for start in range(0, len(lengths), _SENTENCES_PER_CALL):
            part = lengths[start : start + _SENTENCES_PER_CALL]
            first, last = ends[start] - lengths[start], ends[start + len(part) - 1]
            scores = tf.RaggedTensor.from_row_lengths(scores_XL[first:last], part)
            mask_NW = tf.sequence_mask(part, max(part))
            ids_NW = self.best_tags(scores.to_tensor(), mask_NW).numpy()
            tags += [
                [self._labels[tag] for tag in row[:length]]
                for row, length in zip(ids_NW, part, strict=True)
            ]
        return tags

    def best_tags(self, scores_NWL: tf.Tensor, mask_NW: tf.Tensor) -> tf.Tensor:
        """int32 [N, W]: for each text the valid sequence of tags with the largest sum of scores."""
        return self._decoder.best(scores_NWL, mask_NW)

    def encode(self, texts, text_pairs=None):
        """Texts of any length: windows [B, S], and where each word of each text is predicted.

        Beside the inputs: `text` string [N]; `word_mask` bool, `word_rows`, `word_positions`,
        `word_starts` and `word_ends` (in characters of the text) int32 [N, W].
        """
        if text_pairs is not None:
            raise ValueError("tags are for single texts, not for pairs.")
        texts = tf.convert_to_tensor(texts, tf.string)
        ids, starts, ends = self.tokenizer.tokenize_with_offsets(texts)
        begins = self.tokenizer.words_begin(ids, starts, ends)
        first_tokens = tf.cast(tf.where(begins.values)[:, 0], tf.int32)
        rows = lay_out_words(
            ids,
            first_tokens,
            self.tokenizer,
            max_seq_length=self.config.data.max_seq_length,
            stride=self.config.task.doc_stride,
            pad=False,
        )
        # A word ends with its last token.
        ends_word = tf.concat([begins.values[1:], [True]], axis=0)[: tf.size(begins.values)]
        counts_N = tf.reduce_sum(tf.cast(begins, tf.int32), axis=1)
        words = {
            "word_mask": tf.ones_like(first_tokens),
            "word_rows": rows.word_rows,
            "word_positions": rows.word_positions,
            "word_starts": tf.boolean_mask(starts.values, begins.values),
            "word_ends": tf.boolean_mask(ends.values, ends_word),
        }
        dense = {
            name: tf.RaggedTensor.from_row_lengths(flat, counts_N).to_tensor()
            for name, flat in words.items()
        }
        return {**rows.inputs, **dense, "text": texts}

    def decode(self, outputs, batch):
        """The entities of each text; with plain tags, its words.

        `label` and `entity` string, `start` and `end` int32 (in characters of the text, the end
        exclusive), `score` float32 (mean probability of the words' tags): all [N, E]. Unused places
        hold "", -1 and 0.
        """
        log_probs_BSL = tf.nn.log_softmax(tf.cast(outputs["logits"], tf.float32))
        places_NW2 = tf.stack([batch["word_rows"], batch["word_positions"]], axis=-1)
        scores_NWL = tf.gather_nd(log_probs_BSL, places_NW2)
        return self._decoder.entities(scores_NWL, batch)

    def describe(self, row):
        """`{"entities": [{"label": "LOC", "start": 0, "end": 4, "text": "Rome", "score": 0.9}]}`:
        characters of the text.
        """
        columns = (row[name] for name in ("label", "start", "end", "entity", "score"))
        return {
            "entities": [
                {
                    "label": label.decode(),
                    "start": int(start),
                    "end": int(end),
                    "text": text.decode(),
                    "score": float(score),
                }
                for label, start, end, text, score in zip(*columns, strict=True)
                if start >= 0
            ]
        }

    def baselines(self, dataset):
        """`majority_accuracy`: always answering the commonest tag of the evaluation data."""
        counts = np.zeros(len(self._labels))
        for batch in dataset:
            used = batch["label_weights"].numpy() > 0
            counts += np.bincount(batch["label_ids"].numpy()[used], minlength=len(counts))
        return {"majority_accuracy": float(counts.max() / max(counts.sum(), 1))}


def _columns(sentences: list[Sentence], predicted: list[list[str]]) -> Iterator[str]:
    for sentence, answers in zip(sentences, predicted, strict=True):
        for columns in zip(sentence.words, sentence.tags, answers, strict=True):
            yield " ".join(columns)
        yield ""


def entity_errors(
    sentences: list[Sentence], predicted: list[list[str]]
) -> Iterator[tuple[str, str, str, str, str]]:
    """(line of the file, "missed" or "made up", type, entity, sentence) of each wrong entity."""
    for sentence, answers in zip(sentences, predicted, strict=True):
        expected, found = (set(tag_lib.spans(tags)) for tags in (sentence.tags, answers))
        for kind, begin, end in sorted(expected ^ found, key=lambda span: (*span[1:], span[0])):
            fault = "missed" if (kind, begin, end) in expected else "made up"
            entity = " ".join(sentence.words[begin:end])
            yield str(sentence.lines[begin]), fault, kind, entity, " ".join(sentence.words)


class _TagDecoder:
    """The best valid sequence of tags, and the entities it spells, in TF ops.

    Args:
      labels: the tags in the order of the scores.
      scheme: which of them may follow which.
    """

    def __init__(self, labels: list[str], scheme: str):
        is_plain = scheme == "plain"
        may_follow = [
            [is_plain or tag_lib.may_follow(before, tag, scheme) for tag in labels]
            for before in [*labels, tag_lib.OUTSIDE]
        ]
        penalties = np.where(may_follow, 0.0, _NEVER).astype(np.float32)
        self._between_LL, self._first_L = penalties[:-1], penalties[-1]
        may_end = [is_plain or tag_lib.may_follow(tag, tag_lib.OUTSIDE, scheme) for tag in labels]
        self._last_L = np.where(may_end, 0.0, _NEVER).astype(np.float32)
        pairs = [("S", label) if is_plain else tag_lib.split_tag(label) for label in labels]
        types = sorted({kind for _, kind in pairs} - {""})
        self._types = ["", *types]
        self._type_L = np.array([self._types.index(kind) for _, kind in pairs], np.int32)
        self._always_begins_L = np.array([prefix in "BS" for prefix, _ in pairs])
        self._always_ends_L = np.array([prefix in "ES" for prefix, _ in pairs])

    def best(self, scores_NWL: tf.Tensor, mask_NW: tf.Tensor) -> tf.Tensor:
        """int32 [N, W]: the valid sequence with the largest sum of scores (Viterbi 1967).

        Args:
          scores_NWL: float32, log probabilities.
          mask_NW: bool, which words there are: the first ones of each row.
        """
        # With two words that are absent behind, because tf.scan cannot go over nothing.
        words_WNL = tf.pad(tf.transpose(scores_NWL, [1, 0, 2]), [[0, 2], [0, 0], [0, 0]])
        present_WN1 = tf.pad(tf.transpose(mask_NW), [[0, 2], [0, 0]])[..., tf.newaxis]
        start_NL = words_WNL[0] + self._first_L
        stay_NL = tf.zeros_like(start_NL, tf.int32) + tf.range(start_NL.shape[-1])

        def forward(state, word):
            sums_NLL = state[0][:, :, tf.newaxis] + self._between_LL
            before_NL = tf.argmax(sums_NLL, axis=1, output_type=tf.int32)
            sums_NL = tf.reduce_max(sums_NLL, axis=1) + word[0]
            return tf.where(word[1], sums_NL, state[0]), tf.where(word[1], before_NL, stay_NL)

        sums_WNL, before_WNL = tf.scan(
            forward, (words_WNL[1:], present_WN1[1:]), initializer=(start_NL, stay_NL)
        )
        last_N = tf.argmax(sums_WNL[-1] + self._last_L, axis=-1, output_type=tf.int32)

        def backward(tag_N, before_NL):
            return tf.gather(before_NL, tag_N, batch_dims=1)

        tags_WN = tf.scan(backward, before_WNL, initializer=last_N, reverse=True)
        return tf.transpose(tags_WN)[:, :-1]

    def entities(self, scores_NWL: tf.Tensor, words: task.Batch) -> task.Batch:
        """See `TokenClassificationTask.decode`; `words` is what `encode` gave."""
        mask_NW = words["word_mask"] > 0
        tags_NW = self.best(scores_NWL, mask_NW)
        type_NW = tf.where(mask_NW, tf.gather(self._type_L, tags_NW), 0)
        begins_NW, ends_NW = self._borders(tags_NW, type_NW)
        number_NW = tf.reshape(tf.cumsum(tf.reshape(tf.cast(begins_NW, tf.int32), [-1])), [-1]) - 1
        prob_NW = tf.exp(tf.gather(scores_NWL, tags_NW, batch_dims=2))
        inside_NW = type_NW > 0
        score_K = tf.math.unsorted_segment_mean(
            tf.boolean_mask(prob_NW, inside_NW),
            tf.boolean_mask(number_NW, tf.reshape(inside_NW, [-1])),
            tf.reduce_sum(tf.cast(begins_NW, tf.int32)),
        )
        start = tf.ragged.boolean_mask(words["word_starts"], begins_NW)
        end = tf.ragged.boolean_mask(words["word_ends"], ends_NW)
        label = tf.ragged.boolean_mask(tf.gather(tf.constant(self._types), type_NW), begins_NW)
        # Offsets count what is not UTF-8 as U+FFFD.
        texts_N = tf.strings.unicode_transcode(words["text"], "UTF-8", "UTF-8")
        entity_K = tf.strings.substr(
            tf.gather(texts_N, start.value_rowids()),
            start.values,
            end.values - start.values,
            unit="UTF8_CHAR",
        )
        return {
            "label": label.to_tensor(""),
            "start": start.to_tensor(-1),
            "end": end.to_tensor(-1),
            "entity": start.with_values(entity_K).to_tensor(""),
            "score": start.with_values(score_K).to_tensor(0.0),
        }

    def _borders(self, tags_NW: tf.Tensor, type_NW: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Bool [N, W] each: the first and the last words of entities."""
        always_begins_NW = tf.gather(self._always_begins_L, tags_NW)
        always_ends_NW = tf.gather(self._always_ends_L, tags_NW)
        none_N1 = tf.zeros_like(type_NW[:, :1])
        before_NW = tf.concat([none_N1, type_NW[:, :-1]], axis=1)
        ended_NW = tf.concat([tf.ones_like(none_N1, tf.bool), always_ends_NW[:, :-1]], axis=1)
        begins_NW = (type_NW > 0) & (always_begins_NW | ended_NW | (before_NW != type_NW))
        outside_NW = type_NW == 0
        next_NW = tf.concat([(begins_NW | outside_NW)[:, 1:], none_N1 == 0], axis=1)
        return begins_NW, (type_NW > 0) & next_NW
