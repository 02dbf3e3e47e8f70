"""A byte-level BPE in a Hugging Face folder: vocab.json and merges.txt, or tokenizer.json."""

import posixpath
from collections.abc import Mapping
from typing import Any

from bert_tf.checkpoints.hugging_face_files import Description
from bert_tf.checkpoints.source_files import Files, write_json
from bert_tf.tokenization.byte_pair import BytePairTokenizer
from bert_tf.tokenization.byte_pair_vocabulary import (
    MERGES_FILE,
    VOCABULARY_FILE,
    BytePairVocabulary,
)

_ROLES = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
_DOUBLE, _SINGLE = "double_separator", "single_separator"


def read(files: Files, description: Description) -> BytePairTokenizer | None:
    """The tokenizer of a folder; None if it holds no byte-level BPE.

    Raises:
      ValueError: a file is damaged, merges do not fit the vocabulary, or the BPE is none of bytes.
    """
    path, whole = files.find("tokenizer.json"), description.whole
    model, splits = _object(whole.get("model")), _object(whole.get("pre_tokenizer"))
    if files.find(VOCABULARY_FILE) and files.find(MERGES_FILE):
        names = (posixpath.join(files.folder, name) for name in (VOCABULARY_FILE, MERGES_FILE))
        vocabulary = BytePairVocabulary.from_files(*names)
    elif model.get("type") == "BPE":
        vocabulary = _vocabulary(whole, model, splits, str(path))
    else:
        return None
    settings, spellings = description.config, description.special
    adds_space = settings.get("add_prefix_space", splits.get("add_prefix_space"))
    is_template = _object(whole.get("post_processor")).get("type") == "TemplateProcessing"
    row_layout = settings.get("row_layout") or (_SINGLE if is_template else _DOUBLE)
    return BytePairTokenizer(
        vocabulary,
        add_prefix_space=adds_space is True,
        row_layout=row_layout,
        special_tokens=spellings,
        added=description.added,
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _spelling(value: Any) -> str:
    """Of a special token, which is a string, or an object with its content."""
    value = value.get("content") if isinstance(value, dict) else value
    return value if isinstance(value, str) else ""


def _vocabulary(
    whole: Mapping[str, Any], model: Mapping[str, Any], splits: Mapping[str, Any], path: str
) -> BytePairVocabulary:
    parts = splits.get("pretokenizers") if splits.get("type") == "Sequence" else [splits]
    if not any(_object(part).get("type") == "ByteLevel" for part in parts or []):
        raise ValueError(
            f"{path}: its BPE does not work on bytes (pre_tokenizer {splits.get('type')!r}); "
            "expected 'ByteLevel'."
        )
    ids, merges = model.get("vocab"), model.get("merges")
    if not isinstance(ids, dict) or not isinstance(merges, list):
        raise ValueError(f"{path}: the BPE has no vocabulary or no merges.")
    ids = dict(ids)
    for added in whole.get("added_tokens") or []:
        if isinstance(added, dict) and isinstance(added.get("content"), str):
            ids[added["content"]] = added.get("id")
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]
    for number, pair in enumerate(pairs, start=1):
        if not isinstance(pair, list) or len(pair) != 2 or not all(map(_spelling, pair)):
            merge = merges[number - 1]
            raise ValueError(f"{path}: merge {number} is {merge!r}; expected two tokens.")
    return BytePairVocabulary(ids, [(first, second) for first, second in pairs], source=path)


def write(tokenizer: BytePairTokenizer, folder: str, max_seq_length: int) -> None:
    """vocab.json, merges.txt and tokenizer_config.json, as transformers and bert_tf read them."""
    tokenizer.save_vocabulary(folder)
    values = {
        "add_prefix_space": tokenizer.add_prefix_space,
        "row_layout": tokenizer.row_layout,
        **{role: getattr(tokenizer, role) for role in _ROLES},
        "bos_token": tokenizer.cls_token,
        "eos_token": tokenizer.sep_token,
        "model_max_length": max_seq_length,
        "tokenizer_class": "RobertaTokenizer",
    }
    write_json(folder, "tokenizer_config.json", values)
