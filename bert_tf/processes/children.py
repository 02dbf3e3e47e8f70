"""Child processes that do not outlive their parent. Imports the standard library alone."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

_LIBC = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


_LAST_LINES = 3


def start(command: Sequence[str], **settings: object) -> subprocess.Popen:
    """Calls `subprocess.Popen`. Linux kills the child when this process ends, for whatever reason.

    Call it in the main thread: Linux takes the thread that started a child for its parent.
    """
    parent = os.getpid()

    def end_with_parent() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # the parent ended before prctl was called
                os._exit(1)

    return subprocess.Popen(command, preexec_fn=end_with_parent, **settings)


def run_logged(command: Sequence[str], log: str) -> None:
    """Runs a command to its end and adds what it prints to the file `log`.

    Raises:
      ValueError: the command failed. The message has its last lines and names the log.
    """
    os.makedirs(os.path.dirname(log), exist_ok=True)
    with open(log, "ab") as file:
        code = start(command, stdout=file, stderr=file).wait()
    if code:
        with open(log, encoding="utf-8", errors="replace") as file:
            last = " | ".join(file.read().strip().splitlines()[-_LAST_LINES:])
        raise ValueError(f"{' '.join(command)} ended with code {code}: {last} (see {log})")
