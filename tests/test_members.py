"""Encoders, tokenizers and tasks are found by name; what is not imported is not found."""

import subprocess
import sys
import types

import pytest

from bert_tf import members
from bert_tf.models import bert
from bert_tf.models.bert import BertConfig
from bert_tf.models.model import EncoderConfig


@pytest.fixture
def outside(monkeypatch):
    """A module outside of bert_tf with a Config, imported."""
    module = types.ModuleType("some_company.encoder")
    module.Config = type("Config", (EncoderConfig,), {"__module__": module.__name__})
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_a_member_inside_is_found_by_its_package():
    assert members.find("models", "bert") is bert
    assert members.name_of(BertConfig) == "bert"
    assert "bert" in members.known("models")


def test_a_member_outside_is_found_by_its_full_name_when_it_is_imported(outside):
    assert members.name_of(outside.Config) == "some_company.encoder"
    assert members.find("models", "some_company.encoder") is outside


def test_a_class_that_the_package_around_exports_has_the_name_of_the_package(outside, monkeypatch):
    package = types.ModuleType("some_company")
    package.Config = outside.Config
    monkeypatch.setitem(sys.modules, "some_company", package)
    assert members.name_of(outside.Config) == "some_company"


@pytest.mark.parametrize("name", ["no_encoder", "os.path", "bert_tf.models.bert", "model", ""])
def test_what_is_no_member_is_an_error_that_lists_the_known(name):
    with pytest.raises(ValueError, match=f"task.json: models has no '{name}'. Known: .*bert"):
        members.find("models", name, "task.json")


def test_a_name_in_a_file_imports_nothing():
    assert "this" not in sys.modules
    with pytest.raises(ValueError, match="--members=this"):
        members.find("models", "this")
    assert "this" not in sys.modules


def test_a_module_outside_with_the_name_of_one_inside_is_refused():
    cls = type("Config", (), {"__module__": "bert"})
    with pytest.raises(ValueError, match="'bert' has the name of a module in bert_tf.models"):
        members.name_of(cls)


def _run(folder, *arguments):
    code = "from bert_tf import app, members; app.run(lambda argv: print('ran'))"
    (folder / "script.py").write_text(code)
    command = [sys.executable, "script.py", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_script_imports_the_modules_of_its_flag_first(tmp_path):
    (tmp_path / "my_encoder.py").write_text("print('imported')")
    process = _run(tmp_path, "--members=my_encoder")
    assert process.stdout.split() == ["imported", "ran"]


def test_a_module_that_is_not_there_is_one_line(tmp_path):
    process = _run(tmp_path, "--members=my_encoder")
    assert process.returncode == 1
    assert process.stderr.strip() == (
        "error: --members: there is no module 'my_encoder'. Expected the name of a Python module, "
        "installed or in the current folder."
    )
