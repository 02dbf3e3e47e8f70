"""Training checkpoints: one flat dict of variables, and a JSON that makes them count.

`checkpoints/step-00001000/` holds `weights.*` (tf.train.Checkpoint of {path: variable}) and
`checkpoint.json`, written last, with the SHA-256 of every other file. Without its JSON, or with a
hash that does not fit, a folder is not a checkpoint. A Keras model is never handed to
tf.train.Checkpoint: layers in Python lists are not in its object graph.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from absl import logging

from bert_tf.cleanup import removed_on_failure

FORMAT_VERSION = 1
_JSON = "checkpoint.json"


def save(
    folder: str, step: int, variables: Mapping[str, tf.Variable], info: Mapping[str, Any], keep: int
) -> None:
    """Writes `folder`/step-N and removes all but the newest `keep` checkpoints.

    Args:
      folder: the checkpoints folder of a work directory.
      step: finished optimizer steps.
      variables: {path: variable}.
      info: what else must survive, as JSON: the config, the data and the position in it.
      keep: how many checkpoints stay.
    """
    target = tf.io.gfile.join(folder, f"step-{step:08}")
    if tf.io.gfile.exists(target):
        tf.io.gfile.rmtree(target)
    with removed_on_failure(target):
        _write(target, step, variables, info)
    for old in _steps(folder)[:-keep]:
        tf.io.gfile.rmtree(tf.io.gfile.join(folder, old))


def _write(
    target: str, step: int, variables: Mapping[str, tf.Variable], info: Mapping[str, Any]
) -> None:
    tf.io.gfile.makedirs(target)
    tf.train.Checkpoint(variables=dict(variables)).write(tf.io.gfile.join(target, "weights"))
    files = {name: _sha256(tf.io.gfile.join(target, name)) for name in tf.io.gfile.listdir(target)}
    values = {"format_version": FORMAT_VERSION, "step": step, "files": files, **info}
    path = tf.io.gfile.join(target, _JSON)
    with tf.io.gfile.GFile(path + ".tmp", "w") as file:
        file.write(json.dumps(values, indent=2) + "\n")
    tf.io.gfile.rename(path + ".tmp", path)


def find_latest(folder: str) -> tuple[str, dict[str, Any]] | None:
    """(path, JSON) of the newest whole checkpoint; damaged ones are passed over with a warning."""
    for name in reversed(_steps(folder)):
        path = tf.io.gfile.join(folder, name)
        try:
            return path, _read_checked(path)
        except (ValueError, KeyError, tf.errors.OpError) as error:
            logging.warning("checkpoint %s is not whole and is passed over: %s", path, error)
    return None


def restore(path: str, variables: Mapping[str, tf.Variable]) -> None:
    """Fills `variables` from the checkpoint at `path`; every one of both sides must match."""
    checkpoint = tf.train.Checkpoint(variables=dict(variables))
    checkpoint.read(tf.io.gfile.join(path, "weights")).assert_consumed()


def _steps(folder: str) -> list[str]:
    if not tf.io.gfile.exists(folder):
        return []
    names = (name.rstrip("/") for name in tf.io.gfile.listdir(folder))
    return sorted(name for name in names if name.startswith("step-"))


def _read_checked(path: str) -> dict[str, Any]:
    with tf.io.gfile.GFile(tf.io.gfile.join(path, _JSON)) as file:
        values = json.load(file)
    if values["format_version"] > FORMAT_VERSION:
        raise ValueError(
            f"format_version {values['format_version']}, this bert_tf reads up to {FORMAT_VERSION}"
        )
    for name, expected in values["files"].items():
        if _sha256(tf.io.gfile.join(path, name)) != expected:
            raise ValueError(f"the SHA-256 of {name} is not the one in {_JSON}")
    return values


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with tf.io.gfile.GFile(path, "rb") as file:
        while block := file.read(2**22):
            digest.update(block)
    return digest.hexdigest()
