"""Tokenizers as contestants: ours, and those of other packages as far as they are installed."""

import concurrent.futures
import tempfile
from collections.abc import Callable

import tensorflow as tf

from benchmarks.contestants import reference_tokenizers
from bert_tf.measuring import timing
from bert_tf.measuring.harness import Contestant
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

_LINES_PER_BATCH = 4096
_LINES_PER_SMALL_BATCH = 64


def make_contestants(
    tokenizer: Tokenizer, lines: list[str], num_workers: int
) -> tuple[list[Contestant], dict[str, str]]:
    """Those that cut `lines` with the vocabulary of `tokenizer`, in MB/s; ours first.

    Returns:
      the contestants, and {name: why it is left out}.
    """
    num_bytes = sum(len(line.encode()) for line in lines)
    found = _own(tokenizer, lines, num_workers)
    others = {"tokenizers": _tokenizers_package, "flash-tokenizer": _flash}
    left_out = {}
    if isinstance(tokenizer, WordPieceTokenizer):
        found.append(_tensorflow_text(tokenizer, lines, num_workers))
    else:
        left_out = dict.fromkeys(["tensorflow-text", others.popitem()[0]], "cuts WordPiece only")
    for name, make in others.items():
        try:
            found.append(make(tokenizer, lines, num_bytes))
        except (ImportError, ValueError) as error:
            left_out[name] = str(error)
    return found, left_out


def _own(tokenizer: Tokenizer, lines: list[str], num_workers: int) -> list[Contestant]:
    return [
        _in_threads("bert_tf tokenizer", tokenizer.tokenize, lines, num_workers),
        _in_threads(
            "bert_tf tokenizer with offsets",
            lambda batch: tokenizer.tokenize_with_offsets(batch)[0],
            lines,
            num_workers,
        ),
        _in_threads(
            f"bert_tf tokenizer, {_LINES_PER_SMALL_BATCH} lines at a time",
            tokenizer.tokenize,
            lines,
            num_workers,
            lines_per_batch=_LINES_PER_SMALL_BATCH,
        ),
    ]


def _tensorflow_text(
    tokenizer: WordPieceTokenizer, lines: list[str], num_workers: int
) -> Contestant:
    """Its `FastBertTokenizer`, which is fast but does not cut all text as BERT does."""
    import tensorflow_text as tf_text

    other = tf_text.FastBertTokenizer(
        list(tokenizer.vocabulary.tokens),
        token_out_type=tf.int32,
        lower_case_nfd_strip_accents=tokenizer.do_lower_case,
    )
    return _in_threads("tensorflow-text", other.tokenize, lines, num_workers)


def _in_threads(
    name: str,
    tokenize: Callable[[tf.Tensor], tf.RaggedTensor],
    lines: list[str],
    num_workers: int,
    *,
    lines_per_batch: int = _LINES_PER_BATCH,
) -> Contestant:
    """As the builder calls it: batches of lines, a graph function, in threads."""
    function = tf.function(
        tokenize, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
    )
    num_bytes = sum(len(line.encode()) for line in lines)
    batches = [
        tf.constant(lines[i : i + lines_per_batch]) for i in range(0, len(lines), lines_per_batch)
    ]

    def work():
        with concurrent.futures.ThreadPoolExecutor(num_workers) as pool:
            return sum(pool.map(lambda batch: int(tf.size(function(batch).values)), batches))

    info = {"tokens": work(), "threads": num_workers}
    return Contestant(name, timing.rate_of(work, num_bytes / 1e6), info)


def _tokenizers_package(tokenizer: Tokenizer, lines: list[str], num_bytes: int) -> Contestant:
    """`encode_batch_fast` of the package `tokenizers`, which uses all cores."""
    other = reference_tokenizers.make(tokenizer)
    encode = other.encode_batch_fast

    def work():
        return sum(len(row.ids) for row in encode(lines, add_special_tokens=False))

    info = {"tokens": work(), "version": reference_tokenizers.package().__version__}
    return Contestant("tokenizers", timing.rate_of(work, num_bytes / 1e6), info)


def _flash(tokenizer: Tokenizer, lines: list[str], num_bytes: int) -> Contestant:
    """flash-tokenizer, in its own threads. It always adds [CLS] and [SEP]."""
    from importlib import metadata

    from flash_tokenizer import BertTokenizerFlash

    with tempfile.TemporaryDirectory() as folder:  # it reads the vocabulary from a file
        tokenizer.save(folder)
        longest = 2 + max(len(line) for line in lines)
        other = BertTokenizerFlash(
            f"{folder}/vocab.txt",
            do_lower_case=tokenizer.do_lower_case,
            model_max_length=longest,
        ).tokenizer
    batches = [lines[i : i + _LINES_PER_BATCH] for i in range(0, len(lines), _LINES_PER_BATCH)]

    def work():
        rows = (row for batch in batches for row in other.batch_encode(batch, "", longest, True))
        return sum(len(row) - 2 for row in rows)

    info = {"tokens": work(), "version": metadata.version("flash-tokenizer")}
    return Contestant("flash-tokenizer", timing.rate_of(work, num_bytes / 1e6), info)
