"""Fits the decisions of a trained classifier on labelled data, and writes them into its folder."""

import dataclasses
import tempfile
from collections.abc import Mapping

from bert_tf import model_folder
from bert_tf.config.as_json import parse_setting
from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.tasks.task import NOTHING, Score
from bert_tf.training import distribution
from bert_tf.training.evaluate import Evaluator


@dataclasses.dataclass(frozen=True)
class Decided:
    """The result.

    Attributes:
      before, after: scores on the data without and with decisions.
      folder: the changed model folder.
    """

    before: dict[str, float]
    after: dict[str, float]
    folder: str


def decide(
    model: str,
    data: str,
    settings: Mapping[str, str],
    *,
    reading: Reading = AS_NAMED,
    batch_size: int = 64,
) -> Decided:
    """Fits the decision settings of a model and writes them into its folder, without training.

    Args:
      model: model folder or work directory of a classifier.
      data: a labelled file, not the training data.
      settings: {name: text}: settings in `Settings.DECIDING` and `Settings.READING`. Other decision
        settings get their defaults.
      reading: format and encoding of the file.
      batch_size: rows of a batch.

    Raises:
      ValueError: the model has another task, or a setting or the data is bad.
    """
    task, keras_model = model_folder.load(model, dtype=None)
    names = task.config.task.DECIDING
    if not names:
        raise ValueError(
            f"{model}: a {task.config.task.name} model has no decision settings. Expected a "
            "classifier."
        )
    deciding = {name: text for name, text in settings.items() if name in names}
    others = {name: text for name, text in settings.items() if name not in names}
    undecided, decided = _decided_anew(task, NOTHING), _decided_anew(task, deciding)
    with tempfile.TemporaryDirectory() as scratch:
        arrays = undecided.with_reading(reading, others).read(data, scratch).arrays
    strategy = distribution.make_strategy("one_device")
    before, rows = Evaluator(undecided, keras_model, strategy, batch_size).run_with_rows(arrays)
    decided = decided.with_facts(decided.calibrate(rows, arrays))
    after = decided.score(rows, arrays)
    folder = model_folder.save_decisions(model, decided, {"decided": after})
    return Decided(before, after, folder)


def _decided_anew(task: Score, given: Mapping[str, str]) -> Score:
    """The task with only the decisions in `given`, {setting: text}."""
    kind, names = type(task.config.task), task.config.task.DECIDING
    plain = kind()
    values = {name: getattr(plain, name) for name in names}
    for name, text in given.items():
        values[name] = parse_setting(kind, name, text, f"--config.task.{name}={text}")
    settings = dataclasses.replace(task.config.task, **values)
    settings.check(task.config)
    known = {field.name for field in dataclasses.fields(task.facts)} & set(names)
    facts = dataclasses.replace(task.facts, **{name: values[name] for name in known})
    config = dataclasses.replace(task.config, task=settings)
    return type(task)(config, task.tokenizer, facts)  # checks the settings
