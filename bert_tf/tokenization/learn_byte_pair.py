"""Learns a byte-level BPE from text with the `tokenizers` library: the same merges on every run.

The pair that occurs most often becomes a token, of equally frequent ones that of the lower ids
(Sennrich et al. 2016, arXiv:1508.07909), within the words of `byte_level.py`.
"""

import json
from collections.abc import Iterable
from typing import Any

from absl import logging

from bert_tf.tokenization.byte_pair_vocabulary import BytePairVocabulary, byte_alphabet

# RoBERTa's order: these first, then the bytes, the merges, and the mask token last.
_FIRST, _LAST = ("<s>", "<pad>", "</s>", "<unk>"), "<mask>"


def learn(
    texts: Iterable[str], vocab_size: int, *, min_frequency: int = 2, add_prefix_space: bool = False
) -> BytePairVocabulary:
    """Learns a vocabulary: special tokens, the bytes, then merges as they were made.

    Args:
      texts: any number of texts, read once.
      vocab_size: the number of tokens wanted. Less come out, with a warning, if the corpus has no
        more pairs of `min_frequency`.
      min_frequency: pairs that occur less often do not become tokens.
      add_prefix_space: as the tokenizer will be set.

    Raises:
      ValueError: no text, `vocab_size` too small for special tokens and bytes, or the package
        `tokenizers` is missing.
    """
    smallest = len(_FIRST) + len(byte_alphabet()) + 1
    if vocab_size < smallest:
        raise ValueError(
            f"vocab_size is {vocab_size}, but the special tokens and the bytes alone are "
            f"{smallest} tokens; raise vocab_size"
        )
    tokenizers = _package()
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    words = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.pre_tokenizer = words
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size - 1,
        min_frequency=min_frequency,
        special_tokens=list(_FIRST),
        initial_alphabet=list(byte_alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    ids = {**model["vocab"], _LAST: len(model["vocab"])}
    merges = [tuple(m.split(" ") if isinstance(m, str) else m) for m in model["merges"]]
    if not merges:
        raise ValueError(
            f"the text has no two bytes that stand together {min_frequency} times in a word, so "
            "nothing can be learned; is the input empty?"
        )
    if len(ids) < vocab_size:
        logging.warning(
            "the text gives only %d tokens, not %d: no other pair of tokens occurs %d times or "
            "more. Use more text, or a smaller vocab_size.",
            len(ids),
            vocab_size,
            min_frequency,
        )
    return BytePairVocabulary(ids, merges, source="learned vocabulary")


def _package() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise ValueError(
            "learning a byte-level BPE needs the package `tokenizers`: pip install -e .[vocab]"
        ) from error
    return tokenizers
