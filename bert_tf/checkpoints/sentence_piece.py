"""A SentencePiece model in the folder of a checkpoint, under the names of other projects."""

import posixpath

from bert_tf.checkpoints.source_files import Files, write_json
from bert_tf.files import write_whole
from bert_tf.tokenization.sentence_piece import (
    ALBERT,
    VOCABULARY_FILE,
    XLM_ROBERTA,
    SentencePieceTokenizer,
)
from bert_tf.tokenization.sentence_piece_model import SentencePieceModel

_NAME_OF_XLM = "sentencepiece.bpe.model"
# Of ALBERT and XLM-R at Hugging Face, of Google's ALBERT, of keras-hub.
_NAMES = (VOCABULARY_FILE, _NAME_OF_XLM, "30k-clean.model", "assets/tokenizer/vocabulary.spm")
_FIRST_OF_XLM = ("<unk>", "<s>", "</s>")
_CLASSES = {ALBERT: "AlbertTokenizer", XLM_ROBERTA: "XLMRobertaTokenizer"}


def read(files: Files, *, google_rules: bool = False) -> SentencePieceTokenizer | None:
    """The tokenizer of a folder; None if it holds no SentencePiece model.

    Args:
      files: of the checkpoint; a named vocabulary counts if its name ends in ".model".
      google_rules: see `SentencePieceTokenizer`.

    Raises:
      ValueError: the model is damaged, or of no family that is known.
    """
    named = files.vocab_file
    path = named if named.endswith(".model") else None if named else files.find(*_NAMES)
    if not path:
        return None
    settings = files.json("tokenizer_config.json")
    flags = {
        name: settings[name]
        for name in ("do_lower_case", "keep_accents")
        if isinstance(settings.get(name), bool)
    }
    model = SentencePieceModel.from_file(path)
    is_xlm = tuple(model.pieces[: len(_FIRST_OF_XLM)]) == _FIRST_OF_XLM
    try:
        return SentencePieceTokenizer(
            model, family=XLM_ROBERTA if is_xlm else ALBERT, google_rules=google_rules, **flags
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write_for_hugging_face(
    tokenizer: SentencePieceTokenizer, folder: str, max_seq_length: int
) -> None:
    """The model under transformers' name for it, and tokenizer_config.json."""
    name = VOCABULARY_FILE if tokenizer.family == ALBERT else _NAME_OF_XLM
    write_whole(posixpath.join(folder, name), tokenizer.model.content)
    tokens = tokenizer.tokens
    roles = {
        "pad_token": tokenizer.pad_id,
        "unk_token": tokenizer.unk_id,
        "cls_token": tokenizer.cls_id,
        "sep_token": tokenizer.sep_id,
        "mask_token": tokenizer.mask_id,
    }
    settings = {
        **{role: tokens[i] for role, i in roles.items()},
        "bos_token": tokens[tokenizer.cls_id],
        "eos_token": tokens[tokenizer.sep_id],
        "model_max_length": max_seq_length,
        "tokenizer_class": _CLASSES[tokenizer.family],
    }
    if tokenizer.family == ALBERT:
        settings |= {
            "do_lower_case": tokenizer.do_lower_case,
            "keep_accents": tokenizer.keep_accents,
            "remove_space": True,
        }
    write_json(folder, "tokenizer_config.json", settings)
