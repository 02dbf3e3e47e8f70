"""Words of raw text as corpora of entities count them."""

import pytest

from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

VOCABULARY = Vocabulary([*SPECIAL_TOKENS, *"unsabt.,()'’-?中国35%", "ab", "##ab", "##b"])


def words(text, lower=True):
    tokenizer = WordPieceTokenizer(VOCABULARY, do_lower_case=lower)
    ids, starts, ends = tokenizer.tokenize_with_offsets([text])
    found = []
    begins = tokenizer.words_begin(ids, starts, ends)
    for begin, end, is_first in zip(starts[0], ends[0], begins[0], strict=True):
        if is_first:
            found.append([int(begin), int(end)])
        else:
            found[-1][1] = int(end)
    return [text[begin:end] for begin, end in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ab (Ab), abab.", ["ab", "(", "Ab", ")", ",", "abab", "."]),
        ("U.N. ab.", ["U.N.", "ab", "."]),
        ("U.S.-ab 3.5%", ["U.S.-ab", "3.5", "%"]),
        ("ab's 'ab' t’s", ["ab", "'s", "'", "ab", "'", "t", "’s"]),
        ("中国ab中, ?...", ["中", "国", "ab", "中", ",", "?", ".", ".", "."]),
        ("xyz \u200bab", ["xyz", "ab"]),
        ("", []),
    ],
)
def test_words_are_divided_where_corpora_divide_them(text, expected):
    assert words(text) == expected
