"""Imports run one way, as the tree is drawn: nothing in bert_tf sees what lies above it."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bert_tf import members

_ROOT = Path(__file__).parent.parent / "bert_tf"
_FILES = sorted(_ROOT.rglob("*.py"))

# What each package (or file beside the packages) may import of bert_tf besides itself. `training`
# and `checkpoints` never meet: `workflows` joins them.
_MAY_IMPORT = {
    "__main__": ["__version__", "command_line", "shipped"],
    "app": [
        "command_line",
        "config.old_names",
        "files",
        "keras_start",
        "locks",
        "members",
        "processes",
        "streams",
        "recipes",
    ],
    "keras_start": [],
    "command_line": ["config", "members", "recipes", "shipped"],
    "recipes": ["config", "shipped"],
    "shipped": [],
    "files": ["locks"],
    "listed_names": [],
    "locks": [],
    "trackers": ["files"],
    "hub": ["files"],
    "streams": [],
    # Imports every room by name, and none when it is imported itself.
    "members": [],
    "machine": [],
    "progress": [],
    "processes": [],
    "tokenization": ["hub", "files", "members", "progress"],
    "report": ["files"],
    "analysis": [],
    "behaviour": ["files"],
    "measuring": ["files", "progress"],
    "data": ["files", "listed_names", "locks", "progress", "report", "tokenization"],
    "layers": [],
    "models": ["files", "layers", "members"],
    "config": ["files", "members", "models"],
    "tasks": [
        "analysis",
        "config",
        "data",
        "files",
        "locks",
        "layers",
        "models",
        "processes",
        "progress",
        "report",
        "tokenization",
    ],
    # Of the layers only how seeds are folded (the step folds where the layers go on folding),
    # whether their kernels are compiled, and what their variables are.
    "training": [
        "config",
        "data.batches.order",
        "data.hashing",
        "files",
        "listed_names",
        "locks",
        "layers.dropout",
        "layers.fused",
        "layers.quantization",
        "layers.roles",
        "machine",
        "processes",
        "progress",
        "report",
        "tasks.task",
        "trackers.tracker",
    ],
    # Of the layers only how their variables start.
    "model_folder": [
        "hub",
        "listed_names",
        "checkpoints",
        "config",
        "files",
        "layers.quantization",
        "layers.roles",
        "members",
        "models",
        "tasks",
        "tokenization",
    ],
    # Rounding in NumPy, and the ranges of a model's layers.
    "quantization": ["config.quantization", "layers.quantization", "listed_names"],
    "initial_weights": [
        "checkpoints",
        "config",
        "layers.heads",
        "layers.quantization",
        "model_folder",
        "models",
        "tokenization",
    ],
    # Of the layers only what their variables are, and which modules a vector has; no format knows a
    # model.
    "checkpoints": [
        "config",
        "files",
        "layers.roles",
        "layers.vector_modules",
        "members",
        "models.checkpoint_names",
        "models.model",
        "progress",
        "tokenization",
    ],
    "export": [
        "checkpoints",
        "config",
        "files",
        "layers",
        "model_folder",
        "models",
        "progress",
        "quantization",
        "tasks",
        "tokenization",
    ],
    # Smaller encoders; `workflows` trains them.
    "pruning": [
        "config",
        "data.batches.order",
        "export",
        "layers",
        "models",
        "progress",
        "tasks",
    ],
    # A student and its teacher; `workflows` joins them with the training.
    "distillation": [
        "checkpoints",
        "config",
        "data.batches",
        "files",
        "initial_weights",
        "layers",
        "listed_names",
        "model_folder",
        "models",
        "progress",
        "tasks",
        "tokenization",
    ],
    # What the commands do.
    "workflows": [
        "analysis",
        "behaviour",
        "checkpoints.checkpoint",
        "config",
        "data",
        "distillation",
        "explanation",
        "export",
        "files",
        "inference",
        "initial_weights",
        "layers.quantization",
        "listed_names",
        "machine",
        "measuring",
        "model_folder",
        "models.model",
        "progress",
        "pruning",
        "quantization",
        "recipes",
        "report",
        "tasks",
        "tokenization",
        "training",
    ],
    # Why models answer as they do; `workflows` reads the files and writes the pages.
    "explanation": [
        "files",
        "layers.pooling",
        "models",
        "progress",
        "report",
        "tasks",
        "tokenization",
    ],
    "inference": [
        "hub",
        "members",
        "config",
        "data.labelled",
        "data.text.lines",
        "export",
        "files",
        "locks",
        "measuring",
        "model_folder",
        "progress",
        "tasks",
        "tokenization",
    ],
}
# What measures how long something takes is never the clock on the wall, which may jump. MLflow
# wants the time of day.
_WALL_CLOCKS = re.compile(r"\btime\.time\(|\bdatetime\.(?:datetime\.)?now\(")
_TELLS_THE_TIME = {"trackers/mlflow_tracker.py"}
# Flags exist in scripts alone, but for the one of all scripts in app.py, and what helps with them.
# Pickle is never a file format; torch is never needed.
_NEVER = ["absl.flags", "dill", "joblib", "marshal", "pickle", "shelve", "torch", "transformers"]


def _imported_names(source: str, package: str) -> list[str]:
    """Dotted names of everything a file imports, wherever in the file; `package` holds the file."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                parents = package.split(".")
                parents = parents[: len(parents) - node.level + 1]
                module = ".".join([*parents, module]).strip(".")
            names += [f"{module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and node.args:
            function = getattr(node.func, "attr", getattr(node.func, "id", None))
            if function in ("import_module", "__import__"):
                names += _literal_start(node.args[0])
    return names


def _literal_start(node: ast.expr) -> list[str]:
    """`import_module(f"bert_tf.models.{name}")` imports something of `bert_tf.models`."""
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return [node.value.strip(".")] if isinstance(getattr(node, "value", None), str) else []


def _violations(path: str, source: str) -> list[str]:
    """What a file must not import; its `path` is relative to bert_tf/."""
    parts = path.removesuffix(".py").split("/")
    owner = parts[0]
    if owner not in _MAY_IMPORT:
        return [f"{path}: no rule for {owner!r}; say in this test what it may import"]
    allowed = [f"bert_tf.{name}" for name in [owner, *_MAY_IMPORT[owner]]]
    wrong = []
    for name in _imported_names(source, ".".join(["bert_tf", *parts[:-1]])):
        ours = name == "bert_tf" or name.startswith("bert_tf.")
        has_flags = path == "app.py" or owner == "command_line"
        never = [module for module in _NEVER if not (has_flags and module == "absl.flags")]
        if (ours and not _is_within(name, allowed)) or _is_within(name, never):
            wrong.append(f"{path} imports {name}")
    return wrong


def _is_within(name: str, prefixes: list[str]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def _shape_faults(path: str, source: str) -> list[str]:
    faults = []
    if len(source.splitlines()) > 400:
        faults.append(f"{path} has more than 400 lines")
    if set(path.removesuffix(".py").split("/")) & {"utils", "common", "helpers"}:
        faults.append(f"{path} has a name that says nothing")
    faults += [
        f"{path}:{node.lineno} has an assert: raise ValueError with a reason"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assert)
    ]
    return faults


def _relative(file: Path) -> str:
    return file.relative_to(_ROOT).as_posix()


def test_every_package_of_the_tree_is_looked_at():
    looked_at = {_relative(file).removesuffix(".py").split("/")[0] for file in _FILES}
    assert {"data", "layers", "models", "tasks", "tokenization", "training"} <= looked_at


def test_no_file_imports_upwards():
    files = [file for file in _FILES if _relative(file) != "__init__.py"]
    assert [w for file in files for w in _violations(_relative(file), file.read_text())] == []


def test_no_file_is_long_or_nameless_or_asserts():
    assert [f for file in _FILES for f in _shape_faults(_relative(file), file.read_text())] == []


def test_importing_bert_tf_does_not_import_tensorflow():
    code = "import sys, bert_tf; print(sorted({'tensorflow', 'keras', 'absl'} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(_ROOT.parent)}
    process = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "module",
    [
        "bert_tf.config",
        "bert_tf.members",
        *(f"bert_tf.models.{name}" for name in members.known("models")),
        *(f"bert_tf.tasks.{name}" for name in members.known("tasks")),
    ],
)
def test_settings_are_read_without_tensorflow_and_keras(module):
    heavy = "{'tensorflow', 'keras', 'ml_collections'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(_ROOT.parent)}
    process = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("tokenization/wordpiece.py", "from bert_tf.data.batches import order"),
        ("data/labelled/tables.py", "import bert_tf.tasks.classification"),
        ("data/labelled/tables.py", "from bert_tf import config"),
        ("data/labelled/tables.py", "from ...models import bert"),
        ("data/labelled/tables.py", "from ... import training"),
        ("data/labelled/tables.py", "import bert_tf"),
        ("layers/attention.py", "from bert_tf.models.bert import BertConfig"),
        ("layers/attention.py", "from bert_tf.config import ModelConfig"),
        ("models/bert/config.py", "from bert_tf.checkpoints import google"),
        ("config/experiment.py", "from bert_tf.tasks import task"),
        ("tasks/pretraining.py", "from bert_tf.training import loop"),
        ("tasks/pretraining.py", "def f():\n    from bert_tf.checkpoints import google"),
        ("training/loop.py", "from bert_tf.tasks import pretraining"),
        ("training/loop.py", "from bert_tf.models import bert"),
        ("training/loop.py", "from bert_tf.data import hashing, records"),
        ("training/loop.py", "import importlib\nimportlib.import_module('bert_tf.models.bert')"),
        ("training/loop.py", "from importlib import import_module\nimport_module(f'bert_tf.{x}')"),
        ("checkpoints/google.py", "from bert_tf.training import checkpoint"),
        ("checkpoints/google.py", "from bert_tf.tasks.task import Task"),
        ("export/saved_model.py", "from bert_tf.training import loop"),
        ("tasks/task.py", "if TYPE_CHECKING:\n    from bert_tf.export import saved_model"),
        ("machine.py", "from absl import flags"),
        ("data/labelled/tables.py", "from absl.flags import FLAGS"),
        ("data/labelled/tables.py", "import pickle"),
        ("checkpoints/google.py", "import torch.nn"),
        ("somewhere.py", ""),
    ],
)
def test_the_checker_catches(path, source):
    assert len(_violations(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("data/labelled/tables.py", "from bert_tf import progress\nfrom bert_tf.data import order"),
        ("data/labelled/tables.py", "from . import order\nfrom .order import BatchSlice"),
        ("training/loop.py", "from bert_tf.data.batches.order import BatchSlice"),
        ("training/loop.py", "from bert_tf.tasks import task\nfrom bert_tf import config"),
        ("tasks/pretraining.py", "importlib.import_module(f'bert_tf.models.{name}')"),
        ("export/saved_model.py", "from bert_tf.tasks import classification"),
        ("app.py", "from absl import flags"),
        ("layers/attention.py", "import torchlike\nfrom absl import logging"),
    ],
)
def test_the_checker_lets_pass(path, source):
    assert _violations(path, source) == []


def test_the_checker_sees_long_files_empty_names_and_asserts():
    assert len(_shape_faults("data/labelled/tables.py", "x = 1\n" * 401)) == 1
    assert len(_shape_faults("data/utils.py", "")) == 1
    assert len(_shape_faults("helpers/tables.py", "")) == 1
    assert len(_shape_faults("data/labelled/tables.py", "def f(x):\n    assert x")) == 1
    assert _shape_faults("data/labelled/tables.py", "x = 1\n" * 400) == []


def test_nothing_is_timed_by_a_clock_that_may_jump():
    found = {
        str(path.relative_to(_ROOT)) for path in _FILES if _WALL_CLOCKS.search(path.read_text())
    }
    assert found == _TELLS_THE_TIME
