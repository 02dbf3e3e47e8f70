"""What commit c580d07 left behind (tests/testdata/c580d07) loads, resumes and answers as it did.

Everything goes through the scripts, with the flags and the config files of that time. On the kind
of machine that made the files numbers agree to 1e-6 and weights to the bit; elsewhere sums are
added in another order, and numbers agree to 1e-4.
"""

import contextlib
import gzip
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile

import pytest

from tests.in_process import run_in_process
from tests.scripts.conftest import ROOT
from tests.testdata import make_c580d07 as made
from tests.testdata.first_batch import first_batch

EXPECTED = json.loads((made.FOLDER / "expected.json").read_text())
RUNS = sorted(path.name for path in (made.FOLDER / "runs").iterdir())
IS_SAME_MACHINE = made.this_machine() == EXPECTED["machine"]
TOLERANCE = 1e-6 if IS_SAME_MACHINE else 1e-4


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the files, which scripts may write into."""
    folder = tmp_path_factory.mktemp("c580d07") / "copy"
    shutil.copytree(made.FOLDER, folder)
    compressed = folder / f"{made.LARGE}.gz"
    (folder / made.LARGE).write_bytes(gzip.decompress(compressed.read_bytes()))
    compressed.unlink()
    return folder


def run(folder, script, **flags):
    """Standard output of a script that is started in `folder` and must succeed."""
    with contextlib.chdir(folder):
        process = run_in_process(ROOT / "scripts" / f"{script}.py", *made.words_of(flags))
    assert process.returncode == 0, f"{script} {flags}: {process.stderr[-2000:]}"
    return process.stdout


def assert_same(actual, expected, where="", tolerance=TOLERANCE):
    """Numbers to the tolerance, all else exactly; keys that have come since do not count."""
    if isinstance(expected, dict):
        missing = set(expected) - set(actual)
        assert not missing, f"{where}: {missing} missing"
        for key, value in expected.items():
            assert_same(actual[key], value, f"{where}.{key}", tolerance)
    elif isinstance(expected, list):
        assert len(actual) == len(expected), where
        for number, value in enumerate(expected):
            assert_same(actual[number], value, f"{where}[{number}]", tolerance)
    elif isinstance(expected, float):
        assert actual == pytest.approx(expected, rel=tolerance, abs=tolerance, nan_ok=True), where
    else:
        assert type(actual) is type(expected) and actual == expected, where


def cases(name):
    """A parameter for each entry of expected.json, named by what is asked of what."""
    entries = EXPECTED[name]
    flags = [entry.get("flags", entry) for entry in entries]
    keys = ("model", "data", "task")
    ids = ["-".join(f[key].split("/")[-1] for key in keys if key in f) for f in flags]
    return pytest.mark.parametrize("case", entries, ids=ids)


@cases("batches")
def test_the_first_batch_of_a_data_set_is_the_same_with_its_masks(copy, case):
    batch = first_batch(str(copy / case["model"]), str(copy / case["data"]))
    assert_same(batch, case["batch"], tolerance=0)


@cases("reports")
def test_a_data_set_is_read_and_measured_as_before(copy, case):
    run(copy, "report_pretraining_data", **case["flags"])
    report = json.loads((copy / case["flags"]["data"] / "report.json").read_text())
    expected = dict(case["report"])
    verdicts = [check["ok"] for check in expected.pop("checks")]  # what they say may change
    assert [check["ok"] for check in report["checks"]] == verdicts
    assert_same(report, expected)


@cases("answers")
def test_a_model_answers_as_before(copy, case):
    output = run(copy, "predict", **case["flags"])
    assert_same([json.loads(line) for line in output.splitlines()], case["answers"])


@cases("scores")
def test_a_model_has_the_scores_of_before(copy, case, tmp_path):
    run(copy, "evaluate", output=tmp_path / "scores.json", **case["flags"])
    assert_same(json.loads((tmp_path / "scores.json").read_text()), case["scores"])


def test_features_are_the_same(copy, tmp_path):
    run(copy, "extract_features", output_dir=tmp_path / "out", **EXPECTED["features"]["flags"])
    lines = made.read_lines(tmp_path / "out" / "features-00000.jsonl")
    assert_same(lines, EXPECTED["features"]["lines"])


@pytest.mark.parametrize("name", RUNS)
def test_an_interrupted_run_goes_on_from_the_middle_to_the_end_of_the_unbroken_one(copy, name):
    expected = json.loads((copy / "runs" / name / "expected.json").read_text())
    work_dir = copy / "runs" / name / "interrupted"
    lines = made.read_lines(work_dir / "metrics.jsonl")
    lines[0]["is_old"] = True  # a run from the beginning would write the line again
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (work_dir / "metrics.jsonl").write_text(text)
    output = run(copy, expected["script"], work_dir=work_dir, **expected["flags"])
    curve = made.curve(work_dir)
    assert "is_old" in curve[0] and curve[0]["step"] <= expected["resumed_after_step"]
    assert_same(curve, expected["metrics"], "metrics")
    # Printed with four digits.
    assert_same(made.printed_scores(output), expected["scores"], "scores", 2e-4)
    metrics = json.loads((work_dir / "model" / "metrics.json").read_text())
    assert_same(metrics, expected["model_metrics"], "metrics.json")
    known = expected["model_sha256"].get(os.environ.get("XLA_FLAGS", ""))
    if IS_SAME_MACHINE and known:
        assert made.sha256(work_dir / "model" / "model.safetensors") == known


def test_no_stored_file_names_a_folder_of_the_machine_that_made_it():
    here = {pathlib.Path(place).parts[1] for place in (ROOT, sys.prefix, tempfile.gettempdir())}
    # A folder at the root of the machine; below another folder the name may stand.
    this_machine = rb"(?<![\w.-])/(%s)/" % "|".join(map(re.escape, sorted(here))).encode()
    for path in made.FOLDER.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            content = gzip.decompress(content) if path.suffix == ".gz" else content
            assert not re.search(rb"/(home|root|tmp)/|site-packages", content), path
            assert not re.search(this_machine, content), path
