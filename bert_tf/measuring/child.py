"""Contestants in a process of their own, which speak one line of JSON at a time.

    child -> {"ready": INFO}                      or {"unavailable": why}: it cannot run here
    parent -> {"request": "round", "settings": {...}}     child -> {"figure": 33.1, "info": INFO}
    parent -> {"request": "stop"}      the child ends

A child's other output goes to standard error, which is shown when the child fails. Imports the
standard library alone, because a child may run under an interpreter that has nothing of ours.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

Info = dict[str, Any]
_SHOWN_BYTES = 2000  # of the standard error of a child that failed


class UnavailableError(Exception):
    """A contestant cannot run on this machine; the message says why."""


class Child:
    """The parent's end.

    Args:
      name: for messages.
      command: program and arguments.
      environment: variables in addition to ours.
      first_line: what the child reads before all else (a command line has no room for much).

    Raises:
      UnavailableError: the child said so, or the program does not exist.
      ValueError: the child ended before it was ready.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: dict[str, str] | None = None,
        first_line: str | None = None,
    ):
        self._name = name
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env={**os.environ, **(environment or {})},
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            self._log.close()
            raise UnavailableError(f"{command[0]} cannot be run: {error.strerror}") from error
        try:
            if first_line is not None:
                self._send(first_line)
            answer = self._read()
            if "unavailable" in answer:
                raise UnavailableError(answer["unavailable"])
        except BaseException:
            self.close()
            raise
        self.info: Info = answer["ready"]

    def measure_round(self, **settings: Any) -> float:
        """One round; `info` is what the child said with it.

        Args:
          **settings: of this round, for the child's function.
        """
        self._write({"request": "round", "settings": settings})
        answer = self._read()
        self.info.update(answer["info"])
        return answer["figure"]

    def close(self) -> None:
        """Ends the child, by force if it does not answer."""
        try:
            self._process.communicate(json.dumps({"request": "stop"}) + "\n", timeout=10)
        except (subprocess.TimeoutExpired, OSError, ValueError):
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _write(self, message: dict[str, Any]) -> None:
        self._send(json.dumps(message))

    def _send(self, line: str) -> None:
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise ValueError(self._epitaph()) from error

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        try:
            return json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(self._epitaph(line)) from error

    def _epitaph(self, line: str = "") -> str:
        """Why there is no answer: the last lines the child wrote."""
        if line:
            return f"{self._name} answered {line!r}; one JSON object a line was expected."
        code = self._process.wait()
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - _SHOWN_BYTES))
        last = " | ".join(self._log.read().decode("utf-8", "replace").strip().splitlines()[-5:])
        hint = " (killed: most likely the memory did not suffice)" if code == -9 else ""
        return f"the process of {self._name} ended with code {code}{hint}: {last}"


def serve(prepare: Callable[[], tuple[Callable[..., float], Info]]) -> None:
    """The child's end: prepares, then answers until it is told to stop or the parent is gone.

    Args:
      prepare: returns (does one round and returns its rate, info); the round gets the settings of
        `Child.measure_round`. An ImportError means that the contestant is unavailable. `info` is
        sent again with every figure, so it may change.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is not an answer

    def answer(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    try:
        measure_round, info = prepare()
    except ImportError as error:
        answer({"unavailable": f"{error} (in {sys.executable})"})
        return
    answer({"ready": info})
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["request"] != "round":
            break
        figure = measure_round(**asked["settings"])
        memory = {"peak_memory_bytes": peak_memory_bytes(), "memory_bytes": memory_bytes()}
        answer({"figure": figure, "info": {**info, **memory}})


def peak_memory_bytes() -> int | None:
    """Most resident memory of this process so far; None where the system does not say.

    Not `getrusage`: a child's maximum begins at that of the parent it was forked from.
    """
    return _of_status("VmHWM")


def memory_bytes() -> int | None:
    """Resident memory of this process; None where the system does not say."""
    return _of_status("VmRSS")


def _of_status(name: str) -> int | None:
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
    except OSError:
        return None
    return int(lines[name].split()[0]) * 1024 if name in lines else None
