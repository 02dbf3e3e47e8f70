"""check_all.py: which commands it finds in documents, what it makes of them, and its table."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "development"))

import check_all  # noqa: E402
import check_results  # noqa: E402
import documented  # noqa: E402
import tiny_commands  # noqa: E402

PAGE = """Text with `python scripts/pretrain.py
--no` in it.

```bash
python scripts/train_vocab.py --input='a*.txt' \\
    --vocab_size=8000 # small
echo "a b" | python scripts/predict.py --model=work/ner --task embed
```

    python scripts/launch.py --num_workers=2 -- python scripts/pretrain.py --config=...

| score | `python scripts/evaluate.py --model=work/ner --data=eng.testb` |
"""
WORLD = tiny_commands.World(*map(pathlib.Path, ("/in", "/out", "/glue", "/foreign")))


@pytest.fixture
def commands(tmp_path):
    (tmp_path / "page.md").write_text(PAGE)
    return documented.commands_of(tmp_path / "page.md")


def test_commands_are_those_of_code_blocks_and_spans(commands):
    assert [(c.line, c.script) for c in commands] == [
        (1, "scripts/pretrain.py"),
        (5, "scripts/train_vocab.py"),
        (7, "scripts/predict.py"),
        (10, "scripts/pretrain.py"),
        (12, "scripts/evaluate.py"),
    ]
    assert [command.words for command in commands[:2]] == [
        ["--no"],
        ["--input=a*.txt", "--vocab_size=8000"],
    ]
    assert [command.stdin for command in commands] == ["", "", "a b\n", "", ""]


def test_files_become_tiny_ones_and_flags_stay(commands):
    _, learn, predict, launch, _ = commands
    assert tiny_commands.words_of(learn, WORLD, 1) == ["--input=/in/train.txt", "--vocab_size=150"]
    assert tiny_commands.words_of(predict, WORLD, 2) == ["--model=/in/tags", "--task=embed"]
    assert "pattern" in tiny_commands.reason_not_to_run(launch)


def test_most_documented_commands_are_run():
    found = [c for path in documented.documents() for c in documented.commands_of(path)]
    run = [command for command in found if not tiny_commands.reason_not_to_run(command)]
    assert len(run) > 25 and len({command.script for command in run}) > 8
    scripts = {c.script for c in found if "/" in c.script}  # the others are modules of the tests
    assert [script for script in scripts if not (ROOT / script).exists()] == []


def test_a_launched_command_is_taken_apart(tmp_path):
    text = "python scripts/launch.py --num_workers=2 -- python scripts/pretrain.py --work_dir=a"
    command = documented.Command(text, "page.md", 1)
    assert command.launcher == ["scripts/launch.py", "--num_workers=2", "--"]
    assert command.script == "scripts/pretrain.py" and command.words == ["--work_dir=a"]


@pytest.fixture
def page(tmp_path, monkeypatch):
    path = tmp_path / "development.md"
    path.write_text(f"before\n{check_results.BEGIN}\nold\n{check_results.END}\nafter\n")
    monkeypatch.setattr(check_results, "PAGE", path)
    return path


def result(commit="abc1234", state=check_results.FAILED):
    rows = [("x", check_results.OK, ""), ("y", state, "ValueError: /tmp/a/b.txt: no\nmore")]
    rows.append(("z", check_results.NOT_RUN, "not run: a measurement"))
    names = ("what", "state", "note")
    rows = [{**dict(zip(names, row, strict=True)), "seconds": 60.0} for row in rows]
    return check_results.Result("pair a b", commit, "2026-12-01", rows)


def test_the_result_stands_between_the_marks(page):
    check_results.write_page(check_results.block([result()], ["layouts"]))
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "| pair a b | abc1234 | 2026-12-01 | 1 | 1 | 1 | 3.0 |" in text
    assert "| layouts | not run yet |" in text
    assert "Failed: y: ValueError: b.txt: no\n" in text and "- not run: a measurement" in text


@pytest.mark.parametrize(
    ("last", "is_run"),
    [
        (result(state=check_results.OK), False),
        (result(), True),
        (result("other", state=check_results.OK), True),
        (None, True),
    ],
)
def test_a_group_that_passed_at_this_commit_is_not_run_again(tmp_path, monkeypatch, last, is_run):
    ran = []

    def collect(name, folder):
        ran.append(name)
        return result()

    monkeypatch.setattr(check_all, "collect", collect)
    if last:
        check_results.store(tmp_path, last)
    failed = check_all.run(["pair a b"], tmp_path, lambda known: known.holds_for("abc1234"))
    assert ran == (["pair a b"] if is_run else []) and failed == int(is_run)
    (kept,) = check_results.load(tmp_path, ["pair a b", "layouts"]).values()
    assert kept == (result() if is_run else last)


def test_files_that_were_changed_are_checked_again():
    assert not result("abc1234-dirty", check_results.OK).holds_for("abc1234-dirty")
