"""The tokenizer inside a SavedModel: the same ids without bert_tf, and only ops that are served."""

import json
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
import tensorflow as tf

from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

TEXTS = ["Únwanted, [MASK] wanted!", "", "a" * 201, "ä" * 200 + " 中文", "want\u0000 \ufffded"]
TOKENS = (*SPECIAL_TOKENS, *"a,!中文", "un", "##a", "want", "##want", "##ed", "ä", "##ä")

# The one op of tensorflow-text; it is in its ops_lib, which TensorFlow Serving links.
TEXT_OPS = {"FastWordpieceTokenizeWithOffsets"}
_CORE_OPS = """
    AddV2 All Any ArgMax Assert BitwiseAnd BroadcastTo Cast ConcatV2 Const Cumsum Equal ExpandDims
    Fill FloorMod GatherNd GatherV2 Greater GreaterEqual Identity If Less LogicalAnd LogicalNot
    LogicalOr LowerBound Max Maximum Minimum Mul Neg NoOp NotEqual Pack PartitionedCall
    Placeholder Prod RaggedRange Range Reshape RightShift SelectV2 Shape Size Squeeze
    StatefulPartitionedCall StatelessIf StaticRegexFullMatch StaticRegexReplace StridedSlice
    StringJoin StringLength StringLower StringStrip Sub Substr Sum TensorScatterUpdate Tile TopKV2
    UnicodeDecode UnicodeEncode UnsortedSegmentJoin UnsortedSegmentSum UpperBound Where
"""
CORE_OPS = set(_CORE_OPS.split())

READER = """
import json, sys
import tensorflow as tf
import tensorflow_text
assert not any(name.startswith("bert_tf") for name in sys.modules)
outputs = tf.saved_model.load(sys.argv[1]).signatures["serving_default"](
    text=tf.constant(json.loads(sys.argv[2])), text_pair=tf.constant(json.loads(sys.argv[3]))
)
print(json.dumps({name: tensor.numpy().tolist() for name, tensor in outputs.items()}))
"""


class Model(tf.Module):
    def __init__(self, tokenizer: Tokenizer):
        super().__init__()
        self.tokenizer = tokenizer

    @tf.function
    def encode(self, text: tf.Tensor, text_pair: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = self.tokenizer.encode(
            text, text_pair, max_seq_length=40, pad=False, keep_special_tokens=True
        )
        text = self.tokenizer.decode(outputs["input_ids"])
        return {**outputs, "length": tf.strings.length(text, unit="UTF8_CHAR")}


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def model(request) -> Model:
    return Model(WordPieceTokenizer(Vocabulary(TOKENS), do_lower_case=request.param))


@pytest.fixture(scope="module")
def signature(model):
    text = tf.TensorSpec([None], tf.string)
    return model.encode.get_concrete_function(text, text)


def test_a_clean_process_gives_the_same_ids(tmp_path, model, signature):
    tf.saved_model.save(model, str(tmp_path / "model"), signatures=signature)
    command = [sys.executable, "-c", READER, str(tmp_path / "model")]
    command += [json.dumps(TEXTS), json.dumps(TEXTS[::-1])]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    expected = model.encode(tf.constant(TEXTS), tf.constant(TEXTS[::-1]))
    assert json.loads(result.stdout) == {k: v.numpy().tolist() for k, v in expected.items()}


def ops_of(function: Callable, *specs: tf.TensorSpec) -> set[str]:
    traced = tf.function(function, autograph=False).get_concrete_function(*specs)
    return ops_in(traced)


def ops_in(function: tf.types.experimental.ConcreteFunction) -> set[str]:
    """The types of all operations, those in the functions it calls too."""
    nodes = re.findall(r'^ *op: "(\w+)"$', str(function.graph.as_graph_def()), re.MULTILINE)
    return {op for op in nodes if not op.startswith("__")}  # else a call of a function


@pytest.mark.parametrize(
    "name", ["tokenize", "tokenize_with_offsets", "encode", "decode", "word_ids"]
)
def test_no_other_ops_are_used(model, name):
    tokenizer = model.tokenizer
    text, ids = tf.TensorSpec([None], tf.string), tf.RaggedTensorSpec([None, None], tf.int32)
    calls = {
        "tokenize": (lambda a: tokenizer.tokenize(a, keep_special_tokens=True), text),
        "tokenize_with_offsets": (
            lambda a: tokenizer.tokenize_with_offsets(a, keep_special_tokens=True),
            text,
        ),
        "encode": (lambda a, b: tokenizer.encode(a, b, max_seq_length=12, pad=False), text, text),
        "decode": (tokenizer.decode, ids),
        "word_ids": (tokenizer.word_ids, ids),
    }
    used = ops_of(*calls[name])
    assert used <= CORE_OPS | TEXT_OPS
    assert (used & TEXT_OPS == TEXT_OPS) == (name not in ("decode", "word_ids"))


def test_the_core_ops_are_tensorflow_s_own():
    assert all(hasattr(tf.raw_ops, op) for op in CORE_OPS)
    assert not any(hasattr(tf.raw_ops, op) for op in TEXT_OPS)
