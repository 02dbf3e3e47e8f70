"""Settings of a byte-level BPE of Hugging Face: the ids of `tokenizers`, or a refusal."""

import json
import shutil

import pytest

from bert_tf.checkpoints import hugging_face_byte_pair, hugging_face_tokenizer
from bert_tf.checkpoints.source_files import Files
from bert_tf.tokenization.added_tokens import AddedToken
from tests.checkpoints.tokenizer_folders import change, read

tokenizers = pytest.importorskip("tokenizers")
from tests.tokenization import byte_pair_vocabularies  # noqa: E402

TEXTS = [
    "The quick fox doesn't jump",
    "  cafe\u0301 and cafés, na\u0308ive café",
    "\u1100\u1161\u11a8 한국어 q\u0307\u0323 \u0323\u0307 A\u030a \u212b",
    "",
    " a\u0327\u0301b \u0301",
    "see [E1]cafe\u0301s <mask> now",
]
BYTE_LEVEL = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "trim_offsets": True,
    "use_regex": True,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The files of a BPE as bert_tf writes them, with two added tokens."""
    folder = tmp_path_factory.mktemp("byte_pair")
    number = len(byte_pair_vocabularies.vocabulary())
    added = [AddedToken("[E1]", number), AddedToken("cafés", number + 1, normalized=True)]
    tokenizer = byte_pair_vocabularies.tokenizer(added=added)
    hugging_face_byte_pair.write(tokenizer, str(folder), 64)
    return folder


@pytest.fixture
def folder(written, tmp_path):
    """The same as tokenizer.json and tokenizer_config.json alone."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(written / name, tmp_path)
    return tmp_path


def use(folder, **settings):
    """Leaves of tokenizer_config.json only the special tokens and these settings."""
    path = folder / "tokenizer_config.json"
    kept = {k: v for k, v in json.loads(path.read_text()).items() if k.endswith("_token")}
    path.write_text(json.dumps({**kept, **settings}))


HONOURED = {
    "NFC in a sequence": [
        ("normalizer", {"type": "Sequence", "normalizers": [{"type": "NFC"}]}),
        ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [BYTE_LEVEL]}),
    ],
    "a prefix space": [("pre_tokenizer", BYTE_LEVEL | {"add_prefix_space": True})],
    "merges ignored": [("model.ignore_merges", True), ("model.merges", [["a", "b"]])],
    "without effect": [
        ("model.fuse_unk", True),
        ("model.byte_fallback", True),
        ("model.dropout", 0.0),
        ("model.continuing_subword_prefix", None),
    ],
}


@pytest.mark.parametrize("name", HONOURED)
def test_a_setting_gives_the_ids_of_tokenizers_and_is_written_back(folder, tmp_path, name):
    for path, value in HONOURED[name]:
        change(folder, *path.split("."), value=value)
    if name == "merges ignored":
        change(folder, "model", "vocab", value=_with_ab(folder))
    use(folder)
    theirs = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    expected = [theirs.encode(text, add_special_tokens=False).ids for text in TEXTS]
    tokenizer = read(folder)
    ids = tokenizer.tokenize(TEXTS, keep_special_tokens=True)
    assert ids.to_list() == expected
    back = tmp_path / "back"
    back.mkdir()
    hugging_face_byte_pair.write(tokenizer, str(back), 64)
    again = read(back)
    assert (again.settings(), again.identity) == (tokenizer.settings(), tokenizer.identity)


def _with_ab(folder):
    ids = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    if "ab" not in ids:  # the merge of the test makes it
        ids["ab"] = ids.pop("Ġquick")
    return ids


def test_a_joined_character_has_all_that_it_was_made_of(folder):
    change(folder, "normalizer", value={"type": "NFC"})
    tokenizer = read(folder)
    text = "e\u0301x  \u1100\u1161\u11a8"
    ids, starts, ends = tokenizer.tokenize_with_offsets(text)
    assert ids.numpy().tolist() == tokenizer.tokenize(text).numpy().tolist()
    spans = list(zip(starts.numpy().tolist(), ends.numpy().tolist(), strict=True))
    assert (0, 2) in spans
    assert spans[-1] == (5, 8)
    assert all(0 <= a <= b <= len(text) for a, b in spans)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("roberta", "double_separator"),
        ("bert", "single_separator"),
        (None, "double_separator"),
    ],
)
def test_the_row_layout_is_that_of_the_post_processor(folder, template, expected):
    from bert_tf.checkpoints.hugging_face_files import template as make

    value = make("<s>", "</s>", pair=template) if template else None
    value = value and {"type": "Sequence", "processors": [{"type": "ByteLevel"}, value]}
    change(folder, "post_processor", value=value)
    use(folder)
    assert read(folder).row_layout == expected


REFUSED = [
    (("normalizer",), {"type": "NFKC"}, "normalizer is .*NFKC.*reads NFC or null"),
    (
        ("normalizer",),
        {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]},
        "normalizer is .*Lowercase",
    ),
    (("normalizer",), {"type": "Sequence", "normalizers": 3}, "reads a list normalizers"),
    (("pre_tokenizer",), {"type": "Whitespace"}, "pre_tokenizer is .*Whitespace.*ByteLevel alone"),
    (("pre_tokenizer",), None, "pre_tokenizer is null; bert_tf reads ByteLevel alone"),
    (
        ("pre_tokenizer",),
        {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits"}, BYTE_LEVEL],
        },
        "pre_tokenizer is .*Digits",
    ),
    (("pre_tokenizer", "use_regex"), False, "use_regex is false; bert_tf reads true"),
    (("pre_tokenizer", "add_prefix_space"), 1.5, "add_prefix_space is 1.5"),
    (("model", "dropout"), 0.1, "model.dropout is 0.1; bert_tf reads 0"),
    (("model", "continuing_subword_prefix"), "@@", 'continuing_subword_prefix is "@@"'),
    (("model", "end_of_word_suffix"), "</w>", 'end_of_word_suffix is "</w>"; bert_tf reads ""'),
    (("model", "ignore_merges"), "no", 'ignore_merges is "no"; bert_tf reads true or false'),
    (("model", "type"), "WordLevel", 'model.type is "WordLevel"'),
    (("decoder",), {"type": "WordPiece"}, "decoder is .*WordPiece.*reads ByteLevel"),
    (("post_processor", "pair"), [], "post_processor is .*reads rows of the form <s> A </s></s> B"),
    (("padding",), {"direction": "Left"}, 'padding.direction is "Left"'),
    (("truncation",), {"strategy": "OnlyFirst"}, 'truncation.strategy is "OnlyFirst"'),
]


@pytest.mark.parametrize(("path", "value", "message"), REFUSED, ids=[m[:30] for *_, m in REFUSED])
def test_what_the_graph_does_not_do_is_refused_in_one_line(folder, path, value, message):
    change(folder, *path, value=value)
    with pytest.raises(ValueError, match=message) as error:
        read(folder)
        hugging_face_tokenizer.max_length(Files(str(folder), str(folder)))
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("fuse_unk", True, "model.fuse_unk is true; bert_tf reads false"),
        ("byte_fallback", True, "model.byte_fallback is true"),
        ("unk_token", None, "model.unk_token is null; bert_tf reads the unknown token: the byte"),
    ],
)
def test_what_a_missing_byte_makes_of_a_text_is_checked(folder, name, value, message):
    whole = json.loads((folder / "tokenizer.json").read_text())
    ids = whole["model"]["vocab"]
    ids["spare"] = ids.pop("~")
    change(folder, "model", "vocab", value=ids)
    change(folder, "model", name, value=value)
    with pytest.raises(ValueError, match=message):
        read(folder)


def test_a_class_whose_bpe_is_none_of_bytes_is_refused(written, tmp_path):
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        shutil.copy(written / name, tmp_path)
    assert read(tmp_path).row_layout == "double_separator"
    use(tmp_path, tokenizer_class="CLIPTokenizer")
    with pytest.raises(ValueError, match=r'tokenizer_class is "CLIPTokenizer"; bert_tf reads Bart'):
        read(tmp_path)


def test_two_files_with_other_ids_are_refused(written, tmp_path):
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    ids = json.loads((tmp_path / "vocab.json").read_text())
    first, second = [token for token in ids if len(token) == 1][:2]
    change(tmp_path, "model", "vocab", value={**ids, first: ids[second], second: ids[first]})
    with pytest.raises(
        ValueError, match=r"tokenizer.json: the id \d+ is .*; in .*vocab.json it is"
    ):
        read(tmp_path)
