"""SentencePiece unigram as TensorFlow ops: the tokenizers of ALBERT and XLM-RoBERTa.

tensorflow-text's op does the work of the SentencePiece library. Around it stand what the two
families do to a text before, their special tokens and their ids.

Shapes: N texts, C characters of all texts, T tokens of all texts, V vocabulary. A dimension in
brackets is ragged.
"""

import functools
import hashlib
import os
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf.files import write_whole
from bert_tf.tokenization import byte_level, sentence_piece_text, tokenizer
from bert_tf.tokenization.added_tokens import AddedToken
from bert_tf.tokenization.charsmap import Charsmap
from bert_tf.tokenization.code_points import Normalized
from bert_tf.tokenization.row_layout import RowLayout
from bert_tf.tokenization.sentence_piece_model import CONTROL, SPACE, SentencePieceModel
from bert_tf.tokenization.sentence_piece_op import SentencePieceOp

VOCABULARY_FILE = "spiece.model"
ALBERT, XLM_ROBERTA = "albert", "xlm_roberta"
_SPECIAL_TOKENS = {
    ALBERT: ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"),
    XLM_ROBERTA: ("<pad>", "<unk>", "<s>", "</s>", "<mask>"),
}
# XLM-RoBERTa's ids: these four, the model's pieces behind its own first three, and the mask token.
_FIRST = ("<s>", "<pad>", "</s>", "<unk>")
_NUM_OWN = 3  # <unk>, <s> and </s> of the model
# Scripts that are written without spaces: every piece of them begins a word.
_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "BOPOMOFO")


class SentencePieceTokenizer(tokenizer.Tokenizer):
    """Cuts text into the pieces of a unigram model, in the graph. See the base class.

    Args:
      model: the model.
      family: "albert" (`[CLS] A [SEP] B [SEP]` with segments; ids are those of the model) or
        "xlm_roberta" (`<s> A </s></s> B </s>` without segments; ids are one higher).
      do_lower_case: put the text into lower case. Only ALBERT's do.
      keep_accents: do not take apart characters with accents and remove the accents. XLM-RoBERTa
        keeps them in any case.
      google_rules: treat text as google-research/albert does and not as transformers: a comma
        behind a digit is a token of its own ("9," is "9" and ","), and of combining marks only
        those go that have a combining class (vowel signs of Hindi and Thai stay).
      added: tokens that are whole in every text, see the base class.

    Example:
      tokenizer = bert_tf.load_tokenizer("albert-base-v2")
      inputs = tokenizer.encode(["A sentence."], ["Another."], max_seq_length=128)
    """

    FILES = (VOCABULARY_FILE,)
    SETTINGS = {"family": str, "do_lower_case": bool, "keep_accents": bool, "google_rules": bool}

    def __init__(
        self,
        model: SentencePieceModel,
        *,
        family: str = ALBERT,
        do_lower_case: bool = True,
        keep_accents: bool = False,
        google_rules: bool = False,
        added: Sequence[AddedToken] = (),
    ):
        if family not in _SPECIAL_TOKENS:
            raise ValueError(f"family is {family!r}; expected {ALBERT!r} or {XLM_ROBERTA!r}")
        self.model = model
        self.family = family
        self.do_lower_case = bool(do_lower_case) and family == ALBERT
        self.keep_accents = bool(keep_accents) or family == XLM_ROBERTA
        self.google_rules = bool(google_rules)
        self._special_ids = self._find_special_ids()
        self._rules = sentence_piece_text.Rules(
            quotes=family == ALBERT,
            lower=self.do_lower_case,
            decompose=not self.keep_accents,
            google=self.google_rules,
        )
        super().__init__(added)
        self._op = SentencePieceOp(model.content)
        self._ids_of_model = tf.constant(self._id_table())
        self._written_V = tf.constant(self._written())
        self._commas = self._comma_table() if self.google_rules else None

    @classmethod
    def read(cls, path: str, settings: Mapping[str, Any]) -> "SentencePieceTokenizer":
        """The tokenizer of a .model file, or of the `spiece.model` in a folder.

        Raises:
          ValueError: the file is missing or no unigram model, or it has no such special tokens.
        """
        file = os.path.join(path, VOCABULARY_FILE) if tf.io.gfile.isdir(path) else path
        known = {name: settings[name] for name in cls.SETTINGS if settings.get(name) is not None}
        model = SentencePieceModel.from_file(file)
        try:
            return cls(model, **known, added=settings.get("added_tokens") or ())
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None

    def save_vocabulary(self, folder: str) -> None:
        """See the base class."""
        write_whole(os.path.join(folder, VOCABULARY_FILE), self.model.content)

    @functools.cached_property
    def vocabulary_tokens(self) -> tuple[str, ...]:
        """The pieces as the model spells them, in the order of the family's ids."""
        pieces = self.model.pieces
        if self.family == ALBERT:
            return pieces
        return (*_FIRST, *pieces[_NUM_OWN:], "<mask>")

    @functools.cached_property
    def vocabulary_texts(self) -> tuple[str, ...]:
        """The pieces without the sign for a space before them."""
        return tuple(piece.removeprefix(SPACE) for piece in self.vocabulary_tokens)

    @functools.cached_property
    def vocabulary_begins_word(self) -> np.ndarray:
        """Bool: the piece begins with a space or a sign, or is of a script without spaces."""
        special = set(self.special_ids)
        return np.array(
            [i in special or _begins_word(p) for i, p in enumerate(self.vocabulary_tokens)]
        )

    def _find_special_ids(self) -> tuple[int, ...]:
        """The ids of padding, unknown, first, separator and mask token.

        Raises:
          ValueError: the model has no such pieces.
        """
        names, tokens = _SPECIAL_TOKENS[self.family], self.vocabulary_tokens
        if self.family == XLM_ROBERTA:
            own = self.model.pieces[:_NUM_OWN]
            if own != ("<unk>", "<s>", "</s>"):
                raise ValueError(
                    f"the first pieces are {', '.join(own)}; a model of family {self.family!r} "
                    "begins with <unk>, <s>, </s>."
                )
        missing = [name for name in names if name not in tokens]
        if missing:
            raise ValueError(
                f"the model has no {', '.join(missing)}; one of family {self.family!r} needs "
                f"{', '.join(names)} (sentencepiece: --control_symbols, --pad_id)."
            )
        return tuple(tokens.index(name) for name in names)

    @property
    def pad_id(self) -> int:
        """The id of `<pad>`."""
        return self._special_ids[0]

    @property
    def unk_id(self) -> int:
        """The id of `<unk>`."""
        return self._special_ids[1]

    @property
    def cls_id(self) -> int:
        """The id of `[CLS]` or `<s>`."""
        return self._special_ids[2]

    @property
    def sep_id(self) -> int:
        """The id of `[SEP]` or `</s>`."""
        return self._special_ids[3]

    @property
    def mask_id(self) -> int:
        """The id of `[MASK]` or `<mask>`."""
        return self._special_ids[4]

    @property
    def layout(self) -> RowLayout:
        """That of the family: BERT's with segments, or RoBERTa's with two separators."""
        sep, is_albert = (self.sep_id,), self.family == ALBERT
        return RowLayout(
            before=(self.cls_id,),
            between=sep if is_albert else 2 * sep,
            after=sep,
            pad=self.pad_id,
            second_segment=int(is_albert),
        )

    @property
    def vocabulary_identity(self) -> str:
        """SHA-256 of the family and the model."""
        return hashlib.sha256(f"{self.family} {self.model.sha256}".encode()).hexdigest()

    def word_form(self, word: str) -> str:
        """See the base class."""
        return word.lower() if self.do_lower_case else word

    def normalize(self, texts: tf.Tensor) -> tf.Tensor:
        """See the base class: what the family does to texts [N], and the model's own table then."""
        return tf.strings.unicode_encode(self.normalize_with_sources(texts).points, "UTF-8")

    def normalize_with_sources(self, texts: tf.Tensor) -> Normalized:
        """See the base class."""
        return self._charsmap(self._cleaned(texts))

    @functools.cached_property
    def _charsmap(self) -> Charsmap:
        """The model's table, which is only asked for where added tokens are `normalized`."""
        return Charsmap(self.model.charsmap)

    def _cleaned(self, texts: tf.Tensor) -> Normalized:
        """What the family does to texts [N] before the model, and where characters come from."""
        return sentence_piece_text.normalize_with_sources(byte_level.as_utf8(texts), self._rules)

    def cut(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """See the base class. Bytes that are not UTF-8 count as U+FFFD."""
        form = sentence_piece_text.normalize(byte_level.as_utf8(texts), self._rules)
        ids = self._op.tokenize(form)
        ids = _as_int32(ids.with_values(tf.gather(self._ids_of_model, ids.values)))
        return ids if self._commas is None else self._commas(ids)[0]

    def cut_with_offsets(
        self, texts: tf.Tensor
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """See the base class.

        White space around a token is left out of its span; a token of a space alone has an empty
        one. Where one character becomes several tokens, each has all of it.
        """
        normalized = self._cleaned(texts)
        form = tf.strings.unicode_encode(normalized.points, "UTF-8")
        ids, starts, ends = self._op.tokenize_with_offsets(form)
        ids = _as_int32(ids.with_values(tf.gather(self._ids_of_model, ids.values)))
        is_space_T = tf.gather(self._written_V, ids.values) == " "
        starts, ends = sentence_piece_text.spans(normalized, form, texts, starts, ends, is_space_T)
        return (ids, starts, ends) if self._commas is None else self._commas(ids, starts, ends)

    def join(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """See the base class: the pieces one behind the other, with spaces where they say so."""
        written = ids.with_values(tf.gather(self._written_V, ids.values))
        return tf.strings.strip(tf.strings.reduce_join(written, axis=-1))

    def _written(self) -> list[str]:
        """How `decode` writes each token: special ones not at all, added ones behind a space."""
        special, number = set(self.special_ids), len(self.vocabulary_tokens)
        written = [token.replace(SPACE, " ") for token in self.vocabulary_tokens]
        written += [f" {token}" if token else "" for token in self.tokens[number:]]
        return ["" if i in special else text for i, text in enumerate(written)]

    def _id_table(self) -> np.ndarray:
        """Int32, the id of each piece of the model."""
        ids = np.arange(len(self.model.pieces), dtype=np.int32)
        if self.family == XLM_ROBERTA:
            ids += len(_FIRST) - _NUM_OWN
            ids[:_NUM_OWN] = [_FIRST.index(piece) for piece in self.model.pieces[:_NUM_OWN]]
        return ids

    def _comma_table(self) -> sentence_piece_text.Replacements:
        """The tokens that stand for each piece that ends in a digit and a comma."""
        id_of = {piece: i for i, piece in enumerate(self.vocabulary_tokens)}
        types = dict(zip(self.model.pieces, self.model.types, strict=True))
        replacements = {}
        for piece, i in id_of.items():
            if len(piece) < 2 or piece[-1] != "," or not piece[-2].isdigit():
                continue
            if types.get(piece) == CONTROL or "," not in id_of:
                continue
            with tf.init_scope():
                text = piece[:-1].replace(SPACE, "")
                found = tf.gather(self._ids_of_model, self._op.tokenize([text]).values).numpy()
            tokens = [self.vocabulary_tokens[j] for j in found.tolist()]
            if piece[0] != SPACE and tokens[0][0] == SPACE:
                tokens = ([] if tokens[0] == SPACE else [tokens[0][1:]]) + tokens[1:]
            replacements[i] = [id_of.get(token, self.unk_id) for token in (*tokens, ",")]
        lengths = [len(text) for text in self.token_texts]
        return sentence_piece_text.Replacements(replacements, lengths)


def _as_int32(ids: tf.RaggedTensor) -> tf.RaggedTensor:
    """With row splits of int64, as all tokenizers have them."""
    return tf.RaggedTensor.from_row_splits(
        ids.values, tf.cast(ids.row_splits, tf.int64), validate=False
    )


def _begins_word(piece: str) -> bool:
    first = piece[:1]
    if first == SPACE or not first:
        return True
    if unicodedata.category(first)[0] not in "LMN":
        return True
    return unicodedata.name(first, "").startswith(_WITHOUT_SPACES)


Tokenizer = SentencePieceTokenizer  # the name under which `finding.find` looks for it
