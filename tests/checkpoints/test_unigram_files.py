"""A Unigram that stands only in tokenizer.json, as transformers 5 writes it: read, or refused."""

import json

import pytest

from bert_tf.checkpoints import sentence_piece
from bert_tf.tokenization.added_tokens import AddedToken
from tests.checkpoints.tokenizer_folders import change, read

tokenizers = pytest.importorskip("tokenizers")
pytest.importorskip("sentencepiece")
from tests.tokenization import unigram_models  # noqa: E402

FAMILIES = ("albert", "xlm_roberta")
TEXTS = [
    "Anna walked and sang of the rivers",  # no text here has two best ways to be cut
    "",
    "  Anna \u3000 ran\t(again) ",
    "ﬁne Fine fine FINE ｆｉｎｅ ²fine fine² refine",
    "a\x00Café cafe\u0301 CAFE café's",
    "한국 \u1112\u1161\u11ab\u1100\u116e\u11a8 ㎏ [E1] [e1]x [ E1]",
]


@pytest.fixture(scope="module", params=FAMILIES)
def written(request, tmp_path_factory):
    """(tokenizer, folder) of a family with added tokens of both sorts, as bert_tf writes it."""
    number = len(unigram_models.tokenizer(request.param))
    flags = ({}, {"normalized": True}, {"normalized": True, "single_word": True}, {"lstrip": True})
    added = [
        AddedToken(content, number + i, **flag)
        for i, (content, flag) in enumerate(
            zip(("[E1]", "café", "fine", "한국"), flags, strict=True)
        )
    ]
    # A text with a special token is cut there in `tokenizers`, so they are no part of these.
    tokenizer = unigram_models.tokenizer.__wrapped__(request.param, added=added)
    folder = tmp_path_factory.mktemp(request.param)
    sentence_piece.write_for_hugging_face(tokenizer, str(folder), 64)
    return tokenizer, folder


@pytest.fixture
def folder(written, tmp_path):
    """tokenizer.json and tokenizer_config.json alone."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_text((written[1] / name).read_text())
    return tmp_path


def test_it_is_the_model_that_it_came_from(written, folder):
    found, expected = read(folder), written[0]
    for name in ("pieces", "scores", "charsmap", "collapses_spaces"):
        assert getattr(found.model, name) == getattr(expected.model, name)
    assert found.settings() | {"added_tokens": 0} == expected.settings() | {"added_tokens": 0}
    assert set(expected.added) <= set(found.added)
    assert found.layout == expected.layout


def test_ids_are_those_of_tokenizers_with_added_tokens_in_its_normal_form(written, folder):
    theirs = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    found = read(folder)
    expected = [theirs.encode(text, add_special_tokens=False).ids for text in TEXTS]
    assert found.tokenize(TEXTS).to_list() == expected
    number = len(found) - 4
    assert {i for row in expected for i in row if i >= number} == set(range(number, number + 4))
    ids, starts, ends = found.tokenize_with_offsets(TEXTS)
    assert ids.to_list() == expected
    spans = zip(TEXTS, ids.to_list(), starts.to_list(), ends.to_list(), strict=True)
    words = [
        (text[a:b], i - number)
        for text, row, *place in spans
        for i, a, b in zip(row, *place, strict=True)
        if i >= number
    ]
    assert ("cafe\u0301", 1) in words
    assert ("ｆｉｎｅ", 2) in words


def test_without_its_config_the_files_say_the_same(folder):
    expected = read(folder).settings()
    (folder / "tokenizer_config.json").unlink()
    assert read(folder).settings() == expected


SPACES = [
    {"type": "Strip", "strip_left": False, "strip_right": True},
    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"},
]


def test_older_ways_to_say_what_is_done_to_spaces_are_read(folder):
    whole = json.loads((folder / "tokenizer.json").read_text())
    steps = whole["normalizer"]["normalizers"]
    expected = read(folder).settings()
    change(folder, "normalizer", "normalizers", value=[*steps, *SPACES])
    change(folder, "pre_tokenizer", value={"type": "Metaspace", "replacement": "▁"})
    assert read(folder).settings() == expected


REFUSED = [
    (("normalizer",), None, "normalizer is null; bert_tf reads Precompiled"),
    (("normalizer",), {"type": "NFKC"}, "normalizer is .*NFKC.*reads Precompiled"),
    (("normalizer", "normalizers", -1, "precompiled_charsmap"), "?", "is no base64"),
    (("pre_tokenizer",), {"type": "Whitespace"}, "pre_tokenizer is .*reads WhitespaceSplit and Me"),
    (("pre_tokenizer", "pretokenizers", 1, "prepend_scheme"), "never", "prepend_scheme always"),
    (("post_processor", "single"), [], "post_processor is .*reads rows of the form"),
    (("decoder",), {"type": "ByteLevel"}, "decoder is .*reads Metaspace"),
    (("model", "byte_fallback"), True, "model.byte_fallback is true; bert_tf reads false"),
    (("model", "unk_id"), 7, "model.unk_id is 7"),
    (("model", "vocab"), [["a", -1.0]], r"model.vocab is \[.a.\]; bert_tf reads one that begins"),
    (("model", "vocab"), {"a": 1}, "the vocabulary of the Unigram is no list of pieces"),
    (("model", "vocab", 6, 1), "x", "the vocabulary of the Unigram is no list of pieces"),
]


@pytest.mark.parametrize(("path", "value", "message"), REFUSED, ids=[m[:30] for *_, m in REFUSED])
def test_what_is_not_done_here_is_refused_in_one_line(folder, path, value, message):
    change(folder, *path, value=value)
    with pytest.raises(ValueError, match=message) as error:
        read(folder)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)


def test_words_without_a_space_in_front_are_refused(folder):
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"add_prefix_space": False}))
    with pytest.raises(ValueError, match="add_prefix_space is false; bert_tf reads true"):
        read(folder)


def test_nul_does_not_end_a_text():
    tokenizer = unigram_models.tokenizer("albert")
    text = "Anna\x00 walked, Chloé ran"
    (ids,) = tokenizer.tokenize([text]).to_list()
    assert ids == tokenizer.tokenize_with_offsets([text])[0].to_list()[0]
    assert tokenizer.decode(ids).numpy().endswith(b"ran")
