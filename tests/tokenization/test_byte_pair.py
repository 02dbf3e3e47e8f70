"""Byte-level BPE: the ids and offsets of `tokenizers`, special tokens, rows, files and limits."""

import random
import time

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken

from benchmarks.contestants import reference_tokenizers
from bert_tf.tokenization.byte_pair import BytePairTokenizer
from bert_tf.tokenization.byte_pair_vocabulary import BytePairVocabulary, byte_alphabet
from bert_tf.tokenization.tokenizer import Tokenizer
from tests.tokenization import byte_pair_vocabularies

HARD = [
    *byte_pair_vocabularies.TEXT.split("\n"),
    "a\nb\n\nc",
    "a \n b\t\tc  d   ",
    "\u096c six \u0966\u096c",
    "they'll've 'tis don''t I'M it's's 's",
    "aaaaaaa aaaaaaaa hahahahahaha =========",
    "\u00a0\u00a0x\u2028\u2029 y\u3000\u3000z\u0085\u0085\u1680w\x1c\x1dv",
    "\U0001f600\U0001f468\u200d\U0001f469 \U00020000\U000323b0 \u1c89\u1c8a",
    "\u0000\u0001 \x7f",
    " ",
    "  ",
    "\n\n",
]
_WORDS = st.sampled_from(
    [*("a", "fox", " the", "'s", "'ll", "'", " ", "  ", "\n\n", "\t"), "12", "½", "中文", "😀", "६"]
)
TEXTS = st.one_of(
    st.text(), st.lists(_WORDS).map("".join), st.text(alphabet=byte_pair_vocabularies.TEXT)
)


@pytest.fixture(scope="module", params=[False, True], ids=["as it is", "prefix space"])
def tokenizer(request) -> BytePairTokenizer:
    return byte_pair_vocabularies.tokenizer(add_prefix_space=request.param)


@pytest.fixture(scope="module")
def reference(tokenizer):
    return reference_tokenizers.make(tokenizer)


@pytest.fixture(scope="module")
def encode(tokenizer):
    function = tf.function(tokenizer.tokenize_with_offsets, autograph=False)
    return function.get_concrete_function(tf.TensorSpec([None], tf.string))


def assert_equal(texts: list[str], encode, reference) -> None:
    ids, starts, ends = (x.to_list() for x in encode(tf.constant(texts)))
    for i, expected in enumerate(reference.encode_batch(texts, add_special_tokens=False)):
        assert ids[i] == expected.ids, texts[i]
        own = list(zip(starts[i], ends[i], strict=True))
        # `tokenizers` takes a space that stands in the text for the one that it puts there.
        first = int(texts[i].startswith(" "))
        assert own[first:] == expected.offsets[first:], texts[i]


def test_ids_and_offsets_are_those_of_tokenizers(encode, reference):
    assert_equal(HARD, encode, reference)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_any_text_has_the_ids_and_offsets_of_tokenizers(encode, reference, texts):
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    assert_equal(texts, encode, reference)


def test_every_character_is_cut_off_where_tokenizers_cuts(encode, reference):
    points = [p for p in range(1, 0x110000) if not 0xD800 <= p < 0xE000]
    blocks = np.array_split(np.array(points[::19]), 400)
    assert_equal([" a1".join(map(chr, block)) + "." for block in blocks], encode, reference)


def test_tokenize_gives_the_ids_of_tokenize_with_offsets(tokenizer):
    ids = tokenizer.tokenize(tf.constant(HARD)).to_list()
    assert ids == tokenizer.tokenize_with_offsets(tf.constant(HARD))[0].to_list()


def test_decoding_gives_the_text_back(tokenizer):
    texts = [text for text in HARD if tokenizer.add_prefix_space is False or text[:1] != " "]
    decoded = tokenizer.decode(tokenizer.tokenize(tf.constant(texts)))
    assert [text.decode() for text in decoded.numpy()] == texts


def test_bytes_that_are_not_utf_8_are_replacement_characters(tokenizer):
    texts = tf.constant([b"a\xffb", b"\xe4\xb8 x", b"ok"])
    replaced = [text.decode("utf-8", "replace") for text in texts.numpy()]
    for mine, other in zip(
        tokenizer.tokenize_with_offsets(texts),
        tokenizer.tokenize_with_offsets(tf.constant(replaced)),
        strict=True,
    ):
        assert mine.to_list() == other.to_list()


def test_special_tokens_in_a_text_are_kept_if_asked(tokenizer, reference):
    names = ("<s>", "<pad>", "</s>", "<unk>")
    reference.add_special_tokens([*names, AddedToken("<mask>", lstrip=True, special=True)])
    texts = ["a <mask> fox", "<mask>", "a  \n<mask>\n the<mask>.</s> <s>x", "<pad><unk>", "none"]
    ids, starts, ends = (
        x.to_list()
        for x in tokenizer.tokenize_with_offsets(tf.constant(texts), keep_special_tokens=True)
    )
    for i, expected in enumerate(reference.encode_batch(texts, add_special_tokens=False)):
        assert ids[i] == expected.ids, texts[i]
        for at in np.flatnonzero(np.array(ids[i]) == tokenizer.mask_id):
            assert (starts[i][at], ends[i][at]) == expected.offsets[at]
    kept = tokenizer.tokenize(tf.constant(texts), keep_special_tokens=True)
    assert kept.to_list() == ids
    assert tokenizer.mask_id not in np.concatenate(tokenizer.tokenize(tf.constant(texts)).to_list())


def test_rows_are_laid_out_as_those_of_roberta_or_modernbert():
    texts = tf.constant(["fox"]), tf.constant(["dog"])
    double = byte_pair_vocabularies.tokenizer()
    single = byte_pair_vocabularies.tokenizer(row_layout="single_separator")
    first, second = (double.tokenize(text).to_list()[0] for text in texts)
    assert double.encode(*texts, max_seq_length=20, pad=False)["input_ids"].numpy().tolist() == [
        [0, *first, 2, 2, *second, 2]
    ]
    row = single.encode(*texts, max_seq_length=20, pad=False)
    assert row["input_ids"].numpy().tolist() == [[0, *first, 2, *second, 2]]
    assert row["segment_ids"].numpy().tolist() == [[0] * (len(first) + 2) + [1] * (len(second) + 1)]


def test_words_begin_with_a_blank_or_a_sign():
    tokenizer = byte_pair_vocabularies.tokenizer()
    ids = tokenizer.tokenize(tf.constant(["the brown foxes, zqx!"]))
    tokens = tokenizer.tokens_of(ids.values).numpy().tolist()
    words: dict[int, str] = {}
    for word, token in zip(tokenizer.word_ids(ids).to_list()[0], tokens, strict=True):
        words[word] = words.get(word, "") + token.decode()
    assert list(words.values()) == ["the", "Ġbrown", "Ġfoxes", ",", "Ġzqx", "!"]


def test_a_folder_gives_the_tokenizer_back(tmp_path, tokenizer):
    tokenizer.save(str(tmp_path))
    again = Tokenizer.from_folder(str(tmp_path))
    assert type(again) is BytePairTokenizer
    assert again.identity == tokenizer.identity and again.settings() == tokenizer.settings()
    assert again.tokenize(tf.constant(HARD)).to_list() == tokenizer.tokenize(HARD).to_list()


def test_ids_that_are_left_out_stand_for_nothing():
    ids = {**{token: i for i, token in enumerate(byte_alphabet())}}
    ids |= {"<s>": 300, "<pad>": 301, "</s>": 302, "<unk>": 303, "<mask>": 310}
    vocabulary = BytePairVocabulary(ids, [])
    tokenizer = BytePairTokenizer(vocabulary)
    assert len(tokenizer) == 311
    assert tokenizer.tokens[304] == ""
    assert tokenizer.decode(tf.constant([[ord("a"), 304, ord("b"), 310]])).numpy() == [b"ab"]


@pytest.mark.parametrize(
    ("merges", "words"),
    [
        # (b, c) first; then abc has two ways, of which a later merge of a lower rank uses one.
        ([("b", "c"), ("a", "bc"), ("abc", "d"), ("a", "b"), ("ab", "c")], "abcd"),
        ([("abc", "d"), ("b", "c"), ("a", "bc")], "abcd"),
        ([("a", "a"), ("aa", "aa"), ("aa", "a")], "aaaaaaa"),
        ([("aa", "a"), ("a", "a")], "aaaaaaa"),
    ],
)
def test_merges_in_any_order_give_the_ids_of_tokenizers(merges, words):
    tokens = [*byte_alphabet(), "<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokens += sorted({"".join(merge) for merge in merges})
    vocabulary = BytePairVocabulary({token: i for i, token in enumerate(tokens)}, merges)
    tokenizer = BytePairTokenizer(vocabulary)
    texts = [words, words * 3, words[1:], words[::-1]]
    expected = reference_tokenizers.make(tokenizer).encode_batch(texts, add_special_tokens=False)
    assert tokenizer.tokenize(tf.constant(texts)).to_list() == [x.ids for x in expected]


def _doubling(times: int) -> BytePairTokenizer:
    """Merges a to aa, aa to aaaa and so on."""
    merges = [("a" * 2**i,) * 2 for i in range(times)]
    tokens = [*byte_alphabet(), "<s>", "<pad>", "</s>", "<unk>", "<mask>", *map("".join, merges)]
    return BytePairTokenizer(BytePairVocabulary({t: i for i, t in enumerate(tokens)}, merges))


@pytest.mark.parametrize("times", [3, 8])  # 8: tokens are longer than what stretches share
def test_long_words_have_the_ids_of_tokenizers(times):
    letters = random.Random(0)
    words = ["a" * n for n in (255, 256, 257, 383, 384, 385, 1001)] + ["ba" * 300, "short"]
    words += ["".join(letters.choices("ab", (9, 1), k=2000)) for _ in range(3)]
    words += ["".join(letters.choices("foxesdogandcat", k=1500)) for _ in range(2)]
    for tokenizer in (_doubling(times), byte_pair_vocabularies.tokenizer()):
        reference = reference_tokenizers.make(tokenizer)
        expected = reference.encode_batch(words, add_special_tokens=False)
        assert tokenizer.tokenize(tf.constant(words)).to_list() == [x.ids for x in expected]


def test_a_word_of_100_000_letters_costs_little_more_than_its_length():
    tokenizer = byte_pair_vocabularies.tokenizer()
    word = "".join(random.Random(0).choices("foxesdogandcat", k=100_000))
    tokenize = tf.function(tokenizer.tokenize, autograph=False)
    seconds = []
    for length in (20, 10_000, 100_000):
        text = tf.constant([word[:length]])
        begin = time.process_time()
        tokenize(text)
        seconds.append(time.process_time() - begin)
    assert seconds[2] < 30 * seconds[1] + 1  # were it quadratic, 100 times


CONFIG = '{"kind": "byte_pair", "%s": "%s"}'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vocab.json", "[]", "expected a JSON object"),
        ("vocab.json", '{"a": "b"}', "the id of 'a' is 'b'; expected a whole number"),
        ("vocab.json", '{"a": 0, "b": 0}', "id 0 belongs to 'a' and to 'b'"),
        ("vocab.json", '{"a": 0}', "pad_token is '<pad>', which is no token"),
        ("merges.txt", "#version: 0.2\na b c\n", "line 2: 'a b c'; expected two tokens"),
        ("merges.txt", "a \u4e2d\n", "merge 1 is 'a \u4e2d', but '\u4e2d' is no token"),
        ("tokenizer_config.json", CONFIG % ("row_layout", "x"), "row_layout is 'x'"),
        ("tokenizer_config.json", CONFIG % ("unk_token", "[U]"), "unk_token is '[U]'"),
    ],
)
def test_a_faulty_file_is_named(tmp_path, name, content, message):
    byte_pair_vocabularies.tokenizer().save(str(tmp_path))
    if name == "vocab.json":
        (tmp_path / "merges.txt").write_text("")
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match="(?s)" + message.replace("[", r"\[")) as error:
        Tokenizer.from_folder(str(tmp_path))
    assert "\n" not in str(error.value)


class Encoder(tf.Module):
    def __init__(self, tokenizer: Tokenizer):
        super().__init__()
        self.tokenizer = tokenizer

    @tf.function
    def encode(self, text: tf.Tensor) -> tf.Tensor:
        return self.tokenizer.encode(text, max_seq_length=40, keep_special_tokens=True)["input_ids"]


def test_a_saved_model_and_a_dataset_give_the_same_ids(tmp_path):
    encoder = Encoder(byte_pair_vocabularies.tokenizer())
    expected = encoder.encode(tf.constant(HARD)).numpy().tolist()
    signature = encoder.encode.get_concrete_function(tf.TensorSpec([None], tf.string))
    tf.saved_model.save(encoder, str(tmp_path), signatures=signature)
    served = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    (found,) = served(text=tf.constant(HARD)).values()
    assert found.numpy().tolist() == expected
    dataset = tf.data.Dataset.from_tensors(HARD).map(encoder.encode)
    assert next(iter(dataset)).numpy().tolist() == expected
