"""Fine-tunes on labelled files, for scripts/finetune.py."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import keras

from bert_tf import initial_weights, listed_names, model_folder
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.data.batches.order import BatchSlice
from bert_tf.explanation.colours import word_parts
from bert_tf.files import sha256
from bert_tf.tasks import error_analysis
from bert_tf.tasks.beliefs import Explain
from bert_tf.tasks.error_analysis import Looking
from bert_tf.tasks.results import begin_results, check_held_out, write_results
from bert_tf.tasks.sets import Files, Prepared, Result
from bert_tf.tasks.task import Learn, Score, make_task
from bert_tf.training import distribution, find_batch
from bert_tf.training.evaluate import Evaluator
from bert_tf.training.loop import Session, train
from bert_tf.training.run import Trained
from bert_tf.workflows import out_of_fold
from bert_tf.workflows.calibrating import calibrated, check_quantization
from bert_tf.workflows.start import Start, config_of, with_devices

_SESSION = Session()
_LOOKING = Looking()


@dataclasses.dataclass(frozen=True)
class Finetuned:
    """The result of a fine-tuning run.

    Attributes:
      model: the Keras model.
      task: its task: encodes texts, decodes outputs.
      scores: {name of the set: {metric: value}} for the sets with labels.
      results: {name of the set: its scores and the outputs of every row}.
    """

    model: keras.Model
    task: Score
    scores: dict[str, dict[str, float]]
    results: dict[str, Result]

    if TYPE_CHECKING:  # pyright: a field of keras.Model, some bases of which it lacks, is Unknown

        @property
        def model(self) -> keras.Model: ...  # noqa: F811 - the field of this name


@dataclasses.dataclass(frozen=True)
class Plan:
    """A fine-tuning run with read data and checked settings.

    Attributes:
      task: the task.
      data: all sets.
      session: with the devices.
      arguments: of `training.loop.train`.
    """

    task: Learn
    data: Prepared
    session: Session
    arguments: dict[str, Any]

    def check(self, looking: Looking) -> None:
        """ValueError, before anything is trained, for what the error analysis cannot show."""
        looking.check()
        if looking.label_folds:
            out_of_fold.check(self.task, self.data.train, looking.label_folds)
        for part in (*self.data.dev.values(), *self.data.test.values()):
            if part.is_labelled:
                error_analysis.columns_of(self.task, part, looking.slice_columns)

    def finish(
        self,
        trained: Trained,
        write_more: Callable[[Score, dict[str, Result]], None] = lambda task, results: None,
        looking: Looking = _LOOKING,
    ) -> Finetuned:
        """Scores all sets; writes the model folder, predictions, report.html and results.json.

        Args:
          trained: the result of the loop.
          write_more: writes other files, before results.json, which shows that the run is complete.
          looking: what the error analysis shall show besides.
        """
        task, results, evaluator = self._evaluate(trained)
        train = self._train_result(evaluator, looking)
        scores = {name: result.scores for name, result in results.items() if result.scores}
        if distribution.is_chief(self.session.strategy):
            first = next(iter(self.data.dev), None)
            others = {name: values for name, values in scores.items() if name != first}
            folder = self.arguments["work_dir"]
            metrics = {"eval": scores.get(first, {}), **others}
            begin_results(folder)
            model_folder.save(f"{folder}/model", task, trained.model, metrics)
            write_more(task, results)
            colour = None
            if isinstance(task, Explain) and looking.coloured:
                colour = functools.partial(word_parts, task, trained.model)
            write_results(folder, task, self.data, results, looking, colour, train)
            if self.session.tracker is not None:
                self.session.tracker.finish(folder)
        return Finetuned(trained.model, task, scores, results)

    def _train_result(self, evaluator: Evaluator, looking: Looking) -> Result | None:
        """The answers to the training set, if it is to be searched for wrong labels."""
        train = self.data.train
        if looking.label_folds:
            return out_of_fold.answer(train, looking.label_folds, self.arguments)
        if not error_analysis.wants_training_set(self.task, len(train.examples), looking):
            return None
        scores, rows = evaluator.run_with_rows(train.arrays)
        return Result(scores, rows)

    def _evaluate(self, trained: Trained) -> tuple[Score, dict[str, Result], Evaluator]:
        """(task, {name of the set: scores and answers}, evaluator); scores of sets with labels.

        An evaluation of the first set at the end of the training is not repeated. What is chosen on
        evaluation data (a threshold) is chosen on the first set, before its scores.
        """
        task, data = self.task, self.data
        batch_size = task.config.train.eval_batch_size
        evaluator = Evaluator(task, trained.model, self.session.strategy, batch_size)
        part = BatchSlice(batch_size)
        results = {}
        for name, part_of in {**data.dev, **data.test}.items():
            if not results and trained.evaluation is not None:
                scores, rows = dict(trained.evaluation.metrics), trained.evaluation.rows
            else:
                scores, rows = evaluator.run_with_rows(part_of.arrays)
            if not results and data.dev:
                task = task.with_facts(task.calibrate(rows, part_of.arrays))
            if part_of.is_labelled:
                scores |= task.score(rows, part_of.arrays)  # with what was chosen
                scores |= task.baselines(task.make_dataset(part_of.arrays, part, training=False))
            results[name] = Result(scores if part_of.is_labelled else {}, rows)
        return task, results, evaluator


def finetune(
    config: ExperimentConfig | str = "finetune/glue",
    *,
    train_data: str,
    work_dir: str,
    eval_data: str | Sequence[str] = (),
    test_data: str | Sequence[str] = (),
    init_checkpoint: str | None = None,
    vocab_file: str | None = None,
    session: Session = _SESSION,
    looking: Looking = _LOOKING,
) -> Finetuned:
    """Trains a task on labelled data and scores it; the same call continues a stopped run.

    Args:
      config: the settings, or the name of a recipe, such as "finetune/sst2". The default classifies
        texts.
      train_data: a file for finetune.py.
      work_dir: folder for everything that the run writes; at the end also `model/`, for `load`, and
        `report.html`.
      eval_data: files to evaluate on; without one a part of `train_data` is held out.
      test_data: files to predict; files with labels are also scored.
      init_checkpoint: the initial weights: a model folder, or a checkpoint of another project.
      vocab_file: the tokenizer, if the run starts from random weights.
      session: devices, time limit, a function that is called at each evaluation.
      looking: what the report shows of the errors besides: rows with certain words or values of a
        column, another run, labels that are likely wrong.

    Returns:
      The model, its task, and the results.

    Raises:
      ValueError: data, settings and work directory do not fit.
    """
    files = Files(train_data, named(eval_data, "dev"), named(test_data, "test"))
    start = Start(init_checkpoint, vocab_file)
    session = with_devices(session)
    with distribution.owning(work_dir, session.strategy, writes=not session.dry_run):
        plan = prepare(config_of(config), files, start, work_dir, session)
        plan.check(looking)
        trained = train(**plan.arguments)
        if session.dry_run:
            return Finetuned(trained.model, plan.task, {}, {})
        return plan.finish(trained, looking=looking)


def prepare(
    config: ExperimentConfig,
    files: Files,
    start: Start,
    work_dir: str,
    session: Session,
    trial: str = "",
) -> Plan:
    """Reads the data and checks everything possible before the first step.

    Args:
      config, work_dir: as for `finetune`.
      session: with devices.
      files: the data.
      start: the initial weights and the tokenizer.
      trial: PHASE:NUM_MICRO_BATCHES, for `find_batch`.
    """
    check_is_trained_here(config)
    check_start(start)
    check_quantization(config, start.checkpoint)
    config = start.with_model(config)
    tokenizer = start.tokenizer()
    config.check()
    if trial:
        config, _ = find_batch.try_phase(config, None, trial)
    data = config.task.task_class().prepare(config, files, tokenizer)
    check_held_out(work_dir, data.held_out)
    print("\n".join(data.look_lines), flush=True)
    config = config.with_steps(len(data.train.examples))
    task = make_task(config, tokenizer, data.facts).with_reading(files.reading)
    # If `eval_every` is 0, the loop has no evaluation, because `Plan.finish` evaluates.
    watched = next(iter(data.dev.values()), None) if config.train.eval_every else None
    # Without an evaluation file, some rows of the training file are held out.
    rows = f", {len(data.train.examples)} rows of it" if data.held_out else ""
    arguments = {
        "task": task,
        "config": config,
        "train_data": data.train.arrays,
        "eval_data": watched and watched.arrays,
        "work_dir": work_dir,
        "initialize": calibrated(
            initial_weights.initializer(start.checkpoint, tokenizer), task, data.train.arrays
        ),
        "made_of": {
            "data": sha256(files.train) + rows,
            "initial weights": start.identity,
        },
        "session": session,
    }
    return Plan(task, data, session, arguments)


def check_is_trained_here(config: ExperimentConfig) -> None:
    """Raises ValueError for a task that finetune.py does not train."""
    script = config.task.TRAINED_BY
    if script != "finetune.py":
        raise ValueError(
            f"the task of --config is {config.task.name!r}, which "
            + (f"{script} trains." if script else "has no objective to train.")
        )


def check_start(start: Start) -> None:
    """Raises ValueError unless there is either a checkpoint or a vocabulary."""
    if bool(start.checkpoint) == bool(start.vocab_file):
        raise ValueError("pass either --init_checkpoint, or --vocab_file for random weights.")


def named(paths: str | Sequence[str], name: str) -> dict[str, str]:
    """{name: path}: a single file gets the given name, several files get their own names."""
    paths = [paths] if isinstance(paths, str) else listed_names.joined(list(paths))
    if len(paths) < 2:
        return dict(zip([name], paths, strict=False))
    names = [f"{name}_{pathlib.Path(path).name.split('.')[0]}" for path in paths]
    if len(set(names)) < len(names):
        raise ValueError(f"two files have the same name: {', '.join(paths)}. Rename one of them.")
    return dict(zip(names, paths, strict=True))
