"""The settings of distillation: a student learns from a teacher. Needs no TensorFlow, no Keras.

References: Hinton et al. 2015; Sanh et al. 2019 (DistilBERT); Jiao et al. 2019 (TinyBERT);
Wang et al. 2020 (MiniLMv2).
"""

import dataclasses

from bert_tf.config import ranges
from bert_tf.config.experiment import ExperimentConfig

HIDDEN_LOSSES = ("mse", "cosine")
TEACHER_OUTPUTS = ("auto", "step", "stored")
ALTERNATE, LAST, ALL = "alternate", "last", "all"


@dataclasses.dataclass
class DistillConfig:
    """What a student learns from its teacher, and what the student is made of.

    The loss is the sum of four terms times their weights; a term with weight 0 is not computed.

    Attributes:
      student_layers: the student has these layers of the teacher, and starts from them: "alternate"
        (about every other layer, the first and the last among them), or numbers from 1: "1,3,6".
        Empty: the student is --init_checkpoint, or config.model with random weights.
      gold_weight: weight of the task's own loss, from the labels of the data.
      soft_weight: weight of the soft targets: how the student's answers differ from the teacher's
        (Kullback-Leibler divergence times the square of the temperature; the squared difference of
        numbers and vectors).
      temperature: divides the logits of both models for the soft targets. Higher: the answers that
        the teacher thinks unlikely count more.
      hidden_weight: weight of the difference of hidden states.
      hidden_loss: "mse", the mean squared difference, or "cosine", 1 - cosine. If the widths
        differ, a matrix that is used in training only widens the student's.
      match_layers: the hidden states that are compared: "last", the last of both; "all", each layer
        of the student and the embeddings, with the teacher's layers they come from, or evenly
        spread; or pairs of student:teacher, such as "0:0,1:2,2:4,3:6" (0 is the embeddings).
      relation_weight: weight of MiniLMv2's relations: how queries, keys and values of the last
        layer relate to each other, compared with those of a layer of the teacher. Widths and
        numbers of heads can differ.
      relation_layer: the teacher's layer for the relations, from 1; 0: its last.
      relation_heads: the number of heads into which both are cut for the relations; divides both
        widths. 0: the largest number that does, up to the teacher's own heads.
      teacher_outputs: "step", the teacher computes in every step; "stored", it answers each row
        once, before the training, and the answers are kept in the work directory; "auto", stored
        if that takes less computation and at most store_up_to_mb. Both teach the same.
      store_up_to_mb: see teacher_outputs; megabytes.
      augment_copies: this many more copies of each training row, in which a masked LM
        (--augment_model) has replaced some words. They count in the terms of the teacher only.
      augment_share: the share of the words that are replaced in a copy.
      augment_guesses: a replacement is drawn from this many best guesses.
    """

    student_layers: str = ALTERNATE
    gold_weight: float = 1.0
    soft_weight: float = 1.0
    temperature: float = 2.0
    hidden_weight: float = 0.0
    hidden_loss: str = "mse"
    match_layers: str = LAST
    relation_weight: float = 0.0
    relation_layer: int = 0
    relation_heads: int = 0
    teacher_outputs: str = "auto"
    store_up_to_mb: int = 1024
    augment_copies: int = 0
    augment_share: float = 0.2
    augment_guesses: int = 15

    def check(self) -> "DistillConfig":
        """Returns itself; ValueError for a value that is not known or out of range."""
        ranges.check_ranges("distill", self, ranges.DISTILL)
        for name, known in (("hidden_loss", HIDDEN_LOSSES), ("teacher_outputs", TEACHER_OUTPUTS)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"distill.{name} is {getattr(self, name)!r}; expected one of "
                    f"{', '.join(known)}."
                )
        if not (self.soft_weight or self.hidden_weight or self.relation_weight):
            raise ValueError(
                "distill.soft_weight, distill.hidden_weight and distill.relation_weight are all 0, "
                "so the teacher would teach nothing. Set one of them above 0, or use finetune.py "
                "or pretrain.py."
            )
        self.layers_of(1 << 30)
        self.pairs(1, 1, ())
        return self

    def layers_of(self, num_layers: int) -> tuple[int, ...]:
        """The teacher's layers that the student is made of, from 1; () if it is another model.

        Args:
          num_layers: of the teacher.

        Raises:
          ValueError: student_layers is neither a word nor numbers.
        """
        if self.student_layers == ALTERNATE:
            count = max(1, min(num_layers, 1 << 16) // 2)
            if count == 1:
                return (num_layers,)
            return tuple(round(1 + i * (num_layers - 1) / (count - 1)) for i in range(count))
        try:
            return tuple(int(word) for word in self.student_layers.split(",") if word.strip())
        except ValueError as error:
            raise ValueError(
                f"distill.student_layers is {self.student_layers!r}; expected {ALTERNATE!r}, "
                "numbers of layers such as '1,3,6', or nothing."
            ) from error

    def pairs(
        self, student: int, teacher: int, chosen: tuple[int, ...]
    ) -> tuple[tuple[int, int], ...]:
        """The (student layer, teacher layer) whose hidden states are compared; 0: the embeddings.

        Args:
          student, teacher: numbers of layers.
          chosen: the teacher's layers that the student is made of, or ().

        Raises:
          ValueError: match_layers is neither a word nor pairs.
        """
        if self.match_layers == LAST:
            return ((student, teacher),)
        if self.match_layers == ALL:
            spread = [round(layer * teacher / student) for layer in range(1, student + 1)]
            return tuple(enumerate((0, *(chosen or spread))))
        try:
            return tuple(
                (int(own), int(other))
                for own, other in (pair.split(":") for pair in self.match_layers.split(","))
            )
        except ValueError as error:
            raise ValueError(
                f"distill.match_layers is {self.match_layers!r}; expected {LAST!r}, {ALL!r} or "
                "pairs of layers such as '1:2,2:4,3:6'."
            ) from error


@dataclasses.dataclass
class DistillationConfig(ExperimentConfig):
    """One distillation: an experiment whose model is the student.

    Attributes:
      distill: what the student learns from its teacher.
    """

    distill: DistillConfig = dataclasses.field(default_factory=DistillConfig)

    def check(self) -> "DistillationConfig":
        """Returns itself; ValueError for values that cannot work together."""
        super().check()
        self.distill.check()
        return self

    def of_student(self) -> ExperimentConfig:
        """The student's experiment, without the teacher."""
        names = [field.name for field in dataclasses.fields(ExperimentConfig)]
        return ExperimentConfig(**{name: getattr(self, name) for name in names})
