"""A task as somebody outside of bert_tf would write it: which of several answers is right.

Examples are lines of JSON: {"question": "...", "answers": ["...", "..."], "right": 1}. A row of a
batch holds a sequence for each answer. predict.py and the exported model take the question and its
answers in one text, with tabs between them.

Shape suffixes: B batch, C answers, S sequence, D hidden.
"""

import dataclasses
import json
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from bert_tf.analysis import judged
from bert_tf.analysis.judged import Items, Judged
from bert_tf.config.task import Facts as BaseFacts
from bert_tf.config.task import Settings
from bert_tf.data.batches.in_memory import make_array_dataset
from bert_tf.layers.dropout import fold_in
from bert_tf.tasks import losses, sets
from bert_tf.tasks.task import Learn, Score, Serve
from bert_tf.tasks.task_model import TaskModel, encoder_inputs, make_encoder


@dataclasses.dataclass(frozen=True)
class Facts(BaseFacts):
    """What the training file says.

    Attributes:
      num_answers: C.
    """

    num_answers: int = 2


@dataclasses.dataclass
class Config(Settings):
    """Which of several answers to a question is right.

    Attributes:
      dropout_prob: dropout in front of the head.
    """

    dropout_prob: float = 0.1

    FACTS: ClassVar[type] = Facts

    def task_class(self) -> type:
        return ChoiceTask


@dataclasses.dataclass
class Examples:
    """Questions with their answers, in the order of a file.

    Attributes:
      questions: a string each.
      answers: C strings each.
      right: int32 [R], the number of the right answer.
    """

    questions: list[str]
    answers: list[list[str]]
    right: np.ndarray

    def __len__(self) -> int:
        return len(self.questions)


def read_examples(path: str) -> Examples:
    """Reads a file; ValueError if questions have different numbers of answers."""
    with tf.io.gfile.GFile(path) as file:
        rows = [json.loads(line) for line in file]
    counts = sorted({len(row["answers"]) for row in rows})
    if len(counts) != 1:
        raise ValueError(f"{path}: questions have {counts} answers; expected one number for all.")
    right = np.array([row["right"] for row in rows], np.int32)
    return Examples([row["question"] for row in rows], [row["answers"] for row in rows], right)


class ChoiceModel(TaskModel):
    """An encoder and one score for each sequence of a row. Returns `logits` [B, C]."""

    def __init__(self, config, facts=None, *, name="choice"):
        super().__init__(config, facts, name=name)
        self.encoder = make_encoder(config)
        self.scorer = self.encoder.classifier_head(1, config.task.dropout_prob)
        self.scorer.build()
        self.built = True

    def call(self, batch, dropout_seed=None):
        inputs = encoder_inputs(batch, self.config.model)
        shape = tf.shape(batch["input_ids"])  # B, C, S
        flat = {name: tf.reshape(ids, [-1, shape[-1]]) for name, ids in inputs.items()}
        outputs = self.encoder(**flat, dropout_seed=dropout_seed)
        first_D = outputs["sequence_output"][:, 0]
        scores = self.scorer(first_D, dropout_seed=fold_in(dropout_seed, 2**20))
        return {"logits": tf.reshape(scores, shape[:-1])}


class ChoiceTask(Learn, Score, Serve):
    """Softmax over the scores of the answers."""

    loss_names = ("loss",)
    metric_names = ("accuracy",)

    @classmethod
    def prepare(cls, config, files, tokenizer):
        examples = read_examples(files.train)
        facts = Facts(num_answers=len(examples.answers[0]))
        task = cls(config, tokenizer, facts)
        train = task._encoded(examples)
        dev, test = (
            {name: task.read(path, "") for name, path in paths.items()}
            for paths in (files.dev, files.test)
        )
        facts = sets.with_widths(facts, config.data, train.arrays["input_mask"])
        lines = [f"{len(examples)} questions with {facts.num_answers} answers"]
        return sets.Prepared(facts, train, dev, test, looked={}, look_lines=lines)

    def read(self, path, scratch):
        del scratch
        return self._encoded(read_examples(path))

    def _encoded(self, examples: Examples) -> sets.Split:
        rows = zip(examples.questions, examples.answers, strict=True)
        texts = ["\t".join([question, *answers]) for question, answers in rows]
        size = self.config.data.max_seq_length
        encoded = self._encode(tf.constant(texts), max_seq_length=size, pad=True)
        arrays = {name: tensor.numpy() for name, tensor in encoded.items()}
        weights = np.ones(len(examples), np.float32)
        return sets.Split(examples, {**arrays, "right": examples.right, "weights": weights})

    def build_model(self):
        return ChoiceModel(self.config, self.facts)

    def make_dataset(self, data, batch_slice, *, training, start_row=0):
        return make_array_dataset(
            data,
            weights="weights",
            batch_slice=batch_slice,
            seed=self.config.train.seed,
            training=training,
            start_row=start_row,
            widths=self.facts.widths,
        )

    def loss_weights(self, batch):
        return {"loss": tf.reduce_sum(batch["weights"])}

    def compute_loss(self, outputs, batch):
        weights_B = batch["weights"]
        loss = losses.weighted_cross_entropy(outputs["logits"], batch["right"], weights_B)
        return {"loss": (loss, tf.reduce_sum(weights_B))}

    def compute_metrics(self, outputs, batch):
        weights_B = batch["weights"]
        hits = losses.weighted_hits(outputs["logits"], batch["right"], weights_B)
        return {"accuracy": (hits, tf.reduce_sum(weights_B))}

    def row_outputs(self, outputs, batch):
        return {"logits": tf.cast(outputs["logits"], tf.float32), "row_ids": batch["row_ids"]}

    def judge(self, part, rows):
        probs_BC, right = tf.nn.softmax(rows["logits"]).numpy(), part.examples.right
        given = probs_BC.argmax(axis=1)
        hits = given == right
        numbers = np.arange(len(right))
        items = Items(
            rows=numbers,
            expected=[str(number) for number in right],
            given=[str(number) for number in given],
            outcomes=["right" if hit else "wrong answer" for hit in hits],
            confidences=probs_BC[numbers, given],
        )
        return Judged(
            unit="questions",
            places=numbers.tolist(),
            texts=part.examples.questions,
            metric=judged.mean("accuracy"),
            counts=np.stack([hits, np.ones(len(hits))], axis=1),
            items=items,
            labels=[str(number) for number in range(self.facts.num_answers)],
            outcomes=("right", "wrong answer"),
            lengths=part.arrays["input_mask"].sum(axis=(1, 2)),
        )

    def read_line(self, line):
        found, expected = line.count("\t"), self.facts.num_answers
        if found != expected:
            raise ValueError(f"{found} answers; this model takes {expected}, a tab before each.")
        return (line,), {"text": line}

    def encode(self, texts, text_pairs=None):
        return self._encode(texts, max_seq_length=self.config.data.max_seq_length, pad=False)

    def _encode(self, texts: tf.Tensor, **options: Any) -> dict[str, tf.Tensor]:
        """int32 [B, C, S] of texts [B], in which tabs stand before the answers."""
        num_answers = self.facts.num_answers
        parts = tf.strings.split(texts, "\t").to_tensor(shape=[None, 1 + num_answers])
        questions = tf.repeat(parts[:, 0], num_answers)
        encoded = self.tokenizer.encode(questions, tf.reshape(parts[:, 1:], [-1]), **options)
        del encoded["num_truncated_tokens"]
        shape = [-1, num_answers, tf.shape(encoded["input_ids"])[1]]
        return {name: tf.reshape(ids, shape) for name, ids in encoded.items()}

    def decode(self, outputs, batch):
        """`answer` int32 [B], from 0, and `probabilities` [B, C]."""
        del batch
        logits = tf.cast(outputs["logits"], tf.float32)
        answer = tf.argmax(logits, axis=-1, output_type=tf.int32)
        return {"answer": answer, "probabilities": tf.nn.softmax(logits)}
