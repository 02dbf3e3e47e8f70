"""The file of a SentencePiece model, read and made without the library that trains them.

The file is a protocol buffer (google/sentencepiece, src/sentencepiece_model.proto). Only what a
tokenizer has to know is read: pieces, scores and types, which algorithm it is for, and how text is
normalised. Cutting text up is done by tensorflow-text's op, which takes the whole file. Knows no
graphs.
"""

import dataclasses
import hashlib
import struct
from collections.abc import Iterator, Sequence

import tensorflow as tf

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)  # types of pieces
SPACE = "▁"
_UNIGRAM = 1
_ALGORITHMS = {1: "unigram", 2: "BPE", 3: "word", 4: "char"}
# Field numbers of the protocol buffer.
_PIECES, _TRAINER_SPEC, _NORMALIZER_SPEC = 1, 2, 3
_PIECE, _SCORE, _TYPE, _MODEL_TYPE = 1, 2, 3, 3
_NAME, _CHARSMAP, _ADD_DUMMY_PREFIX, _REMOVE_EXTRA_WHITESPACES, _ESCAPE_WHITESPACES = 1, 2, 3, 4, 5
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclasses.dataclass(frozen=True)
class SentencePieceModel:
    """A unigram model of the SentencePiece library.

    Attributes:
      content: the bytes of its file.
      pieces: the text of each piece in the order of ids; `SPACE` stands for a space.
      types: the type of each.
      scores: the score of each, float32: the logarithm of its probability.
      charsmap: the table by which it normalises characters; empty for none.
      collapses_spaces: runs of spaces count as one, those at both ends go, and one is put in front,
        as in all published models.
    """

    content: bytes
    pieces: tuple[str, ...]
    types: tuple[int, ...]
    scores: tuple[float, ...] = ()
    charsmap: bytes = b""
    collapses_spaces: bool = True

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
        pieces, types, scores, algorithm, normalizer = [], [], [], _UNIGRAM, {}
        try:
            for number, value in _fields(content):
                if number == _PIECES:
                    fields = dict(_fields(_expect(value, bytes)))
                    pieces.append(_expect(fields[_PIECE], bytes).decode("utf-8"))
                    types.append(_expect(fields.get(_TYPE, NORMAL), int))
                    scores.append(_float(fields.get(_SCORE, bytes(4))))
                elif number == _TRAINER_SPEC:
                    algorithm = dict(_fields(_expect(value, bytes))).get(_MODEL_TYPE, _UNIGRAM)
                elif number == _NORMALIZER_SPEC:
                    normalizer = dict(_fields(_expect(value, bytes)))
            charsmap = _expect(normalizer.get(_CHARSMAP, b""), bytes)
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
        flags = (_ADD_DUMMY_PREFIX, _REMOVE_EXTRA_WHITESPACES, _ESCAPE_WHITESPACES)
        collapses = all(normalizer.get(flag, 1) for flag in flags)
        return cls(content, tuple(pieces), tuple(types), tuple(scores), charsmap, collapses)

    @classmethod
    def of(
        cls,
        pieces: Sequence[str],
        types: Sequence[int],
        scores: Sequence[float],
        charsmap: bytes,
    ) -> "SentencePieceModel":
        """A model made of its parts, as `from_bytes` reads it; the bytes of its file with it."""
        content = b"".join(
            _message(
                _PIECES,
                _message(_PIECE, piece.encode())
                + _key(_SCORE, _FIXED32)
                + struct.pack("<f", score)
                + _key(_TYPE, _VARINT)
                + _number(kind),
            )
            for piece, kind, score in zip(pieces, types, scores, strict=True)
        )
        content += _message(_TRAINER_SPEC, _key(_MODEL_TYPE, _VARINT) + _number(_UNIGRAM))
        content += _message(
            _NORMALIZER_SPEC, _message(_NAME, b"user_defined") + _message(_CHARSMAP, charsmap)
        )
        return cls.from_bytes(content)

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


def _float(value: int | bytes) -> float:
    content = _expect(value, bytes)
    if len(content) != 4:
        raise _DamagedError
    return struct.unpack("<f", content)[0]


def _key(number: int, kind: int) -> bytes:
    return _number(number << 3 | kind)


def _message(number: int, content: bytes) -> bytes:
    return _key(number, _BYTES) + _number(len(content)) + content


def _number(value: int) -> bytes:
    """A whole number from 0 on, seven bits a byte."""
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


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
