"""The part of a context that answers a question (Devlin et al. 2018, sections 4.2 and 4.3).

Shape suffixes: B rows, S sequence, A answer length, N answers kept, Q questions, W windows of a
question.
"""

import dataclasses
import json

import numpy as np
import tensorflow as tf

from bert_tf.config.experiment import ExperimentConfig
from bert_tf.data.labelled.columns import Known, TextColumns
from bert_tf.data.text.lines import holds_half_a_surrogate_pair
from bert_tf.files import parse_json
from bert_tf.layers.attention import MASKED
from bert_tf.tasks import losses
from bert_tf.tasks.beliefs import LOG_PROBABILITY, Explain
from bert_tf.tasks.from_arrays import LearnFromArrays
from bert_tf.tasks.question_answering import beliefs, errors, prepare, scores
from bert_tf.tasks.question_answering.config import Facts
from bert_tf.tasks.question_answering.model import QuestionAnsweringModel
from bert_tf.tasks.question_answering.rows import BEGIN, SquadData, Tokens, lay_out_spans
from bert_tf.tasks.question_answering.squad_file import iterate_questions
from bert_tf.tasks.question_answering.teaching import TeachSpans
from bert_tf.tasks.task import Batch, Score
from bert_tf.tokenization.tokenizer import Tokenizer

_QUESTIONS_PER_CALL = 512


class QuestionAnsweringTask(TeachSpans, LearnFromArrays, Score, Explain):
    """Finds the answer to a question in a context of any length, or that there is none."""

    metric_names = ("start_accuracy", "end_accuracy")
    token_names = (*LearnFromArrays.token_names, "answer_places")
    weights_name = "span_weights"
    belief_unit = LOG_PROBABILITY
    belief_inputs = ("answer_places",)

    def __init__(self, config: ExperimentConfig, tokenizer: Tokenizer, facts: Facts):
        super().__init__(config, tokenizer, facts)
        task = config.task
        if task.max_answer_length < 1 or task.n_best < 1:
            raise ValueError(
                f"task.max_answer_length is {task.max_answer_length} and task.n_best "
                f"{task.n_best}; expected at least 1 for each."
            )
        if task.answer_metric not in scores.METRICS:
            known = ", ".join(scores.METRICS)
            raise ValueError(f"task.answer_metric is {task.answer_metric!r}. Known: {known}.")

    @classmethod
    def prepare(cls, config, files, tokenizer):
        """See `Learn.prepare`."""
        return prepare.prepare(config, files, tokenizer)

    def build_model(self) -> QuestionAnsweringModel:
        """See `Task.build_model`."""
        return QuestionAnsweringModel(self.config, self.facts)

    def compute_loss(self, outputs, batch):
        """Mean of the cross entropies of both ends; padding cannot be an end."""
        values = self._of_both(losses.weighted_cross_entropy, outputs, batch)
        return {"loss": ((values[0] + values[1]) / 2, self.loss_weights(batch)["loss"])}

    def compute_metrics(self, outputs, batch):
        """The accuracy of each end of the span by itself, over rows."""
        weight = self.loss_weights(batch)["loss"]
        values = self._of_both(losses.weighted_hits, outputs, batch)
        return {name: (v, weight) for name, v in zip(self.metric_names, values, strict=True)}

    def _of_both(self, function, outputs, batch) -> list[tf.Tensor]:
        is_token_BS = batch["input_mask"] > 0
        return [
            function(
                tf.where(is_token_BS, tf.cast(outputs[f"{end}_logits"], tf.float32), MASKED),
                batch[f"{end}_positions"],
                batch["span_weights"],
            )
            for end in ("start", "end")
        ]

    def read(self, path, scratch):
        """The questions and contexts of a file; see `Score.read`."""
        del scratch
        return prepare.encode(
            prepare.read(path, self.facts, self.reading), self.config, self.tokenizer
        )

    def row_outputs(self, outputs, batch):
        """The best spans of each row; see `_best_spans`."""
        return {**self._best_spans(outputs, batch), "row_ids": batch["row_ids"]}

    def _best_spans(self, outputs, batch) -> Batch:
        """The best of all spans of each row.

        `span_scores` float32, `span_starts` and `span_ends` int32 (tokens of the row, both
        inclusive) [B, N], best first; `null_scores` float32 [B].
        """
        starts_BS, ends_BS = (
            tf.cast(outputs[f"{end}_logits"], tf.float32) for end in ("start", "end")
        )
        places_BS = batch["answer_places"]
        longest, keep = self.config.task.max_answer_length, self.config.task.n_best
        may_start_BS = tf.where(places_BS == BEGIN, starts_BS, MASKED)
        may_end_BS = tf.where(places_BS > 0, ends_BS, MASKED)
        width = tf.shape(places_BS)[1]
        end_SA = tf.range(width)[:, tf.newaxis] + tf.range(longest)
        may_end_BS = tf.pad(may_end_BS, [[0, 0], [0, longest]], constant_values=MASKED)
        scores_BSA = may_start_BS[..., tf.newaxis] + tf.gather(may_end_BS, end_SA, axis=1)
        flat_BX = tf.reshape(scores_BSA, [-1, width * longest])
        # A short row can have fewer than N spans.
        flat_BX = tf.pad(flat_BX, [[0, 0], [0, keep]], constant_values=2 * MASKED)
        scores_BN, index_BN = tf.math.top_k(flat_BX, k=keep)
        span_starts_BN = tf.minimum(index_BN // longest, width - 1)
        span_ends_BN = tf.minimum(span_starts_BN + index_BN % longest, width - 1)
        return {
            "span_scores": scores_BN,
            "span_starts": span_starts_BN,
            "span_ends": span_ends_BN,
            "null_scores": starts_BS[:, 0] + ends_BS[:, 0],
        }

    def _answers(self, spans: Batch, question_B: tf.Tensor, num_questions) -> Batch:
        """The best answers of each question, from all its rows, in TF ops.

        Args:
          spans: the result of `_best_spans` with `char_starts` and `char_ends` int32 [B, N].
          question_B: int32, ascending, the question of each row; each question has at least one.
          num_questions: Q.

        Returns:
          `n_best_start`, `n_best_end` int32 (characters of the context), `n_best_probability`
          float32 [Q, N]; `null_odds` float32 [Q], the score of no answer minus that of the best.
        """
        keep = self.config.task.n_best

        def gathered(values_BN, default):
            windows = tf.RaggedTensor.from_value_rowids(values_BN, question_B, num_questions)
            return tf.reshape(windows.to_tensor(default), [num_questions, -1])

        scores_QX = gathered(spans["span_scores"], 2 * MASKED)
        scores_QN, best_QN = tf.math.top_k(scores_QX, k=keep)
        null_Q = tf.math.segment_min(spans["null_scores"], question_B)
        all_scores = scores_QN
        if self.facts.null_answers:
            all_scores = tf.concat([scores_QN, null_Q[:, tf.newaxis]], axis=1)
        is_answer_QN = scores_QN > MASKED / 2
        found = {
            f"n_best_{end}": tf.where(
                is_answer_QN,
                tf.gather(gathered(spans[f"char_{end}s"], 0), best_QN, batch_dims=1),
                -1,
            )
            for end in ("start", "end")
        }
        probs_QN = tf.nn.softmax(all_scores)[:, :keep]
        return {
            **found,
            "n_best_probability": tf.where(is_answer_QN, probs_QN, 0.0),
            "null_odds": null_Q - scores_QN[:, 0],
        }

    def _is_null(self, answers):
        """Bool [Q]: whether the question gets no answer."""
        has_none = answers["n_best_start"][:, 0] < 0
        if not self.facts.null_answers:
            return has_none
        return has_none | (answers["null_odds"] > self.facts.null_threshold)

    def score(self, rows, data: SquadData):
        """`exact_match` and `f1`; with null answers also the best of any threshold."""
        answers = self._answers_of(rows, data)
        texts = self._texts(answers, data)
        return scores.answer_scores(
            {q.id: q.answers for q in data.questions},
            {q.id: row[0] if row else "" for q, row in zip(data.questions, texts, strict=True)},
            metric=self.config.task.answer_metric,
            null_answers=self.facts.null_answers,
            null_odds=self._null_odds(answers, data),
            null_threshold=self.facts.null_threshold,
        )

    def calibrate(self, rows, data: SquadData):
        """The facts with the `null_threshold` that has the best F1."""
        if not self.facts.null_answers:
            return self.facts
        threshold = self.score(rows, data)["best_f1_threshold"]
        return dataclasses.replace(self.facts, null_threshold=threshold)

    @property
    def known_by(self):
        """See `Score.known_by`."""
        return ("f1", "exact_match")

    def judge(self, part, rows):
        """See `Score.judge`, and `errors`."""
        data = part.arrays
        answers = self._answers_of(rows, data)
        firsts = [texts[0] if texts else "" for texts in self._texts(answers, data)]
        best_Q = answers["n_best_probability"][:, 0]
        null_Q = 1.0 - answers["n_best_probability"].sum(axis=1)
        return errors.judge(
            data,
            self._final(answers, data),
            np.where(self._is_null(answers), null_Q, best_Q),
            (firsts, best_Q),
            self.tokenizer.unk_id,
            (self.config.task.answer_metric, self.facts.null_answers),
        )

    def _final(self, answers, data: SquadData) -> dict[str, str]:
        """{id: the answer, "" for none}."""
        rows = zip(data.questions, self._texts(answers, data), self._is_null(answers), strict=True)
        return {question.id: "" if is_null else texts[0] for question, texts, is_null in rows}

    def prediction_files(self, rows, data: SquadData):
        """The files that the official evaluations read, and the errors.

        `predictions.json` {id: answer}, `nbest_predictions.json` and, with null answers,
        `null_odds.json` {id: odds}. `errors.txt`: id, fault, question, expected answers, answer.
        """
        answers, task = self._answers_of(rows, data), self.config.task
        n_best = {}
        for index, row in enumerate(self._texts(answers, data)):
            columns = [answers[f"n_best_{name}"][index] for name in ("start", "end", "probability")]
            n_best[data.questions[index].id] = [
                {"text": text, "start": int(start), "end": int(end), "probability": float(p)}
                for text, start, end, p in zip(row, *columns, strict=False)
            ]
        files = {"predictions.json": self._final(answers, data), "nbest_predictions.json": n_best}
        if self.facts.null_answers:
            files["null_odds.json"] = self._null_odds(answers, data)
        written = {
            name: [json.dumps(content, ensure_ascii=False, indent=1)]
            for name, content in files.items()
        }
        if any(question.answers for question in data.questions):
            written["errors.txt"] = errors.lines(
                data, files["predictions.json"], task.answer_metric
            )
        return written

    def _answers_of(self, rows, data: SquadData) -> dict[str, np.ndarray]:
        """`_answers` to all questions of a file, as arrays."""
        question_R = data.question_rows
        spans = dict(rows)
        for end in ("start", "end"):
            chars_RS = getattr(data, f"char_{end}s")
            spans[f"char_{end}s"] = np.take_along_axis(chars_RS, rows[f"span_{end}s"], axis=1)
        parts = []
        for first in range(0, len(data.questions), _QUESTIONS_PER_CALL):
            count = min(_QUESTIONS_PER_CALL, len(data.questions) - first)
            begin, end = np.searchsorted(question_R, [first, first + count])
            part = {name: values[begin:end] for name, values in spans.items()}
            found = self._answers(part, question_R[begin:end] - first, count)
            parts.append({name: tensor.numpy() for name, tensor in found.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _texts(self, answers, data: SquadData) -> list[list[str]]:
        """The answers to each question, best first; each is an exact part of the context."""
        texts = []
        for index, question in enumerate(data.questions):
            context = data.contexts[question.paragraph]
            spans = zip(answers["n_best_start"][index], answers["n_best_end"][index], strict=True)
            texts.append([context[start:end] for start, end in spans if start >= 0])
        return texts

    def _null_odds(self, answers, data: SquadData) -> dict[str, float]:
        odds = answers["null_odds"].tolist()
        return {q.id: value for q, value in zip(data.questions, odds, strict=True)}

    @property
    def takes_pairs(self) -> bool:
        """A question and its context."""
        return True

    @property
    def columns(self):
        """See `Serve.columns`. Contexts are long, so the predictions do not repeat them."""
        texts = TextColumns("question", "context")
        return Known(texts, hidden=("context",))

    def iterate_objects(self, path, reading, known):
        """See `Serve.iterate_objects`: reads every format of questions that training reads."""
        if path is None or reading.kind(path) not in ("jsonl", "parquet"):
            return super().iterate_objects(path, reading, known)
        return enumerate((record for _, record in iterate_questions(path, reading)), start=1)

    def read_line(self, line):
        """A JSON object with question and context; the predictions repeat all but the context."""
        try:
            record = parse_json(line, "the line is")
        except ValueError:
            record = None
        keys = ("question", "context")
        if not isinstance(record, dict) or not all(isinstance(record.get(k), str) for k in keys):
            raise ValueError('expected {"question": "...", "context": "..."}.')
        if holds_half_a_surrogate_pair(json.dumps(record, ensure_ascii=False)):
            raise ValueError("half a surrogate pair, which is no text. Expected whole characters.")
        texts = (record["question"], record["context"])
        return texts, {key: value for key, value in record.items() if key != "context"}

    def encode(self, texts, text_pairs=None):
        """Questions `texts` and contexts `text_pairs` of any length, string [Q].

        Returns the inputs [B, S] and what `decode` needs: `context` string [Q] and the other
        results of `lay_out_spans`.
        """
        if text_pairs is None:
            raise ValueError("expected a question and its context, received one text.")
        texts, contexts = (tf.convert_to_tensor(t, tf.string) for t in (texts, text_pairs))
        task = self.config.task
        rows = lay_out_spans(
            self.tokenizer.tokenize(texts),
            Tokens(*self.tokenizer.tokenize_with_offsets(contexts)),
            self.tokenizer.layout,
            max_seq_length=self.config.data.max_seq_length,
            max_query_length=task.max_query_length,
            stride=task.doc_stride,
            pad=False,
        )
        return {**rows, "context": contexts}

    def token_rows(self, first, second, layout):
        """See `Explain.token_rows`: windows of the contexts."""
        return beliefs.token_rows(first, second, layout, self.config)

    def believed(self, outputs, batch, wanted=""):
        """See `Explain.believed`: the answers, or "no answer"."""
        return beliefs.believed(self.decode(outputs, batch), batch, wanted)

    def name_of(self, answer):
        """See `Explain.name_of`."""
        return beliefs.name_of(answer)

    def belief(self, outputs, batch, places):
        """See `Explain.belief`."""
        return beliefs.belief(outputs, self._best_spans(outputs, batch), places, self.facts)

    def from_ids(self, outputs, batch):
        """Drops the padding tokens of the rows."""
        width = tf.shape(batch["input_ids"])[1]
        ends = ("start_logits", "end_logits")
        return {**outputs, **{name: outputs[name][:, :width] for name in ends}}

    def decode(self, outputs, batch):
        """The answer to each question.

        `answer` string, an exact part of the context or "" for none; `start` and `end` int32 in
        characters of the context (-1 for none), `probability` and `null_odds` float32: [Q]. And
        `n_best_start`, `n_best_end`, `n_best_probability` [Q, N].
        """
        spans = self._best_spans(outputs, batch)
        for end in ("start", "end"):
            spans[f"char_{end}s"] = tf.gather(
                batch[f"char_{end}s"], spans[f"span_{end}s"], batch_dims=1
            )
        num_questions = tf.size(batch["context"])
        answers = self._answers(spans, batch["question_rows"], num_questions)
        is_null_Q = self._is_null(answers)
        start_Q, end_Q, prob_Q = (
            answers[f"n_best_{name}"][:, 0] for name in ("start", "end", "probability")
        )
        # Offsets count each invalid UTF-8 sequence as U+FFFD.
        contexts_Q = tf.strings.unicode_transcode(batch["context"], "UTF-8", "UTF-8")
        text_Q = tf.strings.substr(
            contexts_Q,
            tf.maximum(start_Q, 0),
            tf.maximum(end_Q - start_Q, 0),
            unit="UTF8_CHAR",
        )
        null_prob_Q = 1.0 - tf.reduce_sum(answers["n_best_probability"], axis=1)
        return {
            "answer": tf.where(is_null_Q, "", text_Q),
            "start": tf.where(is_null_Q, -1, start_Q),
            "end": tf.where(is_null_Q, -1, end_Q),
            "probability": tf.where(is_null_Q, null_prob_Q, prob_Q),
            **answers,
        }

    def describe(self, row):
        """`{"answer": "Paris", "start": 3, "end": 8, "score": 0.9}`."""
        said = {"answer": row["answer"].decode(), "start": int(row["start"])}
        said |= {"end": int(row["end"]), "score": float(row["probability"])}
        if self.facts.null_answers:
            said["null_odds"] = float(row["null_odds"])
        return said
