r"""Learns the vocabulary of a tokenizer from text files: WordPiece, byte-level BPE or unigram.

Reads text (one sentence a line; prose; or JSON lines with a `text` field; each also .gz) and learns
the pieces. Writes the folder of the tokenizer. The same text and settings give the same bytes on
every run. byte_pair and unigram need `pip install -e .[vocab]`.

Examples:
    python scripts/train_vocab.py --input='books/train-*.jsonl.gz' --output_dir=vocab \
        --vocab_size=30522

    python scripts/train_vocab.py --kind=byte_pair --input=corpus.txt --output_dir=vocab \
        --vocab_size=50265
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from absl import flags

from bert_tf import app, keras_start, locks, progress
from bert_tf.data.text import FORMATS

if TYPE_CHECKING:
    from bert_tf.tokenization.tokenizer import Tokenizer

_KIND = flags.DEFINE_enum(
    "kind",
    "wordpiece",
    ["wordpiece", "byte_pair", "unigram"],
    "wordpiece: BERT's. byte_pair: byte-level BPE, that of RoBERTa; it can write every text. "
    "unigram: SentencePiece, that of ALBERT and XLM-RoBERTa.",
)
_INPUT = flags.DEFINE_list("input", None, "Files or patterns, separated by commas.", required=True)
_INPUT_FORMAT = flags.DEFINE_enum(
    "input_format",
    "auto",
    FORMATS,
    "lines, prose or jsonl; auto goes by the name of the file: .txt is lines, .jsonl is jsonl.",
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "The folder to write to.", required=True)
_VOCAB_SIZE = flags.DEFINE_integer(
    "vocab_size", 30522, "Tokens of the vocabulary, special tokens and alphabet included."
)
_DO_LOWER_CASE = flags.DEFINE_bool(
    "do_lower_case",
    True,
    "Lower-case the text, strip its accents (wordpiece, and unigram of family albert).",
)
_MIN_FREQUENCY = flags.DEFINE_integer(
    "min_frequency",
    2,
    "A pair of pieces that occurs less often does not become a token (wordpiece, byte_pair).",
)
_LIMIT_ALPHABET = flags.DEFINE_integer(
    "limit_alphabet",
    1000,
    "Different characters at most; words with rarer ones become [UNK] (wordpiece).",
)
_ADD_PREFIX_SPACE = flags.DEFINE_bool(
    "add_prefix_space",
    False,
    "The first word of a text is written like one within it, with a space in front (byte_pair).",
)
_FAMILY = flags.DEFINE_enum(
    "family",
    "albert",
    ["albert", "xlm_roberta"],
    "Clean-up, special tokens and rows: albert ([CLS] A [SEP] B [SEP], segments) or xlm_roberta "
    "(<s> A </s></s> B </s>, case and accents kept) (unigram).",
)
# The flags that only some kinds heed.
_HEEDS = {
    "do_lower_case": ("wordpiece", "unigram"),
    "min_frequency": ("wordpiece", "byte_pair"),
    "limit_alphabet": ("wordpiece",),
    "add_prefix_space": ("byte_pair",),
    "family": ("unigram",),
}
_TEXTS_BETWEEN_UPDATES = 100
_SAMPLE_CHARACTERS = 2_000_000


def main(argv: Sequence[str]) -> None:
    del argv
    _check_flags()
    with locks.folder(_OUTPUT_DIR.value):
        _learn()


def _learn() -> None:
    keras_start.import_keras()  # TensorFlow does
    from bert_tf.data.text import documents

    start = time.monotonic()
    texts = _Counted(documents.read_texts(_INPUT.value, _INPUT_FORMAT.value))
    learn = {"wordpiece": _wordpiece, "byte_pair": _byte_pair, "unigram": _unigram}
    tokenizer, lines = learn[_KIND.value](texts)
    print(
        f"{_OUTPUT_DIR.value}: {len(tokenizer):,} tokens, sha256 {tokenizer.identity[:16]}\n"
        f"read {texts.num_texts:,} texts{lines}\n"
        f"took {progress.format_seconds(time.monotonic() - start)}"
    )


def _check_flags() -> None:
    """ValueError for a flag that was given although this kind does not heed it."""
    for name, kinds in _HEEDS.items():
        if flags.FLAGS[name].present and _KIND.value not in kinds:
            raise ValueError(
                f"--{name} says nothing of --kind={_KIND.value}; it is for {', '.join(kinds)}. "
                "Leave it out."
            )


def _wordpiece(texts: "_Counted") -> tuple["Tokenizer", str]:
    """Writes a WordPiece tokenizer; returns it and what there is to say of it."""
    from bert_tf.tokenization import learn_vocabulary
    from bert_tf.tokenization.wordpiece import WordPieceTokenizer

    word_counts = learn_vocabulary.count_words(texts, _DO_LOWER_CASE.value)
    vocabulary = learn_vocabulary.learn_vocabulary(
        word_counts,
        _VOCAB_SIZE.value,
        min_frequency=_MIN_FREQUENCY.value,
        limit_alphabet=_LIMIT_ALPHABET.value,
    )
    tokenizer = WordPieceTokenizer(vocabulary, do_lower_case=_DO_LOWER_CASE.value)
    tokenizer.save(_OUTPUT_DIR.value)
    coverage = learn_vocabulary.measure_coverage(tokenizer, word_counts)
    return tokenizer, (
        f", {sum(word_counts.values()):,} words, {len(word_counts):,} of them distinct\n"
        f"{coverage['tokens_per_word']:.3f} tokens per word, "
        f"{coverage['unknown_share']:.4%} of the words are [UNK]"
    )


def _byte_pair(texts: "_Counted") -> tuple["Tokenizer", str]:
    from bert_tf.tokenization import byte_pair, learn_byte_pair

    space = _ADD_PREFIX_SPACE.value
    vocabulary = learn_byte_pair.learn(
        texts, _VOCAB_SIZE.value, min_frequency=_MIN_FREQUENCY.value, add_prefix_space=space
    )
    tokenizer = byte_pair.BytePairTokenizer(vocabulary, add_prefix_space=space)
    tokenizer.save(_OUTPUT_DIR.value)
    return tokenizer, _tokens_of_sample(tokenizer, texts.sample)


def _unigram(texts: "_Counted") -> tuple["Tokenizer", str]:
    from bert_tf.tokenization import learn_sentence_piece

    tokenizer = learn_sentence_piece.learn(
        texts,
        _VOCAB_SIZE.value,
        family=_FAMILY.value,
        do_lower_case=_DO_LOWER_CASE.value and _FAMILY.value == "albert",
    )
    tokenizer.save(_OUTPUT_DIR.value)
    return tokenizer, _tokens_of_sample(tokenizer, texts.sample)


def _tokens_of_sample(tokenizer: "Tokenizer", texts: Sequence[str]) -> str:
    ids = tokenizer.tokenize(texts).values.numpy()
    num_words = max(sum(len(text.split()) for text in texts), 1)
    num_unknown = int((ids == tokenizer.unk_id).sum())
    return (
        f"\n{len(ids) / num_words:.3f} tokens per word between spaces, "
        f"{num_unknown / max(len(ids), 1):.4%} of the tokens unknown "
        f"(first {num_words:,} words)"
    )


class _Counted:
    """Passes texts on and counts them, with a progress bar; keeps the first as a sample."""

    def __init__(self, texts: Iterable[str]):
        self._texts = texts
        self.num_texts, self.sample = 0, []

    def __iter__(self) -> Iterator[str]:
        with progress.bar(unit="texts", description="reading") as bar:
            room = _SAMPLE_CHARACTERS
            for text in self._texts:
                if room > 0:
                    self.sample.append(text[:room])
                    room -= len(text)
                yield text
                self.num_texts += 1
                if self.num_texts % _TEXTS_BETWEEN_UPDATES == 0:
                    bar.update(_TEXTS_BETWEEN_UPDATES)
            bar.update(self.num_texts % _TEXTS_BETWEEN_UPDATES)


if __name__ == "__main__":
    app.run(main, needs_keras=False)
