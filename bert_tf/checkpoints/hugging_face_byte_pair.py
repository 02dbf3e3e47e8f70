"""A byte-level BPE in a Hugging Face folder: vocab.json and merges.txt, or tokenizer.json."""

import posixpath
from collections.abc import Mapping
from typing import Any

from bert_tf.checkpoints import hugging_face_files
from bert_tf.checkpoints.hugging_face_files import CONFIG_FILE, TOKENIZER_FILE, Description
from bert_tf.checkpoints.source_files import Files, write_json
from bert_tf.tokenization.added_tokens import FLAGS
from bert_tf.tokenization.byte_pair import BytePairTokenizer
from bert_tf.tokenization.byte_pair_vocabulary import (
    MERGES_FILE,
    NO_TOKEN,
    VOCABULARY_FILE,
    BytePairVocabulary,
    byte_alphabet,
)

_ROLES = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
_DOUBLE, _SINGLE = "double_separator", "single_separator"
_PAIRS = {_DOUBLE: "roberta", _SINGLE: "bert"}  # as `hugging_face_files.template` calls them
_NFC = "NFC"


def read(files: Files, description: Description) -> BytePairTokenizer | None:
    """The tokenizer of a folder; None if it has no byte-level BPE.

    Raises:
      ValueError: a file is damaged, merges do not fit the vocabulary, or the graph does not support
        a setting.
    """
    model = description.part("model")
    is_bpe = model.get("type") == "BPE" or ("merges" in model and "type" not in model)
    if files.find(VOCABULARY_FILE) and files.find(MERGES_FILE):
        names = (posixpath.join(files.folder, name) for name in (VOCABULARY_FILE, MERGES_FILE))
        vocabulary = BytePairVocabulary.from_files(*names)
        if model and not is_bpe:
            raise description.refuse(
                TOKENIZER_FILE, "model.type", model.get("type"), f"BPE beside {VOCABULARY_FILE}"
            )
        hugging_face_files.check_same_ids(
            description, vocabulary.tokens, files.find(VOCABULARY_FILE)
        )
    elif is_bpe:
        vocabulary = _vocabulary(description, model)
    else:
        return None
    splits = _pre_tokenizer(description)
    _check_model(description, model, vocabulary)
    description.check_class("Bart", "GPT2", "LED", "Longformer", "Roberta")
    description.check_decoder("ByteLevel")
    settings, spellings = description.config, description.special
    adds_space = settings.get("add_prefix_space", splits.get("add_prefix_space"))
    try:
        return BytePairTokenizer(
            vocabulary,
            add_prefix_space=adds_space is True,
            row_layout=_row_layout(description),
            normalization=_normalization(description),
            ignore_merges=model.get("ignore_merges"),
            special_tokens=spellings,
            added=description.added,
        )
    except ValueError as error:
        raise ValueError(f"{description.folder}: {error}") from None


def _pre_tokenizer(description: Description) -> dict[str, Any]:
    """The ByteLevel of tokenizer.json; empty without that file.

    Raises:
      ValueError: it is missing, not alone, or splits with another expression.
    """
    if "pre_tokenizer" not in description.whole:
        return {}
    parts = description.parts("pre_tokenizer", "pretokenizers")
    if [part.get("type") for part in parts] != ["ByteLevel"]:
        value = description.whole["pre_tokenizer"]
        expected = "ByteLevel alone: a BPE of bytes whose words are those of GPT-2"
        raise description.refuse(TOKENIZER_FILE, "pre_tokenizer", value, expected)
    description.check(TOKENIZER_FILE, parts[0], "use_regex", True)
    description.check(TOKENIZER_FILE, parts[0], "add_prefix_space", True, False)
    return parts[0]


def _normalization(description: Description) -> str | None:
    """NFC, or None without normalization."""
    if "normalizer" not in description.whole:
        return description.config.get("normalization")
    parts = description.parts("normalizer", "normalizers")
    kinds = [part.get("type") for part in parts]
    if kinds not in ([], [_NFC]):
        value = description.whole["normalizer"]
        raise description.refuse(TOKENIZER_FILE, "normalizer", value, "NFC or null for a BPE")
    return _NFC if kinds else None


def _check_model(
    description: Description, model: Mapping[str, Any], vocabulary: BytePairVocabulary
) -> None:
    """Refuses settings that change the ids of a BPE and are not supported."""
    names = {
        "dropout": (0, 0.0),
        "continuing_subword_prefix": ("",),
        "end_of_word_suffix": ("",),
        "ignore_merges": (True, False),
    }
    for name, accepted in names.items():
        description.check(TOKENIZER_FILE, model, name, *accepted, of="model")
    missing = [spelled for spelled in byte_alphabet() if spelled not in vocabulary]
    if not missing:
        return  # no text has a byte that is unknown, so the following change nothing
    for name in ("fuse_unk", "byte_fallback"):
        description.check(TOKENIZER_FILE, model, name, False, of="model")
    unknown = model.get("unk_token")
    if model and (unknown is None or unknown != description.special.get("unk_token", unknown)):
        expected = f"the unknown token: the byte {missing[0]!r} and others are no tokens"
        raise description.refuse(TOKENIZER_FILE, "model.unk_token", unknown, expected)


def _row_layout(description: Description) -> str:
    """The layout of the post-processor, or of bert_tf's settings; RoBERTa's without both."""
    special = description.special
    cls, sep = special.get("cls_token", "<s>"), special.get("sep_token", "</s>")
    if description.parts("post_processor", "processors"):
        for layout, pair in _PAIRS.items():
            if hugging_face_files.has_template(description, cls, sep, pair):
                return layout
        hugging_face_files.check_template(description, cls, sep, *_PAIRS.values())
    layout = description.config.get("row_layout") or _DOUBLE
    if layout not in _PAIRS:
        raise description.refuse(CONFIG_FILE, "row_layout", layout, " or ".join(_PAIRS))
    return layout


def _vocabulary(description: Description, model: Mapping[str, Any]) -> BytePairVocabulary:
    path = f"{description.folder}/{TOKENIZER_FILE}"
    ids, merges = model.get("vocab"), model.get("merges")
    if not isinstance(ids, dict) or not isinstance(merges, list):
        raise ValueError(f"{path}: the BPE has no vocabulary or no merges.")
    ids = ids | {token.content: token.id for token in description.added}
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]
    for number, pair in enumerate(pairs, start=1):
        is_pair = isinstance(pair, list) and len(pair) == 2
        if not is_pair or not all(isinstance(part, str) and part for part in pair):
            merge = merges[number - 1]
            raise ValueError(f"{path}: merge {number} is {merge!r:.80}; expected two tokens.")
    return BytePairVocabulary(ids, [(first, second) for first, second in pairs], source=path)


def write(tokenizer: BytePairTokenizer, folder: str, max_seq_length: int) -> None:
    """Writes the files for transformers and for bert_tf; all have the same settings."""
    tokenizer.save_vocabulary(folder)
    listed = hugging_face_files.listed(tokenizer)
    values = {
        "add_prefix_space": tokenizer.add_prefix_space,
        "added_tokens_decoder": {
            str(token.id): {"content": token.content, **{f: getattr(token, f) for f in FLAGS}}
            for token in listed
        },
        "row_layout": tokenizer.row_layout,
        **{role: getattr(tokenizer, role) for role in _ROLES},
        "bos_token": tokenizer.cls_token,
        "eos_token": tokenizer.sep_token,
        "model_max_length": max_seq_length,
        "tokenizer_class": _class(tokenizer),
    }
    write_json(folder, CONFIG_FILE, values)
    write_json(folder, TOKENIZER_FILE, _tokenizer_json(tokenizer, listed))


def _class(tokenizer: BytePairTokenizer) -> str:
    """RoBERTa's class rebuilds its own pipeline; another one is read as tokenizer.json has it."""
    is_roberta = (tokenizer.row_layout, tokenizer.normalization) == (_DOUBLE, None)
    return "RobertaTokenizer" if is_roberta else "PreTrainedTokenizerFast"


def _tokenizer_json(tokenizer: BytePairTokenizer, listed: list) -> dict[str, Any]:
    """The format of the `tokenizers` library, version 1.0."""
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": tokenizer.add_prefix_space,
        "trim_offsets": True,
        "use_regex": True,
    }
    template = hugging_face_files.template(
        tokenizer.cls_token, tokenizer.sep_token, pair=_PAIRS[tokenizer.row_layout]
    )
    special = {
        name: {"id": name, "ids": [tokenizer.vocabulary.id_of(name)], "tokens": [name]}
        for name in (tokenizer.cls_token, tokenizer.sep_token)
    }
    tokens = tokenizer.vocabulary_tokens
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [token.to_json() for token in listed],
        "normalizer": {"type": _NFC} if tokenizer.normalization else None,
        "pre_tokenizer": byte_level,
        "post_processor": {**template, "special_tokens": special},
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": tokenizer.unk_token,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": bool(tokenizer.ignore_merges),
            "vocab": {token: i for i, token in enumerate(tokens) if token != NO_TOKEN},
            "merges": [list(merge) for merge in tokenizer.vocabulary.merges],
        },
    }
