"""Chooses the tokens to predict: takes whole groups until the example has enough tokens.

A group is a token, a word, or an n-gram of words. Its tokens are consecutive. All functions are TF
ops on whole batches.

Shapes: B rows, S tokens of a row, E examples of a row, G groups of a row (S, most of them empty).
"""

import fractions
import itertools

import tensorflow as tf

_NEVER = tf.int64.max
# Groups are sorted by one integer: example of the row, hash of 32 bits, position.
_POSITION_BITS = 16
_EXAMPLE_SHIFT = _POSITION_BITS + 32


def ngram_begins(
    candidate_BS: tf.Tensor,
    word_begin_BS: tf.Tensor,
    example_BS: tf.Tensor,
    hash_BS: tf.Tensor,
    *,
    max_ngram: int,
    max_examples: int,
) -> tf.Tensor:
    """Cuts the words of each example into consecutive n-grams.

    An n-gram has n words with the probability (1/n) / (1/1 + ... + 1/max_ngram) (Lan et al. 2019,
    section 4.1). The first n-gram begins at the first word of the example. A special token ends an
    n-gram.

    Args:
      candidate_BS: bool, the tokens of words.
      word_begin_BS: bool, the first token of each word.
      example_BS: int64, the number of each token's example in its row.
      hash_BS: int64 in [0, 2**32). The hash of an example's n-th candidate decides the length of
        its n-th n-gram.
      max_ngram: the most words in an n-gram.
      max_examples: E.

    Returns:
      bool [B, S], the first token of each n-gram.
    """
    length = tf.shape(candidate_BS, tf.int64)[1]
    size_BS = tf.where(candidate_BS, _ngram_size(hash_BS, max_ngram), 0)
    first_word_BS = _cumsum_within(size_BS, example_BS, max_examples) - size_BS
    words_BE = sum_per_group(tf.cast(word_begin_BS, tf.int64), example_BS, max_examples)
    words_before_BE = tf.cumsum(words_BE, axis=1, exclusive=True)
    is_there_BS = first_word_BS < tf.gather(words_BE, example_BS, batch_dims=1)
    first_word_BS += tf.gather(words_before_BE, example_BS, batch_dims=1)
    # There are more lengths than words. The spare lengths go to one extra place at the end.
    place_BS = tf.where(is_there_BS, first_word_BS, length)
    is_begin_BW = sum_per_group(tf.ones_like(place_BS), place_BS, length + 1) > 0
    is_begin_BS = tf.gather(is_begin_BW, group_numbers(word_begin_BS), batch_dims=1)
    after_mark_BS = ~tf.pad(candidate_BS[:, :-1], [[0, 0], [1, 0]])
    return word_begin_BS & (is_begin_BS | after_mark_BS)


def _ngram_size(hash_BS: tf.Tensor, max_ngram: int) -> tf.Tensor:
    shares = [fractions.Fraction(1, n) for n in range(1, max_ngram + 1)]
    size_BS = tf.ones_like(hash_BS)
    for share in itertools.accumulate(shares[:-1]):
        size_BS += tf.cast(hash_BS >= int(2**32 * share / sum(shares)), tf.int64)
    return size_BS


def choose_tokens(
    candidate_BS: tf.Tensor,
    example_BS: tf.Tensor,
    hash_BS: tf.Tensor,
    number_BE: tf.Tensor,
    *,
    max_number: int,
) -> tf.Tensor:
    """Bool [B, S]: `choose_groups` for groups of one token, in a third of the time.

    Args:
      candidate_BS, example_BS, hash_BS: see `choose_groups`.
      number_BE: int64, how many tokens to take; at most the number of candidates.
      max_number: the largest value that `number_BE` can have.
    """
    key_BS = tf.where(candidate_BS, _keys(example_BS, hash_BS), _NEVER)
    num_examples, length = number_BE.shape[1], tf.shape(key_BS)[1]
    num_sorted = tf.minimum(max_number, length) if num_examples == 1 else length
    smallest_BK = -tf.math.top_k(-key_BS, num_sorted).values
    last_BE = number_BE - 1
    if num_examples > 1:
        candidates_BE = sum_per_group(tf.cast(candidate_BS, tf.int64), example_BS, num_examples)
        last_BE += tf.cumsum(candidates_BE, axis=1, exclusive=True)
    limit_BE = tf.gather(smallest_BK, tf.maximum(last_BE, 0), batch_dims=1)
    limit_BE = tf.where(number_BE > 0, limit_BE, -1)
    if num_examples > 1:
        limit_BE = tf.gather(limit_BE, example_BS, batch_dims=1)
    return key_BS <= limit_BE


def _keys(example_BS: tf.Tensor, hash_BS: tf.Tensor) -> tf.Tensor:
    """int64 [B, S]: the sort key of a group that begins at this token."""
    return (
        tf.bitwise.left_shift(example_BS, tf.constant(_EXAMPLE_SHIFT, tf.int64))
        + tf.bitwise.left_shift(hash_BS, tf.constant(_POSITION_BITS, tf.int64))
        + tf.range(tf.shape(hash_BS, tf.int64)[1])
    )


def choose_groups(
    candidate_BS: tf.Tensor,
    begin_BS: tf.Tensor,
    example_BS: tf.Tensor,
    hash_BS: tf.Tensor,
    number_BE: tf.Tensor,
    *,
    word_begin_BS: tf.Tensor | None = None,
    max_words: int = 1,
) -> tf.Tensor:
    """Takes groups of each example in the order of their hashes, until it has enough tokens.

    If a group is too large for the tokens that are left to take, its first words that fit are
    taken. If not even its first word fits, the group is skipped.

    Args:
      candidate_BS: bool, the tokens that can be taken.
      begin_BS: bool, the first token of each group. The hash of that token orders the groups;
        between equal hashes, the position does.
      example_BS: int64, the number of each token's example in its row.
      hash_BS: int64 in [0, 2**32).
      number_BE: int64, the most tokens to take.
      word_begin_BS: bool, the first token of each word; needed if groups have several words.
      max_words: the most words in a group.

    Returns:
      bool [B, S], the tokens that were taken.
    """
    num_rows, length = tf.unstack(tf.shape(candidate_BS, tf.int64))
    # A group is known by its number in the row, so groups with equal hashes stay apart.
    group_BS = group_numbers(begin_BS)
    key_BG = sum_per_group(tf.where(begin_BS, _keys(example_BS, hash_BS), 0), group_BS, length)
    place_BS = tf.constant(0, tf.int64)  # a lower bound of the token's place in its group
    sizes_BG = [sum_per_group(tf.cast(candidate_BS, tf.int64), group_BS, length)]
    if max_words > 1:
        begin_BG = tf.bitwise.bitwise_and(key_BG, (1 << _POSITION_BITS) - 1)
        place_BS, sizes_BG = _words_of_groups(
            candidate_BS, word_begin_BS, group_BS, begin_BG, max_words
        )
    key_BG = tf.where(sizes_BG[0] > 0, key_BG, _NEVER)
    order_BG = tf.argsort(key_BG, axis=1)
    sizes_BG = [tf.gather(size_BG, order_BG, batch_dims=1) for size_BG in sizes_BG]
    key_BG = tf.gather(key_BG, order_BG, batch_dims=1)
    example_BG = tf.where(sizes_BG[0] > 0, shift_right(key_BG, _EXAMPLE_SHIFT), 0)
    taken_sorted_BG = _take_greedily(sizes_BG, example_BG, number_BE)
    row_BG = tf.broadcast_to(tf.range(num_rows)[:, tf.newaxis], tf.shape(order_BG, tf.int64))
    taken_BG = tf.scatter_nd(
        tf.stack([row_BG, tf.cast(order_BG, tf.int64)], -1),
        taken_sorted_BG,
        tf.shape(key_BG, tf.int64),
    )
    return (place_BS < tf.gather(taken_BG, group_BS, batch_dims=1)) & candidate_BS


def _words_of_groups(
    candidate_BS: tf.Tensor,
    word_begin_BS: tf.Tensor,
    group_BS: tf.Tensor,
    begin_BG: tf.Tensor,
    max_words: int,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Finds the place of each token in its group, and the size of each group's first words.

    Returns:
      int64 [B, S], the place of each token in its group; a list of int64 [B, G], for each n from 1
      to `max_words` the number of tokens in the first n words of each group.
    """
    length = tf.shape(group_BS, tf.int64)[1]
    begin_BS = tf.gather(begin_BG, group_BS, batch_dims=1)
    word_BS = group_numbers(word_begin_BS)
    word_BS -= tf.gather(word_BS, begin_BS, batch_dims=1)
    sizes_BG = [
        sum_per_group(tf.cast(candidate_BS & (word_BS < n), tf.int64), group_BS, length)
        for n in range(1, max_words + 1)
    ]
    return tf.range(length) - begin_BS, sizes_BG


def _take_greedily(
    sizes_BG: list[tf.Tensor], example_BG: tf.Tensor, room_BE: tf.Tensor
) -> tf.Tensor:
    """Goes through the groups, example by example, and takes the largest size of each that fits.

    The room in an example only shrinks, so a size that does not fit now will not fit later. Each
    turn cuts the groups to the room that is left, then takes all groups before the first that
    overflows. A few turns are enough.

    Args:
      sizes_BG: int64, the possible sizes of each group, ascending. Only the groups at the end of a
        row are empty, and those have size 0 in every tensor.
      example_BG: int64, ascending except for empty groups.
      room_BE: int64, the most tokens to take.

    Returns:
      int64 [B, G], the sizes that were taken; 0 where none fits.
    """
    num_examples = room_BE.shape[1]

    def turn(
        waiting_BG: tf.Tensor, taken_BG: tf.Tensor, room_BE: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        room_BG = tf.gather(room_BE, example_BG, batch_dims=1)
        waiting_BG &= sizes_BG[0] <= room_BG
        size_BG = sizes_BG[0]
        for larger_BG in sizes_BG[1:]:
            size_BG = tf.where(larger_BG <= room_BG, larger_BG, size_BG)
        size_BG = tf.where(waiting_BG, size_BG, 0)
        # Each example fills its own room.
        filled_BG = _cumsum_within(size_BG, example_BG, num_examples)
        fits_BG = waiting_BG & (filled_BG <= room_BG)
        size_BG = tf.where(fits_BG, size_BG, 0)
        room_BE -= sum_per_group(size_BG, example_BG, num_examples)
        return waiting_BG & ~fits_BG, taken_BG + size_BG, room_BE

    _, taken_BG, _ = tf.while_loop(
        lambda waiting_BG, *_: tf.reduce_any(waiting_BG),
        turn,
        (sizes_BG[0] > 0, tf.zeros_like(sizes_BG[0]), room_BE),
        shape_invariants=(sizes_BG[0].shape, sizes_BG[0].shape, room_BE.shape),
    )
    return taken_BG


def group_numbers(begin_BS: tf.Tensor) -> tf.Tensor:
    """int64 [B, S]: the number of each token's group in the row; 0 before the first group."""
    return tf.maximum(tf.cumsum(tf.cast(begin_BS, tf.int64), axis=1) - 1, 0)


def _cumsum_within(values_BN: tf.Tensor, group_BN: tf.Tensor, num_groups: int) -> tf.Tensor:
    """int64 [B, N]: cumulative sums along a row, which restart at 0 in each group.

    After the first value of the next group, the values of a group must be 0.
    """
    sum_BN = tf.cumsum(values_BN, axis=1)
    if num_groups == 1:
        return sum_BN
    sums_BE = sum_per_group(values_BN, group_BN, num_groups)
    before_BE = tf.cumsum(sums_BE, axis=1, exclusive=True)
    return sum_BN - tf.gather(before_BE, group_BN, batch_dims=1)


def sum_per_group(
    values_BN: tf.Tensor, group_BN: tf.Tensor, num_groups: int | tf.Tensor
) -> tf.Tensor:
    """int64 [B, groups]: the sum of each group's values in each row."""
    num_groups = tf.cast(num_groups, tf.int64)
    num_rows = tf.shape(values_BN, tf.int64)[0]
    segment_BN = tf.range(num_rows)[:, tf.newaxis] * num_groups + group_BN
    flat = tf.math.unsorted_segment_sum(
        tf.reshape(values_BN, [-1]), tf.reshape(segment_BN, [-1]), num_rows * num_groups
    )
    return tf.reshape(flat, [num_rows, num_groups])


def shift_right(x: tf.Tensor, bits: int) -> tf.Tensor:
    """int64: `x` without its low `bits` bits."""
    return tf.bitwise.right_shift(x, tf.constant(bits, tf.int64))
