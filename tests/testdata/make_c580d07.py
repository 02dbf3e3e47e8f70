"""Makes what commit c580d07 leaves behind, which every later version must take: tests/testdata/
c580d07. The README there says what is in it.

    python -m tests.testdata.make_c580d07 --source=/path/to/checkout/of/c580d07

It runs the scripts of that checkout, in processes of their own, on the texts in inputs/ and the
configs in configs/, which are written by hand and stay. Run it only to see that it still does: what
is stored stays for ever, so choose another --output. Nothing here imports bert_tf.
"""

import argparse
import gzip
import hashlib
import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

FOLDER = pathlib.Path(__file__).parent / "c580d07"
CLOCK = ("examples_per_second", "tokens_per_second", "mfu")
WRITTEN_BY_HAND = ("inputs", "configs")
# Those of scripts/test.sh, with which other machine code rounds otherwise.
XLA_FLAGS = "--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1"

LARGE = "exported/saved_model/saved_model.pb"  # stored with .gz behind its name
# A process of the checkout that runs command after command: it takes long to start one for each.
_WORKER = """
import json, sys
from bert_tf import app  # its flags are there before those of a script
from tests.in_process import run_in_process
for line in sys.stdin:
    process = run_in_process(*json.loads(line))
    print(json.dumps([process.returncode, process.stdout, process.stderr]), flush=True)
"""

# data set: flags of create_pretraining_data.py
DATA = {
    "next_sentence": {"input": "inputs/train.txt", "dupe_factor": 3, "max_seq_length": 32},
    "packed": {
        "input": "inputs/train.txt",
        "dupe_factor": 3,
        "max_seq_length": 32,
        "objective": "none",
        "cross_documents": "false",
        "short_seq_prob": 0.8,
        "max_examples_per_row": 4,
    },
    "short": {
        "input": "inputs/train.txt",
        "dupe_factor": 2,
        "max_seq_length": 16,
        "objective": "none",
    },
    "static": {
        "input": "inputs/held_out.txt",
        "dupe_factor": 4,
        "max_seq_length": 32,
        "static_masks": "true",
        "max_predictions_per_seq": 5,
    },
}
# run: the script, its flags, the step whose checkpoint it goes on from, whether it is then told to
# end by SIGTERM (one step later, between two log lines), and the name of its model
RUNS = {
    "pretraining": {
        "script": "pretrain",
        "flags": {
            "config": "configs/pretraining.py",
            "train_data": "data/next_sentence",
            "eval_data": "data/static",
        },
        "step": 16,
        "sigterm": True,
        "model": "pretraining",
    },
    "phases": {
        "script": "pretrain",
        "flags": {
            "config": "configs/phases.py",
            "train_data": ["data/short", "data/packed"],
            "eval_data": "data/packed",
        },
        "step": 16,
        "sigterm": True,
        "model": "masked_lm",
    },
    "fine_tuning": {
        "script": "finetune",
        "flags": {
            "config": "configs/single_label.py",
            "train_data": "inputs/single.tsv",
            "eval_data": "inputs/single_dev.tsv",
            "init_checkpoint": "models/pretraining",
            "config.optimizer.weight_decay": 0.02,
        },
        "step": 16,
        "sigterm": False,
        "model": "single_label",
    },
}
# model: training file, evaluation file
FINE_TUNED = {
    "multi_label": ("inputs/multi.jsonl", "inputs/multi_dev.jsonl"),
    "regression": ("inputs/numbers.csv", "inputs/numbers_dev.csv"),
    "pairs_mean": ("inputs/pairs.tsv", "inputs/pairs_dev.tsv"),
    "entities": ("inputs/entities.txt", "inputs/entities_dev.txt"),
    "answers": ("inputs/questions.json", "inputs/questions.json"),
}
EXPORTS = {
    "saved_model": {"model": "models/single_label"},
    "onnx": {"model": "models/pairs_mean", "format": "onnx"},
    "litert": {"model": "models/entities", "format": "litert"},
}
ASKED = [
    {"model": "models/pretraining", "input": "inputs/ask_masks.txt"},
    {"model": "models/masked_lm", "input": "inputs/ask_masks.txt"},
    {"model": "models/single_label", "input": "inputs/ask_texts.txt"},
    {"model": "models/single_label", "input": "inputs/ask_texts.txt", "task": "embed"},
    {"model": "models/multi_label", "input": "inputs/ask_texts.txt"},
    {"model": "models/regression", "input": "inputs/ask_texts.txt"},
    {"model": "models/pairs_mean", "input": "inputs/ask_pairs.txt"},
    {"model": "models/entities", "input": "inputs/ask_entities.txt"},
    {"model": "models/answers", "input": "inputs/ask_questions.txt"},
    {"model": "models/encoder", "input": "inputs/ask_texts.txt"},
    {"model": "exported/saved_model", "input": "inputs/ask_texts.txt"},
    {"model": "exported/onnx", "input": "inputs/ask_pairs.txt"},
    {"model": "exported/litert", "input": "inputs/ask_entities.txt"},
]
SCORED = [
    {"model": "models/pretraining", "data": "data/next_sentence"},
    {"model": "models/pretraining", "data": "data/static"},
    {"model": "models/masked_lm", "data": "data/packed"},
    {"model": "models/single_label", "data": "inputs/single_dev.tsv"},
    {"model": "models/multi_label", "data": "inputs/multi_dev.jsonl"},
    {"model": "models/regression", "data": "inputs/numbers_dev.csv"},
    {"model": "models/pairs_mean", "data": "inputs/pairs_dev.tsv"},
    {"model": "models/entities", "data": "inputs/entities_dev.txt"},
    {"model": "models/answers", "data": "inputs/questions_dev.json"},
]
FEATURES = {
    "model": "models/pretraining",
    "input": "inputs/ask_texts.txt",
    "layers": "-1,0",
    "max_seq_length": 16,
}
BATCHES = [
    {"model": "models/pretraining", "data": "data/next_sentence"},
    {"model": "models/pretraining", "data": "data/static"},
    {"model": "models/masked_lm", "data": "data/packed"},
]
REPORTED = [
    {"data": "data/next_sentence", "do_whole_word_mask": "true"},
    {"data": "data/packed"},
    {"data": "data/short"},
    {"data": "data/static"},
]


def words_of(flags: dict) -> list[str]:
    """--flag=value; a list is a flag that is given several times."""
    several = {name: value if isinstance(value, list) else [value] for name, value in flags.items()}
    return [f"--{name}={value}" for name, values in several.items() for value in values]


def read_lines(path: pathlib.Path) -> list:
    """The values of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def curve(work_dir: pathlib.Path) -> list[dict]:
    """The log lines of a run without what a clock says."""
    lines = read_lines(work_dir / "metrics.jsonl")
    return [{key: value for key, value in line.items() if key not in CLOCK} for line in lines]


def printed_scores(output: str) -> dict[str, float]:
    """`name: number` lines at the end of what a script prints."""
    found = re.findall(r"^([a-z_0-9 ]+): (-?[\d.]+|nan)$", output, re.MULTILINE)
    return {name: float(value) for name, value in found}


def sha256(path: pathlib.Path) -> str:
    """Of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def this_machine() -> dict:
    """What decides about the last digits: on another machine they may differ."""
    cpu = pathlib.Path("/proc/cpuinfo")
    text = cpu.read_text() if cpu.exists() else ""
    names, flags = (
        re.findall(rf"^{key}\s*: (.*)$", text, re.MULTILINE) or [""]
        for key in ("model name", "flags")
    )
    packages = ("tensorflow", "keras", "numpy")
    return {
        "cpu": names[0],
        "cpu_features": [f for f in flags[0].split() if f.startswith(("avx", "amx", "fma"))],
        "versions": {name: importlib.metadata.version(name) for name in packages},
    }


class Maker:
    """Runs the scripts of a checkout in a folder.

    Args:
      source: the checkout.
      folder: with inputs/ and configs/; all else is made in it.
      xla_flags: the scripts are run with them.
    """

    def __init__(self, source: pathlib.Path, folder: pathlib.Path, xla_flags: str = ""):
        self._source, self._folder, self._xla_flags = source, folder, xla_flags
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._worker = self._start(["-c", _WORKER], **pipes)

    def make(self) -> None:
        """Everything."""
        for name, flags in DATA.items():
            out = f"data/{name}"
            self._run(
                "create_pretraining_data", vocab_file="inputs/vocab.txt", output_dir=out, **flags
            )
        for name, run in RUNS.items():
            self._make_run(name, **run)
        self._resume_with_flags()
        for name, (train, dev) in FINE_TUNED.items():
            self._fine_tune(name, train, dev)
        self._make_encoder()
        for name, flags in EXPORTS.items():
            self._run("export", output_dir=f"exported/{name}", **flags)
        expected = {
            "commit": "c580d07",
            "machine": this_machine(),
            "batches": [{**flags, "batch": self._batch(**flags)} for flags in BATCHES],
            **self._ask(),
        }
        self._worker.communicate()  # its input ends, and so does it
        self._write_json("expected.json", expected)
        large = self._folder / LARGE
        compressed = gzip.compress(large.read_bytes(), mtime=0)
        large.with_name(f"{large.name}.gz").write_bytes(compressed)
        large.unlink()

    def _start(self, words: list[str], **pipes) -> subprocess.Popen:
        unwanted = ("LD_", "TF_", "XLA_")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
        if self._xla_flags:
            environment["XLA_FLAGS"] = self._xla_flags
        environment |= {"PYTHONPATH": str(self._source), "TF_CPP_MIN_LOG_LEVEL": "2"}
        environment["TF_NUM_INTRAOP_THREADS"] = "1"
        words = [sys.executable, *words]
        return subprocess.Popen(words, cwd=self._folder, env=environment, text=True, **pipes)

    def _command(self, script: str, **flags) -> list[str]:
        return [str(self._source / "scripts" / f"{script}.py"), *words_of(flags)]

    def _output(self, words: list[str]) -> str:
        print(*words, flush=True)
        print(json.dumps(words), file=self._worker.stdin, flush=True)
        code, output, error = json.loads(self._worker.stdout.readline())
        if code:
            raise SystemExit(f"{words} ended with {code}: {error[-3000:]}")
        return output

    def _run(self, script: str, **flags) -> str:
        return self._output(self._command(script, **flags))

    def _make_run(self, name, *, script, flags, step, sigterm, model) -> None:
        """The unbroken run, its model, and what the broken one left."""
        home = self._folder / "runs" / name
        home.mkdir(parents=True)
        unbroken, broken = home / "unbroken", home / "interrupted"
        output = self._run(script, work_dir=f"runs/{name}/unbroken", **flags)
        expected = {
            "script": script,
            "flags": flags,
            "metrics": curve(unbroken),
            "scores": printed_scores(output),
            "model_metrics": json.loads((unbroken / "model" / "metrics.json").read_text()),
            "model_sha256": {"": sha256(unbroken / "model" / "model.safetensors")},
        }
        (broken / "checkpoints").mkdir(parents=True)
        for file in ("config.json", "metrics.jsonl", "samples.jsonl"):
            if (unbroken / file).exists():
                shutil.copy(unbroken / file, broken / file)
        newest, *others = self._checkpoints(unbroken, step)
        for path in (newest, *others):
            shutil.copytree(path, broken / "checkpoints" / path.name)
        if sigterm:
            self._terminate(self._command(script, work_dir=f"runs/{name}/interrupted", **flags))
            shutil.rmtree(broken / "checkpoints" / newest.name)
            shutil.rmtree(broken / "tensorboard")  # has the name of the machine
            (broken / "run.html").unlink()
            step += 1
        info = self._info(max((broken / "checkpoints").iterdir()))
        assert info["step"] == step and bool(info["history"]["totals"]) == sigterm, info
        self._write_json(f"runs/{name}/expected.json", {"resumed_after_step": step, **expected})
        (self._folder / "models").mkdir(exist_ok=True)
        shutil.move(unbroken / "model", self._folder / "models" / model)
        shutil.rmtree(unbroken)

    def _resume_with_flags(self) -> None:
        """Adds what the interrupted runs end with under XLA_FLAGS."""
        copy = pathlib.Path(tempfile.mkdtemp()) / "copy"
        shutil.copytree(self._folder, copy)
        other = Maker(self._source, copy, XLA_FLAGS)
        for name, run in RUNS.items():
            other._run(run["script"], work_dir=f"runs/{name}/interrupted", **run["flags"])
            path = self._folder / "runs" / name / "expected.json"
            expected = json.loads(path.read_text())
            model = copy / "runs" / name / "interrupted" / "model" / "model.safetensors"
            expected["model_sha256"][XLA_FLAGS] = sha256(model)
            self._write_json(f"runs/{name}/expected.json", expected)
        other._worker.communicate()
        shutil.rmtree(copy.parent)

    def _checkpoints(self, work_dir: pathlib.Path, step: int) -> list[pathlib.Path]:
        """That of the step, and that of its best evaluation so far."""
        newest = work_dir / "checkpoints" / f"step-{step:08}"
        best = self._info(newest)["history"]["best"].get("step", step)
        return [newest] + [newest.with_name(f"step-{best:08}")] * (best != step)

    def _info(self, checkpoint: pathlib.Path) -> dict:
        return json.loads((checkpoint / "checkpoint.json").read_text())

    def _terminate(self, words: list[str]) -> None:
        """SIGTERM while the first step is compiled, behind which the run then ends."""
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        process = self._start(words, **pipes)
        for line in process.stderr:
            if "a step" in line and "needs about" in line:
                break
        threading.Thread(target=process.stderr.read).start()
        time.sleep(1)  # now it has its handler and is compiling
        process.send_signal(signal.SIGTERM)
        if process.wait() != 143:
            raise SystemExit(f"{words} ended with {process.returncode}, not by SIGTERM")

    def _fine_tune(self, name: str, train: str, dev: str) -> None:
        work_dir = self._folder / "runs" / name
        self._run(
            "finetune",
            config=f"configs/{name}.py",
            train_data=train,
            eval_data=dev,
            init_checkpoint="models/pretraining",
            work_dir=f"runs/{name}",
        )
        shutil.move(work_dir / "model", self._folder / "models" / name)
        shutil.rmtree(work_dir)

    def _make_encoder(self) -> None:
        """What convert_checkpoint.py makes of a BertModel that says how a text becomes a vector."""
        from safetensors.numpy import load_file, save_file

        foreign = self._folder / "foreign"
        flags = {"input": "models/pretraining", "output": "foreign", "to": "hugging_face"}
        self._run("convert_checkpoint", **flags)
        tensors = load_file(foreign / "model.safetensors")
        kept = {k.removeprefix("bert."): v for k, v in tensors.items() if not k.startswith("cls.")}
        save_file(kept, foreign / "model.safetensors", {"format": "pt"})
        config = json.loads((foreign / "config.json").read_text())
        config["architectures"] = ["BertModel"]
        self._write_json("foreign/config.json", config)
        modules = [("0", "Transformer", ""), ("1", "Pooling", "1_Pooling")]
        self._write_json(
            "foreign/modules.json",
            [
                {
                    "idx": int(n),
                    "name": n,
                    "path": path,
                    "type": f"sentence_transformers.models.{t}",
                }
                for n, t, path in modules
            ],
        )
        (foreign / "1_Pooling").mkdir()
        pooling = {"word_embedding_dimension": 16, "pooling_mode_cls_token": True}
        pooling["pooling_mode_mean_tokens"] = False
        self._write_json("foreign/1_Pooling/config.json", pooling)
        self._run("convert_checkpoint", input="foreign", output="models/encoder", to="bert_tf")
        shutil.rmtree(foreign)

    def _batch(self, model: str, data: str) -> dict:
        script = pathlib.Path(__file__).parent / "first_batch.py"
        return json.loads(self._output([str(script), model, data]))

    def _ask(self) -> dict:
        """What the finished models and data sets give."""
        outputs = [self._run("predict", **flags) for flags in ASKED]
        for number, flags in enumerate(SCORED):
            self._run("evaluate", output=f"scores-{number}.json", **flags)
        for flags in REPORTED:
            self._run("report_pretraining_data", **flags)
        self._run("extract_features", output_dir="features", **FEATURES)
        answers = [
            {"flags": flags, "answers": [json.loads(line) for line in output.splitlines()]}
            for flags, output in zip(ASKED, outputs, strict=True)
        ]
        scores = [
            {"flags": flags, "scores": self._take_json(f"scores-{number}.json")}
            for number, flags in enumerate(SCORED)
        ]
        reports = [
            {"flags": flags, "report": self._take_json(f"{flags['data']}/report.json")}
            for flags in REPORTED
        ]
        for flags in REPORTED:
            (self._folder / flags["data"] / "report.html").unlink()
        (file,) = (self._folder / "features").glob("features-*.jsonl")
        features = {"flags": FEATURES, "lines": read_lines(file)}
        shutil.rmtree(self._folder / "features")
        return {"answers": answers, "scores": scores, "reports": reports, "features": features}

    def _take_json(self, name: str):
        path = self._folder / name
        value = json.loads(path.read_text())
        path.unlink()
        return value

    def _write_json(self, name: str, value) -> None:
        text = json.dumps(value, indent=1, ensure_ascii=False)
        # Lists of numbers on one line.
        text = re.sub(r"\[[^][{}\"]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
        (self._folder / name).write_text(text + "\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, default=FOLDER)
    arguments = parser.parse_args()
    if (arguments.output / "expected.json").exists():
        raise SystemExit(f"{arguments.output} is made and must stay. Choose another --output.")
    folder = pathlib.Path(tempfile.mkdtemp())  # stays if something fails
    for name in WRITTEN_BY_HAND:
        shutil.copytree(FOLDER / name, folder / name)
    Maker(arguments.source.resolve(), folder).make()
    for cache in folder.rglob("__pycache__"):
        shutil.rmtree(cache)
    shutil.copytree(folder, arguments.output, dirs_exist_ok=True)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
