"""The tokenizer of a Hugging Face folder, of any kind.

`hugging_face_files.py` reads the files; each kind of tokenizer has a module that uses them. A kind
that transformers does not have is written in its own files, which only bert_tf reads.
"""

from absl import logging

from bert_tf.checkpoints import (
    hugging_face_byte_pair,
    hugging_face_files,
    hugging_face_word_piece,
    own_tokenizer,
    sentence_piece,
)
from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.checkpoints.source_files import Files
from bert_tf.tokenization.byte_pair import BytePairTokenizer
from bert_tf.tokenization.sentence_piece import SentencePieceTokenizer
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

_WRITERS = {
    BytePairTokenizer: hugging_face_byte_pair.write,
    SentencePieceTokenizer: sentence_piece.write_for_hugging_face,
    WordPieceTokenizer: hugging_face_word_piece.write,
}


def read(files: Files) -> Tokenizer:
    """The tokenizer of a folder.

    Raises:
      ValueError: the vocabulary is missing, a file is damaged, or the graph does not support a
        setting.
    """
    if own_tokenizer.has_kind(files):
        return own_tokenizer.read(files)
    description = hugging_face_files.read(files)
    if files.vocab_file or not files.find("vocab.txt"):
        tokenizer = sentence_piece.read(files, description=description)
        if tokenizer is None and not files.vocab_file:
            tokenizer = hugging_face_byte_pair.read(files, description)
        if tokenizer is not None:
            return tokenizer
    return hugging_face_word_piece.read(files, description)


def max_length(files: Files) -> int | None:
    """The longest text of the folder's tokenizer, in tokens; None without a limit.

    Raises:
      ValueError: a limit is not a whole number, or truncation removes the beginning of texts.
    """
    if own_tokenizer.has_kind(files):
        return None
    return hugging_face_files.max_length(hugging_face_files.read(files))


def write(checkpoint: Checkpoint, folder: str) -> None:
    """Writes the files for transformers, with all settings of the tokenizer."""
    tokenizer = checkpoint.tokenizer
    writer = _WRITERS.get(type(tokenizer))
    if writer:
        writer(tokenizer, folder, checkpoint.data.max_seq_length)
        return
    logging.warning(
        "%s: transformers has no tokenizer of kind %r: it is written in bert_tf's format.",
        checkpoint.source,
        tokenizer.kind,
    )
    tokenizer.save(folder)
