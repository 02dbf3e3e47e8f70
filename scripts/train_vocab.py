r"""Learns a WordPiece vocabulary from text files.

Reads text (one sentence a line; prose; or JSON lines with a `text` field; each also .gz), counts
its words as the tokenizer sees them and learns the pieces. Writes vocab.txt and
tokenizer_config.json. The same text and settings give the same bytes on every run.

Example:
    python scripts/train_vocab.py --input='books/train-*.jsonl.gz' --output_dir=vocab \
        --vocab_size=30522
"""

import time
from collections.abc import Iterable, Iterator, Sequence

from absl import flags

from bert_tf import app, locks, progress
from bert_tf.data.text import FORMATS

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
_DO_LOWER_CASE = flags.DEFINE_bool("do_lower_case", True, "Lower-case the text, strip its accents.")
_MIN_FREQUENCY = flags.DEFINE_integer(
    "min_frequency", 2, "A pair of pieces that occurs less often does not become a token."
)
_LIMIT_ALPHABET = flags.DEFINE_integer(
    "limit_alphabet", 1000, "Different characters at most; words with rarer ones become [UNK]."
)
_TEXTS_BETWEEN_UPDATES = 100


def main(argv: Sequence[str]) -> None:
    del argv
    with locks.folder(_OUTPUT_DIR.value):
        _train()


def _train() -> None:
    from bert_tf.data.text import documents
    from bert_tf.tokenization import learn_vocabulary
    from bert_tf.tokenization.wordpiece import WordPieceTokenizer

    start = time.monotonic()
    texts = _Counted(documents.read_texts(_INPUT.value, _INPUT_FORMAT.value))
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
    print(
        f"{_OUTPUT_DIR.value}: {len(vocabulary):,} tokens, sha256 {vocabulary.sha256[:16]}\n"
        f"read {texts.num_texts:,} texts, {sum(word_counts.values()):,} words, "
        f"{len(word_counts):,} of them distinct\n"
        f"{coverage['tokens_per_word']:.3f} tokens per word, "
        f"{coverage['unknown_share']:.4%} of the words are [UNK]\n"
        f"took {progress.format_seconds(time.monotonic() - start)}"
    )


class _Counted:
    """Passes texts on and counts them, with a progress bar."""

    def __init__(self, texts: Iterable[str]):
        self._texts = texts
        self.num_texts = 0

    def __iter__(self) -> Iterator[str]:
        with progress.bar(unit="texts", description="counting words") as bar:
            for text in self._texts:
                yield text
                self.num_texts += 1
                if self.num_texts % _TEXTS_BETWEEN_UPDATES == 0:
                    bar.update(_TEXTS_BETWEEN_UPDATES)
            bar.update(self.num_texts % _TEXTS_BETWEEN_UPDATES)


if __name__ == "__main__":
    app.run(main, needs_keras=False)
