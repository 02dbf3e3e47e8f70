"""Added tokens are whole wherever they stand, as in Hugging Face's `tokenizers`, in every kind."""

import dataclasses
import random

import pytest

from bert_tf.tokenization.added_tokens import AddedToken
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from tests.family.toy_tokenizer import ToyTokenizer

tokenizers = pytest.importorskip("tokenizers")

LETTERS = "abcdefgikmnoprsuvwxy19"
TOKENS = (*SPECIAL_TOKENS, *LETTERS, *(f"##{c}" for c in LETTERS), *"[]<>_.-'", "the", "中", "冠")
NUMBER = len(TOKENS)
ADDED = (
    AddedToken("[MASK]", TOKENS.index("[MASK]"), special=True, lstrip=True),
    AddedToken("[E1]", NUMBER, normalized=True),
    AddedToken("covid19", NUMBER + 1, normalized=True, single_word=True),
    AddedToken("Covid", NUMBER + 2),
    AddedToken("co", NUMBER + 3, single_word=True),
    AddedToken("<x>", NUMBER + 4, special=True, rstrip=True),
    AddedToken("<x>x", NUMBER + 5, lstrip=True, rstrip=True, single_word=True),
    AddedToken("the", TOKENS.index("the"), normalized=True),
    AddedToken("écu", NUMBER + 6, normalized=True),
    AddedToken("x.", NUMBER + 7, lstrip=True),
)


def theirs(lower: bool, added) -> "tokenizers.Tokenizer":
    """The same tokenizer of the `tokenizers` library."""
    ids = {token: i for i, token in enumerate(TOKENS)}
    other = tokenizers.Tokenizer(tokenizers.models.WordPiece(ids, unk_token="[UNK]"))
    other.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lower)
    other.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    for token in added:
        flags = dataclasses.asdict(token)
        content, number = flags.pop("content"), flags.pop("id")
        add = other.add_special_tokens if flags["special"] else other.add_tokens
        add([tokenizers.AddedToken(content, **flags)])
        assert other.token_to_id(content) == number
    return other


OURS = {
    lower: WordPieceTokenizer(
        Vocabulary(TOKENS), do_lower_case=lower, max_input_chars_per_word=100, added=ADDED
    )
    for lower in (True, False)
}
SPECIAL = tuple(AddedToken(token, i, special=True) for i, token in enumerate(SPECIAL_TOKENS))
THEIRS = {lower: theirs(lower, (*SPECIAL[:4], *ADDED)) for lower in (True, False)}
PARTS = (
    *(token.content for token in ADDED),
    *("COVID19", "CO", "THE", "e\u0301cu", "ECU", "ecu", "[e1]", "[CLS]", "X."),
    *(" ", "  ", "\u3000", "\t", "_", "s", "9", ".", "é", "\u0301", "中", "İ", "x"),
)


@pytest.mark.parametrize("lower", [True, False])
def test_ids_and_offsets_are_those_of_tokenizers(lower):
    random_ = random.Random(0)
    texts = ["".join(random_.choices(PARTS, k=random_.randrange(10))) for _ in range(1500)]
    ids, starts, ends = OURS[lower].tokenize_with_offsets(texts, keep_special_tokens=True)
    assert ids.to_list() == OURS[lower].tokenize(texts, keep_special_tokens=True).to_list()
    rows = zip(texts, *(x.to_list() for x in (ids, starts, ends)), strict=True)
    for text, row, *ours in rows:
        other = THEIRS[lower].encode(text, add_special_tokens=False)
        assert row == other.ids, text
        # An accent that is removed belongs to the character before it here, and to nothing there;
        # the white space that a token takes with it is part of its span only there.
        places = zip(*ours, strict=True), other.offsets
        spans = [[text[a:b].strip(" \t\u3000\u0301") for a, b in pairs] for pairs in places]
        assert spans[0] == spans[1], text


def toy() -> Tokenizer:
    return ToyTokenizer("ab[]E1", added=[AddedToken("[E1]", 17, lstrip=True), AddedToken("a", 20)])


@pytest.mark.parametrize("make", [toy, lambda: OURS[True]], ids=["toy", "wordpiece"])
def test_every_kind_saves_them_and_reads_them_back(tmp_path, make):
    tokenizer = make()
    tokenizer.save(str(tmp_path))
    read = Tokenizer.from_folder(str(tmp_path))
    assert read.added == tokenizer.added
    assert read.tokens == tokenizer.tokens
    assert read.identity == tokenizer.identity != tokenizer.vocabulary_identity


def test_another_kind_has_them_too():
    ids, starts, ends = toy().tokenize_with_offsets(["b [E1]ab", "", "é"])
    assert [toy().tokens[i] for i in ids.to_list()[0]] == ["_b", "[E1]", "a", "_b"]
    assert starts.to_list() == [[0, 2, 6, 7], [], [0]]
    assert ends.to_list() == [[1, 6, 7, 8], [], [1]]


def test_an_id_between_the_vocabulary_and_an_added_token_is_reached_by_no_text():
    tokenizer = toy()
    assert tokenizer.tokens[17:] == ("[E1]", "", "", "a")
    assert tokenizer.begins_word[17:].all()


def test_without_unusual_tokens_a_folder_is_that_of_the_older_format(tmp_path):
    added = [AddedToken(token, i, special=True) for i, token in enumerate(SPECIAL_TOKENS)]
    tokenizer = WordPieceTokenizer(Vocabulary(TOKENS), added=added)
    assert tokenizer.added == ()
    assert tokenizer.identity == tokenizer.vocabulary.sha256
    assert "added_tokens" not in tokenizer.settings()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (7, "is 7; expected an object"),
        ([], r"is \[\]; expected an object"),
        ({"id": 3}, "content is None; expected the token"),
        ({"content": "a", "id": True}, "id is True; expected a whole number"),
        ({"content": "a", "id": 1, "lstrip": "no"}, "lstrip is 'no'; expected true or false"),
    ],
)
def test_malformed_ones_are_one_line(values, message):
    with pytest.raises(ValueError, match=f"^file:? {message}"):
        AddedToken.from_json(values, "file")


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ([AddedToken("x", 1)], "'x' has the id 1, which is '\\[UNK\\]' in the vocabulary"),
        ([AddedToken("x", NUMBER), AddedToken("y", NUMBER)], "two added tokens have the id"),
        ([AddedToken("x", NUMBER), AddedToken("x", NUMBER + 1)], "two added tokens have the con"),
        ([AddedToken("x", 2**30)], "'x' has the id 1073741824; the vocabulary has"),
    ],
)
def test_ids_that_cannot_be_are_refused(added, message):
    with pytest.raises(ValueError, match=message):
        WordPieceTokenizer(Vocabulary(TOKENS), added=added)
