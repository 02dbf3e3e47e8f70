"""The optimizers by name: the slots of each weight, and its decay, trust ratio, rate or freezing.

The slots are plain variables named `<path>/m`, `<path>/v`, `<path>/vr` and `<path>/vc`, so a
checkpoint is a flat dict. Every replica updates its own copy from the same all-reduced gradient,
without a second all-reduce.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import tensorflow as tf

from bert_tf.config.experiment import OptimizerConfig
from bert_tf.layers import roles
from bert_tf.listed_names import in_short
from bert_tf.training.optimizers import updates
from bert_tf.training.optimizers.layerwise import Pace, pace_of_weights
from bert_tf.training.optimizers.places import Place


def is_orthogonalized(name: str, place: Place) -> bool:
    """Whether the optimizer `name` makes the updates of the weight at `place` orthogonal.

    Muon does it for the matrices of the blocks. AdamW updates embeddings and heads.
    """
    return name == "muon" and place.kind == "block" and place.role == roles.MATRIX


def slot_shapes(name: str, place: Place, shape: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """{slot: its shape} of the weight at `place` with the optimizer `name`."""
    shape = tuple(shape)
    if name == "sgd":
        return {}
    if is_orthogonalized(name, place):
        return {"m": shape}
    if name == "adafactor":
        return {"vr": shape[:1], "vc": shape[1:]} if len(shape) == 2 else {"v": shape}
    return {"m": shape, "v": shape}


@dataclasses.dataclass(frozen=True)
class UpdateScalars:
    """The scalars of one update, the same for all weights of a pace.

    They are computed once: a large model has hundreds of weights, and to trace them for each would
    take longer than to trace the rest of the update.

    Attributes:
      number: int64, of this update, from 1.
      learning_rate: float32.
      moments: how the means of Adam move; None if the optimizer has none.
    """

    number: tf.Tensor
    learning_rate: tf.Tensor
    moments: updates.Moments | None

    @classmethod
    def of(
        cls, config: OptimizerConfig, pace: Pace, step: tf.Tensor, learning_rate: tf.Tensor
    ) -> "UpdateScalars":
        """Those of `pace` after `step` finished steps, with `learning_rate` for a pace of 1."""
        number, moments = pace.number_of_update(step), None
        if config.name not in ("sgd", "adafactor"):
            moments = updates.Moments.at(
                number,
                beta_1=config.beta_1,
                beta_2=config.beta_2,
                epsilon=config.epsilon,
                corrected=config.name == "lamb" or config.bias_correction,
            )
        return cls(number, learning_rate * pace.factor, moments)


def update(
    config: OptimizerConfig,
    place: Place,
    weight: tf.Tensor,
    gradient: tf.Tensor,
    slots: Sequence[tf.Tensor],
    scalars: UpdateScalars,
) -> tuple[tf.Tensor, ...]:
    """Computes one update of the variable at `place` with the optimizer `config.name`.

    Args:
      config: the optimizer config.
      place: decides whether decay and trust ratio apply.
      weight, gradient: float32 of the same shape.
      slots: in the order of `slot_shapes`.
      scalars: of the weight's pace.

    Returns:
      The new (weight, *slots).
    """
    is_decayed = roles.takes_decay(place.role)
    decay = config.weight_decay if is_decayed else 0.0
    rate = {"learning_rate": scalars.learning_rate, "weight_decay": decay}
    if config.name == "sgd":
        return (updates.sgd_update(weight, gradient, **rate),)
    if config.name == "adafactor":
        return updates.adafactor_update(
            weight,
            gradient,
            *slots,
            step=scalars.number,
            decay_exponent=config.decay_exponent,
            update_clip=config.update_clip,
            relative_step=config.relative_step,
            **rate,
        )
    if is_orthogonalized(config.name, place):
        return updates.muon_update(
            weight,
            gradient,
            *slots,
            momentum=config.momentum,
            update_rms=config.update_rms,
            **rate,
        )
    rate["moments"] = scalars.moments
    if config.name == "lamb":
        return updates.lamb_update(weight, gradient, *slots, is_adapted=is_decayed, **rate)
    return updates.adamw_update(weight, gradient, *slots, **rate)


class Optimizer:
    """The slots of all trained weights, and the update of all weights.

    Create it in the scope of the strategy, because it creates the slots.

    Args:
      config: the optimizer config.
      weights: {path: variable} of the whole model; frozen weights get no slots.
      places: {path: Place} of at least these weights.

    Attributes:
      weights: {path: variable} of the weights that move, now or later.
      frozen: paths of all other weights.
      decayed: paths of weights with weight decay.
      orthogonalized: paths with orthogonal updates, which contain matrix products.
      paces: {path: Pace} of `weights`.
      slots: {path/slot: variable}.
    """

    def __init__(
        self,
        config: OptimizerConfig,
        weights: Mapping[str, tf.Variable],
        places: Mapping[str, Place],
    ):
        self._config = config
        self._places = {path: places[path] for path in weights}
        paces = pace_of_weights(config, self._places)
        self.weights = {path: weights[path] for path in weights if not paces[path].is_frozen}
        self.frozen = [path for path in weights if paces[path].is_frozen]
        self.paces = {path: paces[path] for path in self.weights}
        self.decayed = [
            path
            for path in self.weights
            if roles.takes_decay(places[path].role) and config.weight_decay
        ]
        self.orthogonalized = [
            path for path in self.weights if is_orthogonalized(config.name, places[path])
        ]
        self.slots = {
            f"{path}/{slot}": _zeros(shape, weight.dtype, f"{path}/{slot}")
            for path, weight in self.weights.items()
            for slot, shape in slot_shapes(config.name, places[path], weight.shape).items()
        }

    def describe(self) -> list[str]:
        """Lines for the log: weights with decay, frozen weights, weights with their own rates."""
        lines = [_listed("weight decay on", self.decayed)]
        if self.orthogonalized:
            lines.append(_listed("orthogonal updates of", self.orthogonalized))
        if self.frozen:
            lines.append(_listed("frozen are", self.frozen))
        by_pace = {}
        for path, pace in self.paces.items():
            by_pace.setdefault(pace, []).append(path)
        for pace, paths in by_pace.items() if len(by_pace) > 1 else ():
            rate = f"learning rate x {pace.factor:.3g} from step {pace.release + 1} on for"
            lines.append(_listed(rate, paths))
        return lines

    def released(self, gradients: Sequence[tf.Tensor], step: tf.Tensor) -> list[tf.Tensor]:
        """The `gradients`, with 0 for weights that are not yet unfrozen after `step` steps."""
        return [
            pace.choose(step, gradient, tf.zeros_like(gradient))
            for pace, gradient in zip(self.paces.values(), gradients, strict=True)
        ]

    def apply(
        self,
        gradients: Sequence[tf.Tensor],
        *,
        step: tf.Tensor,
        learning_rate: tf.Tensor,
        orthogonalized: bool | None = None,
    ) -> None:
        """Updates this replica's weights and slots from the reduced `gradients`.

        Args:
          gradients: in the order of `weights`.
          step: int64 scalar, finished optimizer steps.
          learning_rate: float32 scalar, before layer-wise factors.
          orthogonalized: True: update only weights with orthogonal updates; False: only the other
            weights; None: all.
        """
        scalars = {
            pace: UpdateScalars.of(self._config, pace, step, learning_rate)
            for pace in dict.fromkeys(self.paces.values())
        }
        for (path, weight), gradient in zip(self.weights.items(), gradients, strict=True):
            if orthogonalized not in (None, path in self.orthogonalized):
                continue
            pace, place = self.paces[path], self._places[path]
            names = slot_shapes(self._config.name, place, weight.shape)
            variables = [weight, *(self.slots[f"{path}/{name}"] for name in names)]
            old = [tf.convert_to_tensor(variable) for variable in variables]
            new = update(self._config, place, old[0], gradient, old[1:], scalars[pace])
            for variable, before, after in zip(variables, old, new, strict=True):
                variable.assign(pace.choose(step, after, before))


def _listed(what: str, paths: Sequence[str]) -> str:
    return f"{what} {len(paths)} variables: {in_short(paths)}"


def _zeros(shape: tuple[int, ...], dtype: tf.DType, name: str) -> tf.Variable:
    return tf.Variable(
        tf.zeros(shape, dtype),
        trainable=False,
        name=name.replace("/", "_"),
        aggregation=tf.VariableAggregation.NONE,
    )
