"""Why a model answers as it does, as scripts/explain.py tells it: JSON lines, and a page."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from bert_tf import model_folder, progress
from bert_tf.explanation import attention_page, explainer, faithfulness, page
from bert_tf.explanation.attention import Averages, of_texts
from bert_tf.explanation.attention import packed as pack
from bert_tf.explanation.explainer import Explainer, Settings
from bert_tf.explanation.neighbours import Vectors, nearest
from bert_tf.inference import rows, stream
from bert_tf.tasks.task import Serve, Task
from bert_tf.training import distribution
from bert_tf.workflows.predicting import Source

_TEXTS_PER_WINDOW = 64
_BASELINES = {"mask": "mask token", "pad": "padding", "zero": "zeros"}
_MOST_ANSWERS = 8  # different ones that are measured apart
_LABEL_COLUMNS = ("label", "labels", "score")


@dataclasses.dataclass(frozen=True)
class Neighbours:
    """Training examples that are named beside the texts.

    Attributes:
      path: of the training data, read as the input is.
      count: of each text.
    """

    path: str
    count: int = 5


def load(model: str, strategy: str = "auto") -> tuple[Task, keras.Model, Any]:
    """The task and the model in float32, and the strategy whose replicas share the work."""
    replicas = distribution.make_strategy(strategy)
    with replicas.scope():
        task, keras_model = model_folder.load(model)
    return task, keras_model, replicas


def explain(
    model: str | tuple[Task, keras.Model],
    texts: str | Iterable[str],
    *,
    methods: Sequence[str] = ("integrated_gradients",),
    target: str = "",
    baseline: str = "mask",
    page_path: str | None = None,
    train_data: str | None = None,
    settings: Settings | None = None,
) -> list[dict[str, Any]]:
    """Explains the answers of a model to texts.

    Args:
      model: a model folder, a work directory or a checkpoint of another project; or a task and its
        model, as `model_folder.load` gives them.
      texts: one or several, each as a line of predict.py's input: two texts have a tab in between.
      methods: some of `explanation.METHODS`.
      target: an answer to be explained in place of the given ones, such as a label.
      baseline: what stands where a word is taken away: "mask", "pad" or "zero".
      page_path: where a page for people is written; None: nowhere.
      train_data: a file of training data whose nearest examples are named; None: none are.
      settings: all else; `methods`, `target` and `baseline` are put into it.

    Returns:
      A dict for each text, see `explanation.explainer.records`.

    Raises:
      ValueError: the model's answers cannot be explained, or a text has another form than it takes.
    """
    chosen = dataclasses.replace(
        settings or Settings(), methods=tuple(methods), baseline=baseline, wanted=target
    )
    task, keras_model = model_folder.load(model) if isinstance(model, str) else model
    texts = [texts] if isinstance(texts, str) else texts
    lines = (stream.Line(number, text) for number, text in enumerate(texts, start=1))
    run = Run(Explainer(task, keras_model, chosen), measures=page_path is not None)
    if train_data:
        run.add_neighbours(Neighbours(train_data), Source(train_data))
    found = list(run.records(lines, "texts"))
    if page_path:
        run.write_page(page_path, f"Why: {model if isinstance(model, str) else 'a model'}")
    return found


class Run:
    """Explains lines, window after window, and adds up what is said of all of them.

    Args:
      explain: of one model.
      measures: measure how far each method can be believed.
    """

    def __init__(self, explain: Explainer, *, measures: bool):
        self._explainer, self._measures = explain, measures
        self._vectors: Vectors | None = None
        self._scores: list[faithfulness.Scores] = []  # of windows
        self._answers: list[str] = []  # that were measured
        self._stays: list[bool] = []  # without any word
        self._gaps: list[float] = []
        self._shown: list[dict[str, Any]] = []  # on the page
        self._num_answers = self._num_texts = self._num_shown = 0

    def add_neighbours(self, neighbours: Neighbours, source: Source) -> None:
        """Reads the training examples; from now on each text has `nearest` ones.

        Raises:
          ValueError: the file is bad.
        """
        task = rows.for_reading(self._explainer.task, source.reading, source.settings)
        lines = list(read(task, dataclasses.replace(source, path=neighbours.path)))
        texts = [stream.texts_of(task, line, neighbours.path) for line in lines]
        self._vectors = Vectors(task, self._explainer.model)
        self._known = self._vectors(list(zip(*texts, strict=True)))
        self._examples = [
            {"text": " / ".join(text), **_label_of(line)}
            for text, line in zip(texts, lines, strict=True)
        ]
        self._count = neighbours.count

    def records(self, lines: Iterable[stream.Line], name: str) -> Iterator[dict[str, Any]]:
        """Yields the record of each line, see `explainer.records`.

        Args:
          lines: of the input.
          name: of the input, for messages.
        """
        task = self._explainer.task
        with progress.bar(unit="texts", description="explaining") as bar:
            for window in _windows(lines):
                texts = [stream.texts_of(task, line, name) for line in window]
                columns = list(zip(*texts, strict=True))
                explained = self._explainer.explain(columns)
                found = explainer.records(task, explained)
                self._add(explained)
                if self._vectors is not None:
                    self._add_nearest(found, columns)
                for line, record in zip(window, found, strict=True):
                    if self._num_shown < page.MOST_ANSWERS:
                        self._shown.append(record)
                        self._num_shown += len(record["answers"])
                    yield {"line": line.number, **record}
                bar.update(len(window))

    def _add(self, explained: explainer.Explained) -> None:
        count = len(explained.cases)
        self._num_answers += count
        self._num_texts += len(explained.rows.texts)
        self._gaps += [
            parts.about["gap"] for parts in explained.parts.get("integrated_gradients", ())
        ]
        if self._measures and count:
            believer, cases = self._explainer.believer, explained.cases
            self._scores.append(faithfulness.measure(believer, cases, explained.parts))
            self._stays += faithfulness.stays(believer, cases).tolist()
            self._answers += [belief.name for belief in cases.beliefs]

    def _add_nearest(self, found: list[dict], columns: Sequence[Sequence[str]]) -> None:
        near = nearest(self._vectors(columns), self._known, self._count)
        for record, some in zip(found, near, strict=True):
            record["nearest"] = [
                {**self._examples[number], "similarity": float(f"{similarity:.4f}")}
                for number, similarity in some
            ]

    def summary(self) -> dict[str, Any]:
        """What is said of all texts together.

        Returns:
          `num_texts`, `num_answers`, `largest_gap` and `median_gap`; `faithfulness`, the means of
          `faithfulness.measure`; `by_answer`, if there are few different answers: `answer`,
          `answers` (their number), `without_words`, the share of them that are also given without
          any word, and `faithfulness`.
        """
        scores = {
            method: {
                name: np.concatenate([one[method][name] for one in self._scores])
                for name in faithfulness.SCORES
            }
            for method in (self._scores[0] if self._scores else ())
        }
        found: dict[str, Any] = {
            "num_texts": self._num_texts,
            "num_answers": self._num_answers,
            "faithfulness": faithfulness.means(scores),
            "by_answer": self._by_answer(scores),
        }
        if self._gaps:
            found |= {
                "largest_gap": float(max(self._gaps)),
                "median_gap": float(np.median(self._gaps)),
            }
        return found

    def _by_answer(self, scores: faithfulness.Scores) -> list[dict[str, Any]]:
        names = sorted(set(self._answers))
        if len(names) > _MOST_ANSWERS:
            return []
        answers, stays = np.array(self._answers, object), np.array(self._stays, bool)
        return [
            {
                "answer": name,
                "answers": int(np.count_nonzero(answers == name)),
                "without_words": float(stays[answers == name].mean()),
                "faithfulness": faithfulness.means(scores, answers == name),
            }
            for name in names
        ]

    def write_page(self, path: str, title: str) -> None:
        """Writes the page of the records that were given out; of many the first."""
        summary, settings = self.summary(), self._explainer.settings
        tiles = {"texts": summary["num_texts"], "answers": summary["num_answers"]}
        tiles["baseline"] = _BASELINES[settings.baseline]
        if "largest_gap" in summary:
            tiles["median completeness gap"] = f"{100 * summary['median_gap']:.2f} %"
        about = {
            "tiles": tiles,
            "faithfulness": summary["faithfulness"],
            "by_answer": summary["by_answer"],
            "largest_gap": settings.largest_gap,
            "num_answers": summary["num_answers"],
        }
        page.write(path, title, self._shown, settings.methods, about)


def attention(
    task: Task, model: keras.Model, source: Source, page_path: str | None, name: str
) -> Iterator[dict[str, Any]]:
    """What each head attends to: a dict a head, means over all texts of a file.

    Args:
      task, model: of `load`.
      source: of the texts.
      page_path: where a page for people is written; None: nowhere.
      name: of the model.

    Yields:
      See `explanation.attention.Averages.records`.
    """
    task = rows.for_reading(task, source.reading, source.settings)
    averages, packed, room = Averages(), [], attention_page.MOST_BYTES
    with progress.bar(unit="texts", description="attention") as bar:
        for line in read(task, source):
            columns = [[text] for text in stream.texts_of(task, line, source.name)]
            (attended,) = of_texts(task, model, columns)
            averages.add(attended)
            # Texts are shown as long as there is room for all of their weights; one always is.
            if page_path and (not packed or attended.probs.size <= room):
                packed.append(pack(attended, room))
                room -= attended.probs.size
            bar.update(1)
    if page_path:
        attention_page.write(page_path, f"Attention: {name}", packed, averages.records())
    yield from averages.records()


def _windows(lines: Iterable[stream.Line]) -> Iterator[list[stream.Line]]:
    window: list[stream.Line] = []
    for line in lines:
        window.append(line)
        if len(window) == _TEXTS_PER_WINDOW:
            yield window
            window = []
    if window:
        yield window


def read(task: Serve, source: Source) -> Iterator[stream.Line]:
    """The lines of a file, or the rows of a table, read as they are asked for."""
    return rows.read(source.path, task, source.reading, source.settings)


def _label_of(line: stream.Line) -> dict[str, str]:
    given = line.given or {}
    return next(({"label": str(given[n])} for n in _LABEL_COLUMNS if n in given), {"label": ""})
