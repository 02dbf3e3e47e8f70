"""The files of another project's checkpoint, and their format."""

import dataclasses
import json
import posixpath
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from bert_tf.checkpoints import tensorflow_index
from bert_tf.files import read_json

# Exceptions of TensorFlow's checkpoint reader for damaged files.
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
HOW_TO_CONVERT = (
    "it is a pickle, which runs whatever code it holds when it is read. Where transformers and "
    "torch are installed, `AutoModel.from_pretrained(FOLDER).save_pretrained(OTHER_FOLDER)` makes "
    "safetensors of it (with the class of the head, if it has one)"
)


@dataclasses.dataclass(frozen=True)
class Files:
    """The argument of a format's `read`.

    Attributes:
      path: the requested folder, file or prefix.
      folder: the folder with the other files.
      vocab_file, config_file: replace the files in the folder.
    """

    path: str
    folder: str
    vocab_file: str = ""
    config_file: str = ""

    def find(self, *names: str) -> str | None:
        """The first of the files `names` that exists in the folder."""
        for name in names:
            path = posixpath.join(self.folder, name)
            if tf.io.gfile.exists(path) and not tf.io.gfile.isdir(path):
                return path
        return None

    def vocabulary_file(self, *names: str) -> str:
        """`vocab_file`, or the first of `names` in the folder; ValueError if there is none."""
        path = self.vocab_file or self.find(*names)
        if not path:
            raise ValueError(
                f"{self.folder}: the vocabulary is missing: expected {' or '.join(names)}. Copy it "
                "to this folder, or pass it with --vocab_file."
            )
        return path

    def json(self, *names: str) -> dict[str, Any]:
        """The JSON object in the first of `names`; empty if there is none."""
        path = self.find(*names)
        return read_json(path) if path else {}


def write_json(folder: str, name: str, values: Mapping[str, Any]) -> None:
    """Writes a JSON file into a folder that is still temporary."""
    with tf.io.gfile.GFile(posixpath.join(folder, name), "w") as file:
        file.write(json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def recognise(path: str) -> tuple[str, str]:
    """(name of the format, folder) of the checkpoint at `path`.

    Raises:
      ValueError: the path does not exist, or has no known format.
    """
    folder = posixpath.dirname(path) or "."
    if tf.io.gfile.exists(path + ".index"):
        return _kind_of_tensorflow(path), folder
    if tf.io.gfile.isdir(path):
        names = [name.rstrip("/") for name in tf.io.gfile.listdir(path)]
        folder = path
    elif tf.io.gfile.exists(path):
        names = [posixpath.basename(path)]
    else:
        raise _unknown(path, ["no such file or folder (a name on the Hub begins with hf://)"])
    if any(name.endswith((".safetensors", ".safetensors.index.json")) for name in names):
        return "hugging_face", folder
    if "model.weights.h5" in names:
        return "keras", folder
    if any(name.endswith(".h5") for name in names) and (
        "config.json" in names or names[0].endswith(".h5")
    ):
        return "hugging_face", folder
    indexes = sorted(name for name in names if name.endswith(".index"))
    if indexes:
        return _kind_of_tensorflow(posixpath.join(folder, indexes[-1][: -len(".index")])), folder
    pickles = [name for name in names if name.endswith(_PICKLES)]
    if pickles:
        raise ValueError(f"{path}: {pickles[0]} is not read: {HOW_TO_CONVERT}.")
    raise _unknown(path, names)


def _unknown(path: str, found: list[str]) -> ValueError:
    return ValueError(
        f"{path}: expected a model folder of bert_tf (task.json, model.safetensors) or a work "
        "directory whose training has ended, or a checkpoint of Hugging Face (safetensors or "
        "tf_model.h5, config.json), of Google or Model Garden (bert_model.ckpt.index) or of Keras "
        "(model.weights.h5). Found: "
        f"{', '.join(sorted(found)[:5]) or 'nothing'}."
    )


def _kind_of_tensorflow(prefix: str) -> str:
    tensorflow_index.check(f"{prefix}.index")
    try:
        reader = tf.train.load_checkpoint(prefix)
    except TENSORFLOW_ERRORS as error:
        raise ValueError(f"{prefix}: not a whole TensorFlow checkpoint ({error}).") from error
    return "garden" if reader.has_tensor("_CHECKPOINTABLE_OBJECT_GRAPH") else "google"
