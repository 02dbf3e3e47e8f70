"""What a crafted index of a TensorFlow checkpoint claims is an error; TensorFlow would abort."""

import pathlib

import numpy as np
import pytest
from tensorflow.core.protobuf import tensor_bundle_pb2

from bert_tf.checkpoints import checkpoint
from bert_tf.checkpoints.source_files import Files
from bert_tf.checkpoints.tensorflow_file import TensorflowFile
from tests.checkpoints import crafted_index
from tests.checkpoints.crafted_index import entry

UNKNOWN = tensor_bundle_pb2.BundleEntryProto(dtype=1, size=16)
UNKNOWN.shape.unknown_rank = True


def read(prefix):
    file = TensorflowFile(Files(prefix, str(pathlib.Path(prefix).parent), "", ""))
    return {name: file.read(name) for name in file.shapes}


def test_a_good_index_is_read(tmp_path):
    found = read(crafted_index.write(tmp_path, entry()))
    np.testing.assert_array_equal(found["w"], [[0, 1], [2, 3]])


@pytest.mark.parametrize(
    ("value", "message"),
    {
        "negative": (entry((-2, -2)), r"'w' has the shape \[-2, -2\]"),
        "one negative": (entry((-1, 4)), r"'w' has the shape \[-1, 4\]"),
        "overflow": (entry((1 << 33, 1 << 33)), "expected the sizes of a tensor"),
        "300 dimensions": (entry((1,) * 300), "expected the sizes of a tensor"),
        "rank": (UNKNOWN.SerializeToString(), "'w' has no known rank"),
        "reference": (entry(dtype=101), "'w' has the type 101"),
        "no type": (entry(dtype=999), "'w' has the type 999"),
        "garbage": (b"\xff\xff\xff", "a damaged index"),
        "size": (entry(size=1 << 40), "not a whole TensorFlow checkpoint"),
        "offset": (entry(offset=1 << 40), "not a whole TensorFlow checkpoint"),
        "negative offset": (entry(offset=-8), "not a whole TensorFlow checkpoint"),
        "shard": (entry(shard_id=10**6), "not a whole TensorFlow checkpoint"),
        "larger than the file": (entry((1 << 20, 1 << 20)), "bytes of tensors, but has 16"),
        "checksum": (entry(crc32c=1), "Checksum does not match"),
    }.values(),
)
def test_an_index_that_cannot_be_is_an_error(tmp_path, value, message):
    prefix = crafted_index.write(tmp_path, value)
    with pytest.raises(ValueError, match=message):
        read(prefix)


def test_the_format_is_looked_for_in_checked_indexes_alone(tmp_path):
    crafted_index.write(tmp_path, entry((-2, -2)))
    with pytest.raises(ValueError, match="The index is damaged"):
        checkpoint.read(str(tmp_path))


@pytest.mark.parametrize("end", [0, 7, 30, 60, -1, -30])
def test_an_index_that_is_cut_off_is_an_error(tmp_path, end):
    prefix = crafted_index.write(tmp_path, entry())
    index = pathlib.Path(f"{prefix}.index")
    index.write_bytes(index.read_bytes()[:end])
    with pytest.raises(ValueError, match="index"):
        read(prefix)
