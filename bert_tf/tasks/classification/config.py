"""The settings of classification."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from bert_tf.config import ranges
from bert_tf.config.task import Facts as BaseFacts
from bert_tf.config.task import Settings


@dataclasses.dataclass(frozen=True)
class Facts(BaseFacts):
    """Facts of the training file and of evaluation data.

    Attributes:
      labels: in the order of the logits; empty for a regression.
      text_pairs: an example is a pair of texts.
      class_weights: weight of each label in the loss; empty: all 1.
      text_column, text_pair_column, label_column: columns of texts and labels, as in `Config`;
        empty in models of an older version.
      temperature, factors, thresholds, reject_below, top_k: how answers are decided, as in
        `Config`, with the values that were fitted on evaluation data.
    """

    labels: tuple[str, ...] = ()
    text_pairs: bool = False
    class_weights: tuple[float, ...] = ()
    text_column: str = ""
    text_pair_column: str = ""
    label_column: str = ""
    temperature: float = 1.0
    factors: tuple[float, ...] = ()
    thresholds: tuple[float, ...] = ()
    reject_below: float = 0.0
    top_k: int = 0


@dataclasses.dataclass
class Config(Settings):
    """Labels or a number for a text or a pair of texts.

    Attributes:
      problem_type: "single_label_classification", "multi_label_classification" or "regression"
        (then `labels` is empty and the label column holds numbers).
      labels: in the order of the logits; empty: the labels of the training file.
      class_weights: weight of each label in the loss, in the order of `labels` (with several labels
        per text: weight of the examples that have the label); empty: all 1.
      balance_classes: choose the class weights from the training data, so that every label has the
        same total weight.
      metrics: headline metrics; the first selects the best model. Empty: accuracy, micro_f1 or
        spearman.
      classifier_dropout_prob: dropout of the pooled output.
      classifier_pooling: the input of the classifier: "mean" of the tokens, their "max", the "cls"
        token, or the "pooler". Empty: as in the encoder's published classifiers, for BERT the
        pooler. Use "mean" for a BERT that never learned next sentences, because its pooler is
        random.
      text_column, text_pair_column, label_column: columns of the file; empty: found by their usual
        names. A text can be a template of several columns: "{Subject}: {Body}".
      label_columns: for several labels: one 0/1 column for each label, instead of label_column.
      label_separator: separates several labels in one column.
      header: names of the columns of a file without a header line.
      skip_faulty_rows: skip and count rows with a wrong number of fields, or with an empty first
        text or label.
      temperature: divides the logits.
      factors: one for each label: the label with the largest product of factor and probability is
        the answer; empty: all 1.
      thresholds: the least probability of each label; empty: none, and 0.5 with several labels per
        text. An answer below its threshold is no label.
      reject_below: below this probability, the answer is no label.
      top_k: answers also have this many labels with the largest probabilities.
      fit_temperature: fit the temperature on the first evaluation set. It stays 1 if a temperature
        makes the calibration error worse.
      fit_thresholds: fit thresholds or factors on the first evaluation set: "f1" (factors for one
        label per text), "precision" or "recall" (thresholds with at least fit_target of it, and the
        highest value of the other), "cost" (the lowest costs). Empty: nothing.
      fit_target: the precision or recall that every label must have.
      costs: for "cost": a row for each right label, with the cost of each answer and optionally of
        no label; with several labels per text ((0, cost of a false label), (cost of a missed label,
        0)).
    """

    problem_type: str = "single_label_classification"
    labels: tuple[str, ...] = ()
    class_weights: tuple[float, ...] = ()
    balance_classes: bool = False
    metrics: tuple[str, ...] = ()
    classifier_dropout_prob: float = 0.1
    classifier_pooling: str = ""
    text_column: str = ""
    text_pair_column: str = ""
    label_column: str = ""
    label_columns: tuple[str, ...] = ()
    label_separator: str = ","
    header: tuple[str, ...] = ()
    skip_faulty_rows: bool = False
    temperature: float = 1.0
    factors: tuple[float, ...] = ()
    thresholds: tuple[float, ...] = ()
    reject_below: float = 0.0
    top_k: int = 0
    fit_temperature: bool = False
    fit_thresholds: str = ""
    fit_target: float = 0.9
    costs: tuple[tuple[float, ...], ...] = ()

    RANGES: ClassVar[Mapping[str, ranges.Range]] = {
        "classifier_dropout_prob": ranges.BELOW_ONE,
        "temperature": ranges.POSITIVE,
        "reject_below": ranges.BELOW_ONE,
        "top_k": ranges.NOT_NEGATIVE,
        "fit_target": ranges.SHARE,
    }
    FACTS: ClassVar[type] = Facts
    RECIPE: ClassVar[str] = "finetune/glue.py"
    SERVED_AS: ClassVar[str] = "classify"
    READING: ClassVar[tuple[str, ...]] = (
        "text_column",
        "text_pair_column",
        "label_column",
        "label_columns",
        "label_separator",
        "header",
        "skip_faulty_rows",
    )
    DECIDING: ClassVar[tuple[str, ...]] = (
        "temperature",
        "factors",
        "thresholds",
        "reject_below",
        "top_k",
        "fit_temperature",
        "fit_thresholds",
        "fit_target",
        "costs",
    )

    def for_encoder(self, model: Any) -> "Config":
        """See `Settings.for_encoder`: `classifier_pooling` is filled in."""
        pooling = self.classifier_pooling or model.classifier_pooling
        return dataclasses.replace(self, classifier_pooling=pooling)

    def why_not_built(self, facts: Facts) -> str:
        """See `Settings.why_not_built`."""
        few = self.problem_type != "regression" and len(facts.labels) < 2
        return f"a classifier of {len(facts.labels)} label(s)" if few else ""

    def task_class(self) -> type:
        """See `Settings.task_class`."""
        from bert_tf.tasks.classification.task import ClassificationTask

        return ClassificationTask
