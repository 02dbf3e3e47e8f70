"""The student of a distillation: which model it is, and whether the teacher can teach it."""

import dataclasses

from bert_tf import initial_weights
from bert_tf.config.distillation import ALTERNATE, DistillationConfig
from bert_tf.config.task import Settings
from bert_tf.distillation.teacher import Teacher
from bert_tf.workflows.start import Start


def with_student(
    config: DistillationConfig, teacher: Teacher, start: Start
) -> tuple[DistillationConfig, tuple[int, ...]]:
    """The config with the student's model and the teacher's task; the layers of the student."""
    if not isinstance(config, DistillationConfig):
        raise ValueError(
            "--config is no recipe of a distillation, because it has no section distill. Expected "
            "one such as distill/task:classification or distill/minilm."
        )
    settings, theirs = config.distill.check(), teacher.checkpoint.config
    if start.checkpoint and settings.student_layers not in ("", ALTERNATE):
        raise ValueError(
            f"distill.student_layers is {settings.student_layers!r} and --init_checkpoint is "
            f"{start.checkpoint}: a student starts from one of them. Leave one out."
        )
    if start.checkpoint:
        settings = dataclasses.replace(settings, student_layers="")
        config = start.with_model(dataclasses.replace(config, distill=settings))
    chosen = settings.layers_of(theirs.num_hidden_layers)
    if chosen:
        model = initial_weights.config_of_checkpoint(teacher.path, theirs, start.model_settings)
        try:
            model = model.with_layers(chosen)
        except ValueError as error:
            raise ValueError(f"distill.student_layers: {error}") from error
        config = dataclasses.replace(config, model=model)
    elif not start.checkpoint:
        model = dataclasses.replace(config.model, vocab_size=theirs.vocab_size)
        config = dataclasses.replace(config, model=model)
    length = config.data.max_seq_length or teacher.checkpoint.data.max_seq_length
    data = dataclasses.replace(config.data, max_seq_length=length)
    return dataclasses.replace(config, data=data, task=_of_teacher(config.task, teacher)), chosen


def _of_teacher(own: Settings, teacher: Teacher) -> Settings:
    """The settings of the student's task; what is left at its default is the teacher's."""
    theirs, facts = teacher.checkpoint.task, teacher.checkpoint.facts
    if type(own) is not type(theirs):
        return own
    default, changes = type(own)(), {}
    for field in dataclasses.fields(own):
        if getattr(own, field.name) == getattr(default, field.name):
            changes[field.name] = getattr(theirs, field.name)
    if getattr(facts, "labels", ()):
        changes["labels"] = tuple(map(str, facts.labels))
    return dataclasses.replace(own, **changes)


def check_teacher(config: DistillationConfig, teacher: Teacher, start: Start) -> None:
    """Raises ValueError if the teacher cannot teach this student or these rows."""
    theirs = teacher.checkpoint
    if start.checkpoint:
        own = start.tokenizer()
        if own.identity != theirs.tokenizer.identity:
            raise ValueError(
                f"the student {start.checkpoint} has another vocabulary ({len(own)} tokens, "
                f"SHA-256 {own.identity[:12]}) than the teacher {teacher.path} "
                f"({len(theirs.tokenizer)} tokens, SHA-256 {theirs.tokenizer.identity[:12]}); "
                "expected the same."
            )
    longest = theirs.config.longest_sequence
    if config.data.max_seq_length > longest:
        raise ValueError(
            f"data.max_seq_length is {config.data.max_seq_length}, but the teacher takes at most "
            f"{longest} tokens."
        )
