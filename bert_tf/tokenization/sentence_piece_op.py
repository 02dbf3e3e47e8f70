"""tensorflow-text's SentencePiece op, with a model that stays as long as the process.

tensorflow-text leaves the model to the kernel that loaded it. TensorFlow drops kernels from its
cache, for example in `keras.backend.clear_session()`, and a tokenizer then fails with "Resource ...
does not exist". A resource with a shared name belongs to no kernel.

Shapes: N texts. A dimension in brackets is ragged.
"""

import hashlib

import tensorflow as tf
from tensorflow_text.python.ops import sentencepiece_tokenizer

_ops = sentencepiece_tokenizer.gen_sentencepiece_tokenizer  # the library, loaded
_SETTINGS = {
    "nbest_size": 0,
    "alpha": 1.0,
    "add_bos": False,
    "add_eos": False,
    "reverse": False,
    "out_type": tf.int32,
    "return_nbest": False,
}


class _Model(tf.saved_model.experimental.TrackableResource):
    """The loaded model; an export loads it again from the bytes."""

    def __init__(self, content: bytes):
        super().__init__()
        self._content = content
        _ = self.resource_handle  # loads it now: later may be inside of a graph

    def _create_resource(self) -> tf.Tensor:
        # Of the content, so two tokenizers share a model only if it is the same.
        name = f"sentencepiece_{hashlib.sha256(self._content).hexdigest()}"
        return _ops.sentencepiece_op(model=self._content, shared_name=name)


class SentencePieceOp(tf.Module):
    """Cuts texts into the pieces of a model.

    Args:
      content: the bytes of a SentencePiece model file.
    """

    def __init__(self, content: bytes):
        super().__init__()
        self._model = _Model(content)

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Int32 [N, (pieces)]: the model's ids of texts [N]."""
        ids, splits = _ops.sentencepiece_tokenize_op(
            self._model.resource_handle, texts, **_SETTINGS
        )
        return tf.RaggedTensor.from_row_splits(ids, splits, validate=False)

    def tokenize_with_offsets(
        self, texts: tf.Tensor
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """(ids, starts, ends) of texts [N]: int32 [N, (pieces)] each; bytes [start, end)."""
        ids, splits, starts, ends = _ops.sentencepiece_tokenize_with_offsets_op(
            self._model.resource_handle, texts, **_SETTINGS
        )
        return tuple(
            tf.RaggedTensor.from_row_splits(values, splits, validate=False)
            for values in (ids, starts, ends)
        )
