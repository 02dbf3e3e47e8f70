"""The tokenizer of a keras-hub preset: one of three kinds."""

import posixpath

from bert_tf.checkpoints import own_tokenizer, sentence_piece
from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.checkpoints.source_files import Files
from bert_tf.tokenization.byte_pair import BytePairTokenizer
from bert_tf.tokenization.byte_pair_vocabulary import BytePairVocabulary
from bert_tf.tokenization.sentence_piece import SentencePieceTokenizer
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.vocabulary import Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

_ASSETS = "assets/tokenizer"
_WORDS, _PAIRS, _MERGES = (
    f"{_ASSETS}/{name}" for name in ("vocabulary.txt", "vocabulary.json", "merges.txt")
)


def read(files: Files) -> Tokenizer:
    """The tokenizer of a preset; its files show the kind.

    Raises:
      ValueError: the vocabulary is missing or damaged.
    """
    values = files.json("tokenizer.json").get("config")
    settings = values if isinstance(values, dict) else {}
    pieces = sentence_piece.read(files)
    if pieces is not None:
        return pieces
    if files.find(_PAIRS) and not files.vocab_file:
        return _byte_pair(files, settings)
    vocabulary = Vocabulary.from_file(files.vocabulary_file(_WORDS, "vocab.txt"))
    lower_case = settings.get("lowercase")
    lower_case = lower_case if isinstance(lower_case, bool) else None
    return own_tokenizer.word_piece(vocabulary, {"do_lower_case": lower_case}, files.path)


def _byte_pair(files: Files, settings: dict) -> BytePairTokenizer:
    paths = (posixpath.join(files.folder, name) for name in (_PAIRS, _MERGES))
    adds_space = settings.get("add_prefix_space")
    return BytePairTokenizer(
        BytePairVocabulary.from_files(*paths), add_prefix_space=adds_space is True
    )


def make(checkpoint: Checkpoint, class_name: str):
    """keras-hub's tokenizer.

    Args:
      checkpoint: has the tokenizer.
      class_name: keras-hub's class for this encoder.

    Raises:
      ValueError: the class has another kind of tokenizer.
    """
    from keras_hub import models, tokenizers  # a slow import, so only where it is needed

    tokenizer, cls = checkpoint.tokenizer, getattr(models, class_name)
    if isinstance(tokenizer, WordPieceTokenizer) and issubclass(cls, tokenizers.WordPieceTokenizer):
        strip = tokenizer.strip_accents
        return cls(
            vocabulary=list(tokenizer.tokens),
            lowercase=tokenizer.do_lower_case,
            strip_accents=tokenizer.do_lower_case if strip is None else strip,
        )
    if isinstance(tokenizer, BytePairTokenizer) and issubclass(cls, tokenizers.BytePairTokenizer):
        vocabulary = tokenizer.vocabulary
        return cls(
            vocabulary={token: vocabulary.id_of(token) for token in vocabulary.tokens if token},
            merges=[" ".join(pair) for pair in vocabulary.merges],
            add_prefix_space=tokenizer.add_prefix_space,
        )
    if isinstance(tokenizer, SentencePieceTokenizer) and issubclass(
        cls, tokenizers.SentencePieceTokenizer
    ):
        return cls(proto=tokenizer.model.content)
    kind = next(
        name
        for name in ("WordPiece", "BytePair", "SentencePiece")
        if issubclass(cls, getattr(tokenizers, f"{name}Tokenizer"))
    )
    raise ValueError(
        f"{checkpoint.source}: the tokenizer's kind is {tokenizer.kind!r}; keras-hub's "
        f"{class_name} is {kind}."
    )
