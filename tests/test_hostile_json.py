"""JSON from elsewhere ends in one line that names the file, whatever stands in it."""

import contextlib
import copy
import json
import pathlib
import shutil

import pytest

from bert_tf import files, model_folder
from bert_tf.checkpoints import checkpoint
from bert_tf.config import as_json
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.data.records.manifest import Manifest
from bert_tf.export import description
from bert_tf.inference.answers_file import AnswersFile
from bert_tf.report import run_curves
from bert_tf.training.work_dir import contents
from bert_tf.training.work_dir.metrics_writer import MetricsWriter
from tests.testdata import make_c580d07 as made

DEEP = "[" * 70 + "]" * 70
WRONG = [None, True, -1, "x", [5], {"x": 5}]
HUGGING_FACE = pathlib.Path(__file__).parent / "testdata" / "hugging_face"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"^x: not JSON \(.*line 1"),
        (b"\n\xff", r"^x: not UTF-8 \(line 2\)"),
        (DEEP, "^x: not JSON that can be read .over 64 levels"),
        ('{"a":' * 200_000, "^x: not JSON that can be read .over 64 levels"),
        ("1" * 5000, "^x: not JSON .*digits"),
        ('{"a": 1, "a": 2}', "^x: not JSON .a name occurs twice"),
    ],
)
def test_what_cannot_be_read_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        files.parse_json(text, "x:", unique_names=True)


def test_a_byte_order_mark_is_dropped():
    assert files.parse_json(b'\xef\xbb\xbf{"a": [1]}', "x:") == {"a": [1]}


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (int, [3], [True, 3.0, "3", None]),
        (float, [3, 2.5], [True, "x"]),
        (bool, [True], [1, "true"]),
        (list[str], [[], ["a"]], ["a", [1], None, {}]),
        (tuple[int, ...], [[], [1]], [[True], 1]),
        (dict[str, int], [{}, {"a": 1}], [{"a": "1"}, []]),
        (str | None, ["a", None], [1]),
    ],
)
def test_types_are_those_of_a_hint(kind, good, bad):
    assert all(files.is_of_type(value, kind) for value in good)
    assert not any(files.is_of_type(value, kind) for value in bad)


def places(values, path=()):
    """Every place in a JSON value, as keys; of a long list the first item."""
    for key in values if isinstance(values, dict) else range(min(1, len(values))):
        yield (*path, key)
        if isinstance(values[key], dict | list):
            yield from places(values[key], (*path, key))


def damaged(values):
    """The value with each place replaced by something of another type, or taken out."""
    for place in places(values):
        for wrong in [*WRONG, "TAKE OUT"]:
            changed = copy.deepcopy(values)
            holder = changed
            for key in place[:-1]:
                holder = holder[key]
            holder[place[-1]] = wrong
            if wrong == "TAKE OUT":
                del holder[place[-1]]
            yield changed


def read_work_dir(folder):
    contents.check(folder, ExperimentConfig(), ExperimentConfig().task.FACTS())


CASES = {
    "manifest": (made.FOLDER / "data" / "packed", "manifest.json", Manifest.load),
    "task": (made.FOLDER / "models" / "single_label", "task.json", model_folder.load_task),
    "model": (made.FOLDER / "models" / "single_label", "bert_config.json", model_folder.load_task),
    "export": (made.FOLDER / "exported" / "onnx", "export.json", description.read),
    "config": (made.FOLDER / "runs" / "pretraining" / "interrupted", "config.json", read_work_dir),
    "hugging_face": (HUGGING_FACE / "BertModel", "config.json", checkpoint.read),
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_of_other_types_is_refused_in_one_line_or_read(name, tmp_path):
    source, file, read = CASES[name]
    folder = tmp_path / "copy"
    shutil.copytree(source, folder)
    good = json.loads((folder / file).read_text())
    refused = 0
    for content in [*map(json.dumps, damaged(good)), DEEP, "{" * 100_000, "", "5", "null"]:
        (folder / file).write_text(content)
        try:
            read(str(folder))
        except ValueError as error:
            refused += 1
            assert str(error) and "\n" not in str(error)
    assert refused > 10


def test_the_task_file_of_today_too(tmp_path):
    old = str(made.FOLDER / "models" / "entities")
    model_folder.save_task(str(tmp_path), model_folder.load_task(old))
    good = json.loads((tmp_path / "task.json").read_text())
    for content in damaged(good):
        (tmp_path / "task.json").write_text(json.dumps(content))
        with contextlib.suppress(ValueError):
            model_folder.load_task(str(tmp_path))


@pytest.mark.parametrize("line", [b"null", b"5", b'{"step": 2, "samp}', b"\xff}", DEEP.encode()])
def test_a_damaged_line_of_a_curve_is_left_out_and_the_run_goes_on(tmp_path, caplog, line):
    good = [b'{"step": 1, "loss": 2.0}', b'{"step": 3, "loss": 1.0}']
    for name in ("metrics.jsonl", "samples.jsonl"):
        (tmp_path / name).write_bytes(b"\n".join([good[0], line, good[1]]) + b"\n")
    MetricsWriter(str(tmp_path), start_step=3)
    found = run_curves.read_lines(str(tmp_path / "samples.jsonl"))
    assert [line["step"] for line in found] == [1, 3]
    assert "samples.jsonl:2: left out" in caplog.text


@pytest.mark.parametrize("damage", [b"", b"{", None])
def test_a_damaged_config_of_a_work_directory_is_that_of_its_checkpoints(tmp_path, damage):
    config = ExperimentConfig()
    config.train.num_train_steps = 7
    checkpoints = tmp_path / "checkpoints" / "step-00000001"
    checkpoints.mkdir(parents=True)
    info = {"format_version": 1, "step": 1, "files": {}, "config": as_json.to_dict(config)}
    (checkpoints / "checkpoint.json").write_text(json.dumps(info))
    if damage is not None:
        (tmp_path / "config.json").write_bytes(damage)
    contents.check(str(tmp_path), config, config.task.FACTS())
    config.train.num_train_steps = 8
    with pytest.raises(ValueError, match="num_train_steps was 7, now 8"):
        contents.check(str(tmp_path), config, config.task.FACTS())


@pytest.mark.parametrize("journal", ["", "[]", "{}", '{"lines": "3"}', DEEP])
def test_a_damaged_journal_of_answers_begins_anew(tmp_path, journal):
    (tmp_path / "out.part").write_text("old\n")
    (tmp_path / "out.part.json").write_text(journal)
    with AnswersFile(str(tmp_path / "out"), {}) as file:
        assert file.num_lines == 0
        file.write(["new"], "")
    assert (tmp_path / "out").read_text() == "new\n"


def test_an_export_whose_labels_were_edited_is_refused(tmp_path):
    folder = tmp_path / "onnx"
    shutil.copytree(made.FOLDER / "exported" / "onnx", folder)
    about = description.read(str(folder))
    about["files"] = {name: about["files"][name] for name in ("task.json", "README.md")}
    description.check_files(str(folder), about)
    (folder / "README.md").write_text("what people may do")
    description.check_files(str(folder), about)
    (folder / "task.json").write_text((folder / "task.json").read_text() + " ")
    with pytest.raises(ValueError, match=r"task\.json is missing or not what export.py wrote"):
        description.check_files(str(folder), about)
    with pytest.raises(ValueError, match="lies outside"):
        description.check_files(str(folder), {"files": {"../secret": {}}})
