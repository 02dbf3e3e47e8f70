"""How fast text becomes tokens, tokens become records, and records become batches."""

import concurrent.futures
import contextlib
import io
import itertools
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pydoc_data.topics import topics
from typing import Any

import tensorflow as tf

from bert_tf.benchmark import harness, timing
from bert_tf.benchmark.harness import Contestant
from bert_tf.data import builder, documents
from bert_tf.data.order import BatchSlice
from bert_tf.data.pretraining import make_pretraining_dataset
from bert_tf.tokenization.learn_vocabulary import count_words, learn_vocabulary
from bert_tf.tokenization.wordpiece import Tokenizer

_VOCABULARY_SIZE = 8000
_LINES_PER_BATCH = 4096
_BATCH_SIZE = 32


def run(
    inputs: Sequence[str],
    vocab_file: str | None,
    *,
    megabytes: float,
    max_seq_length: int,
    num_workers: int,
    rounds: int,
    warmup_rounds: int,
) -> dict[str, Any]:
    """Measures the tokenizer (against `tokenizers` if it is there), the builder and the reader.

    Args:
      inputs: files of text, see `documents.read_documents`; none: Python's language reference.
      vocab_file: a vocabulary; None: one of 8,000 tokens is learned from the text.
      megabytes: how much text to use, 10^6 bytes; it is repeated if it is shorter.
      max_seq_length: of the examples.
      num_workers: threads of tokenizer and builder.
      rounds, warmup_rounds: see `harness.measure_in_turn`.

    Returns:
      `comparisons` (see `harness.compare`), `left_out` {contestant: why it cannot run here}, and
      `text` with its size.
    """
    corpus = list(documents.read_documents(inputs)) if inputs else _language_reference()
    corpus = _of_size(corpus, megabytes * 1e6)
    lines = [line for document in corpus for line in document]
    num_bytes = sum(len(line.encode()) for line in lines)
    tokenizer = _tokenizer(vocab_file, lines)
    left_out = {}
    with tempfile.TemporaryDirectory() as folder:
        text = os.path.join(folder, "text.txt")
        with open(text, "w", encoding="utf-8") as file:
            file.write("\n\n".join("\n".join(document) for document in corpus) + "\n")
        tokenizers = [
            _own_tokenizer(tokenizer, lines, num_bytes, num_workers),
            _own_tokenizer(tokenizer, lines, num_bytes, num_workers, offsets=True),
            _tensorflow_text(tokenizer, lines, num_bytes, num_workers),
        ]
        try:
            tokenizers.append(_tokenizers_package(tokenizer, lines, num_bytes))
        except ImportError as error:
            left_out["tokenizers"] = str(error)
        build = _Builder(text, tokenizer, folder, max_seq_length, num_workers)
        records = build()
        builders = [
            Contestant("builder", timing.rate_of(build, build.rows), {"examples": build.rows}),
        ]
        readers = [_reader(records, tokenizer, build.rows)]
        figures = harness.measure_in_turn(
            [*tokenizers, *builders, *readers], rounds=rounds, warmup_rounds=warmup_rounds
        )
    return {
        "comparisons": [
            harness.compare("tokenizer", "MB/s", tokenizers, figures),
            harness.compare("builder", "examples/s", builders, figures),
            harness.compare("reader", "examples/s", readers, figures),
        ],
        "left_out": left_out,
        "text": {"inputs": list(inputs), "bytes": num_bytes, "lines": len(lines)},
    }


def report(result: dict[str, Any]) -> str:
    """The tables of what `run` returned."""
    text = result["text"]
    lines = [f"{text['bytes'] / 1e6:.1f} MB of text in {text['lines']:,} lines"]
    tokens = {"tokens": lambda entry: harness.format_number(entry["info"]["tokens"])}
    tokenizers, *others = result["comparisons"]
    lines.append(harness.table(tokenizers, tokens))
    lines += [harness.table(comparison, {}) for comparison in others]
    lines += [f"left out: {name}: {why}" for name, why in result["left_out"].items()]
    return "\n\n".join(lines)


def _language_reference() -> list[list[str]]:
    return [
        [line for line in map(str.strip, text.splitlines()) if line] for text in topics.values()
    ]


def _of_size(corpus: Iterable[list[str]], num_bytes: float) -> list[list[str]]:
    """Documents from the front, over again if need be, until they hold `num_bytes`."""
    corpus, kept, size = list(corpus), [], 0
    if not any(map(any, corpus)):
        raise ValueError("the text is empty; expected at least one sentence.")
    for document in itertools.cycle(corpus):
        if size >= num_bytes:
            return kept
        kept.append(document)
        size += sum(len(line.encode()) for line in document)
    return kept


def _tokenizer(vocab_file: str | None, lines: list[str]) -> Tokenizer:
    if vocab_file:
        return Tokenizer.from_folder(vocab_file)
    counts = count_words(lines, True)
    return Tokenizer(learn_vocabulary(counts, _VOCABULARY_SIZE), do_lower_case=True)


def _own_tokenizer(
    tokenizer: Tokenizer,
    lines: list[str],
    num_bytes: int,
    num_workers: int,
    *,
    offsets: bool = False,
) -> Contestant:
    if not offsets:
        return _in_threads("bert_tf tokenizer", tokenizer.tokenize, lines, num_bytes, num_workers)
    return _in_threads(
        "bert_tf tokenizer with offsets",
        lambda batch: tokenizer.tokenize_with_offsets(batch)[0],
        lines,
        num_bytes,
        num_workers,
    )


def _tensorflow_text(
    tokenizer: Tokenizer, lines: list[str], num_bytes: int, num_workers: int
) -> Contestant:
    """Its `FastBertTokenizer`, which is fast but does not cut all text as BERT does."""
    import tensorflow_text as tf_text

    other = tf_text.FastBertTokenizer(
        list(tokenizer.vocabulary.tokens),
        token_out_type=tf.int32,
        lower_case_nfd_strip_accents=tokenizer.do_lower_case,
    )
    return _in_threads("tensorflow-text", other.tokenize, lines, num_bytes, num_workers)


def _in_threads(
    name: str,
    tokenize: Callable[[tf.Tensor], tf.RaggedTensor],
    lines: list[str],
    num_bytes: int,
    num_workers: int,
) -> Contestant:
    """As the builder calls it: batches of lines, a graph function, in threads."""
    function = tf.function(
        tokenize, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
    )
    batches = [
        tf.constant(lines[i : i + _LINES_PER_BATCH]) for i in range(0, len(lines), _LINES_PER_BATCH)
    ]

    def work():
        with concurrent.futures.ThreadPoolExecutor(num_workers) as pool:
            return sum(pool.map(lambda batch: int(tf.size(function(batch).values)), batches))

    info = {"tokens": work(), "threads": num_workers}
    return Contestant(name, timing.rate_of(work, num_bytes / 1e6), info)


def _tokenizers_package(tokenizer: Tokenizer, lines: list[str], num_bytes: int) -> Contestant:
    """`encode_batch_fast` of the package `tokenizers`, which uses all cores."""
    import tokenizers

    vocabulary = {token: i for i, token in enumerate(tokenizer.vocabulary.tokens)}
    model = tokenizers.models.WordPiece(
        vocabulary,
        unk_token="[UNK]",
        max_input_chars_per_word=tokenizer.max_input_chars_per_word,
    )
    other = tokenizers.Tokenizer(model)
    other.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=tokenizer.do_lower_case)
    other.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    encode = other.encode_batch_fast

    def work():
        return sum(len(row.ids) for row in encode(lines, add_special_tokens=False))

    info = {"tokens": work(), "version": tokenizers.__version__}
    return Contestant("tokenizers", timing.rate_of(work, num_bytes / 1e6), info)


class _Builder:
    """Builds the data set of `text` anew at every call, each time in another folder."""

    def __init__(
        self, text: str, tokenizer: Tokenizer, folder: str, max_seq_length: int, num_workers: int
    ):
        self._text, self._tokenizer, self._folder = text, tokenizer, folder
        self._max_seq_length, self._num_workers = max_seq_length, num_workers
        self._calls = 0
        self.rows = 0

    def __call__(self) -> str:
        self._calls += 1
        output = os.path.join(self._folder, f"records-{self._calls}")
        with contextlib.redirect_stderr(io.StringIO()):  # its progress lines
            manifest = builder.create_pretraining_data(
                [self._text],
                self._tokenizer,
                output,
                max_seq_length=self._max_seq_length,
                num_workers=self._num_workers,
            )
        self.rows = manifest.rows
        return output


def _reader(records: str, tokenizer: Tokenizer, rows: int) -> Contestant:
    """Training batches with masks, from opening the folder on; one pass."""
    num_batches = rows // _BATCH_SIZE

    def work():
        dataset = make_pretraining_dataset(
            records, tokenizer.vocabulary, batch_slice=BatchSlice(_BATCH_SIZE)
        )
        for _ in dataset.take(num_batches):
            pass

    return Contestant("reader", timing.rate_of(work, num_batches * _BATCH_SIZE))
