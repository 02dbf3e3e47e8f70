"""The tokenizer of a Hugging Face folder: vocab.txt, tokenizer.json, tokenizer_config.json.

Reads and writes WordPiece and, with hugging_face_byte_pair.py and sentence_piece.py, the other two
kinds. Another one is written in its own files, which only bert_tf reads. Also what
sentence-transformers leaves beside them about the pooling.
"""

from typing import Any

import tensorflow as tf
from absl import logging

from bert_tf.checkpoints import hugging_face_byte_pair, own_tokenizer, sentence_piece
from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.checkpoints.source_files import Files, write_json
from bert_tf.files import read_json
from bert_tf.tokenization.byte_pair import BytePairTokenizer
from bert_tf.tokenization.sentence_piece import SentencePieceTokenizer
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

# Hugging Face's limit, where Google's is 200.
_MAX_CHARS = 100


def read(files: Files) -> Tokenizer:
    """The tokenizer of a folder.

    Raises:
      ValueError: no vocabulary, or a tokenizer.json that is not WordPiece.
    """
    if own_tokenizer.has_kind(files):
        return own_tokenizer.read(files)
    if not files.find("vocab.txt") or files.vocab_file:
        other = sentence_piece.read(files)
        if other is None and not files.vocab_file:
            other = hugging_face_byte_pair.read(files)
        if other is not None:
            return other
    path = files.find("tokenizer.json")
    whole = read_json(path) if path else {}
    model, normalizer = _object(whole, "model"), _object(whole, "normalizer")
    if files.vocab_file or files.find("vocab.txt") or not path:
        names = ("vocab.txt", "tokenizer.json")
        vocabulary = Vocabulary.from_file(files.vocabulary_file(*names))
    else:
        vocabulary = _vocabulary(whole, model, path)
    lower_case = files.json("tokenizer_config.json").get("do_lower_case")
    if not isinstance(lower_case, bool):
        lower_case = normalizer.get("lowercase")
    if not isinstance(lower_case, bool):
        lower_case = None
    limit = model.get("max_input_chars_per_word", _MAX_CHARS)
    if type(limit) is not int or limit < 1:
        raise ValueError(f"{path}: max_input_chars_per_word is {limit!r}; expected at least 1.")
    settings = {"do_lower_case": lower_case, "max_input_chars_per_word": limit}
    return own_tokenizer.word_piece(vocabulary, settings, files.path)


def _object(values: dict, key: str) -> dict:
    found = values.get(key)
    return found if isinstance(found, dict) else {}


def _vocabulary(whole: dict, model: dict, path: str) -> Vocabulary:
    """The tokens in the order of their ids; tokens added later have their place there too."""
    ids = model.get("vocab")
    if model.get("type", "WordPiece") != "WordPiece" or not isinstance(ids, dict):
        raise ValueError(
            f"{path}: the tokenizer is {model.get('type')!r}; expected 'WordPiece' with a "
            "vocabulary. Of a 'Unigram' copy the model file (spiece.model or "
            "sentencepiece.bpe.model) to the folder."
        )
    tokens = dict(ids)
    for added in whole.get("added_tokens") or []:
        if isinstance(added, dict) and "content" in added and "id" in added:
            tokens[added["content"]] = added["id"]
    if sorted(tokens.values(), key=str) != sorted(range(len(tokens)), key=str):
        raise ValueError(f"{path}: the ids of the vocabulary are not 0 to {len(tokens) - 1}.")
    return Vocabulary(sorted(tokens, key=tokens.__getitem__), source=path)


def read_pooling(files: Files) -> dict[str, Any]:
    """`pooling` and `normalize` of a sentence-transformers folder; empty if it is none."""
    path = files.find("1_Pooling/config.json")
    if not path:
        return {}
    values = read_json(path)
    modes = {"mean": "mean_tokens", "max": "max_tokens", "cls": "cls_token"}
    chosen = [mode for mode, key in modes.items() if values.get(f"pooling_mode_{key}")]
    if isinstance(values.get("pooling_mode"), str):
        chosen = [values["pooling_mode"]]
    if len(chosen) != 1 or chosen[0] not in modes:
        raise ValueError(f"{path}: expected one pooling of {', '.join(modes)}; found {chosen}.")
    return {"pooling": chosen[0], "normalize": _normalizes(files)}


def _normalizes(files: Files) -> bool:
    path = files.find("modules.json")
    if not path:
        return False
    with tf.io.gfile.GFile(path, "rb") as file:
        return b"models.Normalize" in file.read()


def write(checkpoint: Checkpoint, folder: str) -> None:
    """Writes the three files; the two JSONs say the same as our tokenizer does."""
    tokenizer = checkpoint.tokenizer
    if isinstance(tokenizer, SentencePieceTokenizer):
        sentence_piece.write_for_hugging_face(tokenizer, folder, checkpoint.data.max_seq_length)
        return
    if isinstance(tokenizer, BytePairTokenizer):
        hugging_face_byte_pair.write(tokenizer, folder, checkpoint.data.max_seq_length)
        return
    if not isinstance(tokenizer, WordPieceTokenizer):
        logging.warning(
            "%s: transformers has no tokenizer of kind %r: it is written as bert_tf reads it.",
            checkpoint.source,
            tokenizer.kind,
        )
        tokenizer.save(folder)
        return
    tokenizer.save_vocabulary(folder)
    tokens = {f"{name.strip('[]').lower()}_token": name for name in SPECIAL_TOKENS}
    settings = {
        **tokens,
        "do_lower_case": tokenizer.do_lower_case,
        "model_max_length": checkpoint.data.max_seq_length,
        "strip_accents": None,
        "tokenize_chinese_chars": True,
        "tokenizer_class": "BertTokenizer",
    }
    write_json(folder, "tokenizer_config.json", settings)
    write_json(folder, "tokenizer.json", _tokenizer_json(tokenizer))


def _tokenizer_json(tokenizer: WordPieceTokenizer) -> dict[str, Any]:
    """The format of the `tokenizers` library, version 1.0."""
    vocabulary = tokenizer.vocabulary
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [
        {"id": vocabulary.id_of(token), "content": token, **flags, "special": True}
        for token in sorted(SPECIAL_TOKENS, key=vocabulary.id_of)
    ]
    cls, sep = ({"SpecialToken": {"id": name, "type_id": 0}} for name in ("[CLS]", "[SEP]"))
    first, second = ({"Sequence": {"id": name, "type_id": i}} for i, name in enumerate("AB"))
    sep_of_pair = {"SpecialToken": {"id": "[SEP]", "type_id": 1}}
    special = {
        name: {"id": name, "ids": [vocabulary.id_of(name)], "tokens": [name]}
        for name in ("[CLS]", "[SEP]")
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": tokenizer.do_lower_case,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [cls, first, sep],
            "pair": [cls, first, sep, second, sep_of_pair],
            "special_tokens": special,
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": tokenizer.max_input_chars_per_word,
            "vocab": {token: i for i, token in enumerate(vocabulary.tokens)},
        },
    }
