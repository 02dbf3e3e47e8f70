"""The tokenizer of a folder once more, as the `tokenizers` library has it.

What tokenizers are compared with, in speed and in their ids. Needs the package `tokenizers`.
"""

import functools
from typing import Any

from bert_tf.tokenization.tokenizer import Tokenizer


def make(tokenizer: Tokenizer) -> Any:
    """A `tokenizers.Tokenizer` with the same vocabulary and settings.

    Raises:
      ValueError: for a kind that is not known here.
    """
    makers = {
        "wordpiece": _wordpiece,
        "byte_pair": _byte_pair,
        "sentence_piece": _sentence_piece,
    }
    if tokenizer.kind not in makers:
        raise ValueError(
            f"no reference for a tokenizer of kind {tokenizer.kind!r}; there is one for "
            f"{', '.join(makers)}"
        )
    return makers[tokenizer.kind](tokenizer)


@functools.cache
def package() -> Any:
    """The package, or an error that says how to install it."""
    try:
        import tokenizers
    except ImportError as error:
        raise ValueError("this needs the package `tokenizers`: pip install -e .[vocab]") from error
    return tokenizers


def _wordpiece(tokenizer: Any) -> Any:
    tokenizers = package()
    result = tokenizers.Tokenizer(
        tokenizers.models.WordPiece(
            {token: i for i, token in enumerate(tokenizer.tokens)},
            unk_token="[UNK]",
            max_input_chars_per_word=tokenizer.max_input_chars_per_word,
        )
    )
    result.normalizer = tokenizers.normalizers.BertNormalizer(
        lowercase=tokenizer.do_lower_case, strip_accents=tokenizer.strip_accents
    )
    result.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return result


def _byte_pair(tokenizer: Any) -> Any:
    tokenizers = package()
    vocabulary = tokenizer.vocabulary
    ids = {token: i for i, token in enumerate(vocabulary.tokens) if token}
    result = tokenizers.Tokenizer(tokenizers.models.BPE(ids, list(vocabulary.merges)))
    space = tokenizer.add_prefix_space
    result.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=space)
    result.post_processor = tokenizers.processors.ByteLevel(
        trim_offsets=True, add_prefix_space=space
    )
    return result


def _sentence_piece(tokenizer: Any) -> Any:
    """As transformers 5 makes it of a model file, ALBERT's or XLM-RoBERTa's."""
    tokenizers = package()
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(tokenizer.model.content)
    is_albert = tokenizer.family == "albert"
    pieces = [(piece.piece, piece.score) for piece in proto.pieces]
    if not is_albert:
        first = [(token, 0.0) for token in ("<s>", "<pad>", "</s>", "<unk>")]
        pieces = [*first, *pieces[3:], ("<mask>", 0.0)]
    result = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=tokenizer.unk_id))
    normalizers, splitters = tokenizers.normalizers, tokenizers.pre_tokenizers
    steps = [normalizers.Replace(quotes, '"') for quotes in ("``", "''")] if is_albert else []
    if not tokenizer.keep_accents:
        steps += [normalizers.NFKD(), normalizers.StripAccents()]
    if tokenizer.do_lower_case:
        steps.append(normalizers.Lowercase())
    if proto.normalizer_spec.precompiled_charsmap:
        steps.append(normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap))
    result.normalizer = normalizers.Sequence(steps)
    result.pre_tokenizer = splitters.Sequence([splitters.WhitespaceSplit(), splitters.Metaspace()])
    for token in tokenizer.added:
        result.add_tokens([tokenizers.AddedToken(token.content, normalized=token.normalized)])
    return result
