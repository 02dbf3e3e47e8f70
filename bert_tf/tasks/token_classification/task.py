"""A tag for each word: entities, parts of speech (Devlin et al. 2018, section 5.3).

The first token of a word is predicted. Tags are decoded together, so that only sequences come out
that are valid in the scheme of the labels.

Shape suffixes: B rows, S sequence, L labels, N texts or sentences, W words of a text, E entities
of a text, X words of all texts, K entities of all texts.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.data.labelled.columns import Known
from bert_tf.tasks import beliefs, losses
from bert_tf.tasks.beliefs import LOG_ODDS, Belief, Explain
from bert_tf.tasks.classification.task import ClassificationModel
from bert_tf.tasks.from_arrays import LearnFromArrays
from bert_tf.tasks.task import Score
from bert_tf.tasks.teaching import SOFT_WEIGHTS, Teach
from bert_tf.tasks.token_classification import errors, prepare
from bert_tf.tasks.token_classification import tags as tag_lib
from bert_tf.tasks.token_classification.columns import Sentence
from bert_tf.tasks.token_classification.config import Facts
from bert_tf.tasks.token_classification.rows import TaggedData, lay_out_words
from bert_tf.tasks.token_classification.scores import entity_scores
from bert_tf.tasks.token_classification.sentence_records import WORD_KEYS
from bert_tf.tasks.token_classification.tag_decoder import TagDecoder
from bert_tf.tokenization.tokenizer import Tokenizer

_SENTENCES_PER_CALL = 256


class TokenClassificationModel(ClassificationModel):
    """An encoder with a classifier on every token.

    Call arguments:
      batch: dict with `input_ids` and any other inputs of the encoder.
      dropout_seed: int32 [2]; None for no dropout.

    Returns:
      The encoder's outputs and `logits` [B, S, L].
    """

    def __init__(
        self,
        config: ExperimentConfig,
        facts: Facts | None = None,
        *,
        name: str = "token_classification",
    ):
        super().__init__(config, facts, name=name)

    def make_classifier(self, **options):
        return self.encoder.token_classifier_head(**options)

    def _classified(self, outputs, batch):
        return outputs["sequence_output"]


class TokenClassificationTask(LearnFromArrays, Teach, Score, Explain):
    """Predicts one of `facts.labels` for each word."""

    metric_names = ("accuracy",)
    token_names = (*LearnFromArrays.token_names, "label_ids", "label_weights", SOFT_WEIGHTS)
    weights_name = "label_weights"
    belief_unit = LOG_ODDS

    def __init__(self, config: ExperimentConfig, tokenizer: Tokenizer, facts: Facts):
        super().__init__(config, tokenizer, facts)
        labels, scheme = [str(label) for label in facts.labels], facts.tag_scheme
        if len(labels) < 2:
            raise ValueError(
                f"tags need at least two labels, received {facts.labels!r} (task.labels, or the "
                "tags of the training file)."
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
        self.is_plain = scheme == "plain"
        self.labels = labels if self.is_plain else tag_lib.with_hyphens(labels)
        self._decoder = TagDecoder(self.labels, scheme)

    @classmethod
    def prepare(cls, config, files, tokenizer):
        """See `Learn.prepare`."""
        return prepare.prepare(config, files, tokenizer)

    def build_model(self) -> TokenClassificationModel:
        """See `Task.build_model`."""
        return TokenClassificationModel(self.config, self.facts)

    def compute_loss(self, outputs, batch):
        """Cross entropy of the first token of each word."""
        return self._sum(losses.weighted_cross_entropy, "loss", outputs, batch)

    def compute_metrics(self, outputs, batch):
        """`accuracy` of the best tag of each word by itself."""
        return self._sum(losses.weighted_hits, "accuracy", outputs, batch)

    def _sum(self, function, name, outputs, batch):
        weight = self.loss_weights(batch)["loss"]
        value = function(outputs["logits"], batch["label_ids"], batch["label_weights"])
        return {name: (value, weight)}

    def soft_scores(self, outputs, batch):
        """See `Teach.soft_scores`: the logits of the tags of each token."""
        del batch
        return outputs["logits"]

    def soft_weights(self, batch):
        """See `Teach.soft_weights`: the first token of each word counts."""
        return batch.get(SOFT_WEIGHTS, batch["label_weights"])

    def read_texts(self, path):
        """See `Teach.read_texts`: the words of a file; it needs no column of tags."""
        found = prepare.read(
            path, self.config.task, self.facts, reading=self.reading, needs_tags=False
        )
        return prepare.encode(path, found[0], self.config, self.facts, self.tokenizer).arrays

    def read(self, path, scratch):
        """The tagged sentences of a file; see `Score.read`."""
        del scratch
        sentences, _ = prepare.read(path, self.config.task, self.facts, reading=self.reading)
        return prepare.encode(path, sentences, self.config, self.facts, self.tokenizer)

    def row_outputs(self, outputs, batch):
        """`log_probabilities` float32 [B, S, L], 0 where the rows are cut."""
        log_probs_BSL = tf.nn.log_softmax(tf.cast(outputs["logits"], tf.float32))
        cut = self.config.data.max_seq_length - log_probs_BSL.shape[1]
        return {
            "log_probabilities": tf.pad(log_probs_BSL, [[0, 0], [0, cut], [0, 0]]),
            "row_ids": batch["row_ids"],
        }

    def score(self, rows, data: TaggedData):
        """`precision`, `recall`, `f1` of entities, or nothing for plain tags and words alone."""
        tags = [sentence.tags for sentence in data.sentences]
        if self.is_plain or not all(tags):
            return {}
        predicted = self.tags_of(rows, data)
        return entity_scores(
            [tag_lib.convert(row, "iob2") for row in tags],
            [tag_lib.convert(row, "iob2") for row in predicted],
        )

    @property
    def known_by(self):
        """See `Score.known_by`."""
        return ("accuracy",) if self.is_plain else ("f1", "precision", "recall")

    def judge(self, part, rows):
        """See `Score.judge`, and `errors`."""
        data = part.arrays
        probs_WL = np.exp(rows["log_probabilities"][data.word_rows, data.word_positions])
        predicted, unk_id = self.tags_of(rows, data), self.tokenizer.unk_id
        return errors.judge(data, predicted, probs_WL, self.labels, unk_id, self.is_plain)

    def prediction_files(self, rows, data: TaggedData):
        """Predictions as conlleval reads them, and the errors.

        `predictions.txt`: word, tag (`_` where none is known), predicted tag. `errors.txt`: see
        `errors.entity_errors`.
        """
        predicted = self.tags_of(rows, data)
        files = {"predictions.txt": _columns(data.sentences, predicted)}
        if not self.is_plain and all(sentence.tags for sentence in data.sentences):
            files["errors.txt"] = map("\t".join, errors.entity_errors(data.sentences, predicted))
        return files

    def tags_of(self, rows, data: TaggedData) -> list[list[str]]:
        """The tags of each sentence, decoded as a whole even if it lies in several windows."""
        scores_XL = rows["log_probabilities"][data.word_rows, data.word_positions]
        lengths = [len(sentence.words) for sentence in data.sentences]
        ends, tags = np.cumsum(lengths), []
        for start in range(0, len(lengths), _SENTENCES_PER_CALL):
            part = lengths[start : start + _SENTENCES_PER_CALL]
            first, last = ends[start] - lengths[start], ends[start + len(part) - 1]
            ids_X = iter(self.best_tags(scores_XL[first:last], part).numpy())
            tags += [
                [self.labels[tag] for tag in itertools.islice(ids_X, length)] for length in part
            ]
        return tags

    def best_tags(self, scores_XL: tf.Tensor, lengths_N: tf.Tensor) -> tf.Tensor:
        """int32 [X]: for each text the valid sequence of tags with the largest sum of scores."""
        return self._decoder.best(scores_XL, lengths_N)

    @property
    def columns(self):
        """See `Serve.columns`: a text, or the words of a sentence as data sets publish them."""
        return Known(word_lists=WORD_KEYS)

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
            self.tokenizer.layout,
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

    def token_rows(self, first, second, layout):
        """See `Explain.token_rows`: windows."""
        del second
        rows = lay_out_words(
            first,
            tf.zeros([0], tf.int32),
            layout,
            max_seq_length=self.config.data.max_seq_length,
            stride=self.config.task.doc_stride,
            pad=False,
        )
        return rows.inputs["input_ids"]

    @property
    def nothing(self):
        """See `Explain`: the tag O, if the tags have it."""
        return tag_lib.OUTSIDE if tag_lib.OUTSIDE in self.labels else ""

    def believed(self, outputs, batch, wanted=""):
        """See `Explain.believed`: the tag of the first word of each entity.

        Plain tags: that of each word. With `wanted`, that tag for each word.
        """
        if wanted and wanted not in self.labels:
            known = ", ".join(self.labels)
            raise ValueError(f"there is no tag {wanted!r} to explain. Tags of the model: {known}.")
        mask_NW = batch["word_mask"].numpy() > 0
        names = ("word_rows", "word_positions", "word_starts", "word_ends")
        words_X4 = np.stack([batch[name].numpy()[mask_NW] for name in names], axis=-1)
        scores_XL = tf.nn.log_softmax(tf.gather_nd(outputs["logits"], words_X4[:, :2]))
        tags_X = self.best_tags(tf.cast(scores_XL, tf.float32), mask_NW.sum(axis=1)).numpy()
        found, text_X, before = [], np.nonzero(mask_NW)[0], (-1, "")
        for text, tag, (row, position, start, end) in zip(
            text_X.tolist(), tags_X.tolist(), words_X4.tolist(), strict=True
        ):
            tag = self.labels.index(wanted) if wanted else tag
            label = self.labels[tag]
            kind = "" if self.is_plain else tag_lib.split_tag(label)[1]
            goes_on = label[:2] in ("I-", "E-") and before == (text, kind)
            before = (text, kind)
            if wanted or not (tag_lib.is_outside(label) or goes_on):
                found.append(Belief(row, (position, tag), tag, label, (start, end)))
        return found

    def name_of(self, answer):
        """See `Explain.name_of`."""
        return self.labels[answer]

    def belief(self, outputs, batch, places):
        """See `Explain.belief`: log odds of a tag at a token, by itself."""
        del batch
        logits_BL = tf.gather(outputs["logits"], places[:, 0], batch_dims=1)
        best_B = tf.argmax(logits_BL, axis=-1, output_type=tf.int32)
        return beliefs.log_odds(logits_BL, places[:, 1]), best_B

    def decode(self, outputs, batch):
        """The entities of each text; with plain tags, its words.

        `label` and `entity` string, `start` and `end` int32 (in characters of the text, the end
        exclusive), `score` float32 (mean probability of the words' tags): all [N, E]. Unused places
        hold "", -1 and 0.
        """
        log_probs_BSL = tf.nn.log_softmax(tf.cast(outputs["logits"], tf.float32))
        places_NW2 = tf.stack([batch["word_rows"], batch["word_positions"]], axis=-1)
        places_X2 = tf.boolean_mask(places_NW2, batch["word_mask"] > 0)
        return self._decoder.entities(tf.gather_nd(log_probs_BSL, places_X2), batch)

    def describe(self, row):
        """The entities of a text, with their characters [start, end).

        `{"entities": [{"label": "LOC", "start": 0, "end": 4, "text": "Rome", "score": 0.9}]}`.
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
        counts = np.zeros(len(self.labels))
        for batch in dataset:
            used = batch["label_weights"].numpy() > 0
            counts += np.bincount(batch["label_ids"].numpy()[used], minlength=len(counts))
        return {"majority_accuracy": float(counts.max() / max(counts.sum(), 1))}


def _columns(sentences: list[Sentence], predicted: list[list[str]]) -> Iterator[str]:
    for sentence, answers in zip(sentences, predicted, strict=True):
        tags = sentence.tags or ["_"] * len(answers)
        for fields in zip(sentence.words, tags, answers, strict=True):
            yield " ".join(fields)
        yield ""
