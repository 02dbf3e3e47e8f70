"""check_all.py: which commands it finds in documents, what it makes of them, and its table."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "development"))

import check_all  # noqa: E402
import documented  # noqa: E402
import tiny_commands  # noqa: E402

PAGE = """Text with `python scripts/pretrain.py --no` in it.

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


def test_commands_are_those_of_code_blocks_and_tables(commands):
    assert [(c.line, c.script) for c in commands] == [
        (4, "scripts/train_vocab.py"),
        (6, "scripts/predict.py"),
        (9, "scripts/pretrain.py"),
        (11, "scripts/evaluate.py"),
    ]
    assert commands[0].words == ["--input=a*.txt", "--vocab_size=8000"]
    assert [command.stdin for command in commands] == ["", "a b\n", "", ""]


def test_files_become_tiny_ones_and_flags_stay(commands):
    learn, predict, launch, _ = commands
    assert tiny_commands.words_of(learn, WORLD, 1) == ["--input=/in/train.txt", "--vocab_size=150"]
    assert tiny_commands.words_of(predict, WORLD, 2) == ["--model=/in/tags", "--task=embed"]
    assert "pattern" in tiny_commands.reason_not_to_run(launch)


def test_most_documented_commands_are_run():
    found = [c for path in documented.documents() for c in documented.commands_of(path)]
    run = [command for command in found if not tiny_commands.reason_not_to_run(command)]
    assert len(run) > 25 and len({command.script for command in run}) > 8
    assert all((ROOT / command.script).exists() for command in found)


def test_the_result_stands_between_the_marks(tmp_path, monkeypatch):
    page = tmp_path / "development.md"
    page.write_text(f"before\n{check_all.BEGIN}\nold\n{check_all.END}\nafter\n")
    monkeypatch.setattr(check_all, "PAGE", page)
    row = {"group": "pair a b", "seconds": 60.0}
    rows = [
        {**row, "what": "x", "state": check_all.OK, "note": ""},
        {**row, "what": "y", "state": "FAILED", "note": "ValueError: no"},
        {**row, "what": "z", "state": check_all.NOT_RUN, "note": "not run: a measurement"},
    ]
    check_all.write_page(check_all.block(rows, "2026-12-01"))
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "| pair a b | 1 | 1 | 1 | 3.0 |" in text and "Failed: y: ValueError: no" in text
    assert "2026-12-01" in text and "- not run: a measurement" in text
