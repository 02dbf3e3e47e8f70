"""Another vocabulary or another number of positions for a trained model.

For domain adaptation: words of the domain become tokens, what the model knows of the others stays.
"""

import dataclasses

import numpy as np
from absl import logging

from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.tokenization.vocabulary import CONTINUATION_PREFIX, Vocabulary

# Tables with a row for each token.
_BY_TOKEN = (
    "bert/embeddings/word_embeddings",
    "cls/predictions/output_weights",
    "cls/predictions/output_bias",
)
_POSITIONS = "bert/embeddings/position_embeddings"


def with_vocabulary(checkpoint: Checkpoint, vocab_file: str) -> Checkpoint:
    """The same model with the vocabulary in `vocab_file`.

    A token of both keeps its row. A new one starts as the mean of the rows of the pieces into which
    the old vocabulary cuts it, and of [UNK] if it cannot (Hong et al. 2021, AVocaDo, start so too).
    The tables get exactly one row a token.

    Raises:
      ValueError: the file is not a vocabulary.
    """
    new, old = Vocabulary.from_file(vocab_file), checkpoint.vocabulary
    pieces = [_pieces(token, old) for token in new.tokens]
    kept = sum(token in old for token in new.tokens)
    unknown = sum(ids == [old.unk_id] for ids in pieces) - 1
    logging.info(
        "%s: %d tokens keep their embeddings, %d start from their pieces, %d from [UNK]",
        vocab_file,
        kept,
        len(new) - kept - unknown,
        unknown,
    )

    def reader(path: str):
        return lambda: _gather(checkpoint.weights[path], pieces)

    return dataclasses.replace(
        checkpoint,
        vocabulary=new,
        config=dataclasses.replace(checkpoint.config, vocab_size=len(new)),
        weights=checkpoint.weights.replaced(
            {path: reader(path) for path in _BY_TOKEN if path in checkpoint.weights}
        ),
    )


def _gather(table: np.ndarray, pieces: list[list[int]]) -> np.ndarray:
    return np.stack([table[ids].mean(axis=0) for ids in pieces]).astype(np.float32)


def _pieces(token: str, vocabulary: Vocabulary) -> list[int]:
    """The ids of the longest pieces from the left, as WordPiece cuts; [UNK] if it cannot."""
    if token in vocabulary:
        return [vocabulary.id_of(token)]
    prefix = CONTINUATION_PREFIX if token.startswith(CONTINUATION_PREFIX) else ""
    rest, ids = token.removeprefix(prefix), []
    while rest:
        for end in range(len(rest), 0, -1):
            if prefix + rest[:end] in vocabulary:
                break
        else:
            return [vocabulary.unk_id]
        ids.append(vocabulary.id_of(prefix + rest[:end]))
        rest, prefix = rest[end:], CONTINUATION_PREFIX
    return ids


def with_positions(checkpoint: Checkpoint, number: int) -> Checkpoint:
    """The same model with `number` position embeddings.

    Fewer: the first are kept. More: the known ones are repeated, as in Longformer (Beltagy et al.
    2020, section 5); they need training.

    Raises:
      ValueError: fewer than 1.
    """
    if number < 1:
        raise ValueError(f"max_position_embeddings is {number}; expected at least 1.")

    def reader() -> np.ndarray:
        table = checkpoint.weights[_POSITIONS]
        return table[np.arange(number) % len(table)]

    data = checkpoint.data
    return dataclasses.replace(
        checkpoint,
        config=dataclasses.replace(checkpoint.config, max_position_embeddings=number),
        data=dataclasses.replace(data, max_seq_length=min(data.max_seq_length, number)),
        weights=checkpoint.weights.replaced({_POSITIONS: reader}),
    )
