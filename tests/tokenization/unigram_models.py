"""Small unigram models in the form of ALBERT's and XLM-RoBERTa's, trained here."""

import functools
import io
import re

import sentencepiece

from bert_tf.tokenization.sentence_piece import SentencePieceTokenizer
from bert_tf.tokenization.sentence_piece_model import SentencePieceModel

_WORDS = re.findall(
    r"\S+",
    """
    Anna Bertram Chloé Dmitri Ewa François Göran Hélène Ivan José 北京 東京 Αθήνα Москва walked ran
    sang learned translated measured counted 1999, 20, 3.5 wrote read rivers, mountains; “poems”
    tables naïve-theories coffee (again) café 漢字 книги walking running singing learner measuring
    reading writer river mountain poem theory the of and to a in that it is was for on are as with
    """,
)
TEXTS = [
    " ".join(_WORDS[(i * step + step) % len(_WORDS)] for i in range(12)) + " in 1999, and"
    for step in (1, 3, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47)
]
_OPTIONS = {
    "albert": {
        "pad_id": 0,
        "unk_id": 1,
        "bos_id": -1,
        "eos_id": -1,
        "control_symbols": "[CLS],[SEP],[MASK]",
        "user_defined_symbols": [*"().-–£€", "9,"],
    },
    "xlm_roberta": {"unk_id": 0, "bos_id": 1, "eos_id": 2, "pad_id": -1},
}


@functools.cache
def model(family: str) -> SentencePieceModel:
    """A model of 160 pieces."""
    written = io.BytesIO()
    lower = family == "albert"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text.lower() if lower else text for text in TEXTS]),
        model_writer=written,
        vocab_size=160,
        model_type="unigram",
        character_coverage=1.0,
        hard_vocab_limit=False,
        minloglevel=2,
        num_threads=1,
        **_OPTIONS[family],
    )
    return SentencePieceModel.from_bytes(written.getvalue())


@functools.cache
def tokenizer(family: str, **options) -> SentencePieceTokenizer:
    """The tokenizer of that model."""
    return SentencePieceTokenizer(model(family), family=family, **options)
