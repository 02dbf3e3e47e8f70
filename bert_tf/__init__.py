"""bert_tf: BERT in TensorFlow and Keras 3, from a text file to a served model.

Importing it is cheap: TensorFlow is imported with the first name that needs it.

    result = bert_tf.finetune("finetune/sst2", train_data="train.tsv", work_dir="work",
                              init_checkpoint="bert-base-uncased")
    bert_tf.predict("work", ["a moving film"])
    model, tokenizer = bert_tf.load("work")
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what `__getattr__` gives, for editors and type checkers
    import keras

    from bert_tf.config.experiment import ExperimentConfig as ExperimentConfig
    from bert_tf.export.saved_model import export_saved_model as export_saved_model
    from bert_tf.model_folder import load_tokenizer as load_tokenizer
    from bert_tf.models.bert import BertConfig as BertConfig
    from bert_tf.models.bert.encoder import BertEncoder as BertEncoder
    from bert_tf.models.keras_files import register_keras_classes as register_keras_classes
    from bert_tf.pruning.settings import Pruning as Pruning
    from bert_tf.recipes import recipe as recipe
    from bert_tf.tasks.error_analysis import Looking as Looking
    from bert_tf.tokenization.tokenizer import Tokenizer as Tokenizer
    from bert_tf.training.loop import Session as Session
    from bert_tf.training.loop import train as train
    from bert_tf.workflows.comparing import compare as compare
    from bert_tf.workflows.distilling import distill as distill
    from bert_tf.workflows.evaluating import evaluate as evaluate
    from bert_tf.workflows.explaining import explain as explain
    from bert_tf.workflows.exporting import export_model as export_model
    from bert_tf.workflows.finetuning import finetune as finetune
    from bert_tf.workflows.lessons import Lesson as Lesson
    from bert_tf.workflows.predicting import predict as predict
    from bert_tf.workflows.pretraining import pretrain as pretrain
    from bert_tf.workflows.pruning import prune as prune

__version__ = "0.1.0"

_HOMES = {
    "BertConfig": "bert_tf.models.bert",
    "BertEncoder": "bert_tf.models.bert.encoder",
    "ExperimentConfig": "bert_tf.config.experiment",
    "Lesson": "bert_tf.workflows.lessons",
    "Looking": "bert_tf.tasks.error_analysis",
    "Pruning": "bert_tf.pruning.settings",
    "Session": "bert_tf.training.loop",
    "Tokenizer": "bert_tf.tokenization.tokenizer",
    "compare": "bert_tf.workflows.comparing",
    "distill": "bert_tf.workflows.distilling",
    "evaluate": "bert_tf.workflows.evaluating",
    "explain": "bert_tf.workflows.explaining",
    "export_model": "bert_tf.workflows.exporting",
    "export_saved_model": "bert_tf.export.saved_model",
    "finetune": "bert_tf.workflows.finetuning",
    "load_tokenizer": "bert_tf.model_folder",
    "predict": "bert_tf.workflows.predicting",
    "pretrain": "bert_tf.workflows.pretraining",
    "prune": "bert_tf.workflows.pruning",
    "recipe": "bert_tf.recipes",
    "register_keras_classes": "bert_tf.models.keras_files",
    "train": "bert_tf.training.loop",
}

__all__ = [
    "BertConfig",
    "BertEncoder",
    "ExperimentConfig",
    "Lesson",
    "Looking",
    "Pruning",
    "Session",
    "Tokenizer",
    "compare",
    "distill",
    "evaluate",
    "explain",
    "export_model",
    "export_saved_model",
    "finetune",
    "load",
    "load_tokenizer",
    "predict",
    "pretrain",
    "prune",
    "recipe",
    "register_keras_classes",
    "train",
]


def load(path: str, *, dtype: str = "float32") -> "tuple[keras.Model, Tokenizer]":
    """(Keras model, Tokenizer) of a model folder, or of a checkpoint of another project.

    Args:
      path: a model folder, a work directory whose training has ended, or what Hugging Face (a
        folder or file of safetensors), Google, Model Garden (bert_model.ckpt with bert_config.json
        and vocab.txt) or keras-hub (a preset) wrote. `hf://OWNER/NAME@REVISION` is downloaded from
        the Hub of Hugging Face.
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


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
