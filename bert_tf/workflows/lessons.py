"""What a student learns from: files of examples, rows to mask, or plain texts."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from bert_tf import initial_weights
from bert_tf.config.distillation import DistillationConfig
from bert_tf.data.labelled.records import AS_NAMED, Reading
from bert_tf.data.text.documents import read_texts
from bert_tf.distillation import rows, store
from bert_tf.distillation.augmentation import Augmenter
from bert_tf.distillation.teacher import Teacher
from bert_tf.distillation.vectors import VectorTask, vector_facts
from bert_tf.files import sha256
from bert_tf.tasks import embedding
from bert_tf.tasks.from_arrays import arrays_of
from bert_tf.tasks.sets import Files
from bert_tf.tasks.task import Learn
from bert_tf.training import find_batch
from bert_tf.training.loop import Session
from bert_tf.workflows import finetuning, pretraining
from bert_tf.workflows.start import Start


@dataclasses.dataclass(frozen=True)
class Lesson:
    """What a student learns from.

    Attributes:
      teacher: a model folder, work directory or checkpoint of another project.
      train_data: what the task of the student is trained on: a file of examples, a folder of
        create_pretraining_data.py (for train.phases several), or files of plain texts for vectors.
      eval_data, test_data: files or folders of the same kind, see `finetune` and `pretrain`.
      unlabelled_data: files of examples whose labels, if any, are not read.
      augment_model: a masked LM that proposes words for distill.augment_copies.
      reading: format and encoding of the files of examples.
    """

    teacher: str
    train_data: Sequence[str]
    eval_data: Sequence[str] = ()
    test_data: Sequence[str] = ()
    unlabelled_data: Sequence[str] = ()
    augment_model: str | None = None
    reading: Reading = AS_NAMED

    @property
    def file(self) -> str:
        """The only training file.

        Raises:
          ValueError: there are several.
        """
        if len(self.train_data) != 1:
            raise ValueError(
                f"--train_data names {len(self.train_data)} files; expected one file of examples. "
                "More texts, without labels, are --unlabelled_data."
            )
        return self.train_data[0]


@dataclasses.dataclass(frozen=True)
class Run:
    """Where a distillation runs.

    Attributes:
      work_dir: folder for everything that it writes.
      session: with devices.
      trial: PHASE:NUM_MICRO_BATCHES, for `find_batch`.
    """

    work_dir: str
    session: Session
    trial: str = ""


@dataclasses.dataclass(frozen=True)
class Found:
    """The data of a distillation.

    Attributes:
      plan: that of the student's task alone; None for vectors.
      task: the student's.
      config: the settings, with the number of steps.
      train_data, eval_data: what `task.make_dataset` takes.
      identity: of the data.
      num_rows: training rows in memory, for which the teacher's outputs can be stored; 0: they are
        made while they are read.
    """

    plan: Any
    task: Learn
    config: DistillationConfig
    train_data: Any
    eval_data: Any
    identity: str
    num_rows: int = 0


def read(config: DistillationConfig, lesson: Lesson, teacher: Teacher, run: Run) -> Found:
    """Reads the data of a lesson, in the way of the student's task.

    Raises:
      ValueError: the data are bad, or are not those that the teacher can teach.
    """
    readers = {"finetune.py": _examples, "pretrain.py": _masked_rows}
    if config.task.TRAINED_BY in readers:
        return readers[config.task.TRAINED_BY](config, lesson, teacher, run)
    if not isinstance(config.task, embedding.Config):
        raise ValueError(f"a model of the task {config.task.name!r} cannot be distilled.")
    return _texts(config, lesson, teacher, run)


def _examples(config: DistillationConfig, lesson: Lesson, teacher: Teacher, run: Run) -> Found:
    """Files of examples, as finetune.py reads them, and rows that only the teacher labels."""
    dev, test = (
        finetuning.named(list(paths), name)
        for paths, name in ((lesson.eval_data, "dev"), (lesson.test_data, "test"))
    )
    files = Files(lesson.file, dev, test, lesson.reading)
    start = Start(vocab_file=teacher.path)
    plan = finetuning.prepare(
        config.of_student(), files, start, run.work_dir, run.session, run.trial
    )
    _check_facts(plan.task, teacher)
    own, data = plan.task, plan.arguments["train_data"]
    others, names = [], []
    for path in lesson.unlabelled_data:
        others.append(arrays_of(own.read_texts(path)))
        names.append(sha256(path))
    if config.distill.augment_copies:
        others += _augmented(config, lesson, own, [arrays_of(data), *others], run.work_dir)
    if others:
        joined = rows.with_unlabelled(arrays_of(data), others, own.weights_name)
        data = rows.with_arrays(data, joined)
    more = sum(len(part["input_ids"]) for part in others)
    config = dataclasses.replace(config, task=own.config.task)
    if run.trial:
        config = dataclasses.replace(config, train=own.config.train)
    config = config.with_steps(len(plan.data.train.examples) + more)
    own = own.with_config(config.of_student())
    return Found(
        dataclasses.replace(plan, task=own),
        own,
        config,
        data,
        plan.arguments["eval_data"],
        ", ".join([plan.arguments["made_of"]["data"], *names]),
        len(arrays_of(data)["input_ids"]),
    )


def _check_facts(own: Learn, teacher: Teacher) -> None:
    """Raises ValueError unless the data are of the kind that the teacher was trained on."""
    theirs = teacher.checkpoint.facts
    if type(own.facts) is not type(theirs):
        return
    for name, words in (("labels", "labels"), ("text_pairs", "pairs of texts")):
        ours, known = getattr(own.facts, name, None), getattr(theirs, name, None)
        if ours != known and tuple(map(str, ours or ())) != tuple(map(str, known or ())):
            raise ValueError(
                f"the data have other {words} ({ours}) than the teacher {teacher.path} ({known}); "
                "expected the same."
            )


def _augmented(
    config: DistillationConfig, lesson: Lesson, own: Learn, parts: list, work_dir: str
) -> list[dict]:
    """The copies of all rows, from the store of the run or made now."""
    if not lesson.augment_model:
        raise ValueError(
            f"distill.augment_copies is {config.distill.augment_copies}, but no masked LM says "
            "what the words are replaced by. Expected --augment_model."
        )
    settings = config.distill
    augmenter = Augmenter(
        lesson.augment_model,
        settings.augment_copies,
        settings.augment_share,
        settings.augment_guesses,
        config.train.seed,
    )
    made_of = {
        "model": initial_weights.identity(lesson.augment_model),
        "settings": [*dataclasses.astuple(augmenter)[1:]],
        "rows": store.hash_of(*(part["input_ids"] for part in parts)),
    }

    def make() -> dict:
        copies = [augmenter.augment(part, own.tokenizer) for part in parts]
        return {f"{n}-{name}": rows for n, c in enumerate(copies) for name, rows in c.items()}

    found = store.read_or_write(work_dir, made_of, make)
    numbers = range(len(parts))
    return [
        {name.partition("-")[2]: rows for name, rows in found.items() if name.startswith(f"{n}-")}
        for n in numbers
    ]


def _masked_rows(config: DistillationConfig, lesson: Lesson, teacher: Teacher, run: Run) -> Found:
    """Folders of create_pretraining_data.py, as pretrain.py reads them."""
    if lesson.unlabelled_data or config.distill.augment_copies:
        raise ValueError(
            "--unlabelled_data and distill.augment_copies are for files of examples; a folder of "
            "create_pretraining_data.py has no labels. Leave them out."
        )
    evaluated = lesson.eval_data[0] if lesson.eval_data else None
    start = Start(vocab_file=teacher.path)
    plan = pretraining.prepare(
        config.of_student(),
        list(lesson.train_data),
        evaluated,
        start,
        run.work_dir,
        run.session,
        run.trial,
    )
    config = dataclasses.replace(config, train=plan.task.config.train)
    arguments = plan.arguments
    return Found(
        plan,
        plan.task,
        config,
        arguments["train_data"],
        arguments["eval_data"],
        arguments["made_of"]["data"],
    )


def _texts(config: DistillationConfig, lesson: Lesson, teacher: Teacher, run: Run) -> Found:
    """Plain texts, whose vectors are learned."""
    if run.trial:
        config, _ = find_batch.try_phase(config, None, run.trial)
    facts = vector_facts(config, teacher.checkpoint.facts, teacher.checkpoint.config)
    own = VectorTask(config.of_student(), teacher.checkpoint.tokenizer, facts)
    train_data = own.encoded(read_texts(list(lesson.train_data)))
    eval_data = own.encoded(read_texts(list(lesson.eval_data))) if lesson.eval_data else None
    count = len(train_data["input_ids"])
    config = config.with_steps(count)
    own = own.with_config(config.of_student())
    identity = store.hash_of(train_data["input_ids"])
    return Found(None, own, config, train_data, eval_data, identity, count)
