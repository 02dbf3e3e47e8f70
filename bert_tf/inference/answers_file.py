"""The file of answers. It is written window by window, so that a killed run can continue.

Answers go to `PATH.part`. After each window, `PATH.part.json` records the number of valid lines and
bytes, and the settings and input of the answers. At the end, `PATH.part` is renamed to PATH.
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
      path: the final file.
      settings: everything that decides the answers (model, input, ...), as JSON values.

    Attributes:
      num_lines: the number of answers in the file.
      input_sha256: hash of the input lines that they answer, from the last `write`.

    Raises:
      ValueError: `path` is a folder, another process writes it, or an earlier run began it with
        other settings.
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
            self._file.write(b"")  # opens the file before the work begins
            self._size = 0
        else:
            self._cut(size)
            self._file, self._size = tf.io.gfile.GFile(self._part, "ab"), size

    def _find(self) -> tuple[int, int, str]:
        """Lines, bytes and input hash of the answers of an earlier run with the same settings."""
        nothing = (0, 0, "")
        if not tf.io.gfile.exists(self._part) or not tf.io.gfile.exists(self._journal):
            return nothing
        try:
            journal = read_json(self._journal, types=_JOURNAL, required=_JOURNAL)
        except ValueError:  # killed while it was written
            return nothing
        self._check_settings(json.loads(json.dumps(self._settings)), journal["settings"])
        if journal["bytes"] > tf.io.gfile.stat(self._part).length:
            logging.warning("%s is shorter than its journal says: starting again", self._part)
            return nothing
        return journal["lines"], journal["bytes"], journal["input_sha256"]

    def _check_settings(self, now: dict[str, Any], then: dict[str, Any]) -> None:
        """Raises ValueError if an earlier run with other settings made the answers."""
        names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
        if names:
            changes = "; ".join(f"{n} was {then.get(n)!r}, now {now.get(n)!r}" for n in names)
            raise ValueError(
                f"{self._part} holds answers of a run with other settings ({changes}). Continue "
                f"with those settings, delete the file, or choose another output."
            )

    def _cut(self, size: int) -> None:
        """Removes everything after the last complete window."""
        if tf.io.gfile.stat(self._part).length == size:
            return
        with whole_file(self._part) as new, open_binary(self._part) as old:
            left = size
            while left:
                chunk = old.read(min(left, 1 << 22))
                new.write(chunk)
                left -= len(chunk)

    def write(self, lines: Sequence[str], input_sha256: str) -> None:
        """Adds the answers of a window permanently; the hash is of all input so far."""
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
        if not tf.io.gfile.exists(self._journal):  # no complete window to continue from
            self._remove(self._part)

    def _remove(self, path: str) -> None:
        with contextlib.suppress(tf.errors.OpError):
            if tf.io.gfile.exists(path):
                tf.io.gfile.remove(path)
