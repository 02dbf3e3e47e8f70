"""Learns a SentencePiece unigram model from text with the `sentencepiece` library.

Kudo 2018 (arXiv:1804.10959): of many candidates those pieces stay that lower the likelihood of the
text most when they go. The same model on every run, whatever the machine.
"""

import io
from collections.abc import Iterable, Iterator
from typing import Any

import tensorflow as tf
from absl import logging

from bert_tf.tokenization import sentence_piece_text
from bert_tf.tokenization.sentence_piece import ALBERT, SentencePieceTokenizer
from bert_tf.tokenization.sentence_piece_model import SentencePieceModel

# Of these settings, and of how many tokens of a family are no pieces of its model.
_FAMILIES = {
    ALBERT: (
        {
            "pad_id": 0,
            "unk_id": 1,
            "bos_id": -1,
            "eos_id": -1,
            "control_symbols": ["[CLS]", "[SEP]", "[MASK]"],
        },
        0,
    ),
    "xlm_roberta": ({"unk_id": 0, "bos_id": 1, "eos_id": 2, "pad_id": -1}, 2),
}
# Sums are made by thread: another number of threads would be another model.
_NUM_THREADS = 4
_MAX_CHARACTERS = 1000  # the library leaves out lines of more than 4,192 bytes
_LINES_AT_A_TIME = 1000


def learn(
    texts: Iterable[str], vocab_size: int, *, family: str = ALBERT, do_lower_case: bool = True
) -> SentencePieceTokenizer:
    """Learns the tokenizer of a family, from text as that tokenizer cleans it up.

    Args:
      texts: any number of texts, read once.
      vocab_size: the number of tokens wanted, special tokens included. Less come out, with a
        warning, if the text has no more.
      family: see `SentencePieceTokenizer`.
      do_lower_case: see there.

    Raises:
      ValueError: no text, `vocab_size` too small, or the package `sentencepiece` is missing.
    """
    sentencepiece = _package()
    settings, num_others = _FAMILIES[family]
    rules = sentence_piece_text.Rules(
        quotes=family == ALBERT,
        lower=do_lower_case and family == ALBERT,
        decompose=family == ALBERT,
        google=False,
    )
    content = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_clean(texts, rules),
            model_writer=content,
            model_type="unigram",
            vocab_size=vocab_size - num_others,
            hard_vocab_limit=False,
            num_threads=_NUM_THREADS,
            minloglevel=2,
            **settings,
        )
    except (RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"sentencepiece learns no model of {vocab_size} tokens from this text: {reason}"
        ) from error
    model = SentencePieceModel.from_bytes(content.getvalue())
    tokenizer = SentencePieceTokenizer(model, family=family, do_lower_case=do_lower_case)
    if len(tokenizer) < vocab_size:
        logging.warning(
            "the text gives only %d tokens, not %d. Use more text, or a smaller vocab_size.",
            len(tokenizer),
            vocab_size,
        )
    return tokenizer


def _clean(texts: Iterable[str], rules: sentence_piece_text.Rules) -> Iterator[str]:
    """Lines of texts as the tokenizer sees them."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def normalize(texts: tf.Tensor) -> tf.Tensor:
        return sentence_piece_text.normalize(texts, rules)

    batch = []
    for line in _lines(texts):
        batch.append(line)
        if len(batch) == _LINES_AT_A_TIME:
            yield from (text.decode("utf-8") for text in normalize(tf.constant(batch)).numpy())
            batch = []
    if batch:
        yield from (text.decode("utf-8") for text in normalize(tf.constant(batch)).numpy())


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """Lines of a length that the library reads, cut between words where there are spaces."""
    for text in texts:
        for line in text.split("\n"):
            while len(line) > _MAX_CHARACTERS:
                end = line.rfind(" ", 1, _MAX_CHARACTERS)
                end = end if end > 0 else _MAX_CHARACTERS
                yield line[:end]
                line = line[end:]
            if line.strip():
                yield line


def _package() -> Any:
    try:
        import sentencepiece
    except ImportError as error:
        raise ValueError(
            "learning a unigram model needs the package `sentencepiece`: pip install -e .[vocab]"
        ) from error
    return sentencepiece
