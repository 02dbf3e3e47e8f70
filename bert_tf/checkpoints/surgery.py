"""Changes the vocabulary or the number of positions of a trained model.

For domain adaptation: words of the domain become tokens, and the other tokens keep their
embeddings. To find the variables with one row per token or position, it builds the model with two
sizes.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from absl import logging

from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.checkpoints.model_variables import variables_of
from bert_tf.models.model import EncoderConfig
from bert_tf.tokenization.tokenizer import Tokenizer


def with_vocabulary(checkpoint: Checkpoint, vocab_file: str) -> Checkpoint:
    """The same model with the vocabulary in `vocab_file`, of the same kind and settings.

    A token in both vocabularies keeps its row. The old vocabulary cuts a new token into pieces; the
    new row is the mean of their rows, or the row of the unknown token if it cannot be cut (as in
    Hong et al. 2021, AVocaDo). The tables get exactly one row for each token.

    Raises:
      ValueError: the file is not a vocabulary, or a variable depends on the number of tokens, but
        does not have one row for each token.
    """
    old = checkpoint.tokenizer
    new = type(old).read(vocab_file, old.settings())
    pieces = _Pieces(old)
    ids = [pieces.of(token, new, i) for i, token in enumerate(new.tokens)]
    kept = sum(token in pieces.id_of for token in new.tokens)
    unknown = sum(found == [old.unk_id] for found in ids) - 1
    logging.info(
        "%s: %d tokens keep their embeddings, %d start from their pieces, %d from the unknown "
        "token",
        vocab_file,
        kept,
        len(new) - kept - unknown,
        unknown,
    )

    def config_of(size: int) -> EncoderConfig:
        return dataclasses.replace(checkpoint.config, vocab_size=size)

    resized = _resized(
        checkpoint,
        with_one_more=config_of(checkpoint.config.vocab_size + 1),
        config=config_of(len(new)),
        resize=lambda table: _gather(table, ids),
    )
    return dataclasses.replace(resized, tokenizer=new)


def _gather(table: np.ndarray, ids: list[list[int]]) -> np.ndarray:
    return np.stack([table[pieces].mean(axis=0) for pieces in ids]).astype(np.float32)


class _Pieces:
    """Cuts the tokens of another vocabulary into those of `tokenizer`."""

    def __init__(self, tokenizer: Tokenizer):
        self._unk_id = tokenizer.unk_id
        self.id_of = {token: i for i, token in enumerate(tokenizer.tokens)}
        special = set(tokenizer.special_ids)
        texts = zip(tokenizer.token_texts, tokenizer.begins_word.tolist(), strict=True)
        self._pieces = {key: i for i, key in enumerate(texts) if i not in special}

    def of(self, token: str, new: Tokenizer, i: int) -> list[int]:
        """The ids of the longest pieces from the left, as in WordPiece; unknown if impossible.

        Args:
          token: its spelling in the new vocabulary.
          new: the tokenizer with the new vocabulary.
          i: its id in the new vocabulary.
        """
        if token in self.id_of:
            return [self.id_of[token]]
        rest, begins, ids = new.token_texts[i], bool(new.begins_word[i]), []
        while rest:
            for end in range(len(rest), 0, -1):
                if (rest[:end], begins) in self._pieces:
                    break
            else:
                return [self._unk_id]
            ids.append(self._pieces[rest[:end], begins])
            rest, begins = rest[end:], False
        return ids or [self._unk_id]


def with_positions(checkpoint: Checkpoint, number: int) -> Checkpoint:
    """The same model for sequences of `number` tokens.

    Fewer: the first position embeddings are kept. More: the known embeddings are repeated, as in
    Longformer (Beltagy et al. 2020, section 5); they need training. Rows before the first position,
    as in RoBERTa, do not change.

    Raises:
      ValueError: `number` is less than 1, or this encoder cannot change its number of positions.
    """
    if number < 1:
        raise ValueError(f"max_position_embeddings is {number}; expected at least 1.")
    before = checkpoint.config.longest_sequence

    def resize(table: np.ndarray) -> np.ndarray:
        offset = len(table) - before
        return np.concatenate([table[:offset], table[offset:][np.arange(number) % before]])

    resized = _resized(
        checkpoint,
        with_one_more=checkpoint.config.with_longest_sequence(before + 1),
        config=checkpoint.config.with_longest_sequence(number),
        resize=resize,
    )
    length = min(checkpoint.data.max_seq_length, number)
    return dataclasses.replace(
        resized, data=dataclasses.replace(checkpoint.data, max_seq_length=length)
    )


def _shapes(checkpoint: Checkpoint, config: EncoderConfig) -> dict[str, tuple[int, ...]]:
    """{path: shape} of the variables with this config, and of those that a second encoder may have.

    A second encoder, ELECTRA's generator, has a masked-LM head, and a name of its own in front.
    """
    shapes = dict(dataclasses.replace(checkpoint, config=config).variables().shapes)
    return variables_of(config, {"masked_lm"}, checkpoint.task.name).shapes | shapes


def _resized(
    checkpoint: Checkpoint,
    *,
    with_one_more: EncoderConfig,
    config: EncoderConfig,
    resize: Callable[[np.ndarray], np.ndarray],
) -> Checkpoint:
    """A checkpoint with resized token or position tables.

    Args:
      checkpoint: has the old tables.
      with_one_more: its config with one token, or position, more; shows which tables change.
      config: the new config.
      resize: old table -> new table.

    Raises:
      ValueError: a variable would change in more than its number of rows.
    """
    old, more = (_shapes(checkpoint, made) for made in (checkpoint.config, with_one_more))
    changed = [path for path in old if old[path] != more[path]]
    for path in changed:
        if more[path] != (old[path][0] + 1, *old[path][1:]):
            raise ValueError(
                f"{checkpoint.source}: with one more entry, {path} would change from "
                f"{list(old[path])} to {list(more[path])}; expected one more row."
            )

    def reader(path: str) -> Callable[[], np.ndarray]:
        return lambda: resize(checkpoint.weights[path])

    tails = tuple(path[path.index("/") :] for path in changed)  # without the encoder's name
    readers = {
        path: reader(path)
        for path in checkpoint.weights
        if path in changed or (path not in old and path.endswith(tails))
    }
    weights = checkpoint.weights.replaced(readers)
    return dataclasses.replace(checkpoint, config=config, weights=weights)
