"""Writes the test vectors of docs/tokenizers.md: small vocabularies, and what texts become by them.

For each kind tests/testdata/tokenizers/ gets a folder with a tokenizer, learned from the texts
themselves, and `vectors.jsonl`: a line {"text", "ids", "offsets"} for each text of `texts.json`.
Needs `pip install -e .[vocab]`.

    python scripts/development/make_tokenizer_vectors.py
"""

import json
import pathlib
from collections.abc import Callable, Sequence

import tensorflow as tf
from absl import app

from bert_tf.tokenization import (
    byte_pair,
    learn_byte_pair,
    learn_sentence_piece,
    learn_vocabulary,
)
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

_FOLDER = pathlib.Path(__file__).parents[2] / "tests" / "testdata" / "tokenizers"


def main(argv: Sequence[str]) -> None:
    del argv
    texts = json.loads((_FOLDER / "texts.json").read_text(encoding="utf-8"))
    for name, learn in KINDS.items():
        tokenizer = learn(texts)
        folder = _FOLDER / name
        tokenizer.save(str(folder))
        lines = [json.dumps(vector) + "\n" for vector in vectors(tokenizer, texts)]
        (folder / "vectors.jsonl").write_text("".join(lines), encoding="utf-8")
        print(f"{folder}: {len(tokenizer)} tokens, {len(lines)} vectors")


def vectors(tokenizer: Tokenizer, texts: list[str]) -> list[dict]:
    """The ids of each text, and the first character of each token and the one behind its last."""
    rows = (x.to_list() for x in tokenizer.tokenize_with_offsets(tf.constant(texts)))
    return [
        {
            "text": text,
            "ids": ids,
            "offsets": [list(span) for span in zip(starts, ends, strict=True)],
        }
        for text, ids, starts, ends in zip(texts, *rows, strict=True)
    ]


def _wordpiece(lower: bool) -> Callable[[list[str]], Tokenizer]:
    def learn(texts: list[str]) -> Tokenizer:
        counts = learn_vocabulary.count_words(texts, lower)
        vocabulary = learn_vocabulary.learn_vocabulary(counts, 1200, min_frequency=1)
        return WordPieceTokenizer(vocabulary, do_lower_case=lower)

    return learn


def _byte_pair(texts: list[str]) -> Tokenizer:
    return byte_pair.BytePairTokenizer(learn_byte_pair.learn(texts, 700))


def _sentence_piece(family: str) -> Callable[[list[str]], Tokenizer]:
    return lambda texts: learn_sentence_piece.learn(texts, 800, family=family)


KINDS = {
    "wordpiece_uncased": _wordpiece(True),
    "wordpiece_cased": _wordpiece(False),
    "byte_pair": _byte_pair,
    "albert": _sentence_piece("albert"),
    "xlm_roberta": _sentence_piece("xlm_roberta"),
}


if __name__ == "__main__":
    app.run(main)
