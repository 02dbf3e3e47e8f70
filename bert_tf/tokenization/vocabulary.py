"""The list of WordPiece tokens: reading, checking and writing `vocab.txt`.

Knows nothing of TensorFlow graphs and nothing of how text is cut into tokens.
"""

import codecs
import hashlib
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from bert_tf.files import write_whole

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTINUATION_PREFIX = "##"


class Vocabulary:
    """An immutable list of tokens; the id of a token is its place in the list.

    Args:
      tokens: the tokens in the order of their ids, each once, the five `SPECIAL_TOKENS` among
        them (anywhere: the published vocabularies have them at 0 and 100 to 103).
      source: where the tokens come from, for error messages.

    Raises:
      ValueError: a special token is missing, a token has a line break or occurs twice. Several may
        be empty: ids that no text reaches, as some published vocabularies have.
    """

    def __init__(self, tokens: Iterable[str], *, source: str = "vocabulary"):
        self._tokens = tuple(tokens)
        self._id_of = _ids_of(self._tokens, source)
        _check_special_tokens(self._id_of, source)
        self._is_continuation = np.array(
            [token.startswith(CONTINUATION_PREFIX) for token in self._tokens], dtype=np.bool_
        )
        self._is_continuation.flags.writeable = False

    @classmethod
    def from_file(cls, path: str) -> "Vocabulary":
        """Reads one token per line (UTF-8, id = line number from 0), as Google's loader does.

        White space around a token is cut off, a byte order mark and empty lines at the end of the
        file are passed over. An empty line before is an id that no text reaches.

        Raises:
          ValueError: the file is missing, empty, not UTF-8, or its tokens are not a vocabulary.
        """
        return cls(_read_lines(path), source=path)

    def save(self, path: str) -> None:
        """Writes the canonical form (one token per line) under a temporary name, then renames."""
        write_whole(path, self._canonical_bytes())

    @property
    def tokens(self) -> tuple[str, ...]:
        """The tokens in the order of their ids."""
        return self._tokens

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical bytes, in hex; data and models name their vocabulary by it."""
        return hashlib.sha256(self._canonical_bytes()).hexdigest()

    @property
    def pad_id(self) -> int:
        return self._id_of["[PAD]"]

    @property
    def unk_id(self) -> int:
        return self._id_of["[UNK]"]

    @property
    def cls_id(self) -> int:
        return self._id_of["[CLS]"]

    @property
    def sep_id(self) -> int:
        return self._id_of["[SEP]"]

    @property
    def mask_id(self) -> int:
        return self._id_of["[MASK]"]

    @property
    def special_ids(self) -> tuple[int, ...]:
        """The ids of `SPECIAL_TOKENS`, in that order."""
        return tuple(self._id_of[token] for token in SPECIAL_TOKENS)

    @property
    def is_continuation(self) -> np.ndarray:
        """Bool [V], read-only: the token continues a word (it begins with `##`)."""
        return self._is_continuation

    @property
    def looks_cased(self) -> bool:
        """True if any piece of a word has an upper-case letter.

        Markers are not pieces of words: `[PAD]`, and `<S>` of Google's lower-casing Chinese model.
        """
        return any(
            token != token.lower() and token.removeprefix(CONTINUATION_PREFIX).isalpha()
            for token in self._tokens
        )

    def __len__(self) -> int:
        return len(self._tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._id_of

    def id_of(self, token: str) -> int:
        """The id of a token. Raises KeyError if the vocabulary does not have it."""
        return self._id_of[token]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self._tokens == other._tokens

    def __hash__(self) -> int:
        return hash(self._tokens)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} tokens, sha256 {self.sha256[:12]})"

    def _canonical_bytes(self) -> bytes:
        return ("\n".join(self._tokens) + "\n").encode("utf-8")


def _read_lines(path: str) -> list[str]:
    if not tf.io.gfile.exists(path) or tf.io.gfile.isdir(path):
        raise ValueError(f"{path}: no such vocabulary file (expected one token per line)")
    with tf.io.gfile.GFile(path, "rb") as file:
        content = file.read()
    if not content.strip():
        raise ValueError(f"{path}: the vocabulary file is empty (expected one token per line)")
    # Split at \n alone: str.splitlines would also split inside tokens such as U+2028.
    lines = content.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n").split(b"\n")
    return [_stripped(_decode(line, path, i + 1)) for i, line in enumerate(lines)]


def _stripped(line: str) -> str:
    """A token without the white space around it; a token of white space alone keeps that."""
    token = line.removesuffix("\r")
    stripped = token.strip()
    return token if stripped in ("", CONTINUATION_PREFIX) else stripped


def _decode(line: bytes, path: str, line_number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}, line {line_number}: not UTF-8 ({line!r}); save the vocabulary as UTF-8"
        ) from error


def _ids_of(tokens: tuple[str, ...], source: str) -> dict[str, int]:
    id_of = {}
    for i, token in enumerate(tokens):
        if "\n" in token:
            raise ValueError(
                f"{source}, line {i + 1}: {token!r} holds a line break; expected one token per line"
            )
        if not token:
            continue
        first = id_of.setdefault(token, i)
        if first != i:
            raise ValueError(
                f"{source}, line {i + 1}: token {token!r} is already on line {first + 1}; "
                "every token must occur once"
            )
    return id_of


def _check_special_tokens(id_of: dict[str, int], source: str) -> None:
    missing = [token for token in SPECIAL_TOKENS if token not in id_of]
    if missing:
        raise ValueError(
            f"{source}: a BERT vocabulary needs the special tokens {', '.join(SPECIAL_TOKENS)}; "
            f"missing: {', '.join(missing)}"
        )
