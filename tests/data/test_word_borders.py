"""Words of Chinese are masked as wholes where their borders are given or found."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data.building.builder import create_pretraining_data
from bert_tf.data.building.settings import DataSettings
from bert_tf.data.masks import word_borders
from bert_tf.data.records import release_format
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.release_format import StaticMasks
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

# Words as a segmenter finds them; \u3002 is the full stop.
SENTENCES = (
    "\u6211\u4eec \u5728 \u5317\u4eac \u5b66\u4e60 rains \u3002",
    "\u5927\u5b66 \u7684 \u5b66\u751f \u559c\u6b22 \u97f3\u4e50 \u3002",
    "\u670b\u53cb \u770b\u89c1 \u97f3\u4e50 \u8001\u5e08 \u3002",
)
SIGNS = sorted({sign for sentence in SENTENCES for sign in sentence if ord(sign) > 127})
TOKENIZER = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, *SIGNS, "rain", "##s"]))


def marks(borders, texts):
    """The texts' tokens, with a + where one goes on with a word."""
    texts = tf.constant(texts, tf.string, shape=[len(texts)])
    ids = word_borders.tokenize_function(TOKENIZER, borders)(texts).to_list()
    size = len(TOKENIZER)
    return [
        " ".join("+" * (i >= size) + TOKENIZER.token_texts[i % size] for i in row) for row in ids
    ]


def expected(sentence):
    words = [" +".join(word) if ord(word[0]) > 127 else "rain s" for word in sentence.split()]
    return " ".join(words)


@pytest.fixture(params=["given", "jieba"])
def borders(request):
    return request.param


def written(borders):
    """The sentences as a file has them: with spaces between words, or as Chinese is written."""
    return SENTENCES if borders == "given" else [s.replace(" ", "") for s in SENTENCES]


def test_tokens_that_go_on_with_a_word_are_marked(borders):
    assert marks(borders, list(written(borders))) == [expected(s) for s in SENTENCES]
    assert marks(borders, []) == []


def build(tmp_path, borders, **masks):
    text = tmp_path / "text.txt"
    text.write_text("\n".join([*written(borders), "", ""]) * 40)
    settings = DataSettings(
        max_seq_length=16,
        objective="none",
        static_masks=StaticMasks(do_whole_word_mask=True, word_borders=borders, **masks),
    )
    output = str(tmp_path / "data")
    manifest = create_pretraining_data(str(text), TOKENIZER, output, settings)
    return output, manifest


def test_words_are_masked_as_wholes(tmp_path, borders):
    output, manifest = build(tmp_path, borders, masked_lm_prob=0.3)
    assert Manifest.load(output).static_masks["word_borders"] == borders
    rows = release_format.read_shard(output, manifest, 0, len(TOKENIZER))
    words = {tuple(word) for sentence in SENTENCES for word in sentence.split()}
    found, pairs = rows.predictions, 0
    for row in range(len(rows)):
        used = found.masked_lm_weights[row] > 0
        places = found.masked_lm_positions[row][used]
        ids = rows.input_ids[rows.offsets[row] : rows.offsets[row + 1]].copy()
        ids[places] = found.masked_lm_ids[row][used]
        assert ids.max() < len(TOKENIZER)
        texts = [TOKENIZER.token_texts[i] for i in ids]
        for place in places:
            for word in words:
                if len(word) == 2 and word[0] == texts[place] and word[1] == texts[place + 1]:
                    assert place + 1 in places
                    pairs += 1
    assert pairs > 10


def test_borders_change_no_token(tmp_path):
    rows = {}
    for borders in ("given", "none"):
        folder = tmp_path / borders
        folder.mkdir()
        text = folder / "text.txt"
        text.write_text("\n".join([*SENTENCES, "rain"]))
        masks = StaticMasks(do_whole_word_mask=borders != "none", word_borders=borders)
        settings = DataSettings(max_seq_length=64, objective="none", static_masks=masks)
        create_pretraining_data(str(text), TOKENIZER, str(folder / "data"), settings)
        manifest = Manifest.load(str(folder / "data"))
        table = release_format.read_shard(str(folder / "data"), manifest, 0, len(TOKENIZER))
        places, used = table.predictions.masked_lm_positions, table.predictions.masked_lm_weights
        ids = table.input_ids.copy()
        ids[places[used > 0]] = table.predictions.masked_lm_ids[used > 0]
        rows[borders] = ids
    np.testing.assert_array_equal(rows["given"], rows["none"])


@pytest.mark.parametrize(
    "text", ["\u6211\u4eec\u5728\u5317\u4eac\u5b66\u4e60", "\u6211 \u4eec \u5728"]
)
def test_text_without_borders_is_refused(tmp_path, text):
    file = tmp_path / "text.txt"
    file.write_text((text + "\n") * 9 + "\n" + text)
    masks = StaticMasks(do_whole_word_mask=True, word_borders="given")
    with pytest.raises(ValueError, match="ideographs go on with a word; expected about half"):
        create_pretraining_data(
            str(file), TOKENIZER, str(tmp_path / "data"), DataSettings(static_masks=masks)
        )


def test_settings_that_cannot_be_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="borders are for masks of whole words"):
        StaticMasks(word_borders="given").masker(TOKENIZER, 0)
    with pytest.raises(ValueError, match="must be one of none, given, jieba"):
        StaticMasks(do_whole_word_mask=True, word_borders="x").masker(TOKENIZER, 0)
    monkeypatch.setitem(sys.modules, "jieba", None)
    word_borders._segmenter.cache_clear()
    with pytest.raises(ValueError, match=r"pip install 'bert-tf\[chinese\]'"):
        word_borders.tokenize_function(TOKENIZER, "jieba")
