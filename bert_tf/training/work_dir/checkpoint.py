"""Training checkpoints: one flat dict of variables, and a JSON file that makes them valid.

`checkpoints/step-00001000/` holds `weights.*` (tf.train.Checkpoint of {path: variable}) and
`checkpoint.json`, written last, with the SHA-256 of every other file. Without its JSON, or with a
hash that does not fit, a folder is not a checkpoint. A Keras model is never handed to
tf.train.Checkpoint: layers in Python lists are not in its object graph.
"""

import posixpath
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf import files

FORMAT_VERSION = 1
_JSON = "checkpoint.json"
_DAMAGES = (ValueError, KeyError, TypeError, AttributeError, OSError, tf.errors.OpError)


Values = Mapping[str, tf.Variable | np.ndarray]


def save(
    folder: str,
    step: int,
    values: Values,
    info: Mapping[str, Any],
    keep: int,
    best_step: int | None = None,
) -> None:
    """Writes `folder`/step-N and removes what is no longer wanted.

    The newest `keep` checkpoints and that of `best_step` stay. Checkpoints of later steps than N
    are damaged (the run continued from an earlier one) and are removed too.

    Args:
      folder: the checkpoints folder of a work directory.
      step: N, finished optimizer steps.
      values: {path: variable, or its value}.
      info: what else must survive, as JSON: the config, the data and the position in it.
      keep: how many checkpoints stay.
      best_step: the step of one that stays however old it is.
    """
    target = path_of(folder, step)
    if tf.io.gfile.exists(target):
        tf.io.gfile.rmtree(target)
    with files.removed_on_failure(target):
        _write(target, step, values, info)
    wanted = [name for name in _steps(folder) if name <= posixpath.basename(target)][-keep:]
    if best_step is not None:
        wanted.append(posixpath.basename(path_of(folder, best_step)))
    for old in set(_steps(folder)) - set(wanted):
        tf.io.gfile.rmtree(tf.io.gfile.join(folder, old))


def path_of(folder: str, step: int) -> str:
    """The folder of the checkpoint of a step."""
    return tf.io.gfile.join(folder, f"step-{step:08}")


def _write(target: str, step: int, values: Values, info: Mapping[str, Any]) -> None:
    tf.io.gfile.makedirs(target)
    with tf.device("/cpu:0"):
        variables = {
            path: tf.Variable(value) if isinstance(value, np.ndarray | np.generic) else value
            for path, value in values.items()
        }
        tf.train.Checkpoint(variables=variables).write(tf.io.gfile.join(target, "weights"))
    hashes = {
        name: files.sha256(tf.io.gfile.join(target, name)) for name in tf.io.gfile.listdir(target)
    }
    content = {"format_version": FORMAT_VERSION, "step": step, "files": hashes, **info}
    files.write_json(tf.io.gfile.join(target, _JSON), content)


def change_info(path: str, changes: Mapping[str, Any]) -> None:
    """Replaces entries of the `info` of the whole checkpoint at `path`; its variables stay."""
    file = tf.io.gfile.join(path, _JSON)
    files.write_json(file, {**files.read_json(file), **changes})


def find_latest(folder: str) -> tuple[str, dict[str, Any]] | None:
    """(path, JSON) of the newest whole checkpoint; damaged ones are passed over with a warning."""
    names = _steps(folder)
    for name in reversed(names):
        path = tf.io.gfile.join(folder, name)
        if (info := _info_if_whole(path)) is not None:
            return path, info
    if names:
        logging.warning("%s holds no whole checkpoint: the run starts from its beginning", folder)
    return None


def newest_info(folder: str) -> dict[str, Any] | None:
    """The JSON of the newest checkpoint that has one. Its other files are not checked."""
    for name in reversed(_steps(folder)):
        path = tf.io.gfile.join(folder, name, _JSON)
        if tf.io.gfile.exists(path):
            return files.read_json(path)
    return None


def restore(path: str, variables: Mapping[str, tf.Variable]) -> None:
    """Fills `variables` from the checkpoint at `path`. Both must have the same variables."""
    checkpoint = tf.train.Checkpoint(variables=dict(variables))
    checkpoint.read(tf.io.gfile.join(path, "weights")).assert_consumed()


def _steps(folder: str) -> list[str]:
    if not tf.io.gfile.exists(folder):
        return []
    names = (name.rstrip("/") for name in tf.io.gfile.listdir(folder))
    return sorted(name for name in names if name.startswith("step-"))


def is_whole(path: str) -> bool:
    """Whether the checkpoint at `path` is there and has the hashes of its JSON; warns if not."""
    return _info_if_whole(path) is not None


def _info_if_whole(path: str) -> dict[str, Any] | None:
    try:
        return _read_checked(path)
    except _DAMAGES as error:
        logging.warning("checkpoint %s is not whole and is passed over: %s", path, error)
        return None


def _read_checked(path: str) -> dict[str, Any]:
    values = files.read_json(tf.io.gfile.join(path, _JSON), highest=FORMAT_VERSION)
    for name, expected in values["files"].items():
        if files.sha256(tf.io.gfile.join(path, name)) != expected:
            raise ValueError(f"the SHA-256 of {name} is not the one in {_JSON}")
    return values
