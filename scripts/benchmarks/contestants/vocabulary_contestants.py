"""Learning a vocabulary: ours against the trainer of the package `tokenizers`."""

import contextlib
import io

from bert_tf.measuring import timing
from bert_tf.measuring.harness import Contestant
from bert_tf.tokenization.learn_vocabulary import count_words, learn_vocabulary, measure_coverage
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

_MIN_FREQUENCY, _LIMIT_ALPHABET = 2, 1000


def make_contestants(lines: list[str], vocab_size: int) -> tuple[list[Contestant], dict[str, str]]:
    """Those that learn `vocab_size` lower-cased tokens from `lines`, in MB/s; ours first.

    `info` has the `tokens_per_word` of what each learned, over the same words.

    Returns:
      the contestants, and {name: why it is left out}.
    """
    makers, left_out = {"bert_tf learner": _learn_own}, {}
    try:
        import tokenizers  # noqa: F401

        makers["tokenizers trainer"] = _learn_with_tokenizers
    except ImportError as error:
        left_out["tokenizers trainer"] = str(error)
    megabytes = sum(len(line.encode()) for line in lines) / 1e6
    counts = count_words(lines, True)
    found = []
    for name, learn in makers.items():
        vocabulary = learn(lines, vocab_size)
        quality = measure_coverage(WordPieceTokenizer(vocabulary), counts)
        info = {"tokens": len(vocabulary), **quality}
        work = _call(learn, lines, vocab_size)
        found.append(Contestant(name, timing.rate_of(work, megabytes), info))
    return found, left_out


def _call(learn, lines: list[str], vocab_size: int):
    return lambda: learn(lines, vocab_size)


def _learn_own(lines: list[str], vocab_size: int) -> Vocabulary:
    with contextlib.redirect_stderr(io.StringIO()):  # its progress lines
        return learn_vocabulary(
            count_words(lines, True),
            vocab_size,
            min_frequency=_MIN_FREQUENCY,
            limit_alphabet=_LIMIT_ALPHABET,
        )


def _learn_with_tokenizers(lines: list[str], vocab_size: int) -> Vocabulary:
    import tokenizers

    other = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    other.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    other.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        min_frequency=_MIN_FREQUENCY,
        limit_alphabet=_LIMIT_ALPHABET,
        special_tokens=list(SPECIAL_TOKENS),
        show_progress=False,
    )
    other.train_from_iterator(lines, trainer, length=len(lines))
    ids = other.get_vocab()
    return Vocabulary(sorted(ids, key=ids.get), source="tokenizers")
