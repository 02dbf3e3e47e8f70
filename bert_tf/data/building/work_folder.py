"""Files and disks of the builder: hashes of inputs, the default work folder, full disks."""

import errno
import hashlib
import json
import os
import tempfile

import tensorflow as tf

from bert_tf import files
from bert_tf.data.records.shards import INCOMPLETE
from bert_tf.data.text import tfds

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def describe_input(path: str) -> dict:
    """The manifest's entry of an input: file (without folder), bytes, sha256."""
    if path.startswith(tfds.PREFIX):
        _, identity = tfds.load(path, ["text"])
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
        return {"file": path, "bytes": 0, "sha256": digest.hexdigest()}
    files.check_is_file(path)
    return {
        "file": os.path.basename(path),
        "bytes": tf.io.gfile.stat(path).length,
        "sha256": files.sha256(path),
    }


def default_work_dir(output_dir: str) -> str:
    """A folder beside the output, or a temporary folder if the output is on object storage."""
    if "://" not in output_dir:
        return output_dir.rstrip("/") + INCOMPLETE
    name = hashlib.sha256(output_dir.encode()).hexdigest()[:16]
    return os.path.join(tempfile.gettempdir(), f"bert_tf-{name}{INCOMPLETE}")


def is_full(error: BaseException) -> bool:
    """Whether the disk or quota is full, or the file has its largest size."""
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return True
    if isinstance(error, tf.errors.OpError):
        return any(os.strerror(code) in str(error) for code in _FULL)
    return isinstance(error, OSError) and error.errno in _FULL
