"""From raw text to normalised words, in the graph: the first half of BERT's tokenizer.

Clean-up, lower-casing and accent removal of Google's BasicTokenizer (google-research/bert,
tokenization.py) as TensorFlow ops. Knows nothing of vocabularies. The ops are core TensorFlow's and
those of tensorflow-text that TF Serving links.
"""

import functools

import tensorflow as tf
import tensorflow_text as tf_text

# Everything the reference turns into a space: tab, newline, carriage return, the category Zs but
# for the space itself, and the line and paragraph separators at which Python's str.split() splits.
# The list is closed since Unicode 6.3; spelling it out spares a match at every ordinary space.
_OTHER_WHITESPACE = (
    r"[\t\n\r\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]"
)
_DROPPED = r"[\x{FFFD}\p{Cc}\p{Cf}]"
_ACCENTS = r"\p{Mn}"

# A WordPiece model without continuations returns every word whole, as one token, with its borders.
# (The model builder refuses a vocabulary without any ordinary token, hence "a".)
_WHOLE_WORDS = ["[UNK]", "a"]
_LONGEST_WORD_BYTES = 1_000_000


def normalize(texts: tf.Tensor, *, do_lower_case: bool) -> tf.Tensor:
    """Cleans up texts as Google's BasicTokenizer does, short of splitting them into words.

    Bytes that are not UTF-8, U+0000, U+FFFD, control and format characters are dropped, every kind
    of white space becomes a space; with `do_lower_case` the text is lower-cased, decomposed (NFD)
    and loses its combining marks (category Mn).

    Args:
        texts: string, any shape.

    Returns:
        string, the same shape.
    """
    # First of all, because the ops below disagree on what to do with bytes that are not UTF-8.
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="ignore")
    texts = tf.strings.regex_replace(texts, _OTHER_WHITESPACE, " ")
    texts = tf.strings.regex_replace(texts, _DROPPED, "")
    if do_lower_case:
        texts = tf.strings.lower(texts, encoding="utf-8")
        texts = tf_text.normalize_utf8(texts, "NFD")
        texts = tf.strings.regex_replace(texts, _ACCENTS, "")
    return texts


def word_borders(texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Finds the words that WordPiece sees: between spaces, punctuation marks and CJK ideographs.

    Every punctuation mark and every CJK ideograph is a word of its own. The borders come from the
    op that the tokenizer uses, so that a vocabulary is learnt from exactly the words it will meet.

    Args:
        texts: string [N], out of `normalize`.

    Returns:
        where words start and end, in bytes, int64 [N, (words)] each.
    """
    _, starts, ends = _word_finder().tokenize_with_offsets(texts)
    return starts, ends


@functools.cache  # building it takes some 40 ms
def _word_finder() -> tf_text.FastWordpieceTokenizer:
    with tf.init_scope():  # not inside the graph of the first caller
        return tf_text.FastWordpieceTokenizer(
            vocab=_WHOLE_WORDS, max_bytes_per_word=_LONGEST_WORD_BYTES, token_out_type=tf.int32
        )
