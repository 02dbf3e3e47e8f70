"""A BERT as it is between two formats, and the one door to all of them.

Every format is a file beside this one with `read(files)`, `losses(checkpoint)` and
`write(checkpoint, folder)`. They are found by name; which one a path holds is seen from the files
that are there.
"""

import dataclasses
import importlib
import json
import posixpath
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf.checkpoints import variables
from bert_tf.checkpoints.mapping import Row
from bert_tf.config.experiment import DataConfig
from bert_tf.config.task import Settings
from bert_tf.files import new_folder
from bert_tf.models.bert import BertConfig
from bert_tf.tokenization.vocabulary import Vocabulary

FORMATS = ("google", "garden", "keras", "hugging_face")

# What its checkpoint reader raises for damaged files.
TENSORFLOW_ERRORS = (
    tf.errors.OpError,
    LookupError,
    OverflowError,
    RuntimeError,
    SystemError,
    TypeError,
    ValueError,
)
_PICKLES = (".bin", ".pt", ".pth", ".pkl")
_HOW_TO_CONVERT = (
    "it is a pickle, which runs whatever code it holds when it is read. Where transformers and "
    "torch are installed, `AutoModel.from_pretrained(FOLDER).save_pretrained(OTHER_FOLDER)` makes "
    "safetensors of it (with the class of the head, if it has one)"
)


@dataclasses.dataclass
class Checkpoint:
    """A model of any origin in our terms.

    Attributes:
      source: where it is from, for messages.
      config: the shape of the encoder.
      task: which head it has, its labels.
      weights: {variable path: float32 array}; reading is lazy, see `mapping.Weights`.
      vocabulary: its tokens; at most config.vocab_size.
      do_lower_case, max_input_chars_per_word: the tokenizer's settings.
      data: how long a text may be, and what else a model folder keeps.
      rows: what became of each tensor of the source.
      dtype: in which it was trained and scored, one of config.DTYPES.
    """

    source: str
    config: BertConfig
    task: Settings
    weights: Mapping[str, np.ndarray]
    vocabulary: Vocabulary
    do_lower_case: bool
    max_input_chars_per_word: int = 200
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    rows: list[Row] = dataclasses.field(default_factory=list)
    dtype: str = "float32"

    def check_vocabulary(self) -> None:
        """ValueError for more tokens than embeddings; a warning for a doubtful `do_lower_case`."""
        if len(self.vocabulary) > self.config.vocab_size:
            raise ValueError(
                f"{self.source}: the vocabulary has {len(self.vocabulary)} tokens, the config only "
                f"vocab_size {self.config.vocab_size}. They do not belong together."
            )
        if self.do_lower_case == self.vocabulary.looks_cased:
            cased = "upper-case letters" if self.do_lower_case else "no upper-case letters"
            logging.warning(
                "%s: do_lower_case is %s, but its vocabulary has %s. Texts may become [UNK]: check "
                "tokenizer_config.json.",
                self.source,
                self.do_lower_case,
                cased,
            )

    def missing(self) -> list[str]:
        """The variables that its task needs and it does not have: they will start at random."""
        heads = dict(variables.HEADS.get(self.task.name, {}))
        if self.task.name == "pretraining":
            heads |= {} if self.config.tie_word_embeddings else variables.UNTIED
            if not self.task.next_sentence:
                heads = {k: v for k, v in heads.items() if k not in variables.NEXT_SENTENCE}
        needed = {**variables.encoder_shapes(self.config), **heads}
        return [path for path in needed if path not in self.weights]


@dataclasses.dataclass(frozen=True)
class Files:
    """What the reader of a format gets.

    Attributes:
      path: the folder, file or prefix that was asked for.
      folder: the folder in which its other files are.
      vocab_file, config_file: in place of those in the folder.
    """

    path: str
    folder: str
    vocab_file: str = ""
    config_file: str = ""

    def find(self, *names: str) -> str | None:
        """The first of the files `names` that is in the folder."""
        for name in names:
            path = posixpath.join(self.folder, name)
            if tf.io.gfile.exists(path) and not tf.io.gfile.isdir(path):
                return path
        return None

    def vocabulary(self, *names: str) -> Vocabulary:
        """The tokens of `vocab_file`, or of the first of `names`; ValueError if there is none."""
        path = self.vocab_file or self.find(*names)
        if not path:
            raise ValueError(
                f"{self.folder}: the vocabulary is missing: expected {' or '.join(names)}. Copy it "
                "there, or name it (--vocab_file)."
            )
        return Vocabulary.from_file(path)

    def json(self, *names: str) -> dict[str, Any]:
        """The JSON object in the first of `names`; empty if there is none."""
        path = self.find(*names)
        return read_json(path) if path else {}


def read_json(path: str) -> dict[str, Any]:
    """A JSON object; ValueError that names the file if it is not one."""
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            values = json.loads(file.read().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON ({error}).") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected a JSON object, received {type(values).__name__}.")
    return values


def read(path: str, *, vocab_file: str = "", config_file: str = "") -> Checkpoint:
    """A checkpoint of another project, in whatever format it is.

    Args:
      path: a folder, a file in it, or the prefix of a TensorFlow checkpoint.
      vocab_file: a vocab.txt in place of the folder's.
      config_file: a bert_config.json in place of the folder's.

    Raises:
      ValueError: no known format, a file is missing or damaged, another kind of model, a variable
        of the encoder is missing, or weights and config contradict each other.
    """
    format_name, folder = _recognise(path.rstrip("/") or path)
    files = Files(path.rstrip("/"), folder, vocab_file, config_file)
    try:
        checkpoint = _module(format_name).read(files)
    except (tf.errors.OpError, MemoryError) as error:
        raise ValueError(f"{path}: cannot be read: {getattr(error, 'message', error)}") from error
    checkpoint.check_vocabulary()
    longest = checkpoint.config.max_position_embeddings
    checkpoint.data.max_seq_length = min(checkpoint.data.max_seq_length, longest)
    return checkpoint


def losses(checkpoint: Checkpoint, format_name: str) -> list[str]:
    """What of `checkpoint` the format cannot hold, a sentence each."""
    lost, task = _module(format_name).losses(checkpoint), checkpoint.task
    if task.name == "classification" and task.classifier_pooling != "pooler":
        lost.append(
            f"the classifier sees {task.classifier_pooling!r} of the tokens (classifier_pooling); "
            "classes of other projects give theirs the output of the pooler."
        )
    return lost


def write(
    checkpoint: Checkpoint, folder: str, format_name: str, *, allow_lossy: bool = False
) -> list[Row]:
    """Writes `checkpoint` into the new folder `folder`, whole or not at all.

    Returns:
      What became of each variable.

    Raises:
      ValueError: the folder exists, or the format cannot hold all of the model and `allow_lossy`
        was not said.
    """
    lost = losses(checkpoint, format_name)
    if lost and not allow_lossy:
        raise ValueError(
            f"{format_name} cannot hold all of {checkpoint.source}: {' '.join(lost)} Pass "
            "--allow_lossy to write it all the same."
        )
    with new_folder(folder) as temporary:
        written = _module(format_name).write(checkpoint, temporary)
    names = {row.ours: row for row in written}
    return [
        names.get(path, Row("", None, path, tuple(array.shape), "NOT WRITTEN: no place for it"))
        for path, array in checkpoint.weights.items()
    ]


def write_json(folder: str, name: str, values: Mapping[str, Any]) -> None:
    """A JSON file of a folder that is not yet in its place."""
    with tf.io.gfile.GFile(posixpath.join(folder, name), "w") as file:
        file.write(json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def _module(format_name: str):
    if format_name not in FORMATS:
        raise ValueError(f"unknown format {format_name!r}. Known: {', '.join(FORMATS)}.")
    return importlib.import_module(f"bert_tf.checkpoints.{format_name}")


def _recognise(path: str) -> tuple[str, str]:
    """(format, folder) of what is at `path`."""
    folder = posixpath.dirname(path) or "."
    if tf.io.gfile.exists(path + ".index"):
        return _kind_of_tensorflow(path), folder
    if tf.io.gfile.isdir(path):
        names = [name.rstrip("/") for name in tf.io.gfile.listdir(path)]
        folder = path
    elif tf.io.gfile.exists(path):
        names = [posixpath.basename(path)]
    else:
        raise _unknown(path, ["no such file or folder (nothing is downloaded)"])
    if any(name.endswith((".safetensors", ".safetensors.index.json")) for name in names):
        return "hugging_face", folder
    if "model.weights.h5" in names:
        return "keras", folder
    indexes = sorted(name for name in names if name.endswith(".index"))
    if indexes:
        return _kind_of_tensorflow(posixpath.join(folder, indexes[-1][: -len(".index")])), folder
    pickles = [name for name in names if name.endswith(_PICKLES)]
    if pickles:
        raise ValueError(f"{path}: {pickles[0]} is not read: {_HOW_TO_CONVERT}.")
    raise _unknown(path, names)


def _unknown(path: str, found: list[str]) -> ValueError:
    return ValueError(
        f"{path}: expected a model folder of bert_tf (task.json, model.safetensors) or a work "
        "directory whose training has ended, or a checkpoint of Hugging Face (safetensors, "
        "config.json), of Google or Model Garden (bert_model.ckpt.index) or of Keras "
        "(model.weights.h5). Found: "
        f"{', '.join(sorted(found)[:5]) or 'nothing'}."
    )


def _kind_of_tensorflow(prefix: str) -> str:
    try:
        reader = tf.train.load_checkpoint(prefix)
    except TENSORFLOW_ERRORS as error:
        raise ValueError(f"{prefix}: not a whole TensorFlow checkpoint ({error}).") from error
    return "garden" if reader.has_tensor("_CHECKPOINTABLE_OBJECT_GRAPH") else "google"
