"""Checks that text has words that can be masked as a whole."""

import numpy as np

from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.word_starts import is_ideograph

_MOST_IDEOGRAPHS = 0.3  # share of the tokens
NUM_TOKENS = 1 << 20  # enough for the share


def check_has_words(tokenizer: Tokenizer, ids: np.ndarray, where: str) -> None:
    """Refuses whole-word masks for text in which they would silently change nothing.

    Chinese is written without spaces, and each ideograph is a token and a word. Masks of whole
    words need the borders that a segmenter finds (Cui et al. 2019). `word_borders` has them.

    Args:
      tokenizer: the tokenizer of the data.
      ids: int [T], a sample of the tokens.
      where: the start of the message.

    Raises:
      ValueError: many of the tokens are single ideographs.
    """
    is_ideograph_V = np.array([is_ideograph(text) for text in tokenizer.token_texts])
    if not is_ideograph_V.any() or not len(ids):
        return
    share = float(is_ideograph_V[np.asarray(ids[:NUM_TOKENS])].mean())
    if share > _MOST_IDEOGRAPHS:
        raise ValueError(
            f"{where}: {share:.0%} of the tokens are single ideographs, each a word of its own, so "
            "do_whole_word_mask changes nothing for them. Leave it out, or make data whose masks "
            "are of words: create_pretraining_data.py --static_masks --do_whole_word_mask "
            "--word_borders=jieba (or given)"
        )
