"""Which terms a student learns, from the settings; what does not fit is refused here."""

from collections.abc import Sequence

from bert_tf.config.distillation import DistillationConfig
from bert_tf.distillation.hidden_states import HiddenStates
from bert_tf.distillation.relations import Relations, common_heads
from bert_tf.distillation.soft_targets import SoftTargets
from bert_tf.distillation.teacher import Teacher
from bert_tf.distillation.term import Term
from bert_tf.models.model import BlockSize, EncoderConfig
from bert_tf.tasks.task import Learn
from bert_tf.tasks.teaching import Teach


def make_terms(
    config: DistillationConfig, teacher: Teacher, student: Learn, chosen: Sequence[int]
) -> list[Term]:
    """The terms with a weight above 0.

    Args:
      config: the settings; its model is the student.
      teacher: the teacher.
      student: the student's task.
      chosen: the teacher's layers that the student is made of, from 1, or ().

    Raises:
      ValueError: the models do not fit, or a layer is not there.
    """
    settings, own, theirs = config.distill, config.model, teacher.checkpoint.config
    found: list[Term] = []
    if settings.soft_weight:
        _check_answers(student, teacher)
        found.append(SoftTargets(settings.soft_weight, student, settings.temperature))
    if settings.hidden_weight:
        layers = own.num_hidden_layers, theirs.num_hidden_layers
        pairs = settings.pairs(*layers, tuple(chosen))
        for pair in pairs:
            _check_layers("distill.match_layers", pair, layers, least=0)
        widths = own.hidden_size, theirs.hidden_size
        found.append(HiddenStates(settings.hidden_weight, pairs, widths, settings.hidden_loss))
    if settings.relation_weight:
        layer = settings.relation_layer or theirs.num_hidden_layers
        layers = own.num_hidden_layers, theirs.num_hidden_layers
        _check_layers("distill.relation_layer", (layers[0], layer), layers, least=1)
        sizes = _size_of(own, layers[0]), _size_of(theirs, layer)
        widths = [size.heads * size.head_size for size in sizes]
        heads = settings.relation_heads or common_heads(*widths, sizes[1].heads)
        found.append(Relations(settings.relation_weight, (layers[0], layer), heads))
    return found


def _check_answers(student: Learn, teacher: Teacher) -> None:
    """Raises ValueError unless the teacher gives the answers that the student learns."""
    own, theirs = student.config.task, teacher.checkpoint.task
    if type(own) is not type(theirs) or not isinstance(student, Teach):
        raise ValueError(
            f"the teacher {teacher.path} is a {theirs.name} model, and the student's task is "
            f"{own.name!r}: their answers cannot be compared. Expected a teacher of this task"
            + (" with a masked-LM head" if own.name == "pretraining" else "")
            + ", or distill.soft_weight=0."
        )


def _check_layers(key: str, pair: tuple[int, int], counts: tuple[int, int], *, least: int) -> None:
    for who, layer, count in zip(("student", "teacher"), pair, counts, strict=True):
        if not least <= layer <= count:
            raise ValueError(
                f"{key}: layer {layer} of the {who}, which has {count} layers; expected a number "
                f"from {least} to {count}."
            )


def _size_of(config: EncoderConfig, layer: int) -> BlockSize:
    """The size of the last block of a layer, from 1."""
    return config.block_sizes[config.blocks_of([layer - 1])[-1]]
