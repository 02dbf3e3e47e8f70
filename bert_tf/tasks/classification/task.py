"""Labels or a number for a text or a pair of texts (Devlin et al. 2018, section 4.1).

Shape suffixes: B batch, D hidden, L labels.
"""

import inspect
import json
import math
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.data.labelled.columns import Known, TextColumns
from bert_tf.layers.dropout import fold_in
from bert_tf.layers.pooling import check_pooling, pool
from bert_tf.tasks import losses
from bert_tf.tasks.beliefs import LOG_ODDS, NUMBER, Explain
from bert_tf.tasks.classification import beliefs, decisions, errors, fit_decisions, prepare, scores
from bert_tf.tasks.classification.config import Facts
from bert_tf.tasks.classification.examples import make_classification_dataset
from bert_tf.tasks.classification.labels import MULTI, REGRESSION, SINGLE, in_words
from bert_tf.tasks.classification.teaching import TeachLabels
from bert_tf.tasks.task import Learn, Score
from bert_tf.tasks.task_model import TaskModel, encoder_inputs, make_encoder
from bert_tf.tokenization.tokenizer import Tokenizer

# Folded into the dropout seed for the head; the encoder folds 0..num_hidden_layers.
_HEAD_SEED = 2**20


class ClassificationModel(TaskModel):
    """An encoder and a classifier of its outputs, pooled by `config.task.classifier_pooling`.

    Call arguments:
      batch: dict with `input_ids` and any other inputs of the encoder.
      dropout_seed: int32 [2]; None for no dropout.

    Returns:
      The encoder's outputs and `logits` [B, L].
    """

    def __init__(
        self, config: ExperimentConfig, facts: Facts | None = None, *, name: str = "classification"
    ):
        super().__init__(config, facts, name=name)
        self.encoder = make_encoder(config)
        self.classifier = self.make_classifier(
            num_labels=len(self.facts.labels) or 1,
            dropout_prob=config.task.classifier_dropout_prob,
        )
        if not self.classifier.built:
            self.classifier.build((None, config.model.hidden_size))
        called = inspect.signature(self.classifier.call).parameters
        self._drops_out = "dropout_seed" in called  # Keras' own layers take no seed
        self.built = True

    def make_classifier(self, *, num_labels: int, dropout_prob: float) -> keras.layers.Layer:
        """The head, called with vectors [B, D]; the encoder's own head unless you override this.

        It may be a Keras layer or a `keras.Sequential`. Give every layer a name: checkpoints find
        variables by it.
        """
        return self.encoder.classifier_head(num_labels=num_labels, dropout_prob=dropout_prob)

    def call(self, batch, dropout_seed=None):
        outputs = self.encoder(
            **encoder_inputs(batch, self.config.model), dropout_seed=dropout_seed
        )
        seed = {"dropout_seed": fold_in(dropout_seed, _HEAD_SEED)} if self._drops_out else {}
        outputs["logits"] = self.classifier(self._classified(outputs, batch), **seed)
        return outputs

    def _classified(self, outputs, batch):
        """The input of the classifier, in the compute dtype."""
        input_mask = batch.get("input_mask")
        if input_mask is None:
            input_mask = tf.ones_like(batch["input_ids"])
        how = self.config.task.for_encoder(self.config.model).classifier_pooling
        pooled_BD = pool(outputs, input_mask, how)
        return tf.cast(pooled_BD, self.compute_dtype)


def _check_class_weights(weights: Sequence[float], num_labels: int) -> None:
    """ValueError for weights that make the loss 0 or give it no minimum."""
    if not weights:
        return
    if len(weights) != num_labels:
        raise ValueError(
            f"task.class_weights holds {len(weights)} numbers for {num_labels} labels; expected "
            "one for each."
        )
    if not all(0 <= weight < math.inf for weight in weights) or not any(weights):
        raise ValueError(
            f"task.class_weights is {tuple(weights)}; expected numbers of at least 0, not all of "
            "them 0."
        )


class ClassificationTask(TeachLabels, Learn, Score, Explain):
    """Predicts one label of `facts.labels`, any number of labels, or a number."""

    loss_names = ("loss",)

    def __init__(self, config: ExperimentConfig, tokenizer: Tokenizer, facts: Facts):
        super().__init__(config, tokenizer, facts)
        task = config.task
        self.problem_type = task.problem_type
        if self.problem_type not in _TRAINING_METRICS:
            raise ValueError(
                f"task.problem_type is {task.problem_type!r}. "
                f"Known: {', '.join(_TRAINING_METRICS)}."
            )
        if self.problem_type == REGRESSION and facts.labels:
            raise ValueError(f"a regression has no labels: remove task.labels {facts.labels!r}.")
        if self.problem_type != REGRESSION and len(facts.labels) < 2:
            raise ValueError(
                f"a classifier needs at least two labels, received {facts.labels!r} "
                "(task.labels, or the labels of the training file)."
            )
        _check_class_weights(facts.class_weights, len(facts.labels))
        check_pooling(
            task.for_encoder(config.model).classifier_pooling,
            setting="task.classifier_pooling",
            use_pooler=config.model.use_pooler,
        )
        decisions.check(task, facts)
        self.metric_names = _TRAINING_METRICS[self.problem_type]
        self.labels = [str(label) for label in facts.labels]

    @classmethod
    def prepare(cls, config, files, tokenizer):
        """See `Learn.prepare`."""
        return prepare.prepare(config, files, tokenizer)

    def build_model(self) -> ClassificationModel:
        """See `Task.build_model`."""
        return ClassificationModel(self.config, self.facts)

    def make_dataset(self, data, batch_slice, *, training, start_row=0) -> tf.data.Dataset:
        """`data` is what `encode_examples` returns."""
        return make_classification_dataset(
            data,
            batch_slice=batch_slice,
            seed=self.config.train.seed,
            training=training,
            start_row=start_row,
            widths=self.facts.widths,
            label=self._label_of_none(),
        )

    def _label_of_none(self) -> np.ndarray | np.generic:
        if self.problem_type == MULTI:
            return np.zeros(len(self.labels), np.float32)
        return np.float32(0) if self.problem_type == REGRESSION else np.int32(0)

    def loss_weights(self, batch):
        return {"loss": tf.reduce_sum(self._weights(batch))}

    def _weights(self, batch) -> tf.Tensor:
        """The weight of each loss: float32 [B], or [B, L] for several labels."""
        class_weights = self.facts.class_weights
        weights = batch["label_weights"]
        if self.problem_type == MULTI:
            targets_BL = batch["label_ids"]
            weights_L = tf.constant(class_weights or [1.0] * len(self.labels), tf.float32)
            return weights[:, tf.newaxis] * tf.where(targets_BL > 0, weights_L, 1.0)
        if self.problem_type == SINGLE and class_weights:
            return weights * tf.gather(tf.constant(class_weights, tf.float32), batch["label_ids"])
        return weights

    def compute_loss(self, outputs, batch):
        """Cross entropy; mean binary cross entropy for several labels; squared error for a number.

        transformers' BertForSequenceClassification computes the same losses.
        """
        logits = tf.cast(outputs["logits"], tf.float32)
        weights, labels = self._weights(batch), batch["label_ids"]
        if self.problem_type == SINGLE:
            loss = losses.weighted_cross_entropy(logits, labels, weights)
        elif self.problem_type == MULTI:
            terms = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
            loss = tf.reduce_sum(terms * weights)
        else:
            loss = tf.reduce_sum(tf.math.squared_difference(logits[:, 0], labels) * weights)
        return {"loss": (loss, tf.reduce_sum(weights))}

    def compute_metrics(self, outputs, batch):
        if self.problem_type == REGRESSION:
            return {}
        logits, labels, weights = outputs["logits"], batch["label_ids"], batch["label_weights"]
        total = tf.reduce_sum(weights)
        if self.problem_type == SINGLE:
            return {"accuracy": (losses.weighted_hits(logits, labels, weights), total)}
        equal = tf.reduce_all((logits > 0) == (labels > 0), axis=-1)
        return {"exact_match": (tf.reduce_sum(tf.cast(equal, tf.float32) * weights), total)}

    def read(self, path, scratch):
        """The labelled examples of a file; see `Score.read`."""
        del scratch
        examples = prepare.read(path, self.config.task, self.facts, reading=self.reading)
        return prepare.encode(examples, self.tokenizer, self.config.data.max_seq_length)

    def row_outputs(self, outputs, batch):
        """The logits, see `Score.row_outputs`."""
        return {
            "logits": tf.cast(outputs["logits"], tf.float32),
            "row_ids": batch["row_ids"],
        }

    def score(self, rows, data):
        """The scores of `bert_tf.tasks.classification.scores`; {} for data without labels."""
        if "label_ids" not in data:
            return {}
        answers, labels = self.answers(rows["logits"]), data["label_ids"]
        if self.problem_type == SINGLE:
            found = scores.label_scores(labels, answers, len(self.labels))
            if decisions.may_reject(self.facts):
                found |= scores.answered_scores(labels, answers)
            return found
        if self.problem_type == MULTI:
            return scores.label_set_scores(labels, answers)
        return scores.number_scores(labels, answers)

    def answers(self, logits: np.ndarray) -> np.ndarray:
        """Label ids int64 [E] (-1: none), 0/1 float32 [E, L] for sets of labels, or numbers [E].

        The served model decides in the same way.
        """
        if self.problem_type == REGRESSION:
            return logits[:, 0]
        probs = decisions.probabilities(logits, self.facts, self.problem_type)
        if self.problem_type == SINGLE:
            return decisions.best_label(probs, self.facts).numpy()
        return decisions.label_mask(probs, self.facts).numpy().astype(np.float32)

    def calibrate(self, rows, data):
        """The facts with the temperature, thresholds or factors that the settings request."""
        if not decisions.fits(self.config.task):
            return self.facts
        return fit_decisions.fit(self.config.task, self.facts, rows["logits"], data["label_ids"])

    @property
    def known_by(self):
        """See `Score.known_by`."""
        return tuple(self.config.task.metrics) or _KNOWN_BY[self.problem_type]

    def judge(self, part, rows):
        """See `Score.judge`, and `errors`."""
        answers, unk_id = self.answers(rows["logits"]), self.tokenizer.unk_id
        if self.problem_type == REGRESSION:
            return errors.judge_numbers(part, answers, unk_id)
        probs = decisions.probabilities(rows["logits"], self.facts, self.problem_type).numpy()
        judge = errors.judge_labels if self.problem_type == SINGLE else errors.judge_label_sets
        return judge(part, probs, answers, self.labels, unk_id)

    def set_columns(self, part, names):
        """See `Score.set_columns`."""
        return prepare.columns_of(part.examples, names, self.config.task, self.reading)

    def prediction_files(self, rows, data):
        """`predictions.jsonl`: the line of the file, its label if it has one, and the answer."""
        return {"predictions.jsonl": self._prediction_lines(rows["logits"], data)}

    def _prediction_lines(self, logits, data) -> Iterator[str]:
        decoded = {
            name: values.numpy()
            for name, values in self.decode({"logits": tf.constant(logits)}, {}).items()
        }
        for index, line in enumerate(data["lines"].tolist()):
            said = self.describe({name: values[index] for name, values in decoded.items()})
            known = {}
            if "label_ids" in data:
                known["expected"] = in_words(data["label_ids"][index], self.labels)
            yield json.dumps({"line": line, **known, **said}, ensure_ascii=False)

    @property
    def takes_pairs(self):
        """Whether an example is a pair of texts."""
        return self.facts.text_pairs

    @property
    def columns(self):
        """See `Serve.columns`: the columns in the settings, else of the training file."""
        task, facts = self.config.task, self.facts
        return Known(
            TextColumns(task.text_column, task.text_pair_column),
            TextColumns(facts.text_column, facts.text_pair_column),
            tuple(task.header),
        )

    def decode(self, outputs, batch):
        """`label` string [B] and `probabilities` float32 [B, L] in the order of the labels.

        `decisions` chooses `label`; "" is no label. Several labels are joined by the separator of
        the data. `top_k` adds `top_labels` and `top_probabilities` [B, K]. A regression gives only
        `score` float32 [B].
        """
        del batch
        if self.problem_type == REGRESSION:
            return {"score": tf.cast(outputs["logits"], tf.float32)[:, 0]}
        return self.decide(
            decisions.probabilities(outputs["logits"], self.facts, self.problem_type)
        )

    def decide(self, probabilities):
        """See `Serve.decide`."""
        probs_BL = tf.ensure_shape(probabilities, [None, len(self.labels)])
        first = decisions.first_labels(probs_BL, self.labels, self.facts)
        if self.problem_type == SINGLE:
            label_B = tf.gather(
                tf.constant([*self.labels, ""]),
                decisions.best_label(probs_BL, self.facts) % (len(self.labels) + 1),
            )
            return {"label": label_B, "probabilities": probs_BL, **first}
        labels_BL = tf.broadcast_to(tf.constant(self.labels), tf.shape(probs_BL))
        chosen = tf.ragged.boolean_mask(labels_BL, decisions.label_mask(probs_BL, self.facts))
        joined = tf.strings.reduce_join(chosen, axis=-1, separator=self.config.task.label_separator)
        return {"label": joined, "probabilities": probs_BL, **first}

    def describe(self, row):
        """`{"label": "b", "probabilities": {"a": 0.1, "b": 0.9}}`, or `{"score": 3.2}`.

        `null` is no label; `top_k` adds `"top": [{"label": "b", "probability": 0.9}]`.
        """
        if self.problem_type == REGRESSION:
            return {"score": float(row["score"])}
        values = row["probabilities"]
        rest = {
            "probabilities": dict(zip(self.labels, values.tolist(), strict=True)),
            **decisions.described(row),
        }
        if self.problem_type == MULTI:
            mask = decisions.label_mask(tf.constant(values[np.newaxis]), self.facts).numpy()[0]
            return {"labels": in_words(mask, self.labels), **rest}
        return {"label": row["label"].decode() or None, **rest}

    @property
    def belief_unit(self):
        """See `Explain.belief_unit`."""
        return NUMBER if self.problem_type == REGRESSION else LOG_ODDS

    def believed(self, outputs, batch, wanted=""):
        """See `Explain.believed`: the labels, or the number."""
        del batch
        return beliefs.believed(
            outputs["logits"], self.labels, self.facts, self.problem_type, wanted
        )

    def name_of(self, answer):
        """See `Explain.name_of`."""
        return beliefs.name_of(answer, self.labels, self.problem_type)

    def belief(self, outputs, batch, places):
        """See `Explain.belief`."""
        del batch
        return beliefs.belief(outputs["logits"], places, self.facts, self.problem_type)

    @property
    def about(self):
        """See `Serve.about`."""
        task, facts = self.config.task, self.facts
        texts = [facts.text_column, facts.text_pair_column]
        found = {"problem_type": self.problem_type, "columns": [text for text in texts if text]}
        if self.problem_type != REGRESSION:
            found["decision"] = decisions.manifest(facts)
        if self.problem_type == MULTI:
            found["label_separator"] = task.label_separator
        return found

    def check_has_temperature(self):
        """See `Serve.check_has_temperature`."""
        if self.problem_type != SINGLE:
            raise ValueError(
                "--temperature and --calibration_data are for the probabilities of a classifier "
                f"that gives one label a text; this model is {self.problem_type!r}. Leave them out."
            )

    def read_calibration(self, path):
        """See `Serve.read_calibration`."""
        self.check_has_temperature()
        examples = prepare.read(path, self.config.task, self.facts, reading=self.reading)
        texts = [examples.texts] + ([examples.text_pairs] if examples.text_pairs else [])
        return texts, examples.label_ids

    def baselines(self, dataset):
        """`majority_accuracy`: of always answering the commonest label of the evaluation data."""
        if self.problem_type != SINGLE:
            return {}
        counts = np.zeros(len(self.labels))
        for batch in dataset:
            used = batch["label_weights"].numpy() > 0
            counts += np.bincount(batch["label_ids"].numpy()[used], minlength=len(counts))
        return {"majority_accuracy": float(counts.max() / max(counts.sum(), 1))}


_TRAINING_METRICS = {SINGLE: ("accuracy",), MULTI: ("exact_match",), REGRESSION: ()}
_KNOWN_BY = {SINGLE: ("accuracy",), MULTI: ("micro_f1",), REGRESSION: ("spearman", "pearson")}
