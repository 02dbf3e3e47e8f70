"""Every setting of a Hugging Face tokenizer is honoured in the graph, or refused in one line."""

import copy
import json

import pytest

from bert_tf.checkpoints import checkpoint as foreign
from bert_tf.checkpoints import hugging_face_tokenizer, hugging_face_word_piece
from bert_tf.checkpoints.source_files import Files
from bert_tf.tokenization.added_tokens import AddedToken
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from tests.checkpoints.models import make_checkpoint
from tests.checkpoints.tokenizer_folders import read

TOKENS = (*SPECIAL_TOKENS, "the", "man", "co", "##vid", "##19", "m", "##o", "mo", "mö", *"[]e1")
NUMBER = len(TOKENS)
E1, COVID = (AddedToken(t, NUMBER + i, normalized=True) for i, t in enumerate(("[E1]", "covid19")))


@pytest.fixture
def folder(tmp_path):
    """vocab.txt and the two JSON files of a tokenizer, as bert_tf writes them."""
    hugging_face_word_piece.write(WordPieceTokenizer(Vocabulary(TOKENS)), str(tmp_path), 16)
    return tmp_path


def edit(path, change):
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def tokens(tokenizer: Tokenizer, text: str) -> list[str]:
    return [tokenizer.tokens[i] for i in tokenizer.tokenize([text]).to_list()[0]]


@pytest.mark.parametrize("strip", [None, True, False])
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("where", ["tokenizer.json", "tokenizer_config.json"])
def test_strip_accents_is_honoured_and_written_back(tmp_path, folder, lower, strip, where):
    def change(values):
        values = values.get("normalizer", values)
        values.pop("lowercase", None)
        key = "lowercase" if where == "tokenizer.json" else "do_lower_case"
        values |= {key: lower, "strip_accents": strip}

    for name in ("tokenizer.json", "tokenizer_config.json"):
        edit(folder / name, lambda v: v.get("normalizer", v).pop("strip_accents"))
    edit(folder / "tokenizer_config.json", lambda v: v.pop("do_lower_case"))
    edit(folder / where, change)
    tokenizer = read(folder)
    strips = lower if strip is None else strip
    assert tokens(tokenizer, "Mö") == [("mo" if strips else "mö") if lower else "[UNK]"]
    assert tokens(tokenizer, "mö") == ["mo" if strips else "mö"]
    _, starts, ends = tokenizer.tokenize_with_offsets(["the mo\u0308"])
    assert (starts.to_list()[0][1], ends.to_list()[0][-1]) == (4, 7)
    hugging_face_word_piece.write(tokenizer, str(tmp_path), 16)
    back = read(tmp_path)
    assert back.settings() == tokenizer.settings()
    normalizer = json.loads((tmp_path / "tokenizer.json").read_text())["normalizer"]
    assert normalizer["lowercase"] if strips is None else True
    own = {None: lower}.get(normalizer["strip_accents"], normalizer["strip_accents"])
    assert own == strips


def _in_three_files(folder):
    (folder / "added_tokens.json").write_text(json.dumps({"[E1]": NUMBER, "covid19": NUMBER + 1}))


def _in_slow_files(folder):
    _in_three_files(folder)
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()


def _in_tokenizer_json(folder):
    more = [token.to_json() for token in (E1, COVID)]
    edit(folder / "tokenizer.json", lambda v: v["added_tokens"].extend(more))
    (folder / "vocab.txt").unlink()


def _in_tokenizer_config(folder):
    (folder / "tokenizer.json").unlink()
    more = {str(t.id): {"content": t.content, "normalized": True} for t in (E1, COVID)}
    edit(folder / "tokenizer_config.json", lambda v: v["added_tokens_decoder"].update(more))


LAYOUTS = [_in_three_files, _in_slow_files, _in_tokenizer_json, _in_tokenizer_config]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_added_tokens_are_whole_and_written_back_wherever_they_are_listed(folder, tmp_path, layout):
    layout(folder)
    tokenizer = read(folder)
    assert len(tokenizer) == NUMBER + 2
    assert tokens(tokenizer, "the [E1] Covid19 man") == ["the", "[E1]", "covid19", "man"]
    assert tokenizer.added == (E1, COVID)
    (tmp_path / "back").mkdir()
    hugging_face_word_piece.write(tokenizer, str(tmp_path / "back"), 16)
    assert read(tmp_path / "back").added == tokenizer.added
    tokenizer.save(str(tmp_path / "own"))
    own = read(tmp_path / "own")
    assert (own.added, own.identity) == (tokenizer.added, tokenizer.identity)


def test_flags_of_added_tokens_come_from_the_file(folder):
    mask = {"content": "[MASK]", "id": 4, "special": True, "lstrip": True}
    word = {"content": "man", "id": TOKENS.index("man"), "single_word": True, "normalized": False}
    edit(folder / "tokenizer.json", lambda v: v.update(added_tokens=[mask, word]))
    assert read(folder).added == (
        AddedToken("[MASK]", 4, special=True, lstrip=True),
        AddedToken("man", TOKENS.index("man"), single_word=True),
    )


def _set(*path, value):
    def change(values):
        for name in path[:-1]:
            values = values[name]
        values[path[-1]] = copy.deepcopy(value)

    return change


REFUSED = [
    (_set("normalizer", value={"type": "NFKC"}), "normalizer is .*NFKC.*reads a BertNormalizer"),
    (_set("normalizer", value=None), "normalizer is null; bert_tf reads a BertNormalizer"),
    (_set("normalizer", "clean_text", value=False), "clean_text is false; bert_tf reads true"),
    (_set("normalizer", "handle_chinese_chars", value=False), "handle_chinese_chars is false"),
    (_set("normalizer", value=7), "normalizer is 7; bert_tf reads an object"),
    (_set("pre_tokenizer", value={"type": "Whitespace"}), "pre_tokenizer is .*Whitespace.*Bert"),
    (_set("model", "continuing_subword_prefix", value="@@"), 'prefix is "@@"; bert_tf reads "##"'),
    (_set("model", "unk_token", value="<unk>"), 'unk_token is "<unk>"; bert_tf reads "\\[UNK\\]"'),
    (_set("model", "max_input_chars_per_word", value=0), "max_input_chars_per_word is 0"),
    (_set("model", "max_input_chars_per_word", value=10**30), "max_input_chars_per_word is 1000"),
    (_set("post_processor", "pair", value=[]), r"rows of the form \[CLS\] A \[SEP\] B \[SEP\]"),
    (_set("added_tokens", value=3), "added_tokens is 3; expected a list"),
    (_set("added_tokens", value=[3]), r"added_tokens\[0\] is 3; expected an object"),
    (_set("added_tokens", value=[[]]), r"added_tokens\[0\] is \[\]; expected an object"),
    (_set("added_tokens", 0, "id", value=[1]), r"added_tokens\[0\]: id is \[1\]"),
    (_set("added_tokens", 0, "id", value=10**40), r"added_tokens\[0\]: id is 1000"),
    (_set("added_tokens", 0, "content", value="x"), "'x' has the id 0, which is '\\[PAD\\]'"),
    (_set("truncation", value={"max_length": 10**40}), "truncation.max_length is 1000"),
    (_set("truncation", value={"max_length": 8, "direction": "Left"}), 'direction is "Left"'),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[m[:25] for _, m in REFUSED])
def test_what_the_graph_does_not_do_is_refused_in_one_line(folder, change, message):
    edit(folder / "tokenizer.json", change)
    with pytest.raises(ValueError, match=message) as error:
        read(folder)
        hugging_face_tokenizer.max_length(Files(str(folder), str(folder)))
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tokenize_chinese_chars": False}, "tokenize_chinese_chars is false; bert_tf reads true"),
        ({"do_basic_tokenize": False}, "do_basic_tokenize is false"),
        ({"never_split": ["a"]}, r'never_split is \["a"\]; bert_tf reads \[\]'),
        (
            {"tokenizer_class": "BertJapaneseTokenizer"},
            'tokenizer_class is "BertJapaneseTokenizer"',
        ),
        ({"padding_side": "left"}, 'padding_side is "left"; bert_tf reads "right"'),
        ({"mask_token": "<mask>"}, 'mask_token is "<mask>"; bert_tf reads "\\[MASK\\]"'),
        ({"truncation_side": "left"}, 'truncation_side is "left"; bert_tf reads "right"'),
        ({"model_max_length": "512"}, 'model_max_length is "512"'),
        ({"model_max_length": 10**40}, "model_max_length is 1000"),
        ({"added_tokens_decoder": []}, "added_tokens_decoder is .*; expected an object"),
        ({"added_tokens_decoder": {"x": {"content": "a"}}}, "id is 'x'; expected a whole number"),
    ],
)
def test_so_are_settings_of_tokenizer_config(folder, values, message):
    (folder / "tokenizer.json").unlink()
    edit(folder / "tokenizer_config.json", lambda v: v.update(values))
    with pytest.raises(ValueError, match=message) as error:
        read(folder)
        hugging_face_tokenizer.max_length(Files(str(folder), str(folder)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("truncation", "model_max_length", "expected"),
    [
        ({"max_length": 9, "direction": "Right"}, 16, 9),
        (None, 16, 16),
        (None, 1e30, None),
        (None, int(1e30), None),
        (None, None, None),
    ],
)
def test_the_truncation_limit_is_read(folder, truncation, model_max_length, expected):
    edit(folder / "tokenizer.json", lambda v: v.update(truncation=truncation))
    limit = {"model_max_length": model_max_length}
    edit(folder / "tokenizer_config.json", lambda v: v.update(limit))
    assert hugging_face_tokenizer.max_length(Files(str(folder), str(folder))) == expected


def test_a_huge_or_deep_file_is_refused_at_once(folder):
    path = folder / "tokenizer.json"
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match="levels deep"):
        read(folder)
    with path.open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(ValueError, match="200 MB; expected at most 100 MB"):
        read(folder)


@pytest.mark.parametrize("family", ["albert", "xlm_roberta"])
def test_a_sentence_piece_model_comes_and_goes(tmp_path, family):
    pytest.importorskip("sentencepiece")
    from bert_tf.checkpoints import sentence_piece
    from tests.tokenization import unigram_models

    tokenizer = unigram_models.tokenizer(family, added=(AddedToken("[E1]", 500),))
    sentence_piece.write_for_hugging_face(tokenizer, str(tmp_path), 16)
    back = read(tmp_path)
    assert set(tokenizer.added) <= set(back.added)
    assert back.layout == tokenizer.layout
    assert tokens(back, "Anna [E1] ran") == tokens(tokenizer, "Anna [E1] ran")
    (tmp_path / "tokenizer_config.json").write_text("{}")
    assert read(tmp_path).family == family


def test_what_other_formats_cannot_say_of_a_tokenizer_is_a_loss():
    checkpoint = make_checkpoint()
    vocabulary = checkpoint.tokenizer.vocabulary
    added = [AddedToken("[E1]", len(vocabulary))]
    checkpoint.tokenizer = WordPieceTokenizer(vocabulary, strip_accents=False, added=added)
    lost = " ".join(foreign.losses(checkpoint, "google"))
    assert "added tokens ([E1]) are whole" in lost
    assert "strip_accents False" in lost
    assert foreign.losses(checkpoint, "hugging_face") == []
