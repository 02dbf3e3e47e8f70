"""An encoder with a tokenizer, and everything that scripts do with the two of them.

The tests ask each pair for some of it; scripts/development/check_all.py asks every pair for all.
"""

import functools
import json
import pathlib

import numpy as np
import safetensors.numpy

from tests.family import cases
from tests.scripts.conftest import ok_here

OBJECTIVES = ("next_sentence", "sentence_order", "none")


class Pair:
    """Works below a folder that `cases.write_texts` and `cases.write_tokenizers` have filled.

    Every method runs scripts in this process and raises AssertionError when one fails.
    """

    def __init__(self, encoder: str, tokenizer: str, texts: pathlib.Path, folder: pathlib.Path):
        self.encoder, self.tokenizer = encoder, tokenizer
        self.texts, self.folder = texts, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.mask = "[MASK]" if tokenizer in (cases.WORDPIECE, cases.UNIGRAM) else "<mask>"

    def config(self, task: str) -> pathlib.Path:
        """The config file for a task of `cases.TASKS`, or for pretraining."""
        settings = cases.PRETRAINING if task == "pretraining" else cases.TASKS[task][0]
        cases.write_config(self.folder / f"{task}.py", self.encoder, settings)
        return self.folder / f"{task}.py"

    @functools.cache  # noqa: B019 - as long as the pair
    def records(self, part: str = "train", objective: str = "none", **flags) -> pathlib.Path:
        """Records of a text with an objective of `OBJECTIVES`."""
        name = "_".join([part, objective, *map(str, flags.values())])
        ok_here(
            "create_pretraining_data",
            cases.MEMBERS,
            input=self.texts / f"{part}.txt",
            vocab_file=self.texts / self.tokenizer,
            output_dir=self.folder / name,
            objective=objective,
            max_seq_length=cases.LENGTH,
            **flags,
        )
        return self.folder / name

    def pretraining_flags(self, name: str) -> dict[str, pathlib.Path]:
        """The flags of pretrain.py for a run in the work directory `name`."""
        return {
            "config": self.config("pretraining"),
            "train_data": self.records("train"),
            "eval_data": self.records("valid"),
            "work_dir": self.folder / name,
        }

    @functools.cache  # noqa: B019
    def pretrained(self) -> pathlib.Path:
        """The work directory of a short run."""
        ok_here("pretrain", cases.MEMBERS, **self.pretraining_flags("pretrained"))
        return self.folder / "pretrained"

    @functools.cache  # noqa: B019
    def fine_tuned(self, task: str, **flags) -> pathlib.Path:
        """The work directory of a short run that began with `pretrained`."""
        folder = self.folder / "_".join([task, *map(str, flags.values())])
        files = {name: self.texts / cases.TASKS[task][1].format(name) for name in ("train", "dev")}
        ok_here(
            "finetune",
            cases.MEMBERS,
            config=self.config(task),
            train_data=files["train"],
            eval_data=files["dev"],
            init_checkpoint=self.pretrained(),
            work_dir=folder,
            **flags,
        )
        return folder

    def model(self, task: str) -> pathlib.Path:
        """The work directory of the task."""
        return self.pretrained() if task == "pretraining" else self.fine_tuned(task)

    def evaluated(self, task: str) -> dict[str, float]:
        """What evaluate.py says about the model of the task."""
        is_first = task == "pretraining"
        data = self.records("valid") if is_first else cases.TASKS[task][1].format("dev")
        output = self.folder / f"{task}_scores.json"
        ok_here(
            "evaluate",
            cases.MEMBERS,
            model=self.model(task),
            data=self.texts / data,
            output=output,
        )
        return json.loads(output.read_text())

    def learned(self, task: str) -> None:
        """Trains, scores and asks the model of the task; AssertionError if the scores differ."""
        scores = self.evaluated(task)
        if any(abs(scores[name] - value) > 1e-4 for name, value in self.scores(task).items()):
            raise AssertionError(f"evaluate.py: {scores}, in training: {self.scores(task)}")
        answer = self.answer(self.model(task), self.line(task))
        if not set(answer) >= cases.ANSWERS[task]:
            raise AssertionError(f"{answer} lacks one of {cases.ANSWERS[task]}")

    def line(self, task: str) -> str:
        """What predict.py is asked about the task."""
        line = cases.LINES[task]
        return line.replace("?", self.mask) if task == "pretraining" else line

    def scores(self, task: str) -> dict[str, float]:
        """What the run of the task wrote down."""
        return json.loads((self.model(task) / "model" / "metrics.json").read_text())["eval"]

    def answer(self, model: pathlib.Path, line: str) -> dict:
        """What predict.py answers to a line."""
        output = ok_here("predict", cases.MEMBERS, model=model, stdin=f"{line}\n")
        return json.loads(output.splitlines()[-1])

    def exported(self, task: str, form: str) -> pathlib.Path:
        """The model of the task in the form saved_model, litert or onnx."""
        folder = self.folder / f"{task}_{form}"
        model = self.model(task)
        ok_here("export", cases.MEMBERS, model=model, output_dir=folder, format=form)
        return folder

    def features(self) -> list[dict]:
        """What extract_features.py writes about lines.txt."""
        folder = self.folder / "features"
        ok_here(
            "extract_features",
            cases.MEMBERS,
            model=self.pretrained(),
            input=self.texts / "lines.txt",
            output_dir=folder,
            layers="0,1,-1",
            max_seq_length=cases.LENGTH,
        )
        files = sorted(folder.glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def converted(self, task: str, form: str, *words: str) -> pathlib.Path:
        """A model folder of the task's model, made by way of another project's format.

        The words are flags of the way there.
        """
        there, back = self.folder / f"{task}_{form}", self.folder / f"{task}_{form}_back"
        flags = {"input": self.model(task), "output": there, "to": form}
        ok_here("convert_checkpoint", cases.MEMBERS, *words, **flags)
        ok_here("convert_checkpoint", cases.MEMBERS, input=there, output=back, to="bert_tf")
        return back

    def converted_or_refused(self, task: str, form: str) -> str:
        """Converts as `converted` does and compares the weights.

        What the format refuses is converted with --allow_lossy; what comes back then must be as it
        was, or 0 where the format has no place for it (keras-hub's RoBERTa: segments, and positions
        that no token has). Returns what was refused or left out; "" if nothing was.
        """
        note, may_be_lost = "", "/pooler/"  # some classes of Hugging Face have no pooler
        try:
            back = self.converted(task, form)
        except AssertionError as error:
            if "error: " not in str(error) or "Traceback" in str(error):
                raise
            note, may_be_lost = "refused: " + str(error).partition("error: ")[2].strip(), ""
            if "--allow_lossy" not in note:
                return note
            back = self.converted(task, form, "--allow_lossy")
        start, end = weights_of(self.model(task) / "model"), weights_of(back)
        lost = [path for path in start if path not in end]
        changed = [
            path
            for path in end
            if path not in start
            or ((start[path] != end[path]) & ((end[path] != 0) | (not note))).any()
        ]
        if changed or not all(may_be_lost in path for path in lost):
            raise AssertionError(f"{task}, {form}: changed: {changed}, lost: {lost}")
        return note or (lost and f"without {', '.join(lost)}") or ""


def weights_of(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """{path: array} of a model folder."""
    return safetensors.numpy.load_file(folder / "model.safetensors")
