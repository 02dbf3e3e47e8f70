"""Words of Chinese, for masks of whole words.

As in "Pre-Training with Whole Word Masking for Chinese BERT" (Cui et al. 2019). Chinese has no
spaces, and an ideograph is a token. Where its words end is said by spaces that the text has, or by
a segmenter, jieba. The tokens stay those of the text without borders.

Between the passes of the builder, a token that goes on with a word of ideographs is marked: it is
its number plus the size of the vocabulary. Masks are drawn with the marks; rows have none.

Shapes: N texts, T tokens of all texts, V vocabulary.
"""

import functools
import re
import warnings
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.word_starts import IDEOGRAPHS, is_first, is_ideograph

NONE = "none"
BORDERS = (NONE, "given", "jieba")
_MOST_GOING_ON = 0.85  # share of the ideographs; words of text have 1.5 to 2 of them
_RUN = re.compile("[" + "".join(f"{chr(low)}-{chr(high)}" for low, high in IDEOGRAPHS) + "]+")


def check(borders: str, whole_word: bool) -> None:
    """ValueError for an unknown kind of borders, or borders that no mask would heed."""
    if borders not in BORDERS:
        raise ValueError(f"word_borders is {borders!r}; it must be one of {', '.join(BORDERS)}")
    if borders != NONE and not whole_word:
        raise ValueError(
            f"word_borders is {borders!r}, but do_whole_word_mask is false; borders are for masks "
            "of whole words. Set it to true, or leave word_borders out"
        )


def tokenize_function(tokenizer: Tokenizer, borders: str) -> Callable[[tf.Tensor], tf.RaggedTensor]:
    """The function string [N] -> int32 [N, (tokens)], marked if there are borders.

    Args:
      tokenizer: of the data.
      borders: one of `BORDERS`.

    Raises:
      ValueError: jieba is not installed, or spaces between ideographs change the tokens.
    """
    # As one function: op by op, Python's lock would keep the threads from running together.
    signature = [tf.TensorSpec([None], tf.string)]
    function = functools.partial(tf.function, input_signature=signature, autograph=False)
    if borders == NONE:
        return function(tokenizer.tokenize)
    joined, apart = tokenizer.tokenize(tf.constant(["\u4e2d\u56fd", "\u4e2d \u56fd"])).to_list()
    if joined != apart:
        raise ValueError(
            f"word_borders is {borders!r}, but with this vocabulary a space between ideographs "
            "changes the tokens. Borders are for vocabularies of single ideographs, such as that "
            "of Chinese BERT"
        )
    is_ideograph_V = tf.constant([is_ideograph(text) for text in tokenizer.token_texts])

    def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        ids, starts, ends = tokenizer.tokenize_with_offsets(texts)
        is_ideograph_T = tf.gather(is_ideograph_V, ids.values)
        follows_T = ~is_first(ids) & is_ideograph_T & tf.roll(is_ideograph_T, 1, 0)
        goes_on_T = follows_T & (starts.values == tf.roll(ends.values, 1, 0))
        return ids.with_values(ids.values + len(tokenizer) * tf.cast(goes_on_T, tf.int32))

    tokenize = function(tokenize)
    if borders == "given":
        return tokenize
    segment = _segmenter()

    def segment_and_tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        apart = [segment(text.decode("utf-8", "replace")) for text in texts.numpy()]
        return tokenize(tf.constant(apart, tf.string, shape=[len(apart)]))

    return segment_and_tokenize


def check_found(tokenizer: Tokenizer, ids: np.ndarray) -> None:
    """Refuses text without borders, where masks would be of single ideographs or of whole phrases.

    Args:
      tokenizer: of the data.
      ids: int [T], some of the marked tokens.

    Raises:
      ValueError: no or nearly all ideographs go on with a word.
    """
    is_ideograph_V = np.array([is_ideograph(text) for text in tokenizer.token_texts])
    goes_on_T = ids >= len(tokenizer)
    number = int(np.count_nonzero(is_ideograph_V[ids % len(tokenizer)]))
    share = np.count_nonzero(goes_on_T) / max(number, 1)
    if number and not 0 < share <= _MOST_GOING_ON:
        raise ValueError(
            f"the text: {share:.0%} of {number:,} ideographs go on with a word; expected about "
            "half. With word_borders=given the text needs spaces between words of one to four "
            "ideographs; word_borders=jieba finds words in text without spaces"
        )


@functools.cache
def _segmenter() -> Callable[[str], str]:
    """The function that puts spaces between the words of ideographs in a text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it imports pkg_resources, and has old escapes
            import jieba
    except ModuleNotFoundError as error:
        raise ValueError(
            "word_borders is 'jieba', which is not installed: pip install 'bert-tf[chinese]'."
        ) from error
    # By hand: it would read a cache from the folder for temporary files, which anybody may write.
    words = jieba.Tokenizer()
    words.FREQ, words.total = words.gen_pfdict(words.get_dict_file())
    words.initialized = True

    def of_run(match: re.Match) -> str:
        return " ".join(words.cut(match[0]))

    return lambda text: _RUN.sub(of_run, text)
