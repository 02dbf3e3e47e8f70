"""The Python code in docs/notebook.md and README runs, block after block, in one session."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]
# README asks a model that the notebook has made.
PAGES = ("docs/notebook.md", "README.md")
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_the_code_of_the_documents_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "notebook"}
    for page in PAGES:
        blocks = _BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
        assert blocks
        for number, block in enumerate(blocks, start=1):
            exec(compile(block, f"{page}, block {number}", "exec"), names)
    assert "logits" in names["model"](names["batch"])
