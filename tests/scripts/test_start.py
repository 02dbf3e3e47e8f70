"""Every script starts on its own: with no more on the path than Python itself puts there."""

import subprocess
import sys

from tests.scripts.conftest import ROOT

# One process for all: it takes seconds to import TensorFlow.
_IMPORT_ALL = """
import pathlib, runpy, sys
from absl import flags
before = set(flags.FLAGS)
for path in sorted(pathlib.Path("scripts").glob("*.py")):
    if "app.run(main" not in path.read_text():
        continue
    sys.path[0] = "scripts"
    try:
        runpy.run_path(str(path), run_name="not_main")
    except Exception as error:
        raise SystemExit(f"{path}: {type(error).__name__}: {error}")
    for name in {name for name in flags.FLAGS if name not in before and name != "members"}:
        delattr(flags.FLAGS, name)
    print(path.name)
"""


def test_every_script_is_imported_without_the_tests():
    process = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr[-2000:]
    names = process.stdout.split()
    assert {"finetune.py", "pretrain.py", "benchmark.py", "evaluate.py"} <= set(names)
