"""From raw text to normalised words, in the graph: the first half of BERT's tokenizer.

Clean-up, lower-casing and accent removal of Google's BasicTokenizer (google-research/bert,
tokenization.py) as TensorFlow ops. Knows nothing of vocabularies. The ops are core TensorFlow's and
those of tensorflow-text that TF Serving links.

Most text hardly needs it: a text is looked up character by character (`code_points.py`) only if it
has a character that normalisation changes; a regular expression sees that much faster.

Shapes: N texts, M of them.
"""

import functools

import tensorflow as tf
import tensorflow_text as tf_text

from bert_tf.tokenization.code_points import normalize_code_points, unchanged_characters

_MAX_REPETITIONS = 1000  # RE2 has no more
# Not in `has_short_words` of `normalize`d text: these end a word. Those that are most frequent in
# the world's writing do: a word end that is missed here costs time, not exactness.
_WORD_ENDS = r"\t\n\r -/:-@\[-`{-~\x{3001}\x{3002}\x{FF0C}\x{4E00}-\x{9FFF}"

# A WordPiece model without continuations returns every word whole, as one token, with its borders.
# (The model builder refuses a vocabulary without any ordinary token, hence "a".)
_WHOLE_WORDS = ["[UNK]", "a"]
_LONGEST_WORD_BYTES = 1_000_000


def is_plain(texts: tf.Tensor, max_input_chars_per_word: int) -> tf.Tensor:
    """Finds the texts that need nothing but ASCII lower-casing: those that fast paths are for.

    Args:
      texts: string [N].
      max_input_chars_per_word: words must not be longer.

    Returns:
      bool [N]: only printable ASCII characters, tab and line ends, and no long word.
    """
    limit = min(max_input_chars_per_word, _MAX_REPETITIONS)
    pattern = rf"(?:[!-~]{{0,{limit}}}[\t\n\r ])*[!-~]{{0,{limit}}}"
    return tf.strings.regex_full_match(texts, pattern)


def has_short_words(normalized: tf.Tensor, max_input_chars_per_word: int) -> tf.Tensor:
    """Finds texts without a word of more characters; may miss some (written without spaces).

    Args:
      normalized: string [N], out of `normalize`.

    Returns:
      bool [N].
    """
    limit = min(max_input_chars_per_word, _MAX_REPETITIONS)
    inside = f"[^{_WORD_ENDS}]{{0,{limit}}}"
    return tf.strings.regex_full_match(normalized, f"(?:{inside}[{_WORD_ENDS}])*{inside}")


def normalize(
    texts: tf.Tensor, *, do_lower_case: bool, strip_accents: bool | None = None
) -> tf.Tensor:
    """Cleans up texts as Google's BasicTokenizer does, short of splitting them into words.

    Bytes that are not UTF-8, U+0000, U+FFFD, control and format characters are dropped, white space
    becomes a space (ASCII white space may stay as it is); with `do_lower_case` the text is put into
    lower case; with `strip_accents` (None: if `do_lower_case`) it is decomposed (NFD) and loses its
    combining marks (category Mn).

    Args:
      texts: string [N].

    Returns:
      string [N].
    """
    pattern = unchanged_characters(do_lower_case, strip_accents) + "*"
    changes = tf.where(tf.logical_not(tf.strings.regex_full_match(texts, pattern)))
    unchanged = tf.strings.lower(texts) if do_lower_case else texts

    def with_changes() -> tf.Tensor:
        some = normalize_code_points(
            tf.gather_nd(texts, changes), do_lower_case=do_lower_case, strip_accents=strip_accents
        )
        some = tf.strings.unicode_encode(some.points, "UTF-8")
        return tf.tensor_scatter_nd_update(unchanged, changes, some)

    return tf.cond(tf.size(changes) > 0, with_changes, lambda: unchanged)


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
