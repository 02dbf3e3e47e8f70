r"""Kills a pretraining run with SIGKILL at random moments and compares it with an unbroken one.

    python scripts/development/check_kills.py --output_dir=work/kills --num_kills=20 -- \
        --config=configs/pretrain/quickstart.py --train_data=quickstart/records/train \
        --eval_data=quickstart/records/heldout --config.train.checkpoint_every=10

What stands behind -- are flags of pretrain.py, without --work_dir. The unbroken run is done first.
Of the second one every fifth start is killed while it starts; the others some time after a log
line, at steps drawn from the whole run: between two lines, in an evaluation, in writing a
checkpoint.
Every kill is printed. At the end the lines of metrics.jsonl (but for speeds), the newest
checkpoints (weights, slots of the optimizer, steps, consumed rows) and the model folders must be
equal, bit for bit; the exit code is 1 if they are not, or if the run ended before all kills.
"""

import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import numpy as np
import tensorflow as tf
from absl import flags

from bert_tf import app

FLAGS = flags.FLAGS
flags.DEFINE_string("output_dir", None, "A new folder for both runs.", required=True)
flags.DEFINE_integer("num_kills", 20, "How often the second run is killed.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Of the moments.")

_PRETRAIN = pathlib.Path(__file__).parents[1] / "pretrain.py"
_POLL_SECONDS = 0.02
_CLOCK = ("examples_per_second", "tokens_per_second", "mfu")


def main(argv):
    del argv
    folder = pathlib.Path(FLAGS.output_dir)
    if folder.exists():
        raise ValueError(f"{folder} exists already; expected the name of a new folder.")
    folder.mkdir(parents=True)
    unbroken, broken = folder / "unbroken", folder / "broken"
    start = time.monotonic()
    process = _start(unbroken)
    while process.poll() is None and not _last_step(unbroken):
        time.sleep(_POLL_SECONDS)
    first = time.monotonic() - start
    if process.wait():
        raise ValueError(f"the unbroken run failed: {_last_line(unbroken)}")
    total = time.monotonic() - start
    print(f"unbroken run: {total:.0f} s, first line after {first:.0f} s", flush=True)
    line = (total - first) / len(_curve(unbroken))
    kills = _kill_again_and_again(broken, _last_step(unbroken), first, line)
    faults = _differences(unbroken, broken)
    if kills < FLAGS.num_kills:
        faults.append(f"only {kills} kills, then the run was over: give it more steps")
    print("\n".join(faults) or f"{kills} kills: all equal, bit for bit")
    return 1 if faults else 0


def _start(work_dir):
    with open(f"{work_dir}.log", "a") as log:
        command = [sys.executable, str(_PRETRAIN), *_PRETRAIN_FLAGS, f"--work_dir={work_dir}"]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _last_line(work_dir):
    return pathlib.Path(f"{work_dir}.log").read_text().strip().splitlines()[-1:]


def _kill_again_and_again(work_dir, num_steps, first, line):
    """Lets the last start run to its end; returns the number of kills.

    Starting takes about `first` seconds, a log line about `line`.
    """
    moments = random.Random(FLAGS.seed)
    steps = sorted(moments.randrange(num_steps) for _ in range(FLAGS.num_kills))
    for number, step in enumerate(steps, start=1):
        in_start = number % 5 == 0
        process, begin = _start(work_dir), time.time()
        while not in_start and process.poll() is None and _last_step(work_dir, begin) <= step:
            time.sleep(_POLL_SECONDS)
        time.sleep(moments.uniform(0, first if in_start else line))
        if process.poll() is not None:
            return number - 1
        process.send_signal(signal.SIGKILL)
        process.wait()
        when = "while it started" if in_start else f"after step {_last_step(work_dir)}"
        print(f"kill {number} {when}: {_state(work_dir)}", flush=True)
    process = _start(work_dir)
    if process.wait():
        raise ValueError(f"the last start failed: {_last_line(work_dir)}")
    return FLAGS.num_kills


def _last_step(work_dir, since=0.0):
    """The step of the newest log line written after the time `since`; 0 if there is none."""
    path = work_dir / "metrics.jsonl"
    if not path.exists() or path.stat().st_mtime < since:
        return 0
    whole = [line for line in path.read_text().splitlines() if line.endswith("}")]
    return json.loads(whole[-1])["step"] if whole else 0


def _state(work_dir):
    """In words: what was on disk when it was killed."""
    folders = sorted(work_dir.glob("checkpoints/step-*"))
    halves = [path.name for path in folders if not (path / "checkpoint.json").exists()]
    lines = (work_dir / "metrics.jsonl").read_text().splitlines() if folders else []
    half = f", half written: {', '.join(halves)}" if halves else ""
    return f"checkpoints {', '.join(p.name for p in folders) or 'none'}{half}, {len(lines)} lines"


def _differences(one, two):
    """What is not equal, a line each."""
    found = [] if _curve(one) == _curve(two) else ["the lines of metrics.jsonl differ"]
    a, b = (_checkpoint(folder) for folder in (one, two))
    found += [
        f"{path} differs"
        for path in sorted(set(a) | set(b))
        if not _equal(a.get(path), b.get(path))
    ]
    if _model_hash(one) != _model_hash(two):
        found.append("the model folders differ")
    return found


def _curve(work_dir):
    lines = [json.loads(line) for line in (work_dir / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in _CLOCK} for line in lines]


def _checkpoint(work_dir):
    """Every variable of the newest checkpoint, and what its JSON says of the position."""
    folder = max(work_dir.glob("checkpoints/step-*"))
    info = json.loads((folder / "checkpoint.json").read_text())
    reader = tf.train.load_checkpoint(str(folder / "weights"))
    values = {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH"
    }
    return {**values, **{key: np.array(info[key]) for key in ("step", "rows_consumed")}}


def _equal(a, b):
    return a is not None and b is not None and a.tobytes() == b.tobytes()


def _model_hash(work_dir):
    content = (work_dir / "model" / "model.safetensors").read_bytes()
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    _PRETRAIN_FLAGS = []
    if "--" in sys.argv:
        place = sys.argv.index("--")
        sys.argv, _PRETRAIN_FLAGS = sys.argv[:place], sys.argv[place + 1 :]
    os.environ.setdefault("PYTHONPATH", str(_PRETRAIN.parents[1]))
    app.run(main)
