"""The Python code in docs/notebook.md and README runs, block after block, in one session."""

import json
import pathlib
import re
import sys
import types

import pytest

ROOT = pathlib.Path(__file__).parents[1]
# README asks a model that the notebook has made.
PAGES = ("docs/notebook.md", "README.md")
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_the_code_of_the_documents_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("notebook")  # a task of its own is found there, as in __main__
    monkeypatch.setitem(sys.modules, "notebook", module)
    names = vars(module)
    for page in PAGES:
        blocks = _BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
        assert blocks
        for number, block in enumerate(blocks, start=1):
            exec(compile(block, f"{page}, block {number}", "exec"), names)
    assert "logits" in names["model"](names["batch"])
    # A function of the reader's own is called at each evaluation.
    said = re.findall(r"^(\d+) \d\.\d+$", capsys.readouterr().out, re.MULTILINE)
    assert said[:2] == ["5", "10"]
    report = json.loads((tmp_path / "work/classifier/report.json").read_text(encoding="utf-8"))
    slices = [one["slice"] for one in report["sets"]["dev"]["slices"]]
    assert {"with warm", "without warm"} & {*slices}  # of `looking`
    assert 0 <= names["result"].scores["dev"]["share_of_bad"] <= 1


_EXCERPT = re.compile(r'^```python title="([^"]+)"\n(.*?)^```', re.DOTALL | re.MULTILINE)
_EXCERPTS = _EXCERPT.findall((ROOT / "docs" / "extending.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("path", "excerpt"), _EXCERPTS, ids=[text.split("\n")[0] for _, text in _EXCERPTS]
)
def test_an_excerpt_is_what_stands_in_its_file(path, excerpt):
    """A line of three dots stands for lines that are left out; spaces and lines do not count."""
    content = "".join((ROOT / path).read_text(encoding="utf-8").split())
    parts = re.split(r"^ *\.\.\.\n", excerpt, flags=re.MULTILINE)
    assert [part for part in parts if "".join(part.split()) not in content] == []
