"""The public surface: what `import bert_tf` promises."""

import ast
import pathlib
import subprocess
import sys

import pytest

import bert_tf

PUBLIC = [
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


def test_the_public_names_are_these():
    assert bert_tf.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_has_a_docstring(name):
    value = getattr(bert_tf, name)
    assert callable(value)
    assert value.__name__ == name
    assert len(value.__doc__) > 40


def test_editors_see_every_public_name():
    assert set(PUBLIC) <= set(dir(bert_tf))
    source = pathlib.Path(bert_tf.__file__)
    assert source.with_name("py.typed").exists()
    listed = {
        alias.asname
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(PUBLIC) - {"load"} <= listed  # under TYPE_CHECKING


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'bert_tf' has no attribute 'Bert'"):
        bert_tf.Bert  # noqa: B018


def test_importing_bert_tf_does_not_import_tensorflow():
    code = "import bert_tf, sys; print('tensorflow' in sys.modules, bert_tf.__version__)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.stdout.split() == ["False", bert_tf.__version__], process.stderr
