"""A tokenizer in bert_tf's own files: its vocabulary and tokenizer_config.json."""

import posixpath

from absl import logging

from bert_tf.checkpoints import sentence_piece
from bert_tf.checkpoints.source_files import Files
from bert_tf.tokenization import tokenizer_config
from bert_tf.tokenization.finding import WORDPIECE, read_added
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.vocabulary import Vocabulary
from bert_tf.tokenization.wordpiece import VOCABULARY_FILE, WordPieceTokenizer


def read(files: Files) -> Tokenizer:
    """The tokenizer of the kind in tokenizer_config.json; WordPiece without that file.

    Raises:
      ValueError: a file is missing or damaged.
    """
    settings = tokenizer_config.read(files.folder)
    if settings.get("kind", WORDPIECE) != WORDPIECE:
        return Tokenizer.from_folder(files.vocab_file or files.folder)
    path = files.vocabulary_file(VOCABULARY_FILE)
    tokenizer_config.check_types(files.folder, settings, WordPieceTokenizer.SETTINGS)
    where = posixpath.join(files.folder, tokenizer_config.CONFIG_FILE)
    settings["added_tokens"] = read_added(settings.get("added_tokens"), where)
    return word_piece(Vocabulary.from_file(path), settings, files.path)


def read_google(files: Files) -> Tokenizer:
    """Of Google's checkpoints: WordPiece or ALBERT's SentencePiece, or the kind that is named.

    Raises:
      ValueError: a file is missing or damaged.
    """
    pieces = None if has_kind(files) else sentence_piece.read(files, google_rules=True)
    return read(files) if pieces is None else pieces


def has_kind(files: Files) -> bool:
    """Whether the folder's tokenizer_config.json is bert_tf's and names a kind of tokenizer."""
    return "kind" in tokenizer_config.read(files.folder)


def word_piece(vocabulary: Vocabulary, settings: dict, source: str) -> WordPieceTokenizer:
    """See `WordPieceTokenizer.of`; warns of a doubtful `do_lower_case`."""
    tokenizer = WordPieceTokenizer.of(vocabulary, settings, source)
    if tokenizer.do_lower_case == vocabulary.looks_cased:
        cased = "upper-case letters" if tokenizer.do_lower_case else "no upper-case letters"
        logging.warning(
            "%s: do_lower_case is %s, but the vocabulary has %s. Words can become [UNK]: check "
            "tokenizer_config.json.",
            source,
            tokenizer.do_lower_case,
            cased,
        )
    return tokenizer
