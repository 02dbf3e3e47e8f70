"""Which recipe makes the best encoder in a given time on this machine?

Every recipe, a config of pretraining, is trained by scripts/pretrain.py from random weights for the
same minutes on the same text and vocabulary, judged by one stored file of held-out examples with
their masks, and then fine-tuned for a few minutes. A recipe with phases says itself how many steps
it takes; the table has the minutes. The first recipe is also trained by Model Garden's code. What
is finished is not done again; what is there with other settings is refused by the script that made
it.
"""

import dataclasses
import glob
import json
import math
import os
import runpy
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks import apart
from bert_tf.config import as_json
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.data.records.manifest import Manifest
from bert_tf.measuring import harness
from bert_tf.measuring.child import UnavailableError
from bert_tf.processes.children import run_logged
from bert_tf.tasks.glue.tasks import GlueFiles
from bert_tf.training.phases import Phase, phase_at, phases_of

_EVAL_PROB = 0.15  # of the tokens of the stored file are masked
_RATES = (1e-4, 3e-4, 1e-3)  # of the fine-tuning
_GARDEN = "Model Garden"


@dataclasses.dataclass(frozen=True)
class Text:
    """Text for all recipes.

    Attributes:
      train, valid: files or patterns.
      vocab_file: a vocabulary, or its folder.
    """

    train: Sequence[str]
    valid: Sequence[str]
    vocab_file: str


def run(
    recipes: Sequence[str],
    *,
    text: Text,
    work_dir: str,
    minutes: float,
    sst2: GlueFiles | None = None,
    seeds: Sequence[int] = (1, 2, 3),
    eval_length: int = 128,
    garden_python: str | None = None,
) -> dict[str, Any]:
    """Trains and judges each recipe, one after another.

    Args:
      recipes: config files, the first for Model Garden too.
      text: what all are trained and judged on.
      work_dir: gets the data, a folder for each recipe, and the logs.
      minutes: of training, compilation included; evaluations come on top.
      sst2: its training and dev file; None: no fine-tuning.
      seeds: of the fine-tuning.
      eval_length: tokens of the stored examples.
      garden_python: the interpreter that has tf-models-official; None: without Model Garden.

    Returns:
      `recipes` {name: `scores` of the stored file, `curve` of [minutes, step, loss in training],
      `evals` of [minutes, step, held-out loss], `accuracies` of the fine-tuning and the
      `fine_tuning_rate` that was best with the first seed}, and `left_out`.

    Raises:
      ValueError: a bad config, two of one name, or a command failed; the log that says why is
        named.
    """
    configs = _load_configs(recipes)
    first, config = next(iter(configs.items()))
    if garden_python and not config.task.next_sentence:
        raise ValueError(f"{recipes[0]}: Model Garden's half trains on pairs (task.next_sentence).")
    work = _Work(work_dir, text.vocab_file)
    slots = math.ceil(_EVAL_PROB * eval_length)  # 20 for 128 tokens, as in the release
    valid = work.make_data(text.valid, "valid", eval_length, masks=(slots, _EVAL_PROB))
    results, left_out = {}, {}
    for path, (name, recipe) in zip(recipes, configs.items(), strict=True):
        lengths = [phase.config.data.max_seq_length for phase in phases_of(recipe)]
        data = {
            length: work.make_data(text.train, "train", length, has_pairs=recipe.task.next_sentence)
            for length in dict.fromkeys(lengths)
        }
        budget = 0.0 if recipe.train.phases else minutes
        results[name] = work.train(name, path, [data[length] for length in lengths], valid, budget)
        if sst2:
            results[name] |= work.fine_tune_at_best_rate(name, sst2, seeds)
    if garden_python:
        masks = (config.task.max_predictions_per_seq, config.task.masked_lm_prob)
        train = work.make_data(text.train, "train", config.data.max_seq_length, masks=masks)
        try:
            results[_GARDEN] = work.train_with_garden(
                first, config, train, valid, minutes, garden_python
            )
        except UnavailableError as error:
            left_out[_GARDEN] = str(error)
    return {"minutes": minutes, "recipes": results, "left_out": left_out}


def _load_configs(paths: Sequence[str]) -> dict[str, ExperimentConfig]:
    """{name of the file: its config}."""
    configs = {}
    for path in paths:
        if not os.path.isfile(path):
            raise ValueError(
                f"{path} is not a config file; expected for example configs/pretrain/plain.py"
            )
        name = os.path.splitext(os.path.basename(path))[0]
        if name in configs:
            raise ValueError(f"two recipes are called {name}; results are kept by that name.")
        configs[name] = runpy.run_path(path)["get_config"]().check()
    if not configs:
        raise ValueError("no recipe was given; expected config files.")
    return configs


class _Work:
    """The folder of a comparison and the commands that fill it."""

    def __init__(self, folder: str, vocab_file: str):
        self._folder, self._vocab_file = os.path.abspath(folder), vocab_file
        os.makedirs(self._folder, exist_ok=True)

    def make_data(
        self,
        text: Sequence[str],
        name: str,
        length: int,
        *,
        has_pairs: bool = True,
        masks: tuple[int, float] | None = None,
    ) -> str:
        """Makes a data folder and returns its path.

        With `masks`, (slots, share of the tokens), other programs can read it too.
        """
        objective = "next_sentence" if has_pairs else "none"
        name = f"{name}_{objective}_{length}" + ("_static" if masks else "")
        folder = self._path("data", name)
        command = [
            f"--input={','.join(text)}",
            f"--vocab_file={self._vocab_file}",
            f"--output_dir={folder}",
            f"--max_seq_length={length}",
            f"--objective={objective}",
        ]
        if masks:
            slots, prob = masks
            command += [
                "--static_masks",
                f"--max_predictions_per_seq={slots}",
                f"--masked_lm_prob={prob}",
            ]
        self._script("create_pretraining_data", command, log=f"data/{name}.log")  # knows its work
        return folder

    def train(self, name: str, config: str, train: Sequence[str], valid: str, minutes: float):
        """Pretrains with one recipe; see `run` for what is returned.

        `train` has the data of each phase, and `minutes` is 0 where phases say how many steps.
        """
        run_dir = self._path(name, "run")
        command = [
            f"--config={config}",
            *(f"--train_data={folder}" for folder in train),
            f"--eval_data={valid}",
            f"--work_dir={run_dir}",
            "--config.train.num_train_steps=0",
            f"--config.train.time_budget_minutes={minutes}",
        ]
        self._script("pretrain", command, log=f"{name}/pretrain.log")  # knows whether it is done
        phases = phases_of(
            as_json.from_json(ExperimentConfig, os.path.join(run_dir, "config.json"))
        )
        with open(os.path.join(run_dir, "metrics.jsonl"), encoding="utf-8") as file:
            return curves([json.loads(line) for line in file], phases)

    def fine_tune_at_best_rate(self, name: str, sst2: GlueFiles, seeds: Sequence[int]):
        """`fine_tuning_rate`, the best with the first seed, and the `accuracies` of all there."""
        # Recipes leave weights of very different sizes, and no rate suits all.
        at_rates = {rate: self._fine_tune(name, sst2, seeds[0], rate) for rate in _RATES}
        best = max(at_rates, key=at_rates.__getitem__)
        others = [self._fine_tune(name, sst2, seed, best) for seed in seeds[1:]]
        return {"fine_tuning_rate": best, "accuracies": [at_rates[best], *others]}

    def _fine_tune(self, name: str, sst2: GlueFiles, seed: int, rate: float) -> float:
        """The accuracy on the dev set after 4 epochs of the first 2,000 rows.

        The classifier sees the mean of the tokens.
        """
        run_name = f"sst2_{rate}_seed{seed}"
        work_dir = self._path(name, run_name)
        results = os.path.join(work_dir, "results.json")
        command = [
            f"--config={os.path.join(apart.ROOT, 'configs', 'finetune', 'sst2.py')}",
            f"--train_data={sst2.train}",
            f"--eval_data={sst2.dev['dev']}",
            f"--init_checkpoint={self._path(name, 'run')}",
            f"--work_dir={work_dir}",
            "--config.data.max_train_examples=2000",
            "--config.data.max_seq_length=48",
            f"--config.optimizer.learning_rate={rate}",
            "--config.task.classifier_pooling=mean",  # without next sentences no pooler is trained
            f"--config.train.seed={seed}",
        ]
        if not os.path.exists(results):
            self._script("finetune", command, log=f"{name}/{run_name}.log")
        with open(results, encoding="utf-8") as file:
            return json.load(file)["scores"]["dev"]["accuracy"]

    def train_with_garden(
        self, name: str, config, train: str, valid: str, minutes: float, python: str
    ):
        """As `train`, by Model Garden's model, optimizer and records."""
        output = self._path(name, "garden.jsonl")  # beside the run that was checked to be the same
        if not os.path.exists(output):
            stored = Manifest.load(valid)
            settings = {
                "config": as_json.to_dict(config),
                "train_files": _shards(train),
                "eval_files": _shards(valid),
                "eval_length": stored.max_seq_length,
                "eval_slots": stored.static_masks["max_predictions_per_seq"],
                "minutes": minutes,
                "output": output,
            }
            print(f"{_GARDEN}: {name}", file=sys.stderr, flush=True)
            command = apart.worker("benchmarks.contestants.garden_pretraining", python)
            contestant = apart.start(_GARDEN, command, settings)
            try:
                contestant.measure_round()
            finally:
                contestant.close()
        with open(output, encoding="utf-8") as file:
            return curves(list(map(json.loads, file)), phases_of(config))

    def _script(self, name: str, flags: Sequence[str], *, log: str) -> None:
        print(f"{name}: {os.path.splitext(log)[0]}", file=sys.stderr, flush=True)
        script = os.path.join(apart.ROOT, "scripts", f"{name}.py")
        run_logged([sys.executable, script, *flags], self._path(log))

    def _path(self, *parts: str) -> str:
        return os.path.join(self._folder, *parts)


def _shards(folder: str) -> list[str]:
    return sorted(glob.glob(os.path.join(folder, "*.tfrecord")))


def curves(lines: Sequence[dict[str, float]], phases: Sequence[Phase]) -> dict[str, Any]:
    """`curve`, `evals` and the last `scores` from the lines of a metrics.jsonl.

    Minutes are those of the training alone: evaluations do not count.
    """
    curve, evals, minutes, step = [], [], 0.0, 0
    for line in lines:
        if "examples_per_second" in line:
            train = phase_at(phases, line["step"] - 1).config.train
            examples = (line["step"] - step) * train.global_batch_size
            minutes, step = minutes + examples / line["examples_per_second"] / 60.0, line["step"]
            curve.append([minutes, step, line["masked_lm_loss"]])
        if "eval_masked_lm_loss" in line:
            evals.append([minutes, line["step"], line["eval_masked_lm_loss"]])
            scores = {
                name.removeprefix("eval_"): value
                for name, value in line.items()
                if name.startswith("eval_")
            }
    return {"scores": scores, "curve": curve, "evals": evals}


def report(result: dict[str, Any]) -> str:
    """The table of what `run` returned, and held-out losses at the same times."""
    rows = [
        [
            *("recipe", "steps", "minutes", "masked-LM loss", "accuracy"),
            *("fine-tuned: mean", "at rate", "seeds"),
        ]
    ]
    for name, one in result["recipes"].items():
        accuracies = one.get("accuracies", [])
        minutes, step, _ = one["curve"][-1]
        rows.append(
            [
                name,
                f"{step:,}",
                f"{minutes:.1f}",
                f"{one['scores']['masked_lm_loss']:.3f}",
                f"{one['scores']['masked_lm_accuracy']:.1%}",
                f"{statistics.mean(accuracies):.1%}" if accuracies else "",
                f"{one['fine_tuning_rate']:g}" if accuracies else "",
                " ".join(f"{value:.1%}" for value in accuracies),
            ]
        )
    lines = [harness.aligned(rows), "", "held-out masked-LM loss (minutes of training, step)"]
    for name, one in result["recipes"].items():
        points = (f"{loss:.3f} ({minutes:.1f}, {step:,})" for minutes, step, loss in one["evals"])
        lines.append(f"{name}: " + ", ".join(points))
    lines += [f"left out: {name}: {why}" for name, why in result["left_out"].items()]
    return "\n".join(lines)
