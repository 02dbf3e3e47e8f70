"""Trains a student on what a teacher answers, for scripts/distill.py."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
from absl import logging

from bert_tf import initial_weights, model_folder
from bert_tf.config import as_json
from bert_tf.config.distillation import DistillationConfig
from bert_tf.distillation import store
from bert_tf.distillation.student import copy_layers
from bert_tf.distillation.task import DistilledTask
from bert_tf.distillation.teacher import Teacher
from bert_tf.distillation.term import Term
from bert_tf.distillation.terms import make_terms
from bert_tf.distillation.vectors import VectorTask
from bert_tf.tasks import embedding
from bert_tf.tasks.error_analysis import Looking
from bert_tf.tasks.from_arrays import arrays_of
from bert_tf.tasks.task import Learn, Task, make_task
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.training import distribution
from bert_tf.training.loop import Session, train
from bert_tf.training.run import Trained
from bert_tf.workflows import finetuning, lessons, pretraining, students
from bert_tf.workflows.calibrating import check_is_not_aware
from bert_tf.workflows.lessons import Found, Lesson, Run
from bert_tf.workflows.start import Start, config_of, with_devices

_SESSION = Session()
_LOOKING = Looking()


@dataclasses.dataclass(frozen=True)
class Plan:
    """A distillation with read data and checked settings.

    Attributes:
      student: the plan of the student's task: scores it and writes its model folder.
      task: what is learned.
      session: with the devices.
      arguments: of `training.loop.train`.
    """

    student: Any
    task: DistilledTask
    session: Session
    arguments: dict[str, Any]

    def check(self, looking: Looking) -> None:
        """See `finetuning.Plan.check`."""
        if isinstance(self.student, finetuning.Plan):
            self.student.check(looking)

    def finish(self, trained: Trained, looking: Looking = _LOOKING) -> dict[str, dict[str, float]]:
        """Scores the student and writes what a run of its own task writes, without the teacher.

        Args:
          trained: the result of the loop.
          looking: what the error analysis shall show besides.

        Returns:
          {name of the set: {metric: value}}.
        """
        alone = trained._replace(model=trained.model.student)
        if isinstance(self.student, finetuning.Plan):
            return self.student.finish(alone, looking=looking).scores
        if isinstance(self.student, pretraining.Plan) and self.task.trains_head:
            return {"eval": self.student.finish(alone)}
        if distribution.is_chief(self.session.strategy):
            task, model = _without_head(self.task.student, alone.model)
            folder = f"{self.arguments['work_dir']}/model"
            model_folder.save(folder, task, model, {"eval": dict(trained.metrics)})
            if self.session.tracker is not None:
                self.session.tracker.finish(self.arguments["work_dir"])
        return {"eval": dict(trained.metrics)} if trained.metrics else {}


def distill(
    config: DistillationConfig | str,
    *,
    teacher: str,
    train_data: str | Sequence[str],
    work_dir: str,
    init_checkpoint: str | None = None,
    session: Session = _SESSION,
    lesson: Lesson | None = None,
) -> dict[str, dict[str, float]]:
    """Trains a small model on what a large one answers; the same call continues a stopped run.

    Args:
      config: the settings, or the name of a recipe: "distill/task:classification" for a fine-tuned
        teacher, "distill/minilm" or "distill/distilbert" for a pretrained one, "distill/vectors".
      teacher: the teacher: a model folder, or a checkpoint of another project.
      train_data: what the student learns from, see `Lesson`.
      work_dir: folder for everything that the run writes; at the end also `model/`, for `load`.
      init_checkpoint: the student to start from, instead of layers of the teacher.
      session: devices, time limit, a function that is called at each evaluation.
      lesson: evaluation data and everything else; its `teacher` and `train_data` are replaced.

    Returns:
      {name of the evaluation set: {metric: value}} of the student.

    Raises:
      ValueError: teacher, student, data, settings and work directory do not fit.
    """
    files = [train_data] if isinstance(train_data, str) else list(train_data)
    lesson = dataclasses.replace(
        lesson or Lesson(teacher, files), teacher=teacher, train_data=files
    )
    session = with_devices(session)
    with distribution.owning(work_dir, session.strategy, writes=not session.dry_run):
        plan = prepare(config_of(config), lesson, Start(init_checkpoint), work_dir, session)
        trained = train(**plan.arguments)
        return {} if session.dry_run else plan.finish(trained)


def prepare(
    config: DistillationConfig,
    lesson: Lesson,
    start: Start,
    work_dir: str,
    session: Session,
    trial: str = "",
) -> Plan:
    """Reads teacher and data, and checks everything possible before the first step.

    Args:
      config, work_dir: as for `distill`.
      lesson: teacher and data.
      start: of the student; without a checkpoint it is made of the teacher's layers, or random.
      session: with devices.
      trial: PHASE:NUM_MICRO_BATCHES, for `find_batch`.
    """
    teacher = Teacher.read(lesson.teacher)
    config, chosen = students.with_student(config, teacher, start)
    config.check()
    check_is_not_aware(config, "distill.py")
    students.check_teacher(config, teacher, start)
    found = lessons.read(config, lesson, teacher, Run(work_dir, session, trial))
    own = found.task
    terms = make_terms(found.config, teacher, own, chosen)
    stored = _stored(found, teacher, terms, work_dir, session)
    task = DistilledTask(found.config, own, teacher, terms, stored)
    arguments = {
        "task": task,
        "config": found.config,
        "train_data": found.train_data,
        "eval_data": found.eval_data,
        "work_dir": work_dir,
        "initialize": _initializer(start, teacher, chosen, own.tokenizer),
        "made_of": {
            "data": found.identity,
            "initial weights": start.identity,
            "teacher": teacher.identity,
        },
        "session": session,
    }
    return Plan(found.plan, task, session, arguments)


def _stored(
    found: Found, teacher: Teacher, terms: Sequence[Term], work_dir: str, session: Session
) -> dict | None:
    """What the teacher gives for each row, or None if it computes in every step; logs which."""
    settings, train_config = found.config.distill, found.config.train
    how, most = settings.teacher_outputs, settings.store_up_to_mb * 1_000_000
    workers = session.strategy.cluster_resolver
    can = found.num_rows > 0 and not session.dry_run and (workers is None or not workers.task_type)
    if how == "stored" and not can and not session.dry_run:
        raise ValueError(
            "distill.teacher_outputs is 'stored', but these rows are made while they are read, or "
            "several workers train: what the teacher gives cannot be stored. Expected 'auto'."
        )
    needed = train_config.num_train_steps * train_config.global_batch_size
    if how == "step" or not can or (how == "auto" and 0 < needed <= found.num_rows):
        logging.info("the teacher computes in every step")
        return None
    answers = store.Answers(teacher, found.task, terms, found.train_data)
    size = answers.bytes_of(found.num_rows)
    if how == "auto" and size > most:
        logging.info(
            "the teacher computes in every step: its outputs for %d rows would take %.0f MB "
            "(distill.store_up_to_mb)",
            found.num_rows,
            size / 1e6,
        )
        return None
    logging.info(
        "the teacher's outputs for %d rows are stored, %.1f MB", found.num_rows, size / 1e6
    )
    made_of = {
        "teacher": teacher.identity,
        "settings": as_json.to_dict(settings),
        "model": as_json.to_dict(found.config.model),
        "data": as_json.to_dict(found.config.data),
        "dtype": train_config.dtype,
        "rows": store.hash_of(*arrays_of(found.train_data).values()),
    }
    return store.read_or_write(work_dir, made_of, answers.compute)


def _initializer(
    start: Start, teacher: Teacher, chosen: Sequence[int], tokenizer: Tokenizer
) -> Callable[[keras.Model], None] | None:
    """The function that gives a new student its weights; None for random ones."""
    if chosen:

        def from_layers(model: keras.Model) -> None:
            _, source = teacher.load("float32", answers=False)
            copy_layers(model.student, source, chosen)

        return from_layers
    load = initial_weights.initializer(start.checkpoint, tokenizer)
    return load and (lambda model: load(model.student))


def _without_head(task: Learn, model: keras.Model) -> tuple[Task, keras.Model]:
    """A student whose head has learned nothing, as a model of vectors; others as they are."""
    if isinstance(task, VectorTask):
        return task, model
    config = dataclasses.replace(task.config, task=embedding.Config())
    alone = make_task(config, task.tokenizer)
    vectors = alone.build_model()
    for weight, other in zip(vectors.encoder.weights, model.encoder.weights, strict=True):
        weight.assign(other)
    return alone, vectors
