"""Models in any form that are compared with each other: what they are, and how they answer ids."""

import dataclasses
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf import hub, model_folder
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.export import description, ids_model
from bert_tf.export.ids import inputs_of
from bert_tf.tasks import error_analysis
from bert_tf.tasks.task import Batch, Score, make_task

KERAS = "keras"  # the form of a model folder
_SIGNATURE = "ids"  # of a SavedModel
# Files that a user may name in place of their folder.
_MODEL_FILES = (*ids_model.FILES.values(), "saved_model.pb")


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A model in one form.

    Attributes:
      name: for tables.
      path: where it is.
      form: "keras" for a model folder, else the format of the export.
      precision: of its numbers.
      open_task: its task.
      about: the manifest of an export, or None.
    """

    name: str
    path: str
    form: str
    precision: str
    open_task: Score
    about: dict[str, Any] | None

    @classmethod
    def open(cls, name: str, path: str) -> "Contestant":
        """Reads what a model is, but not its weights.

        Args:
          name: for tables.
          path: a model folder, work directory, checkpoint of another project, or an export.

        Raises:
          ValueError: it is none of these, it is damaged, or such a model has no scores.
        """
        path = hub.local(path)
        if os.path.basename(path) in _MODEL_FILES:
            path = os.path.dirname(path) or "."
        about = description.read(path)
        if about is None:
            _check_is_no_bare_export(path)
            checkpoint = model_folder.read_checkpoint(path)
            config = ExperimentConfig(
                model=checkpoint.config, data=checkpoint.data, task=checkpoint.task
            )
            task = make_task(config, checkpoint.tokenizer, checkpoint.facts)
            form, precision = KERAS, "float32"
        else:
            description.check_files(path, about)
            task = model_folder.load_task(path)
            form, precision = about["format"], about.get("precision", "float32")
        if not isinstance(task, Score) or not error_analysis.has_analysis(task):
            raise ValueError(
                f"{path}: a {task.config.task.name} model has no answers that are right or wrong. "
                "Expected one for labels, numbers, tags or questions."
            )
        return cls(name, path, form, precision, task, about)

    @property
    def task(self) -> str:
        """The name of its task, with the kind of answer."""
        kind = getattr(self.open_task, "problem_type", "")
        return self.open_task.config.task.name + (f" ({kind})" if kind else "")

    @property
    def labels(self) -> tuple[str, ...]:
        """Sorted: their order is that of a training file."""
        return tuple(sorted(map(str, getattr(self.open_task.facts, "labels", ()))))

    @property
    def num_bytes(self) -> int:
        """Of all files that it needs."""
        if self.about is not None:
            sizes = self.about["files"].items()
            return sum(one["bytes"] for name, one in sizes if name != description.CARD_FILE)
        folder = model_folder.read_checkpoint(self.path).source
        names = tf.io.gfile.listdir(folder) if tf.io.gfile.isdir(folder) else [""]
        paths = [os.path.join(folder, name) if name else folder for name in names]
        return sum(tf.io.gfile.stat(path).length for path in paths if not tf.io.gfile.isdir(path))

    def load(self) -> tuple[Callable[[Batch], Batch], int]:
        """(function of a batch of ids that gives the model's outputs, number of parameters)."""
        if self.form == KERAS:
            _, model = model_folder.load(self.path)
            call = tf.function(model, autograph=False, reduce_retracing=True)
            return call, sum(int(np.prod(weight.shape)) for weight in model.weights)
        names = inputs_of(self.open_task.config.model)
        if self.form == "saved_model":
            import tensorflow_text  # noqa: F401 - registers the op of the tokenizer

            model = tf.saved_model.load(self.path)
            served = model.signatures[_SIGNATURE]

            def outputs_of(batch, model=model):  # its signatures only refer to its tables
                del model
                return served(**{name: batch[name] for name in names})
        else:
            answer = ids_model.load(self.path, self.form, len(os.sched_getaffinity(0)))

            def outputs_of(batch):
                found = answer({name: batch[name].numpy() for name in names})
                return {name: tf.constant(array) for name, array in found.items()}

        return outputs_of, self.about["parameters"]

    @property
    def modules(self) -> list[str]:
        """Modules outside of bert_tf that its encoder, tokenizer and task come from."""
        config = self.open_task.config
        parts = (config.model, config.task, self.open_task.tokenizer)
        names = {type(part).__module__ for part in parts}
        return sorted(name for name in names if not name.startswith("bert_tf."))

    @property
    def module_folders(self) -> list[str]:
        """Where `modules` are found."""
        found = []
        for name in self.modules:
            file = pathlib.Path(sys.modules[name].__file__)
            found.append(str(file.parents[name.count(".") + (file.name == "__init__.py")]))
        return found


def _check_is_no_bare_export(path: str) -> None:
    """Raises ValueError for a LiteRT, ONNX or SavedModel without what export.py puts beside it."""
    found = [name for name in _MODEL_FILES if tf.io.gfile.exists(os.path.join(path, name))]
    others = [name for end in ("tflite", "onnx") for name in tf.io.gfile.glob(f"{path}/*.{end}")]
    if path.endswith((".tflite", ".onnx")) or found or others:
        raise ValueError(
            f"{path} has no export.json, tokenizer and task beside the model, which takes ids "
            "alone. Expected the folder that export.py made."
        )
