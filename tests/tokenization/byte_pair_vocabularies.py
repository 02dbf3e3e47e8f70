"""A small byte-level BPE vocabulary for tests, learned from the text below by `tokenizers`."""

import functools
import json

import tokenizers

from bert_tf.tokenization.byte_pair import BytePairTokenizer
from bert_tf.tokenization.byte_pair_vocabulary import BytePairVocabulary

TEXT = """
The quick brown fox doesn't jump over the lazy dog; it's asleep, and they'll let it sleep.
We've seen 12 foxes and 345 dogs since 1987 -- that's more than I'd have thought!
"Where are you going?" she said. "Nowhere," said he... and went on: (home) [again] {at last}.
    indented text,  with two blanks and\ttabs. http://example.org/a_path?x=1&y=2 #tag @name
Größe, naïve café, Ærøskøbing, Übermut; señor, garçon. Война и мир, мир и война; привет, мир!
Ελληνικά και άλλα. 中文和日本語の文字。漢字漢字中文中文。 한국어 한국어. हिन्दी हिन्दी पाठ। ไทยไทยไทย
aaaaaaaa hahahaha ======== -------- !!!!!! 😀😀😀🎉 ½ ² ٣٤٥ Ⅷ
"""
FIRST = ("<s>", "<pad>", "</s>", "<unk>")


@functools.cache
def vocabulary(size: int = 500) -> BytePairVocabulary:
    """Tokens and merges in RoBERTa's order: four special tokens, bytes, merges, the mask token."""
    model = tokenizers.ByteLevelBPETokenizer()
    model.train_from_iterator(
        TEXT.split("\n"), size - 1, min_frequency=1, special_tokens=list(FIRST), show_progress=False
    )
    ids = model.get_vocab()
    ids["<mask>"] = len(ids)
    merges = _merges(model)
    return BytePairVocabulary(ids, merges)


def _merges(model: tokenizers.ByteLevelBPETokenizer) -> list[tuple[str, str]]:
    merges = json.loads(model.to_str())["model"]["merges"]
    return [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in merges]


def tokenizer(**settings) -> BytePairTokenizer:
    return BytePairTokenizer(vocabulary(), **settings)
