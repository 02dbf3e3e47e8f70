"""Pretrains on data sets from create_pretraining_data.py, for scripts/pretrain.py."""

import dataclasses
import tempfile
from collections.abc import Sequence
from typing import Any

from absl import logging

from bert_tf import initial_weights, model_folder
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.records import tf_example_files
from bert_tf.data.records.mixing import Mixture
from bert_tf.tasks.task import Learn, make_task
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.training import distribution, find_batch
from bert_tf.training.loop import Session, train
from bert_tf.training.phases import phases_of
from bert_tf.training.run import Trained
from bert_tf.workflows.calibrating import check_is_not_aware
from bert_tf.workflows.start import Start, config_of, with_devices

_SESSION = Session()


@dataclasses.dataclass(frozen=True)
class Plan:
    """A pretraining run with checked data and settings.

    Attributes:
      task: the task.
      session: with the devices.
      arguments: of `training.loop.train`.
    """

    task: Learn
    session: Session
    arguments: dict[str, Any]

    def finish(self, trained: Trained) -> dict[str, float]:
        """Writes the model folders; returns the scores, including those of constant answers.

        The folders are `model` and one for each of `Task.companions`.
        """
        eval_data, work_dir = self.arguments["eval_data"], self.arguments["work_dir"]
        metrics = dict(trained.metrics)
        if eval_data:
            part = BatchSlice(self.task.config.train.eval_batch_size)
            metrics |= self.task.baselines(self.task.make_dataset(eval_data, part, training=False))
        if distribution.is_chief(self.session.strategy):
            model_folder.save(f"{work_dir}/model", self.task, trained.model, {"eval": metrics})
            if self.session.tracker is not None:
                self.session.tracker.finish(work_dir)
            for name, (task, model) in self.task.companions(trained.model).items():
                model_folder.save(f"{work_dir}/{name}", task, model, {})
                logging.info("%s: %s/%s", name, work_dir, name)
        return metrics


def pretrain(
    config: ExperimentConfig | str,
    *,
    train_data: str | Sequence[str],
    work_dir: str,
    eval_data: str | None = None,
    init_checkpoint: str | None = None,
    vocab_file: str | None = None,
    session: Session = _SESSION,
) -> Trained:
    """Trains an encoder on masked words; the same call continues a stopped run.

    Args:
      config: the settings, or the name of a recipe, such as "pretrain/mini".
      train_data: a folder from create_pretraining_data.py, or "wiki:0.7,books:0.3"; for
        `train.phases` a list of them, one for each phase.
      work_dir: folder for everything that the run writes; at the end also `model/`, for `load`.
      eval_data: data of the same kind to evaluate on.
      init_checkpoint: initial weights instead of random weights.
      vocab_file: vocabulary of records without a manifest.
      session: devices, time limit, a function that is called at each evaluation.

    Returns:
      The model and its scores.

    Raises:
      ValueError: data, settings and work directory do not fit.
    """
    train_data = [train_data] if isinstance(train_data, str) else list(train_data)
    start = Start(init_checkpoint, vocab_file)
    config = check(config_of(config), start)
    session = with_devices(session)
    with distribution.owning(work_dir, session.strategy, writes=not session.dry_run):
        plan = prepare(config, train_data, eval_data, start, work_dir, session)
        trained = train(**plan.arguments)
        return trained if session.dry_run else trained._replace(metrics=plan.finish(trained))


def check(config: ExperimentConfig, start: Start) -> ExperimentConfig:
    """The config, with the model of the checkpoint from which the run starts.

    Raises:
      ValueError: a setting is bad, or pretrain.py does not train the task.
    """
    config = start.with_model(config)
    config.check()
    if config.task.TRAINED_BY != "pretrain.py":
        raise ValueError(
            f"the task of --config is {config.task.name!r}; expected a task of pretrain.py, such "
            "as 'pretraining'. For labelled texts use finetune.py."
        )
    check_is_not_aware(config, "pretrain.py")
    return config


def prepare(
    config: ExperimentConfig,
    train_data: Sequence[str],
    eval_data: str | None,
    start: Start,
    work_dir: str,
    session: Session,
    trial: str = "",
) -> Plan:
    """Opens the data and checks everything possible before the first step.

    Args:
      config: from `check`.
      train_data, eval_data, work_dir: as for `pretrain`.
      session: with devices.
      start: the initial weights and the tokenizer.
      trial: PHASE:NUM_MICRO_BATCHES, for `find_batch`.
    """
    # Each worker except the chief keeps its own index of files without a manifest.
    keeps = distribution.is_chief(session.strategy) and not session.dry_run
    index_dir = f"{work_dir}/data" if keeps else tempfile.mkdtemp()
    tokenizer, mixtures, eval_mixture = _open(train_data, eval_data, start.vocab_file, index_dir)
    if trial:
        config, *mixtures = find_batch.try_phase(config, mixtures, trial)
    task = make_task(config, tokenizer)
    for phase in phases_of(config, mixtures):
        task.with_config(phase.config).check_data(phase.data, training=True)
    if eval_mixture:
        task.check_data(eval_mixture, training=False)
    config = config.with_steps(mixtures[0].rows)
    task = task.with_config(config)
    for phase in phases_of(config, mixtures):
        _log_shares(phase)
    arguments = {
        "task": task,
        "config": config,
        "train_data": mixtures,
        "eval_data": eval_mixture,
        "work_dir": work_dir,
        "initialize": initial_weights.initializer(start.checkpoint, tokenizer),
        "made_of": {
            "data": ",".join(mixture.identity for mixture in mixtures),
            "initial weights": start.identity,
        },
        "session": session,
    }
    return Plan(task, session, arguments)


def _open(
    train_data: Sequence[str], eval_data: str | None, vocab_file: str | None, index_dir: str
) -> tuple[Tokenizer, list[Mixture], Mixture | None]:
    """The tokenizer, a mixture for each of `train_data`, and one for `eval_data`."""
    tokenizer = model_folder.load_tokenizer(vocab_file) if vocab_file else None
    *mixtures, eval_mixture = (
        tf_example_files.open_mixture(data, tokenizer, index_dir) if data else None
        for data in (*train_data, eval_data)
    )
    if tokenizer is None:
        tokenizer = Tokenizer.from_folder(mixtures[0].folders[0])
    return tokenizer, mixtures, eval_mixture


def _log_shares(phase) -> None:
    """Logs how often a phase reads each data set of a mixture."""
    settings, mixture = phase.config.train, phase.data
    if len(mixture.folders) > 1 and settings.num_train_steps:  # 0 until a time budget is fitted
        num_rows = settings.num_train_steps * settings.global_batch_size
        logging.info("the run reads\n%s", "\n".join(mixture.describe(num_rows)))
