"""One writer at a time: who writes an output holds its lock; a second comer is told who that is.

A lock is a small file that names its owner: host, process, command. How sure it is depends on the
disk:

* Local disks, and network disks whose clients pass `flock` on (NFS, Lustre with `-o flock`): the
  kernel holds the lock and lets go of it when the owner ends, however it ends. The file that is
  left behind says nothing.
* Disks without `flock`, and object storage: the owner's record counts. It is made anew every
  `BEAT_SECONDS`. A record of this host is void if its process is gone; one of another host if it
  does not change for `OTHER_HOST_SECONDS`. Clocks are not compared. An owner that is stopped for so
  long (SIGSTOP) loses its lock. On object storage two that begin within a second of each other can
  both succeed, because nothing there is exclusive.

The lock belongs to the process: taken again in it, it counts. Processes that a job starts (workers,
trials, runs of a grid) do not take the lock of their parent's output. Needs TensorFlow for paths
with `://` alone.
"""

import contextlib
import errno
import fcntl
import json
import os
import pathlib
import shlex
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

IN_FOLDER = ".lock"  # name of the lock inside of an output that is a folder
BESIDE = ".lock"  # behind the name of an output that is put in its place as a whole
BEAT_SECONDS = 20.0
OTHER_HOST_SECONDS = 100.0  # NFS version 4 gives the locks of a dead client free after 90
_POLL_SECONDS = 1.0
_NO_FLOCK = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)
_MOST_COMMAND = 200  # characters of a command line in a message

_held: dict[str, int] = {}  # lock file -> how often this process has taken it
_guard = threading.Lock()


@contextlib.contextmanager
def folder(path: str) -> Iterator[None]:
    """The block alone writes into the folder `path`, which is made if it is missing.

    Raises:
      ValueError: another process writes there, or nobody can.
    """
    path = path.rstrip("/") or path
    with _made(path), _locked(_join(path, IN_FOLDER), path):
        yield


@contextlib.contextmanager
def beside(path: str) -> Iterator[None]:
    """The block alone writes the file or folder `path`; the folder that holds it is there.

    Raises:
      ValueError: another process writes it, or nobody can.
    """
    path = path.rstrip("/") or path
    with _locked(path + BESIDE, path):
        yield


def _is_remote(path: str) -> bool:
    return "://" in path


def _join(path: str, name: str) -> str:
    return f"{path}/{name}"


@contextlib.contextmanager
def _made(path: str) -> Iterator[None]:
    """Makes a folder; removes it again if it is empty at the end."""
    if _is_remote(path):
        _gfile().makedirs(path)
        yield
        return
    is_new = not os.path.exists(path)
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        yield
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # not empty, as it should be
                os.rmdir(path)


def _cannot_write(path: str, error: OSError) -> ValueError:
    if os.path.isfile(path) and error.errno == errno.EEXIST:
        return ValueError(f"{path} is a file; expected a folder.")
    if error.errno == errno.ENOTDIR:
        file = next(parent for parent in pathlib.Path(path).parents if parent.exists())
        return ValueError(f"{file} is not a directory; choose another name than {path}.")
    return ValueError(f"{path}: nothing can be written there ({error.strerror or error}).")


@contextlib.contextmanager
def _locked(file: str, output: str) -> Iterator[None]:
    name = file if _is_remote(file) else os.path.realpath(file)
    with _guard:
        _held[name] = _held.get(name, 0) + 1
        is_first = _held[name] == 1
    try:
        with _taken(file, output) if is_first else contextlib.nullcontext():
            yield
    finally:
        with _guard:
            _held[name] -= 1
            if not _held[name]:
                del _held[name]


@contextlib.contextmanager
def _taken(file: str, output: str) -> Iterator[None]:
    if _is_remote(file):
        with _taken_by_record(_RemoteRecord(file), output):
            yield
        return
    try:
        handle = _flock(file, output)
    except OSError as error:
        raise _cannot_write(output, error) from error
    if handle is None:
        with _taken_by_record(_LocalRecord(file), output):
            yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.remove(file)  # before it is let go: whoever holds it then holds a nameless file
        os.close(handle)


def _flock(file: str, output: str) -> int | None:
    """The file, locked by the kernel; None where the disk has no such locks.

    Raises ValueError if another process holds it.
    """
    end = time.monotonic() + OTHER_HOST_SECONDS
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = _parsed(os.read(handle, 1 << 16))
            os.close(handle)
            if error.errno in _NO_FLOCK:
                return None
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            if owner.get("host", _host()) == _host() or time.monotonic() > end:
                raise _refusal(output, owner) from error
            _say_that_we_wait(output, owner, end)
            time.sleep(_POLL_SECONDS)
            continue
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(file)):
                os.ftruncate(handle, 0)
                os.pwrite(handle, json.dumps(_us()).encode(), 0)
                return handle
        os.close(handle)  # its owner has just removed it


class _LocalRecord:
    """A record in a file that only one process can make."""

    def __init__(self, file: str):
        self._file = file

    def read(self) -> bytes:
        try:
            with open(self._file, "rb") as file:
                return file.read(1 << 16)
        except FileNotFoundError:
            return b""

    def make(self, content: bytes) -> bool:
        """Whether it is ours now; there was none before, as far as we know."""
        try:
            handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return False
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        return True

    def write(self, content: bytes) -> None:
        name = f"{self._file}.{uuid.uuid4().hex}"
        with open(name, "wb") as file:
            file.write(content)
        os.replace(name, self._file)

    def remove(self) -> None:
        name = f"{self._file}.{uuid.uuid4().hex}"
        with contextlib.suppress(FileNotFoundError):
            os.rename(self._file, name)  # of several that see a dead owner, one succeeds
            os.remove(name)


class _RemoteRecord:
    """A record in object storage."""

    def __init__(self, file: str):
        self._file = file

    def read(self) -> bytes:
        import tensorflow as tf

        try:
            with _gfile().GFile(self._file, "rb") as file:
                return file.read()
        except tf.errors.NotFoundError:
            return b""

    def make(self, content: bytes) -> bool:
        if self.read():
            return False
        self.write(content)
        time.sleep(_POLL_SECONDS)  # of two that see none, the later one wins
        return self.read() == content

    def write(self, content: bytes) -> None:
        with _gfile().GFile(self._file, "wb") as file:
            file.write(content)

    def remove(self) -> None:
        with contextlib.suppress(Exception):  # somebody else was faster
            _gfile().remove(self._file)


@contextlib.contextmanager
def _taken_by_record(record: Any, output: str) -> Iterator[None]:
    """The lock by a record alone; see the top of the file."""
    us, beats, is_over = _us(), 0, threading.Event()

    def content() -> bytes:
        return json.dumps({**us, "beat": beats}).encode()

    while not record.make(content()):
        _wait_for_death(record, output)
        record.remove()

    def beat() -> None:
        nonlocal beats
        while not is_over.wait(BEAT_SECONDS):
            beats += 1
            with contextlib.suppress(Exception):  # the next beat may succeed
                record.write(content())

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        record.remove()


def _wait_for_death(record: Any, output: str) -> None:
    """Returns when the owner in the record is gone; ValueError if it lives."""
    first = record.read()
    owner = _parsed(first)
    if owner.get("host") == _host() and owner.get("boot") == _boot():
        if _started(owner.get("pid")) == owner.get("started"):
            raise _refusal(output, owner)
        return
    end = time.monotonic() + OTHER_HOST_SECONDS
    if first:
        _say_that_we_wait(output, owner, end)
    while first and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
        if record.read() != first:
            raise _refusal(output, owner)


_told: set[str] = set()


def _say_that_we_wait(output: str, owner: dict[str, Any], end: float) -> None:
    if output not in _told:
        _told.add(output)
        seconds = end - time.monotonic()
        print(
            f"{output} has a lock of {_said(owner)}: waiting for up to {seconds:.0f} s, in case it "
            "has ended",
            file=sys.stderr,
            flush=True,
        )


def _refusal(output: str, owner: dict[str, Any]) -> ValueError:
    return ValueError(
        f"{output} is being written by {_said(owner)}. Wait until it has ended, end it, or choose "
        "another output."
    )


def _said(owner: dict[str, Any]) -> str:
    if not owner:
        return "another process"
    command = str(owner.get("command"))
    command = command if len(command) <= _MOST_COMMAND else command[:_MOST_COMMAND] + "..."
    shown = "".join(c if c.isprintable() else "?" for c in command)
    return f"process {owner.get('pid')} on {str(owner.get('host'))!r} ({shown})"


def _us() -> dict[str, Any]:
    return {
        "host": _host(),
        "boot": _boot(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "command": shlex.join(sys.argv),
        "token": uuid.uuid4().hex,
    }


def _parsed(content: bytes) -> dict[str, Any]:
    """The record; {} if it is damaged, or not written yet."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _host() -> str:
    return socket.gethostname()


def _boot() -> str:
    """Another one after each start of the machine, so that a process number means something."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def _started(pid: Any) -> str | None:
    """When a process of this machine began, in the kernel's ticks; None if there is none."""
    try:
        with open(f"/proc/{int(pid)}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, ValueError, TypeError, IndexError):
        return None


def _gfile():
    import tensorflow as tf

    return tf.io.gfile
