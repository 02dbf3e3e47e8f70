r"""From raw text to the words that a byte-level BPE cuts up, in the graph; nothing of it is lost.

Words are those of GPT-2 (openai/gpt-2, encoder.py): a run of letters, of numbers or of other signs,
each with the space before it; an English contraction such as `'ll`; and blanks, of which the last
before a sign belongs to what follows. Its expression is

    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+

TensorFlow's regular expressions (RE2) cannot look ahead, so blanks are cut apart before.

Shapes: N texts, W words of all texts, B bytes of all texts, T tokens of all texts. A dimension in
brackets is ragged.
"""

import functools

import tensorflow as tf

from bert_tf.tokenization import byte_level_tables

# No byte of UTF-8, and nothing that an expression of RE2 matches.
_BORDER = b"\xff"
_UTF8 = r"[\x{0}-\x{D7FF}\x{E000}-\x{10FFFF}]*"
_CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d"


def members(ranges: str) -> str:
    """The inside of an RE2 class, from ranges as `byte_level_tables.py` writes them."""
    items = (item.split("-") for item in ranges.split())
    return "".join("-".join(rf"\x{{{point}}}" for point in item) for item in items)


BLANKS = members(byte_level_tables.BLANKS)


@functools.cache
def _word_pattern() -> str:
    letters = members(byte_level_tables.LETTERS)
    numbers = members(byte_level_tables.NUMBERS)
    others = f"[^{letters}{numbers}{BLANKS}]"
    return f"{_CONTRACTIONS}| ?[{letters}]+| ?[{numbers}]+| ?{others}+|[{BLANKS}]+"


def as_utf8(texts: tf.Tensor) -> tf.Tensor:
    """Texts [N] with U+FFFD for bytes that are not UTF-8, as `bytes.decode(errors="replace")`."""

    def replaced() -> tf.Tensor:
        return tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")

    is_utf8 = tf.reduce_all(tf.strings.regex_full_match(texts, _UTF8))
    return tf.cond(is_utf8, lambda: texts, replaced)


def with_prefix_space(texts: tf.Tensor) -> tf.Tensor:
    """Texts [N] with a space in front, where there is none; an empty text stays empty."""
    stays = tf.strings.regex_full_match(texts, "(?s:(?: .*)?)")
    return tf.where(stays, texts, tf.strings.join([" ", texts]))


def split(texts: tf.Tensor) -> tf.RaggedTensor:
    """Cuts texts into words.

    Args:
      texts: string [N], UTF-8.

    Returns:
      string [N, (words)]; joined they are the texts.
    """
    texts = tf.cond(
        tf.reduce_any(_has_run_before_sign(texts)),
        # A border before every last blank: where it stood alone, one is set in any case.
        lambda: tf.strings.regex_replace(texts, f"[{BLANKS}][^{BLANKS}]", _BORDER + rb"\0"),
        lambda: texts,
    )
    # Without a capturing group, RE2 is ten times as fast.
    marked = tf.strings.regex_replace(texts, _word_pattern(), _BORDER + rb"\0")
    found = tf.raw_ops.StringSplit(input=marked, delimiter=_BORDER, skip_empty=True)
    rows_W = found.indices[:, 0]
    return tf.RaggedTensor.from_value_rowids(
        found.values, rows_W, nrows=tf.size(texts, tf.int64), validate=False
    )


def _has_run_before_sign(texts: tf.Tensor) -> tf.Tensor:
    pattern = f"(?s:.*[{BLANKS}]{{2}}[^{BLANKS}].*)"
    return tf.strings.regex_full_match(texts, pattern)


def character_borders(
    texts: tf.Tensor, num_bytes_T: tf.Tensor, rows_T: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Which characters of their texts stretches stand for that follow each other without a gap.

    Args:
      texts: string [N], UTF-8.
      num_bytes_T: int32 [T], the bytes of each stretch, 1 at least; together those of all texts.
      rows_T: int64 [T], the text of each.

    Returns:
      starts and ends, int32 [T]: a stretch that holds a part of a character has the whole of it.
    """
    bytes_B = tf.io.decode_raw(tf.strings.reduce_join(texts), tf.uint8)
    begins_B = tf.bitwise.bitwise_and(bytes_B, tf.constant(0xC0, tf.uint8)) != 0x80
    number_B = tf.cumsum(tf.cast(begins_B, tf.int32)) - 1  # of the character, in all texts
    end_T = tf.cumsum(num_bytes_T)
    length_N = tf.strings.length(texts, "UTF8_CHAR")
    before_T = tf.gather(tf.cumsum(length_N, exclusive=True), rows_T)
    start_T = tf.gather(number_B, end_T - num_bytes_T) - before_T
    return start_T, tf.gather(number_B, end_T - 1) + 1 - before_T
