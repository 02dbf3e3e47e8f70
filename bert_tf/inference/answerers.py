"""One interface to all models that answer texts: model folders and all exported forms."""

import dataclasses
import hashlib
import posixpath
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from bert_tf import hub, model_folder
from bert_tf.export import description, ids_model
from bert_tf.export.ids import inputs_of
from bert_tf.inference import known_tasks
from bert_tf.tasks import embedding
from bert_tf.tasks.blocks import in_blocks
from bert_tf.tasks.task import Task, make_task
from bert_tf.tasks.task_model import encoder_inputs

# Widths are rounded up to a multiple, so that a runtime sees few shapes.
_WIDTH = 16
_EMBED = embedding.Config.SERVED_AS


@dataclasses.dataclass(frozen=True)
class Answerer:
    """A model and its task.

    Attributes:
      task: describes answers; its `takes_pairs` decides whether there are one or two columns.
      answer: one or two columns of N texts -> {name: array [N, ...]}, the outputs that the task
        decodes.
    """

    task: Task
    answer: Callable[[Sequence[Sequence[str]]], dict[str, np.ndarray]]


def load(path: str, wanted: str | None = None, num_threads: int | None = None) -> Answerer:
    """Loads the answerer of the model at `path`.

    Args:
      path: a model folder, work directory, checkpoint of another project, or exported model.
      wanted: the required task, as its `SERVED_AS`; any model can "embed".
      num_threads: for LiteRT and ONNX, see `ids_model.load`.

    Raises:
      ValueError: the path is none of these, or the model has another task than `wanted`.
    """
    path = hub.local(path)
    about = description.read(path)
    if about is None:
        if tf.io.gfile.exists(posixpath.join(path, "saved_model.pb")):
            raise ValueError(f"{path} is a SavedModel without export.json: export it again.")
        task, model = model_folder.load(path)
        return of_model(*_for_task(task, model, wanted))
    description.check_files(path, about)
    task = model_folder.load_task(path)
    if about["format"] == "saved_model":
        return _of_saved_model(path, task, wanted)
    if wanted == _EMBED:
        return of_ids(_embedding(task), ids_model.load(path, about["format"], num_threads))
    _check(task, wanted)
    return of_ids(task, ids_model.load(path, about["format"], num_threads))


def files_of(path: str) -> str:
    """A hash of the names, sizes and times of the files at `path`.

    It changes if the model is replaced, or its labels or thresholds are edited.
    """
    path = hub.local(path)
    folders = (path, posixpath.join(path, "model"), posixpath.join(path, "variables"))
    is_prefix = not tf.io.gfile.exists(path)  # of a TensorFlow checkpoint
    found = tf.io.gfile.glob(f"{path}*") if is_prefix else [path]
    for folder in filter(tf.io.gfile.isdir, folders):
        found += [posixpath.join(folder, name) for name in tf.io.gfile.listdir(folder)]
    files = sorted({file for file in found if tf.io.gfile.exists(file)} - set(folders))
    stats = [(file, tf.io.gfile.stat(file)) for file in files if not tf.io.gfile.isdir(file)]
    told = [(posixpath.relpath(file, path), stat.length, stat.mtime_nsec) for file, stat in stats]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def of_model(task: Task, model: keras.Model | Callable) -> Answerer:
    """Makes an answerer that calls a Keras model."""

    def decoded(*texts):
        batch = task.encode(*texts)
        names = (*inputs_of(task.config.model), "masked_lm_positions")
        rows = {name: batch[name] for name in names if name in batch}
        return task.decode(in_blocks(model, rows), batch)

    function = _of_texts(decoded, task)
    return Answerer(task, lambda columns: _arrays(function(*_tensors(columns))))


def of_ids(task: Task, outputs_of_ids: Callable) -> Answerer:
    """Makes an answerer that runs the task's tokenizer, then a model that takes ids."""
    encode = _of_texts(task.encode, task)
    decode = tf.function(
        lambda outputs, batch: task.decode(task.from_ids(outputs, batch), batch),
        reduce_retracing=True,
        autograph=False,
    )

    def answer(columns):
        batch = encode(*_tensors(columns))
        ids = {name: batch[name].numpy() for name in inputs_of(task.config.model)}
        length = ids["input_ids"].shape[1]
        room = min(-length % _WIDTH, task.config.model.longest_sequence - length)
        ids = {name: np.pad(rows, ((0, 0), (0, room))) for name, rows in ids.items()}
        ids["input_ids"][:, length:] = task.tokenizer.pad_id
        # Only the outputs for tokens have the rounded width.
        outputs = {
            name: tf.constant(rows[:, :length] if rows.ndim == 3 else rows)
            for name, rows in outputs_of_ids(ids).items()
        }
        return _arrays(decode(outputs, batch))

    return Answerer(task, answer)


def _of_texts(function: Callable, task: Task) -> tf.types.experimental.ConcreteFunction:
    """`function` of one or two vectors of texts, traced once for any number of texts."""
    specs = [tf.TensorSpec([None], tf.string)] * (2 if task.takes_pairs else 1)
    return tf.function(function, autograph=False).get_concrete_function(*specs)


def _tensors(columns: Sequence[Sequence[str]]) -> list[tf.Tensor]:
    return [tf.constant(column, tf.string) for column in columns]


def _of_saved_model(path: str, task: Task, wanted: str | None) -> Answerer:
    import tensorflow_text  # noqa: F401 - registers the op of the tokenizer

    model = tf.saved_model.load(path)  # kept alive: its signatures only refer to its tables
    is_mean = wanted == _EMBED and not _embeds(task)
    if is_mean:
        serve, task = model.signatures["embed"], _embedding(task)
    else:
        _check(task, wanted)
        serve = model.signatures["serving_default"]
    names = ("text", "text_pair")

    def answer(columns, model=model):
        del model
        texts = zip(names, _tensors(columns), strict=False)
        answered = _arrays(serve(**dict(texts)))
        if is_mean:  # of length 1, as the task decodes it
            norms = np.linalg.norm(answered["embedding"], axis=-1, keepdims=True)
            return {"embedding": answered["embedding"] / np.maximum(norms, 1e-12)}
        return answered

    return Answerer(task, answer)


def _for_task(task: Task, model: keras.Model, wanted: str | None):
    """The task and the model for `wanted`."""
    if wanted == _EMBED and not _embeds(task):
        return _embedding(task), lambda batch: model.encoder(
            **encoder_inputs(batch, task.config.model)
        )
    _check(task, wanted)
    return task, model


def _embeds(task: Task) -> bool:
    return isinstance(task.config.task, embedding.Config)


def _embedding(task: Task) -> Task:
    if _embeds(task):
        return task
    return make_task(dataclasses.replace(task.config, task=embedding.Config()), task.tokenizer)


def _check(task: Task, wanted: str | None) -> None:
    found = task.config.task
    if wanted in (None, found.SERVED_AS):
        return
    known = known_tasks()
    if wanted not in known:
        raise ValueError(f"--task={wanted}: expected one of {', '.join(sorted(known))}.")
    raise ValueError(
        f"--task={wanted} needs the head of {known[wanted]!r}; this model is {found.name!r}."
    )


def _arrays(outputs: dict[str, tf.Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in outputs.items()}
