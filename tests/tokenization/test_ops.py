"""Every tokenizer consists of TensorFlow's ops and of those that TensorFlow Serving links too."""

import functools
import re

import pytest
import tensorflow as tf

from bert_tf.tokenization import composition
from bert_tf.tokenization.added_tokens import AddedToken
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

pytest.importorskip("tokenizers")
pytest.importorskip("sentencepiece")
from tests.tokenization import byte_pair_vocabularies, unigram_models  # noqa: E402

# Ops of tensorflow-text. They are in its ops_lib, which TensorFlow Serving links.
COMPOSITION = {"NormalizeUTF8", "NormalizeUTF8WithOffsetsMap", "FindSourceOffsets"}
# Added tokens are looked for in the normal form of a unigram model.
_SENTENCE_PIECE = {"SentencepieceTokenizeOp", "SentencepieceTokenizeWithOffsetsOp"}
_SENTENCE_PIECE |= COMPOSITION - {"NormalizeUTF8"}
TEXT_OPS = {
    "wordpiece": {"FastWordpieceTokenizeWithOffsets"},
    "byte_pair": set(),
    "albert": _SENTENCE_PIECE | {"NormalizeUTF8"},
    "xlm_roberta": _SENTENCE_PIECE,
}
_CORE_OPS = """
    AddV2 All Any ArgMax Assert BitwiseAnd BroadcastTo Cast ConcatV2 Const Cumsum DecodeRaw
    DenseBincount Equal ExpandDims Fill FloorDiv FloorMod GatherNd GatherV2 Greater GreaterEqual
    Identity If Less LogicalAnd LogicalNot LogicalOr LookupTableFindV2 LowerBound Max Maximum
    Minimum Mul Neg NoOp NotEqual OnesLike Pack PartitionedCall Placeholder Prod RaggedGather
    RaggedRange Range ReduceJoin Reshape RightShift Roll ScatterNd SegmentMin SelectV2 Shape Size
    Squeeze StatefulPartitionedCall StatelessIf StaticRegexFullMatch StaticRegexReplace StridedSlice
    StringJoin StringLength StringLower StringSplit StringSplitV2 StringStrip StringToHashBucketFast
    Sub Substr Sum TensorScatterUpdate Tile TopKV2 Transpose UnicodeDecode UnicodeEncode
    UnicodeDecodeWithOffsets UnicodeTranscode Unique UnsortedSegmentJoin UnsortedSegmentMin
    UnsortedSegmentSum UpperBound Where While ZerosLike
"""
CORE_OPS = set(_CORE_OPS.split())
KINDS = list(TEXT_OPS)


@functools.cache
def tokenizer(kind: str) -> Tokenizer:
    """A tokenizer with an added token of each flag, so that all ops are there."""
    if kind == "wordpiece":
        vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "##b"])
        make = functools.partial(WordPieceTokenizer, vocabulary)
    elif kind == "byte_pair":
        make = byte_pair_vocabularies.tokenizer
    else:
        make = functools.partial(unigram_models.tokenizer.__wrapped__, kind, google_rules=True)
    number = len(make())
    flags = ("lstrip", "rstrip", "single_word", "normalized")
    return make(
        added=[AddedToken(f"[{flag}]", number + i, **{flag: True}) for i, flag in enumerate(flags)]
    )


def ops_of(call, *inputs) -> set[str]:
    """The types of all operations, those in the functions it calls too."""
    function = tf.function(call, autograph=False).get_concrete_function(*inputs)
    nodes = re.findall(r'^ *op: "(\w+)"$', str(function.graph.as_graph_def()), re.MULTILINE)
    return {op for op in nodes if not op.startswith("__")}  # else a call of a function


@pytest.mark.parametrize("kind", KINDS)
def test_no_other_ops_are_used(kind):
    made = tokenizer(kind)
    text, ids = tf.TensorSpec([None], tf.string), tf.RaggedTensorSpec([None, None], tf.int32)
    texts = ops_of(
        lambda a: (
            made.tokenize(a, keep_special_tokens=True),
            made.tokenize_with_offsets(a, keep_special_tokens=True),
            made.encode(a, a, max_seq_length=12, pad=False),
        ),
        text,
    )
    back = ops_of(lambda a: (made.decode(a), made.word_ids(a)), ids)
    assert sorted(texts - CORE_OPS - TEXT_OPS[kind]) == []
    assert TEXT_OPS[kind] <= texts
    assert sorted(back - CORE_OPS) == []


def test_nor_are_they_where_characters_are_joined():
    used = ops_of(
        lambda a: (composition.compose(a), composition.compose_with_sources(a)),
        tf.TensorSpec([None], tf.string),
    )
    assert sorted(used - CORE_OPS) == sorted(COMPOSITION)


def test_the_core_ops_are_tensorflow_s_own():
    assert all(hasattr(tf.raw_ops, op) for op in CORE_OPS)
    assert not any(hasattr(tf.raw_ops, op) for op in set(COMPOSITION).union(*TEXT_OPS.values()))
