"""Our tokenizer against Model Garden's fork of Google's reference, on lines in many scripts.

Model Garden brings Keras 2: these tests run in a process of their own, without Keras 3 models.
"""

import pytest
from official.nlp.tools import tokenization as reference

from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

_WORDS = """
    the quick brown fox jump ##s ##ed over lazy dog un ##aff ##able Un The Fox PARIS Paris paris
    caf ##e ##é cafe café naive naïve na ##ive ##ïve strasse straße stra ##ße größe grosse
    ΟΔΟΣ οδος οδός οδοσ ##ς ##σ москва Москва мос ##ква й и ##й istanbul İstanbul i ##stanbul
    日 本 語 中 国 人 東 京 カ ##タ ##カナ タ カタ ##タカナ 한국 ##어 한 ##국 สวัส ##ดี ส ##วัสดี
    नम ##स्ते न ##म ##स ##त مرحبا مر ##حبا שלום של ##ום
    tiếng viet ##t việt Việt ti ##ếng ##eng
    1 2 10 ##0 3 . , ! ? ' " - ( ) [ ] # $ % & * + / : ; < = > @ \\ ^ _ ` { | } ~
    “ ” ‘ ’ … – — « » ¿ ¡ 。 、 「 」 a b c d e o u A B ##a ##b ##c ##n ##t ##d ##o ½ ﬁ ##ﬁ fi
    ™ € 😀
"""

_LINES = [
    "The quick brown fox jumped over the lazy dog.",
    "the fox's un-unaffable cafe (naive!) costs $10, or 20%?",
    "Café naïve Straße GRÖSSE größe",
    "e\u0301 cafe\u0301 vie\u0323\u0302t Việt tiếng Việt Tiếng",
    "ΟΔΟΣ οδός Οδος ΟΔΟΣ.",
    "Москва москва МОСКВА й и\u0306",
    "İstanbul ıstanbul ISTANBUL",
    "日本語カタカナ東京。中国人、「日本」",
    "私はparisに行く123",
    "한국어 한국",
    "สวัสดี नमस्ते مرحبا שָׁלוֹם שלום",
    "“quoted” ‘it’ … – — « » ¿a? ¡b! ½ ﬁ ™ €10 😀😀",
    "tabs\tand\u00a0spaces\u3000and\u2009thin\u200bzero\u200dwidth\ufeffmark",
    "control\x01\x02 null\x00 replacement\ufffd soft\u00adhyphen \u2028 line \u2029 \x85 \x0b",
    "a\r\nb\rc\nd",
    "under_score #hash [MASK] [CLS] not special [sep] [UNK]",
    "https://a.b/c?d=e&a=1 user@a.b",
    "a" * 100 + " " + "ab" * 100 + " " + "a" * 201 + " b",
    "日" * 300,
    "xyz Xa aX",
    "",
    "   ",
    "...",
    "\U00020000 \U0002f800 \uf900 \u4e00a\u9fff",
]


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary(dict.fromkeys([*SPECIAL_TOKENS, *_WORDS.split()]))


@pytest.mark.parametrize("do_lower_case", [True, False])
@pytest.mark.parametrize("line", _LINES)
def test_a_line_is_cut_into_the_tokens_of_the_reference(
    vocabulary, line, do_lower_case, tmp_path_factory
):
    vocab_file = str(tmp_path_factory.mktemp("vocab") / "vocab.txt")
    vocabulary.save(vocab_file)
    garden = reference.FullTokenizer(vocab_file, do_lower_case=do_lower_case)
    # Model Garden raised the longest word to 400 characters; google-research/bert has 200.
    garden.wordpiece_tokenizer.max_input_chars_per_word = 200
    ours = WordPieceTokenizer(vocabulary, do_lower_case=do_lower_case)
    tokens = [token.decode("utf-8") for token in ours.tokens_of(ours.tokenize([line])[0]).numpy()]
    assert tokens == garden.tokenize(line)


def test_the_lines_reach_words_pieces_and_unknown_words(vocabulary):
    ours = WordPieceTokenizer(vocabulary)
    tokens = [
        token.decode("utf-8") for token in ours.tokens_of(ours.tokenize(_LINES).values).numpy()
    ]
    assert sum(token.startswith("##") for token in tokens) > 20
    assert 10 < tokens.count("[UNK]") < len(tokens) / 3
