"""The vocabulary of a byte-level BPE: reading, checking and writing `vocab.json` and `merges.txt`.

Tokens are spelled in the alphabet of GPT-2: a character for each byte, of which a space is `Ġ`.
Knows nothing of TensorFlow graphs and nothing of how text is cut into tokens.
"""

import functools
import hashlib
import json
import os
from collections.abc import Iterable, Mapping

import tensorflow as tf

from bert_tf import files

VOCABULARY_FILE, MERGES_FILE = "vocab.json", "merges.txt"
NO_TOKEN = ""  # the spelling of an id that stands for nothing
_MAX_IDS = 10_000_000
_VERSION = "#version"


@functools.cache
def byte_alphabet() -> tuple[str, ...]:
    """The character that spells each of the 256 bytes.

    Bytes that are visible characters of Latin-1 spell themselves. The others, in their order, are
    the characters from U+0100 on (`bytes_to_unicode` of openai/gpt-2).
    """
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return tuple(chr(byte if byte in visible else next(others)) for byte in range(256))


@functools.cache
def _byte_of() -> dict[str, int]:
    return {character: byte for byte, character in enumerate(byte_alphabet())}


def spell(content: bytes) -> str:
    """The spelling of bytes in the alphabet of GPT-2."""
    return "".join(byte_alphabet()[byte] for byte in content)


class BytePairVocabulary:
    """An immutable set of tokens with ids, and the merges that lead to them, in their order.

    Args:
      ids: {token: id}. Ids from 0 on; those that are left out stand for nothing.
      merges: the two parts of each merge, the first merge first. Both parts and the whole are
        tokens.
      source: where they come from, for error messages.

    Raises:
      ValueError: an id is no whole number from 0 on or occurs twice, a merge makes something that
        is no token, or its parts are none.
    """

    def __init__(
        self,
        ids: Mapping[str, int],
        merges: Iterable[tuple[str, str]],
        *,
        source: str = "vocabulary",
    ):
        self._tokens = _in_order(ids, source)
        self._id_of = dict(ids)
        self._merges = tuple((first, second) for first, second in merges)
        for number, merge in enumerate(self._merges, start=1):
            for token in (*merge, "".join(merge)):
                if token not in self._id_of:
                    raise ValueError(
                        f"{source}: merge {number} is {' '.join(merge)!r}, but {token!r} is no "
                        "token of the vocabulary; take merges and vocabulary of one tokenizer"
                    )

    @classmethod
    def from_files(cls, vocabulary: str, merges: str) -> "BytePairVocabulary":
        """Reads `vocab.json` ({token: id}) and `merges.txt` (two tokens a line, first merge first).

        Raises:
          ValueError: a file is missing or malformed.
        """
        ids = files.read_json(vocabulary)
        return cls(ids, _read_merges(merges), source=vocabulary)

    def save(self, folder: str) -> None:
        """Writes both files into `folder`, each in one piece."""
        in_order = {token: i for i, token in enumerate(self._tokens) if token != NO_TOKEN}
        content = json.dumps(in_order, ensure_ascii=False) + "\n"
        files.write_whole(os.path.join(folder, VOCABULARY_FILE), content)
        lines = [f"{_VERSION}: 0.2", *(" ".join(merge) for merge in self._merges)]
        files.write_whole(os.path.join(folder, MERGES_FILE), "\n".join(lines) + "\n")

    @property
    def tokens(self) -> tuple[str, ...]:
        """The tokens in the order of their ids; `NO_TOKEN` for an id that stands for nothing."""
        return self._tokens

    @property
    def merges(self) -> tuple[tuple[str, str], ...]:
        """The two parts of each merge, the first merge first."""
        return self._merges

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of tokens and merges, in hex."""
        content = json.dumps([self._tokens, self._merges], ensure_ascii=False)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()

    def __len__(self) -> int:
        return len(self._tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._id_of

    def id_of(self, token: str) -> int:
        """The id of a token. Raises KeyError if the vocabulary does not have it."""
        return self._id_of[token]

    def bytes_of(self, token: str) -> bytes:
        """The bytes that a token spells. One that is not in GPT-2's alphabet is itself in UTF-8."""
        try:
            return bytes(map(_byte_of().__getitem__, token))
        except KeyError:
            return token.encode("utf-8")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BytePairVocabulary) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __repr__(self) -> str:
        return f"BytePairVocabulary({len(self)} tokens, {len(self._merges)} merges)"


def _in_order(ids: Mapping[str, int], source: str) -> tuple[str, ...]:
    if not ids:
        raise ValueError(f"{source}: the vocabulary is empty; expected {{token: id}}")
    token_of: dict[int, str] = {}
    for token, i in ids.items():
        if type(i) is not int or not 0 <= i < _MAX_IDS:
            raise ValueError(
                f"{source}: the id of {token!r} is {i!r}; expected a whole number from 0 on, below "
                f"{_MAX_IDS:,}"
            )
        other = token_of.setdefault(i, token)
        if other != token:
            raise ValueError(f"{source}: id {i} belongs to {other!r} and to {token!r}")
    return tuple(token_of.get(i, NO_TOKEN) for i in range(max(token_of) + 1))


def _read_merges(path: str) -> list[tuple[str, str]]:
    if not tf.io.gfile.exists(path) or tf.io.gfile.isdir(path):
        raise ValueError(f"{path}: no such file of merges (expected two tokens a line)")
    with tf.io.gfile.GFile(path, "rb") as file:
        content = file.read()
    try:
        lines = content.decode("utf-8").split("\n")  # str.splitlines would split inside tokens
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 ({error}); expected two tokens a line") from error
    merges = []
    for number, line in enumerate(lines, start=1):
        line = line.removesuffix("\r")
        if not line or line.startswith(_VERSION):
            continue
        parts = line.split(" ")
        if len(parts) != 2 or not all(parts):
            raise ValueError(f"{path}, line {number}: {line!r}; expected two tokens and one space")
        merges.append((parts[0], parts[1]))
    return merges
