"""SentencePiece unigram: ids of the library, the rules of ALBERT and XLM-RoBERTa, offsets."""

import unicodedata

import keras
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.tokenization.sentence_piece import SentencePieceTokenizer
from bert_tf.tokenization.sentence_piece_model import SentencePieceModel
from bert_tf.tokenization.tokenizer import Tokenizer

sentencepiece = pytest.importorskip("sentencepiece")
from tests.tokenization import unigram_models  # noqa: E402  (it needs sentencepiece)

CHARACTERS = st.one_of(
    st.sampled_from(
        "abcdefgh 0123456789,.()-–  \t\n\u3000\u0085`'\"ÀéßΣσİ漢字кн½ﬁ１Ａ\u0301\u0327"
    ),
    st.sampled_from(["``", "''", "9,", "１,", "walked", "café", "e\u0301", "हि", "[MASK]", "▁"]),
    st.characters(blacklist_categories=["Cs", "Cn"]),
)
BLANKS = (" ", "\t", "\n", "\u3000", "\u0085")
TEXTS = st.lists(st.lists(CHARACTERS, max_size=20).map("".join), max_size=3)


def google(text: str) -> str:
    """preprocess_text of google-research/albert, by Python's own Unicode."""
    text = " ".join(text.replace("\u0085", " ").strip().split(" "))
    text = text.replace("``", '"').replace("''", '"')
    text = unicodedata.normalize("NFKD", text)
    return "".join(c for c in text if not unicodedata.combining(c)).lower()


def tokens(tokenizer: Tokenizer, text: str) -> list[str]:
    return [tokenizer.tokens[i] for i in tokenizer.tokenize([text]).to_list()[0]]


@pytest.mark.parametrize("family", ["albert", "xlm_roberta"])
@given(texts=TEXTS)
@settings(max_examples=30, deadline=None)
def test_ids_are_those_of_the_library(family, texts):
    tokenizer = unigram_models.tokenizer(family, google_rules=True)
    library = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model.content)
    ids, starts, ends = tokenizer.tokenize_with_offsets(tf.constant(texts, tf.string))
    assert ids.to_list() == tokenizer.tokenize(tf.constant(texts, tf.string)).to_list()
    for i, text in enumerate(texts):
        form = google(text) if family == "albert" else text.replace("\u0085", " ")
        expected = []
        for piece in library.encode(form, out_type=str):
            if len(piece) > 1 and piece[-1] == "," and piece[-2].isdigit():
                rest = library.encode(piece[:-1].replace("▁", ""), out_type=str)
                if piece[0] != "▁" and rest[0][0] == "▁":
                    rest = rest[1:] if len(rest[0]) == 1 else [rest[0][1:], *rest[1:]]
                expected += [*rest, ","]
            else:
                expected.append(piece)
        known = [piece if piece in tokenizer.tokens else "<unk>" for piece in expected]
        assert [tokenizer.tokens[k] for k in ids.to_list()[i]] == known
        places = list(zip(starts.to_list()[i], ends.to_list()[i], strict=True))
        assert all(0 <= a <= b <= len(text) for a, b in places)
        assert not any(
            text[a:b].startswith(BLANKS) or text[a:b].endswith(BLANKS) for a, b in places
        )
        assert [a for a, _ in places] == sorted(a for a, _ in places)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("Café  walked", ["Café", "walked"]),
        ("``Read'' 1999,", ["``", "Read", "''", "1999,"]),
        ("e\u0301 ½ ﬁ", ["e\u0301", "½", "ﬁ"]),
    ],
)
def test_spans_cover_the_words_as_they_were_written(text, spans):
    tokenizer = unigram_models.tokenizer("albert")
    _, starts, ends = (x.to_list()[0] for x in tokenizer.tokenize_with_offsets([text]))
    covered = {i for a, b in zip(starts, ends, strict=True) for i in range(a, b)}
    assert covered == {i for i, c in enumerate(text) if c != " "}
    for span in spans:
        begin = text.index(span)
        assert begin in starts
        assert begin + len(span) in ends


@pytest.mark.parametrize("google_rules", [False, True])
def test_a_comma_behind_a_digit_is_split_by_google_s_rule_alone(google_rules):
    tokenizer = unigram_models.tokenizer("albert", google_rules=google_rules)
    ids, starts, ends = (x.to_list()[0] for x in tokenizer.tokenize_with_offsets(["x 1999, x"]))
    found = [tokenizer.tokens[i] for i in ids]
    spans = ["x 1999, x"[a:b] for a, b in zip(starts, ends, strict=True)]
    assert ("9," in found) != google_rules
    assert ("," in found) == google_rules
    assert ("," in spans) == google_rules


def test_vowel_signs_stay_by_google_s_rule_alone():
    for google_rules in (False, True):
        tokenizer = unigram_models.tokenizer("albert", google_rules=google_rules)
        form = tokenizer.normalize(tf.constant(["हिन्दी é"])).numpy()[0].decode()
        assert form == ("हिनदी e" if google_rules else "हनद e")


def test_settings_of_case_and_accents():
    model = unigram_models.model("albert")
    texts = tf.constant(["CAFÉ"])
    forms = {
        (lower, keep): SentencePieceTokenizer(model, do_lower_case=lower, keep_accents=keep)
        .normalize(texts)
        .numpy()[0]
        .decode()
        for lower in (True, False)
        for keep in (True, False)
    }
    assert forms == {
        (True, True): "café",
        (True, False): "cafe",
        (False, True): "CAFÉ",
        (False, False): "CAFE",
    }


def test_xlm_roberta_has_its_own_ids_around_those_of_the_model():
    tokenizer = unigram_models.tokenizer("xlm_roberta")
    assert tokenizer.special_ids == (1, 3, 0, 2, len(tokenizer) - 1)
    assert tokenizer.tokens[:4] == ("<s>", "<pad>", "</s>", "<unk>")
    assert tokenizer.tokens[4:-1] == tokenizer.model.pieces[3:]
    assert tokens(tokenizer, "river ☃") == ["▁river", "▁", "<unk>"]
    rows = tokenizer.encode(["Anna"], ["ran"], max_seq_length=12)
    first, second = (tokenizer.tokenize([text]).to_list()[0] for text in ("Anna", "ran"))
    expected = [0, *first, 2, 2, *second, 2]
    assert rows["input_ids"].numpy()[0].tolist() == expected + [1] * (12 - len(expected))
    assert not rows["segment_ids"].numpy().any()


def test_albert_has_the_row_layout_of_bert():
    tokenizer = unigram_models.tokenizer("albert")
    first, second = (tokenizer.tokenize([text]).to_list()[0] for text in ("Anna", "ran"))
    rows = tokenizer.encode(["Anna"], ["ran"], max_seq_length=20, pad=False)
    cls, sep = (tokenizer.tokens.index(token) for token in ("[CLS]", "[SEP]"))
    assert rows["input_ids"].numpy()[0].tolist() == [cls, *first, sep, *second, sep]
    segments = [0] * (len(first) + 2) + [1] * (len(second) + 1)
    assert rows["segment_ids"].numpy()[0].tolist() == segments


def test_decode_gives_readable_text_back():
    tokenizer = unigram_models.tokenizer("xlm_roberta")
    text = "Anna walked rivers, 3 Москва."
    rows = tokenizer.encode([text], max_seq_length=50)
    assert tokenizer.decode(rows["input_ids"]).numpy()[0].decode() == text


def test_a_word_begins_with_a_space_or_a_sign_or_without_spaces():
    tokenizer = unigram_models.tokenizer("xlm_roberta")
    begins = dict(zip(tokenizer.tokens, tokenizer.begins_word.tolist(), strict=True))
    assert begins["▁river"]
    assert begins["."]
    assert begins["漢"]
    assert not begins["s"]


def test_a_special_token_in_a_text_is_kept_if_asked():
    tokenizer = unigram_models.tokenizer("albert")
    ids = tokenizer.tokenize(["anna [MASK] ran"], keep_special_tokens=True).to_list()[0]
    assert ids.count(tokenizer.mask_id) == 1
    assert tokenizer.mask_id not in tokenizer.tokenize(["anna [MASK] ran"]).to_list()[0]


@pytest.mark.parametrize("family", ["albert", "xlm_roberta"])
def test_a_saved_tokenizer_loads_equal(tmp_path, family):
    tokenizer = unigram_models.tokenizer(family, google_rules=True)
    tokenizer.save(str(tmp_path))
    read = Tokenizer.from_folder(str(tmp_path))
    assert read.settings() == tokenizer.settings()
    assert read.identity == tokenizer.identity
    assert read.tokenize(["Anna ran 1999, x"]).to_list() == (
        tokenizer.tokenize(["Anna ran 1999, x"]).to_list()
    )


def test_a_tokenizer_outlives_the_kernels_that_tensorflow_caches():
    tokenizer = unigram_models.tokenizer("albert")
    before = tokenizer.tokenize(["the cat"]).to_list()
    keras.backend.clear_session()
    assert tokenizer.tokenize(["the cat"]).to_list() == before


def test_a_saved_model_gives_the_same_ids(tmp_path):
    tokenizer = unigram_models.tokenizer("albert")
    module = tf.Module()
    module.tokenizer = tokenizer
    module.encode = tf.function(
        lambda texts: tokenizer.encode(texts, max_seq_length=16, keep_special_tokens=True),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path))
    texts = tf.constant(["Chloé [MASK] 漢字", "É"])
    expected = tokenizer.encode(texts, max_seq_length=16, keep_special_tokens=True)["input_ids"]
    loaded = tf.saved_model.load(str(tmp_path)).encode(texts)["input_ids"]
    assert loaded.numpy().tolist() == expected.numpy().tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[: len(content) // 2 + 1], "no SentencePiece model, or a damaged"),
        (lambda content: b"", "no SentencePiece model"),
        (lambda content: b"\x00" * 100, "no SentencePiece model"),
        (lambda content: b"version https://git-lfs.github.com/spec/v1\n", "no SentencePiece model"),
    ],
)
def test_a_broken_model_is_one_line_that_names_the_file(tmp_path, change, message):
    path = tmp_path / "spiece.model"
    path.write_bytes(change(unigram_models.model("albert").content))
    with pytest.raises(ValueError, match=rf"spiece\.model: {message}") as error:
        SentencePieceTokenizer.read(str(path), {})
    assert "\n" not in str(error.value)


def test_a_model_of_another_family_or_algorithm_is_named():
    with pytest.raises(ValueError, match=r"no <pad>, \[CLS\], \[SEP\], \[MASK\]"):
        SentencePieceTokenizer(unigram_models.model("xlm_roberta"), family="albert")
    with pytest.raises(ValueError, match="the first pieces are"):
        SentencePieceTokenizer(unigram_models.model("albert"), family="xlm_roberta")
    with pytest.raises(ValueError, match="the model is for BPE; expected unigram"):
        SentencePieceModel.from_bytes(b"\n\x05\n\x01a\x18\x02\x12\x02\x18\x02")
