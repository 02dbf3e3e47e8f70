"""A SentencePiece model in the folder of a checkpoint, under the names of other projects."""

import posixpath

from bert_tf.checkpoints import hugging_face_unigram
from bert_tf.checkpoints.hugging_face_files import CONFIG_FILE, TOKENIZER_FILE, Description
from bert_tf.checkpoints.source_files import Files, write_json
from bert_tf.files import write_whole
from bert_tf.tokenization.added_tokens import AddedToken
from bert_tf.tokenization.sentence_piece import (
    ALBERT,
    VOCABULARY_FILE,
    XLM_ROBERTA,
    SentencePieceTokenizer,
)
from bert_tf.tokenization.sentence_piece_model import USER_DEFINED, SentencePieceModel

_NAME_OF_XLM = "sentencepiece.bpe.model"
# Of ALBERT and XLM-R at Hugging Face, of Google's ALBERT, of keras-hub.
_NAMES = (VOCABULARY_FILE, _NAME_OF_XLM, "30k-clean.model", "assets/tokenizer/vocabulary.spm")
_FIRST_OF_XLM = ("<unk>", "<s>", "</s>")
_CLASSES = {ALBERT: "AlbertTokenizer", XLM_ROBERTA: "XLMRobertaTokenizer"}


def read(
    files: Files, *, google_rules: bool = False, description: Description | None = None
) -> SentencePieceTokenizer | None:
    """The tokenizer of a folder; None if it holds no SentencePiece model.

    Args:
      files: of the checkpoint; a named vocabulary counts if its name ends in ".model".
      google_rules: see `SentencePieceTokenizer`; the folder's tokenizer_config.json may say it too.
      description: of a Hugging Face folder, with its added tokens.

    Raises:
      ValueError: the model is damaged, or of no family that is known.
    """
    named = files.vocab_file
    path = named if named.endswith(".model") else None if named else files.find(*_NAMES)
    model = SentencePieceModel.from_file(path) if path else None
    if model is None and description is not None and not named:
        path, model = description.folder, hugging_face_unigram.read_model(description)
    if model is None:
        return None
    is_xlm = tuple(model.pieces[: len(_FIRST_OF_XLM)]) == _FIRST_OF_XLM
    family = XLM_ROBERTA if is_xlm else ALBERT
    settings = files.json("tokenizer_config.json")
    flags = {
        name: settings[name]
        for name in ("do_lower_case", "keep_accents", "google_rules")
        if isinstance(settings.get(name), bool)
    }
    flags.setdefault("google_rules", google_rules)
    added = ()
    if description is not None:
        added = _added(description, model, family)
        hugging_face_unigram.check(description, family)
        description.check(CONFIG_FILE, description.config, "add_prefix_space", True)
        said = hugging_face_unigram.read_normalization(description, family)
        if said is not None:
            flags.setdefault("do_lower_case", said.do_lower_case)
            flags.setdefault("keep_accents", said.keep_accents)
    try:
        return SentencePieceTokenizer(model, family=family, added=added, **flags)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _added(
    description: Description, model: SentencePieceModel, family: str
) -> tuple[AddedToken, ...]:
    """The added tokens of a Hugging Face folder; a class of another family is refused."""
    name = str(description.config.get("tokenizer_class") or "").removesuffix("Fast")
    if name and name not in (_CLASSES[family], "TokenizersBackend", "PreTrainedTokenizer"):
        raise description.refuse(CONFIG_FILE, "tokenizer_class", name, _CLASSES[family])
    added = {token.content: token for token in description.added}
    if family == ALBERT:  # transformers looks for these before it asks the model
        for i, (piece, kind) in enumerate(zip(model.pieces, model.types, strict=True)):
            if kind == USER_DEFINED:
                added.setdefault(piece, AddedToken(piece, i))
    return tuple(added.values())


def write_for_hugging_face(
    tokenizer: SentencePieceTokenizer, folder: str, max_seq_length: int
) -> None:
    """The model under transformers' name for it, tokenizer_config.json and tokenizer.json."""
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
    listed = {i: tokenizer.special_token(i) for i in tokenizer.special_ids}
    listed |= {token.id: token for token in tokenizer.added}
    settings = {
        "added_tokens_decoder": {
            str(i): {k: v for k, v in listed[i].to_json().items() if k != "id"}
            for i in sorted(listed)
        },
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
            "google_rules": tokenizer.google_rules,
            "remove_space": True,
        }
    write_json(folder, CONFIG_FILE, settings)
    whole = hugging_face_unigram.tokenizer_json(tokenizer)
    if whole:
        write_json(folder, TOKENIZER_FILE, whole)
