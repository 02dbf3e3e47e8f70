"""The names that `hidden_act` may have in a config; a config checks them without Keras."""

ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "tanh")


def check_activation(name: str) -> None:
    """ValueError with the known names if there is no activation called `name`."""
    if name not in ACTIVATIONS:
        raise ValueError(
            f"unknown activation {name!r} (hidden_act). Known: {', '.join(sorted(ACTIVATIONS))}."
        )
