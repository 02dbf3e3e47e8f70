"""The bits of `tf.random.stateless_uniform(alg="philox")`, in half the time on a CPU.

TensorFlow's operation draws groups of four numbers one at a time. Here the generator is arithmetic
on whole tensors, which XLA compiles to one vectorised loop. If `fused.kernels` are off,
TensorFlow's own operation gives the same bits.

Shape suffixes: G groups of four; 1 and 2 are lengths.
"""

import tensorflow as tf

from bert_tf.layers import fused

_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)  # added to the keys in each round
_GROUP = 4  # numbers of one counter


def random_uint16(count: int | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """`count` random numbers, uint16 [count], a function of only `seed`, int32 [2].

    Reference: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", Philox4x32-10.
    """
    half = (count + 1) // 2
    if fused.are_on():
        key_1, counter_2 = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
        numbers = _philox((half + _GROUP - 1) // _GROUP, key_1, counter_2)
    else:
        numbers = tf.random.stateless_uniform(
            [half], seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
        )
    return tf.reshape(tf.bitcast(numbers, tf.uint16), [-1])[:count]


@fused.kernel
def _philox(num_groups, key_1, counter_2):
    """uint32 [G, 4]: the numbers of G counters, from the 128-bit counter `counter_2` on."""
    low_G = counter_2[0] + tf.cast(tf.range(num_groups), tf.uint64)
    high_G = counter_2[1] + tf.cast(low_G < counter_2[0], tf.uint64)  # the carry
    words = [_lower(low_G), _upper(low_G), _lower(high_G), _upper(high_G)]
    keys = [_lower(key_1[0]), _upper(key_1[0])]
    for _ in range(_ROUNDS):
        first, second = (
            tf.cast(words[2 * i], tf.uint64) * tf.constant(_MULTIPLIERS[i], tf.uint64)
            for i in range(2)
        )
        words = [
            _xor(_upper(second), words[1], keys[0]),
            _lower(second),
            _xor(_upper(first), words[3], keys[1]),
            _lower(first),
        ]
        keys = [key + tf.constant(more, tf.uint32) for key, more in zip(keys, _WEYL, strict=True)]
    return tf.stack(words, axis=-1)


def _xor(a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(a, b), c)


def _lower(words: tf.Tensor) -> tf.Tensor:
    return tf.cast(words, tf.uint32)


def _upper(words: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.bitwise.right_shift(words, tf.constant(32, tf.uint64)), tf.uint32)
