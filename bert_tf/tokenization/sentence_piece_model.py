"""The file of a SentencePiece model: its pieces, read without the library that trained it.

The file is a protocol buffer (google/sentencepiece, src/sentencepiece_model.proto). Only what a
tokenizer has to know is read: each piece and its type, and which algorithm it is for. Cutting text
up is done by tensorflow-text's op, which takes the whole file. Knows no graphs.
"""

import dataclasses
import hashlib
from collections.abc import Iterator

import tensorflow as tf

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)  # types of pieces
SPACE = "▁"
_UNIGRAM = 1
_ALGORITHMS = {1: "unigram", 2: "BPE", 3: "word", 4: "char"}
# Field numbers of the protocol buffer.
_PIECES, _TRAINER_SPEC = 1, 2
_PIECE, _TYPE, _MODEL_TYPE = 1, 3, 3
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclasses.dataclass(frozen=True)
class SentencePieceModel:
    """A unigram model of the SentencePiece library.

    Attributes:
      content: the bytes of its file.
      pieces: the text of each piece in the order of ids; `SPACE` stands for a space.
      types: the type of each.
    """

    content: bytes
    pieces: tuple[str, ...]
    types: tuple[int, ...]

    @classmethod
    def from_file(cls, path: str) -> "SentencePieceModel":
        """Reads a file.

        Raises:
          ValueError: there is none, it is no SentencePiece model, or one of another algorithm.
        """
        if not tf.io.gfile.exists(path) or tf.io.gfile.isdir(path):
            raise ValueError(f"{path}: no such file; expected a SentencePiece model.")
        with tf.io.gfile.GFile(path, "rb") as file:
            content = file.read()
        try:
            return cls.from_bytes(content)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    @classmethod
    def from_bytes(cls, content: bytes) -> "SentencePieceModel":
        """The model in the bytes of a file; ValueError as in `from_file`."""
        pieces, types, algorithm = [], [], _UNIGRAM
        try:
            for number, value in _fields(content):
                if number == _PIECES:
                    fields = dict(_fields(_expect(value, bytes)))
                    pieces.append(_expect(fields[_PIECE], bytes).decode("utf-8"))
                    types.append(_expect(fields.get(_TYPE, NORMAL), int))
                elif number == _TRAINER_SPEC:
                    algorithm = dict(_fields(_expect(value, bytes))).get(_MODEL_TYPE, _UNIGRAM)
        except (IndexError, KeyError, UnicodeDecodeError, _DamagedError):
            pieces = []
        if UNKNOWN not in types or not pieces:
            raise ValueError(
                "no SentencePiece model, or a damaged one; expected the .model file that "
                "sentencepiece wrote."
            )
        if algorithm != _UNIGRAM:
            raise ValueError(
                f"the model is for {_ALGORITHMS.get(algorithm, algorithm)}; expected unigram."
            )
        return cls(content, tuple(pieces), tuple(types))

    @property
    def sha256(self) -> str:
        """SHA-256 of the file, in hex."""
        return hashlib.sha256(self.content).hexdigest()


class _DamagedError(Exception):
    pass


def _expect(value: int | bytes, kind: type):
    if type(value) is not kind:
        raise _DamagedError
    return value


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of the fields of a message; floats are given as their bytes."""
    place = 0
    while place < len(content):
        key, place = _varint(content, place)
        kind = key & 7
        if kind == _VARINT:
            value, place = _varint(content, place)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            length, place = _varint(content, place)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise _DamagedError
        if place + length > len(content):
            raise _DamagedError
        yield key >> 3, content[place : place + length]
        place += length


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise _DamagedError
