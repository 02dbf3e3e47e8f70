"""The tokenizer of a folder once more, as the `tokenizers` library has it.

What tokenizers are compared with, in speed and in their ids. Needs the package `tokenizers`.
"""

import functools
from typing import Any

from bert_tf.tokenization.tokenizer import Tokenizer


def make(tokenizer: Tokenizer) -> Any:
    """A `tokenizers.Tokenizer` with the same vocabulary and settings.

    Raises:
      ValueError: for a kind that is not known here.
    """
    makers = {"wordpiece": _wordpiece, "byte_pair": _byte_pair}
    if tokenizer.kind not in makers:
        raise ValueError(
            f"no reference for a tokenizer of kind {tokenizer.kind!r}; there is one for "
            f"{', '.join(makers)}"
        )
    return makers[tokenizer.kind](tokenizer)


@functools.cache
def package() -> Any:
    """The package, or an error that says how to install it."""
    try:
        import tokenizers
    except ImportError as error:
        raise ValueError("this needs the package `tokenizers`: pip install -e .[vocab]") from error
    return tokenizers


def _wordpiece(tokenizer: Any) -> Any:
    tokenizers = package()
    result = tokenizers.Tokenizer(
        tokenizers.models.WordPiece(
            {token: i for i, token in enumerate(tokenizer.tokens)},
            unk_token="[UNK]",
            max_input_chars_per_word=tokenizer.max_input_chars_per_word,
        )
    )
    lower = tokenizer.do_lower_case
    result.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lower)
    result.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return result


def _byte_pair(tokenizer: Any) -> Any:
    tokenizers = package()
    vocabulary = tokenizer.vocabulary
    ids = {token: i for i, token in enumerate(vocabulary.tokens) if token}
    result = tokenizers.Tokenizer(tokenizers.models.BPE(ids, list(vocabulary.merges)))
    space = tokenizer.add_prefix_space
    result.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=space)
    result.post_processor = tokenizers.processors.ByteLevel(
        trim_offsets=True, add_prefix_space=space
    )
    return result
