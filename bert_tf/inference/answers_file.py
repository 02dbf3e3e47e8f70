"""The file of answers: written window by window, so that a run that was killed goes on.

Answers go to `PATH.part`. After each window `PATH.part.json` says how many lines and bytes of it
count, and what they are answers to. When all is done, the part takes the place of PATH.
"""

import contextlib
import json
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from absl import logging

from bert_tf import locks
from bert_tf.files import open_binary, read_json, whole_file, write_whole

_JOURNAL = {"lines": int, "bytes": int, "input_sha256": str, "settings": dict}


class AnswersFile:
    """A file that a later run with the same settings continues.

    Args:
      path: where the answers go in the end.
      settings: what decides the answers (model, input, ...), as JSON values.

    Attributes:
      num_lines: how many answers are there already.
      input_sha256: of the input lines that they answer, as `write` was told.

    Raises:
      ValueError: `path` is a folder, another process writes it, or an earlier run has begun it
        with other settings.
    """

    def __init__(self, path: str, settings: dict[str, Any]):
        if tf.io.gfile.isdir(path):
            raise ValueError(f"{path} is a folder; expected the name of a file to write.")
        self._lock = contextlib.ExitStack()
        self._lock.enter_context(locks.beside(path))
        try:
            self._open(path, settings)
        except BaseException:
            self._lock.close()
            raise

    def _open(self, path: str, settings: dict[str, Any]) -> None:
        self._path, self._part, self._journal = path, path + ".part", path + ".part.json"
        self._settings = settings
        self.num_lines, size, self.input_sha256 = self._find()
        if not self.num_lines:
            self._file = tf.io.gfile.GFile(self._part, "wb")
            self._file.write(b"")  # opens it, before the work begins
            self._size = 0
        else:
            self._cut(size)
            self._file, self._size = tf.io.gfile.GFile(self._part, "ab"), size

    def _find(self) -> tuple[int, int, str]:
        """Lines, bytes and input of what an earlier run of the same settings has left."""
        nothing = (0, 0, "")
        if not tf.io.gfile.exists(self._part) or not tf.io.gfile.exists(self._journal):
            return nothing
        try:
            journal = read_json(self._journal, types=_JOURNAL, required=_JOURNAL)
        except ValueError:  # killed while it was written
            return nothing
        self._check_settings(json.loads(json.dumps(self._settings)), journal["settings"])
        if journal["bytes"] > tf.io.gfile.stat(self._part).length:
            logging.warning("%s is shorter than its journal says: begun anew", self._part)
            return nothing
        return journal["lines"], journal["bytes"], journal["input_sha256"]

    def _check_settings(self, now: dict[str, Any], then: dict[str, Any]) -> None:
        """ValueError if the answers that are there were made with other settings."""
        names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
        if names:
            changes = "; ".join(f"{n} was {then.get(n)!r}, now {now.get(n)!r}" for n in names)
            raise ValueError(
                f"{self._part} holds answers that were begun with other settings ({changes}). Go "
                f"on with those, remove it, or choose another output."
            )

    def _cut(self, size: int) -> None:
        """Drops what was written after the last whole window."""
        if tf.io.gfile.stat(self._part).length == size:
            return
        with whole_file(self._part) as new, open_binary(self._part) as old:
            left = size
            while left:
                chunk = old.read(min(left, 1 << 22))
                new.write(chunk)
                left -= len(chunk)

    def write(self, lines: Sequence[str], input_sha256: str) -> None:
        """Adds the answers of a window, for good; the hash is that of all input so far."""
        content = "".join(line + "\n" for line in lines).encode()
        self._file.write(content)
        self._file.flush()
        self._size += len(content)
        self.num_lines += len(lines)
        journal = {
            "lines": self.num_lines,
            "bytes": self._size,
            "input_sha256": input_sha256,
            "settings": self._settings,
        }
        write_whole(self._journal, json.dumps(journal))

    def __enter__(self) -> "AnswersFile":
        return self

    def __exit__(self, kind, error, trace) -> None:
        with self._lock:
            self._close(is_whole=kind is None)

    def _close(self, *, is_whole: bool) -> None:
        if is_whole:
            self._file.close()
            tf.io.gfile.rename(self._part, self._path, overwrite=True)
            self._remove(self._journal)
            return
        with contextlib.suppress(tf.errors.OpError):
            self._file.close()
        if not tf.io.gfile.exists(self._journal):  # no whole window to go on from
            self._remove(self._part)

    def _remove(self, path: str) -> None:
        with contextlib.suppress(tf.errors.OpError):
            if tf.io.gfile.exists(path):
                tf.io.gfile.remove(path)
