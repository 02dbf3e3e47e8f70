"""The known values of `hidden_act`; a config checks them without Keras."""

ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "tanh")

# Other names in configs of transformers.
SYNONYMS = {
    "swish": "silu",
    "gelu_python": "gelu",
    "gelu_fast": "gelu_new",
    "gelu_accurate": "gelu_new",
    "gelu_python_tanh": "gelu_new",
}


def check_activation(name: str) -> None:
    """Raises ValueError, with the known names, if there is no activation `name`."""
    if name not in ACTIVATIONS:
        raise ValueError(
            f"unknown activation {name!r} (hidden_act). Known: {', '.join(sorted(ACTIVATIONS))}."
        )
