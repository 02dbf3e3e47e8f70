"""The optimizers and schedules for `model.compile` and `fit`, with the updates of the loop.

    config = OptimizerConfig(name="lamb")
    optimizer = KerasOptimizer(config, num_train_steps=1000, places=places_of(model))
    model.compile(optimizer=optimizer, loss=...)

The training loop does not use this class: it keeps slots in a flat dict, clips after the all-reduce
and compiles the update. With several replicas, Keras clips before it sums the gradients.
"""

import dataclasses
from collections.abc import Mapping

import keras
import tensorflow as tf

from bert_tf.config import as_json
from bert_tf.config.experiment import OptimizerConfig
from bert_tf.layers import roles
from bert_tf.training.optimizers import optimizer as optimizers
from bert_tf.training.optimizers import schedules
from bert_tf.training.optimizers.layerwise import pace_of_weights
from bert_tf.training.optimizers.places import Place


@keras.saving.register_keras_serializable(package="bert_tf")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """`schedules.learning_rate` with Keras' interface.

    Args:
      config: an OptimizerConfig, or its dict.
      num_train_steps: where the schedule ends.
    """

    def __init__(self, config: OptimizerConfig | dict, num_train_steps: int):
        self._config = _as_config(config)
        self._num_train_steps = num_train_steps

    def __call__(self, step):
        return schedules.learning_rate(step, self._config, self._num_train_steps)

    def get_config(self):
        return {
            "config": dataclasses.asdict(self._config),
            "num_train_steps": self._num_train_steps,
        }


@keras.saving.register_keras_serializable(package="bert_tf")
class KerasOptimizer(keras.optimizers.Optimizer):
    """All settings of an OptimizerConfig: update, schedule, decay, layer-wise rates, freezing.

    Args:
      config: an OptimizerConfig, or its dict.
      num_train_steps: where the schedule ends.
      name: of the optimizer; by default `config.name`.
      places: {variable path: Place, or its dict} from `places.places_of`. Settings that depend on
        the parts of the encoder (Muon, layer-wise rates, freezing) need them. Without them, a
        variable without a role counts as a matrix if it has at least two axes, otherwise as a bias.
    """

    def __init__(
        self,
        config: OptimizerConfig | dict,
        num_train_steps: int,
        name: str = "",
        places: Mapping[str, Place | dict] | None = None,
        **kwargs,
    ):
        config = _as_config(config)
        super().__init__(
            learning_rate=Schedule(config, num_train_steps),
            global_clipnorm=config.clip_norm or None,
            name=name or config.name,
            **kwargs,
        )
        self._config, self._num_train_steps = config, num_train_steps
        self._places = {
            path: Place(**place) if isinstance(place, dict) else place
            for path, place in (places or {}).items()
        }

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        if not self._places:
            _check_needs_no_places(self._config)
        places = {
            v.path: self._places[v.path]
            if self._places
            else Place(roles.role_of(v, roles.by_shape(v)))
            for v in variables
        }
        self._paces = pace_of_weights(self._config, places)
        self._at, self._slots = [], []  # in the order of Keras' variable index
        for variable in variables:
            place = places[variable.path]
            shapes = optimizers.slot_shapes(self._config.name, place, variable.shape)
            if self._paces[variable.path].is_frozen:
                shapes = {}
            name = variable.path.replace("/", "_")
            slots = [
                self.add_variable(shape=shape, name=f"{name}_{slot}", initializer="zeros")
                for slot, shape in shapes.items()
            ]
            self._at.append((place, self._paces[variable.path]))
            self._slots.append(slots)

    def apply(self, grads, trainable_variables=None):
        variables = trainable_variables or self._trainable_variables
        with tf.init_scope():
            self.build(list(variables))
        step = tf.convert_to_tensor(self.iterations)
        held = []
        for gradient, variable in zip(grads, variables, strict=True):
            pace = self._paces[variable.path]
            if gradient is not None:  # the norm must not include weights that do not move
                gradient = tf.convert_to_tensor(gradient)
                zeros = tf.zeros_like(gradient)
                gradient = zeros if pace.is_frozen else pace.choose(step, gradient, zeros)
            held.append(gradient)
        return super().apply(held, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        place, pace = self._at[index]
        if pace.is_frozen:
            return
        step = tf.cast(tf.convert_to_tensor(self.iterations), tf.int64)
        variables = [variable, *self._slots[index]]
        old = [tf.convert_to_tensor(v) for v in variables]
        rate = tf.cast(learning_rate, old[0].dtype)
        scalars = optimizers.UpdateScalars.of(self._config, pace, step, rate)
        gradient = tf.cast(gradient, old[0].dtype)
        new = optimizers.update(self._config, place, old[0], gradient, old[1:], scalars)
        for target, before, after in zip(variables, old, new, strict=True):
            self.assign(target, pace.choose(step, after, before))

    def get_config(self):
        return {
            "config": dataclasses.asdict(self._config),
            "num_train_steps": self._num_train_steps,
            "places": {path: dataclasses.asdict(place) for path, place in self._places.items()},
            "name": self.name,
        }


def _check_needs_no_places(config: OptimizerConfig) -> None:
    plain = OptimizerConfig()
    names = ("layer_decay", "freeze_embeddings", "num_frozen_layers", "unfreeze_every")
    needed = [name for name in names if getattr(config, name) != getattr(plain, name)]
    if needed or config.name == "muon":
        raise ValueError(
            f"KerasOptimizer: {', '.join(needed) or config.name} depends on the parts of the "
            "encoder, but places are missing. Pass places=places_of(model)."
        )


def _as_config(config: OptimizerConfig | dict) -> OptimizerConfig:
    if isinstance(config, OptimizerConfig):
        return config.check()
    return as_json.from_dict(OptimizerConfig, config, where="optimizer").check()
