"""Prunes a trained model in rounds, for scripts/prune.py.

work_dir/before.json        scores and costs of the model before
work_dir/rounds/1/cut/      the model folder of the first round, after the cut
work_dir/rounds/1/plan.json what stays in the first round, and what it costs; written last
work_dir/rounds/1/          also the work directory in which the cut model is trained
work_dir/                   the work directory of the last round: model/, report.html, results.json
work_dir/pruning.json       the rounds, for programs
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from absl import logging

from bert_tf import initial_weights, model_folder
from bert_tf.checkpoints.checkpoint import Checkpoint
from bert_tf.config import as_json
from bert_tf.config.distillation import DistillationConfig
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.files import exists, make_folder, read_json, sha256, write_json
from bert_tf.models.model import EncoderConfig
from bert_tf.pruning import importance, report, units
from bert_tf.pruning import plan as planning
from bert_tf.pruning.cut import cut
from bert_tf.pruning.latency import Stopwatch, typical_rows
from bert_tf.pruning.settings import Pruning
from bert_tf.pruning.target import cost, said
from bert_tf.pruning.units import Kept
from bert_tf.tasks.changed_settings import changed
from bert_tf.tasks.sets import Files, Prepared
from bert_tf.tasks.task import Task, make_task
from bert_tf.training import distribution
from bert_tf.training.evaluate import Evaluator
from bert_tf.training.loop import Session, train
from bert_tf.workflows import distilling, finetuning
from bert_tf.workflows.calibrating import check_is_not_aware
from bert_tf.workflows.lessons import Lesson
from bert_tf.workflows.start import Start, config_of, with_devices

_SESSION = Session()
_STEPS_TO_LATENCY = 6  # bisections: the share of FLOPs is found to 1/64


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What is pruned, and the data for it.

    Attributes:
      model: a model folder, work directory or checkpoint of another project, with a trained head.
      train_data, eval_data: as for `finetuning.finetune`.
      reading: format and encoding of the files.
      settings: {section: {name: text}}: settings of the sections task, data and model on the
        command line.
    """

    model: str
    train_data: str
    eval_data: str | Sequence[str] = ()
    reading: Reading = AS_NAMED
    settings: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)

    @property
    def files(self) -> Files:
        """The paths, as a fine-tuning run has them."""
        return Files(self.train_data, finetuning.named(self.eval_data, "dev"), {}, self.reading)

    @property
    def lesson(self) -> Lesson:
        """The same for a distillation, with the model before as the teacher."""
        evals = list(self.files.dev.values())
        return Lesson(self.model, [self.train_data], evals, reading=self.reading)

    def config(self, checkpoint: Checkpoint, config: ExperimentConfig) -> ExperimentConfig:
        """The config of training: task, data and model are those of the checkpoint."""
        given = {name: self.settings.get(name, {}) for name in ("task", "data", "model")}
        task = changed(checkpoint.task, given["task"])
        labels = getattr(checkpoint.facts, "labels", ())
        if labels and hasattr(task, "labels"):  # the file must have no others
            task = dataclasses.replace(task, labels=tuple(labels))
        data = checkpoint.data
        for name, text in given["data"].items():
            where = f"--config.data.{name}={text}"
            if not hasattr(data, name):
                raise ValueError(f"{where}: config.data has no key {name!r}.")
            value = as_json.parse_setting(type(data), name, text, where)
            data = dataclasses.replace(data, **{name: value})
        model = initial_weights.config_of_checkpoint(self.model, checkpoint.config, given["model"])
        return dataclasses.replace(config, task=task, data=data, model=model)


def prune(
    model: str | Inputs,
    pruning: Pruning,
    *,
    work_dir: str,
    train_data: str = "",
    eval_data: str | Sequence[str] = (),
    config: ExperimentConfig | str = "distill/task",
    session: Session = _SESSION,
) -> list[dict[str, Any]]:
    """Takes heads, feed-forward units and layers out of a trained model, and trains what stays.

    The same call continues a stopped run.

    Args:
      model: a model folder or work directory with a head that finetune.py trains; or all `Inputs`.
      pruning: the target and the rounds.
      work_dir: folder for everything; at the end it is the work directory of the last round.
      train_data, eval_data: labelled files, as for `finetune`.
      config: optimizer and training of every round, and what is learned from the model before
        (the section distill; without it only the labels are learned). Model, data and task are
        those of `model`.
      session: the devices.

    Returns:
      What the model before and the model of each round cost and score, see `report.costs`.

    Raises:
      ValueError: the target cannot be reached or is met already, the model cannot be pruned or not
        be trained, or the data does not fit it.
    """
    inputs = model if isinstance(model, Inputs) else Inputs(model, train_data, eval_data)
    pruning.check()
    session = with_devices(session)
    with distribution.owning(work_dir, session.strategy):
        run = _Run.start(inputs, pruning, work_dir, config_of(config), session)
        for number in range(1, pruning.rounds + 1):
            run.do(number)
            print(report.line(run.rows, number, pruning.rounds), flush=True)
        run.write()
    return run.rows


@dataclasses.dataclass
class _Run:
    """A pruning that has begun.

    Attributes:
      inputs, pruning, work_dir, session: see `prune`.
      config: of the training of each round, with the model before.
      data: all sets, read and encoded.
      task, model: the model before.
      identity: what everything in the work directory belongs to.
      stopwatch: times models against the model before.
      rows: the model before, then one for each finished round, see `report.costs`; and `scores`.
    """

    inputs: Inputs
    pruning: Pruning
    work_dir: str
    session: Session
    config: ExperimentConfig
    data: Prepared
    task: Task
    model: keras.Model
    identity: dict[str, Any]
    stopwatch: Stopwatch
    rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    @classmethod
    def start(
        cls,
        inputs: Inputs,
        pruning: Pruning,
        work_dir: str,
        config: ExperimentConfig,
        session: Session,
    ) -> "_Run":
        """Loads and checks the model and its data; scores the model."""
        checkpoint = model_folder.read_checkpoint(inputs.model)
        _check_is_trained_here(inputs.model, checkpoint)
        config = inputs.config(checkpoint, config)
        config.check()
        check_is_not_aware(config, "prune.py")
        task, model = model_folder.build(checkpoint)  # only what trains is on all devices
        units.check_can_be_pruned(model, inputs.model)
        _check_target(pruning, config, checkpoint.config)
        files = inputs.files
        data = config.task.task_class().prepare(config, files, checkpoint.tokenizer)
        alone = config.of_student() if isinstance(config, DistillationConfig) else config
        identity = {
            "model": initial_weights.identity(inputs.model),
            "train_data": sha256(files.train),
            "eval_data": [sha256(path) for path in files.dev.values()],
            "pruning": as_json.to_dict(pruning),
            "data": as_json.to_dict(config.data),
            "seed": config.train.seed,
        }
        identity = json.loads(json.dumps(identity))  # as a file gives it back
        # Its facts, with the widths of batches that fit this data.
        task = make_task(
            dataclasses.replace(alone, model=checkpoint.config),
            checkpoint.tokenizer,
            dataclasses.replace(task.facts, widths=data.facts.widths),
        ).with_reading(inputs.reading)
        stopwatch = Stopwatch(task, model, typical_rows(task, data.train.arrays))
        run = cls(
            inputs, pruning, work_dir, session, config, data, task, model, identity, stopwatch
        )
        run.rows.append(run.remembered("before.json", run.before))
        pruning.target.share(run.before_of_target)  # of a latency, it is known only now
        return run

    def remembered(self, name: str, compute) -> dict[str, Any]:
        """What a file of the work directory holds, or else `compute()`, which is written there.

        Raises:
          ValueError: the file belongs to another model, other data or another target.
        """
        path = f"{self.work_dir}/{name}"
        if not exists(path):
            make_folder(path.rpartition("/")[0])
            write_json(path, {"identity": self.identity, "found": compute()})
        content = read_json(path, types={"identity": dict, "found": dict})
        others = [
            key for key in self.identity if content["identity"].get(key) != self.identity[key]
        ]
        if others:
            raise ValueError(
                f"{path} belongs to another run: {', '.join(others)} differ. Choose another "
                "--work_dir, or give what it was begun with."
            )
        return content["found"]

    def before(self) -> dict[str, Any]:
        """The row of the model before."""
        scores, first = {}, next(iter(self.data.dev.values()), None)
        if first is not None:
            device = distribution.make_strategy("one_device")
            size = self.config.train.eval_batch_size
            evaluator = Evaluator(self.task, self.model, device, size)
            scores, _ = evaluator.run_with_rows(first.arrays)
        return {**self._costs(self.task, self.model), "scores": scores}

    def _costs(self, task: Task, model: keras.Model) -> dict[str, Any]:
        times = self.stopwatch.milliseconds(task, model)
        return report.costs(self.config, model, *times)

    @property
    def _least(self) -> Mapping[str, int]:
        """How many of each kind must stay."""
        return self.pruning.least(self.task.config.model)

    @property
    def before_of_target(self) -> float:
        """What the model before costs, in units of the target."""
        of = self.pruning.target.of
        return self.rows[0]["milliseconds" if of == "latency" else of]

    def _cost(self, model: EncoderConfig) -> float:
        return cost(self.pruning.target.of, self.config, model)

    def do(self, number: int) -> None:
        """Cuts and trains in the round `number`, as far as that is not done; adds its row."""
        folder = f"rounds/{number}"
        costs = self.remembered(f"{folder}/plan.json", lambda: self._cut(number))
        run_dir = self._run_dir(number)
        if not exists(f"{run_dir}/results.json"):
            self._train(f"{self.work_dir}/{folder}/cut", run_dir, is_last=self._is_last(number))
        results = read_json(f"{run_dir}/results.json")
        scores = next(iter(results["scores"].values()), {})
        self.rows.append({**costs, "scores": scores, "known_by": results["known_by"][:1]})

    def _is_last(self, number: int) -> bool:
        return number == self.pruning.rounds

    def _run_dir(self, number: int) -> str:
        return self.work_dir if self._is_last(number) else f"{self.work_dir}/rounds/{number}"

    def _cut(self, number: int) -> dict[str, Any]:
        """Decides what goes in a round, and writes the smaller model."""
        task, model = self.task, self.model
        if number > 1:
            _, model = model_folder.load(f"{self._run_dir(number - 1)}/model")
            task = make_task(
                dataclasses.replace(self.task.config, model=model.encoder.config),
                self.task.tokenizer,
                self.task.facts,
            )
        num_rows = min(self.pruning.importance_rows, len(self.data.train.examples))
        arrays = self.data.train.arrays
        worth = importance.measure(
            task,
            model,
            arrays,
            num_rows=num_rows,
            batch_size=min(32, num_rows),
            of=self.pruning.importance_of,
        )
        share = self.pruning.target.share(self.before_of_target)
        share **= number / self.pruning.rounds
        if self.pruning.target.of == "latency":
            kept = self._plan_latency(task, model, worth, share)
        else:
            limit = share * self._cost(self.task.config.model)
            kept = planning.plan(task.config.model, worth, self._cost, limit, self._least)
        task, model = cut(task, model, kept)
        folder = f"{self.work_dir}/rounds/{number}/cut"
        model_folder.save(folder, task, model, {"eval": {}})
        return {**self._costs(task, model), "kept": as_json.to_dict(kept)}

    def _plan_latency(self, task: Task, model: keras.Model, worth, share: float) -> Kept:
        """The largest plan whose measured latency is at most `share` of that before."""
        config, start = task.config.model, self._cost(task.config.model)
        least = self._cost(planning.smallest(config, self._cost, self._least))

        def tried(limit: float) -> tuple[Kept, float]:
            kept = planning.plan(config, worth, self._cost, limit, self._least)
            mine, firsts = self.stopwatch.milliseconds(*cut(task, model, kept))
            logging.info("%.3f of the FLOPs: %.3f of the latency", limit / start, mine / firsts)
            return kept, mine / firsts

        best, found = tried(least)
        if found > share:
            raise ValueError(
                f"{self.pruning.target}: without all that may go, a text still takes {found:.3f} "
                "of the time. Choose a larger target."
            )
        low, high = least, start
        for _ in range(_STEPS_TO_LATENCY):
            middle = (low + high) / 2
            kept, found = tried(middle)
            if found <= share:
                best, low = kept, middle
            else:
                high = middle
        return best

    def _train(self, checkpoint: str, run_dir: str, *, is_last: bool) -> None:
        """Trains a cut model as distill.py or finetune.py do."""
        config = self.config
        if not is_last:
            epochs = self.pruning.round_epochs
            settings = dataclasses.replace(config.train, num_train_epochs=epochs)
            config = dataclasses.replace(config, train=settings)
        start = Start(checkpoint)
        if isinstance(config, DistillationConfig):
            plan = distilling.prepare(config, self.inputs.lesson, start, run_dir, self.session)
        else:
            plan = finetuning.prepare(config, self.inputs.files, start, run_dir, self.session)
        plan.finish(train(**plan.arguments))

    def write(self) -> None:
        """Writes pruning.json and prints the table of before and after."""
        write_json(f"{self.work_dir}/pruning.json", {"rows": self.rows, **self.identity})
        print("\n".join(report.table(self.rows)), flush=True)


def _check_is_trained_here(model: str, checkpoint: Checkpoint) -> None:
    settings = checkpoint.task
    if settings.TRAINED_BY != "finetune.py" or not settings.has_class():
        raise ValueError(
            f"{model}: a model of the task {settings.name!r}, which finetune.py does not train. "
            "Expected a model with a trained head: fine-tune it first."
        )


def _check_target(pruning: Pruning, config: ExperimentConfig, model: EncoderConfig) -> None:
    """Raises ValueError for a target that is met, or that cannot be reached; a latency may be."""
    target, kinds = pruning.target, pruning.kinds
    if "layers" in kinds and not model.can_lose_layers:
        logging.warning("%s cannot lose single layers: all stay.", model.model_type)
    if target.of == "latency":
        return

    def its_cost(model: EncoderConfig) -> float:
        return cost(target.of, config, model)

    least_kept = pruning.least(model)
    start, least = its_cost(model), its_cost(planning.smallest(model, its_cost, least_kept))
    if least > target.share(start) * start:
        raise ValueError(
            f"{target}: without all that may go ({', '.join(kinds)}), the model has "
            f"{said(target.of, least)}, {least / start:.3f} of {said(target.of, start)}. Choose a "
            "larger target."
        )
