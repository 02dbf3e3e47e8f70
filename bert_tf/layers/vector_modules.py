"""Settings of modules after the pooling of a text. Imports neither TensorFlow nor Keras."""

import dataclasses

DENSE, LAYER_NORM, NORMALIZE, DROPOUT = "dense", "layer_norm", "normalize", "dropout"
KINDS = (DENSE, LAYER_NORM, NORMALIZE, DROPOUT)


@dataclasses.dataclass(frozen=True)
class VectorModule:
    """One step between the pooled tokens of a text and its vector.

    Attributes:
      kind: "dense", "layer_norm", "normalize" (to length 1) or "dropout", which is only kept to be
        written back and has no effect.
      size: the size of the vector after the module.
      activation: of a dense module; see `layers.activations`. "" is none.
      use_bias: a dense module has a bias.
      residual: a dense module adds its input to its output, through a matrix if the sizes differ.
      rate: of dropout.
    """

    kind: str
    size: int
    activation: str = ""
    use_bias: bool = True
    residual: bool = False
    rate: float = 0.0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"a module is of kind {self.kind!r}; expected {', '.join(KINDS)}.")
