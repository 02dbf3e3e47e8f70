"""WordPiece in a Hugging Face folder: vocab.txt or tokenizer.json, and the settings."""

from typing import Any

from absl import logging

from bert_tf.checkpoints import hugging_face_files, own_tokenizer
from bert_tf.checkpoints.hugging_face_files import CONFIG_FILE, TOKENIZER_FILE, Description
from bert_tf.checkpoints.source_files import Files, write_json
from bert_tf.tokenization import added_tokens
from bert_tf.tokenization.added_tokens import FLAGS
from bert_tf.tokenization.vocabulary import CONTINUATION_PREFIX, SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

# transformers' classes that equal its BertTokenizer.
_CLASSES = (
    "Bert",
    "ConvBert",
    "DPRContextEncoder",
    "DPRQuestionEncoder",
    "DPRReader",
    "DistilBert",
    "Electra",
    "LayoutLM",
    "Lxmert",
    "MobileBert",
    "RetriBert",
    "SqueezeBert",
)
# Hugging Face's limit; Google's is 200.
_MAX_CHARS = 100


def read(files: Files, description: Description) -> WordPieceTokenizer:
    """The tokenizer of a folder.

    Raises:
      ValueError: the vocabulary is missing, or the graph does not support a setting.
    """
    vocabulary = _read_vocabulary(files, description)
    normalizer = description.part("normalizer")
    _check(description)
    config = description.config
    settings = {
        "do_lower_case": _first_bool(config.get("do_lower_case"), normalizer.get("lowercase")),
        "strip_accents": _first_bool(config.get("strip_accents"), normalizer.get("strip_accents")),
        "max_input_chars_per_word": _limit(description),
        "added_tokens": description.added,
    }
    try:
        return own_tokenizer.word_piece(vocabulary, settings, files.path)
    except ValueError as error:
        raise ValueError(f"{description.folder}: {error}") from None


def _first_bool(*values: Any) -> bool | None:
    return next((value for value in values if isinstance(value, bool)), None)


def _limit(description: Description) -> int:
    limit = description.part("model").get("max_input_chars_per_word", _MAX_CHARS)
    if type(limit) is not int or not 1 <= limit < 2**28:
        name = "model.max_input_chars_per_word"
        raise description.refuse(TOKENIZER_FILE, name, limit, "a whole number, at least 1")
    return limit


def _check(description: Description) -> None:
    """Refuses settings that the graph does not support."""
    config, whole = description.config, description.whole
    for name in ("tokenize_chinese_chars", "do_basic_tokenize", "clean_text"):
        description.check(CONFIG_FILE, config, name, True)
    description.check(CONFIG_FILE, config, "never_split", [])
    description.check_class(*_CLASSES)
    for token in SPECIAL_TOKENS:
        role = f"{token.strip('[]').lower()}_token"
        description.check(CONFIG_FILE, description.special, role, token)
    if "normalizer" in whole:
        normalizer = description.part("normalizer")
        if normalizer.get("type") != "BertNormalizer":
            value = whole["normalizer"]
            raise description.refuse(TOKENIZER_FILE, "normalizer", value, "a BertNormalizer")
        for name in ("clean_text", "handle_chinese_chars"):
            description.check(TOKENIZER_FILE, normalizer, name, True)
    if "pre_tokenizer" in whole:
        value = whole["pre_tokenizer"]
        if description.part("pre_tokenizer").get("type") != "BertPreTokenizer":
            raise description.refuse(TOKENIZER_FILE, "pre_tokenizer", value, "a BertPreTokenizer")
    model = description.part("model")
    description.check(TOKENIZER_FILE, model, "unk_token", "[UNK]", of="model")
    prefix = "continuing_subword_prefix"
    description.check(TOKENIZER_FILE, model, prefix, CONTINUATION_PREFIX, of="model")
    hugging_face_files.check_template(description, "[CLS]", "[SEP]", "bert")
    description.check_decoder("WordPiece")


def _read_vocabulary(files: Files, description: Description) -> Vocabulary:
    path = files.find(TOKENIZER_FILE)
    model = description.part("model")
    if files.vocab_file or files.find("vocab.txt") or not path:
        vocabulary = Vocabulary.from_file(files.vocabulary_file("vocab.txt", TOKENIZER_FILE))
        if not files.vocab_file:
            description.check(TOKENIZER_FILE, model, "type", "WordPiece", of="model")
            hugging_face_files.check_same_ids(
                description, vocabulary.tokens, files.find("vocab.txt")
            )
        return vocabulary
    ids = model.get("vocab")
    if model.get("type", "WordPiece") != "WordPiece" or not isinstance(ids, dict):
        value = model.get("type")
        known = (
            "WordPiece and byte-level BPE with their vocabulary. Of a Unigram copy the model file "
            "(spiece.model or sentencepiece.bpe.model) to the folder"
        )
        raise description.refuse(TOKENIZER_FILE, "model.type", value, known)
    if any(type(number) is not int for number in ids.values()) or (
        sorted(ids.values()) != list(range(len(ids)))
    ):
        raise ValueError(f"{path}: the ids of the vocabulary are not 0 to {len(ids) - 1}.")
    tokens = tuple(sorted(ids, key=ids.__getitem__))
    if not set(SPECIAL_TOKENS) <= set(tokens):  # special tokens are added tokens
        tokens = added_tokens.extended(tokens, description.added, path)
    return Vocabulary(tokens, source=path)


def write(tokenizer: WordPieceTokenizer, folder: str, max_seq_length: int) -> None:
    """Writes vocab.txt and the two JSON files with the settings of the tokenizer."""
    tokenizer.save_vocabulary(folder)
    settings = {
        **{f"{name.strip('[]').lower()}_token": name for name in SPECIAL_TOKENS},
        "added_tokens_decoder": {
            str(token.id): {"content": token.content, **{f: getattr(token, f) for f in FLAGS}}
            for token in hugging_face_files.listed(tokenizer)
        },
        "do_lower_case": tokenizer.do_lower_case,
        "model_max_length": max_seq_length,
        "strip_accents": tokenizer.strip_accents,
        "tokenize_chinese_chars": True,
        "tokenizer_class": "BertTokenizer",
    }
    write_json(folder, CONFIG_FILE, settings)
    write_json(folder, TOKENIZER_FILE, _tokenizer_json(tokenizer))
    if "" in tokenizer.vocabulary.tokens:
        logging.warning(
            "%s: tokenizer.json has no tokens for empty lines of the vocabulary.", folder
        )


def _tokenizer_json(tokenizer: WordPieceTokenizer) -> dict[str, Any]:
    """The format of the `tokenizers` library, version 1.0."""
    vocabulary = tokenizer.vocabulary
    special = {
        name: {"id": name, "ids": [vocabulary.id_of(name)], "tokens": [name]}
        for name in ("[CLS]", "[SEP]")
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [token.to_json() for token in hugging_face_files.listed(tokenizer)],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": tokenizer.strip_accents,
            "lowercase": tokenizer.do_lower_case,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            **hugging_face_files.template("[CLS]", "[SEP]"),
            "special_tokens": special,
        },
        "decoder": {"type": "WordPiece", "prefix": CONTINUATION_PREFIX, "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": CONTINUATION_PREFIX,
            "max_input_chars_per_word": tokenizer.max_input_chars_per_word,
            "vocab": {token: i for i, token in enumerate(vocabulary.tokens) if token},
        },
    }
