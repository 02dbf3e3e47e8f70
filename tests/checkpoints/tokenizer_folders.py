"""Reads and changes the tokenizer.json of a folder, for the tests of each kind of tokenizer."""

import copy
import json

from bert_tf.checkpoints import hugging_face_tokenizer
from bert_tf.checkpoints.source_files import Files


def read(folder):
    """The tokenizer of a folder of Hugging Face."""
    return hugging_face_tokenizer.read(Files(str(folder), str(folder)))


def change(folder, *path, value):
    """Sets the value at the keys `path` of tokenizer.json."""
    values = json.loads((folder / "tokenizer.json").read_text())
    inner = values
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = copy.deepcopy(value)
    (folder / "tokenizer.json").write_text(json.dumps(values))
