"""bert_tf: BERT in TensorFlow and Keras 3, from a text file to a served model.

Importing it is cheap: TensorFlow is imported with the first name that is used.

    model, tokenizer = bert_tf.load("work/model")
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "BertConfig": "bert_tf.models.bert",
    "BertEncoder": "bert_tf.models.bert.encoder",
    "Session": "bert_tf.training.loop",
    "Tokenizer": "bert_tf.tokenization.tokenizer",
    "export_saved_model": "bert_tf.export.saved_model",
    "train": "bert_tf.training.loop",
}

__all__ = [*_HOMES, "load"]


def load(path: str, *, dtype: str = "float32") -> tuple[Any, Any]:
    """(Keras model, Tokenizer) of a model folder, or of a checkpoint of another project.

    Args:
      path: a model folder, a work directory whose training has ended, or what Hugging Face (a
        folder or file of safetensors), Google, Model Garden (bert_model.ckpt with bert_config.json
        and vocab.txt) or keras-hub (a preset) wrote.
      dtype: compute dtype, "float32" or "mixed_bfloat16".

    Raises:
      ValueError: it is none of these, or a file is missing or damaged.
    """
    from bert_tf import model_folder

    task, model = model_folder.load(path, dtype=dtype)
    return model, task.tokenizer


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bert_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
