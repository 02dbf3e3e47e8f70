"""AdamW of torch with BERT's exceptions from weight decay, for the contestants on torch."""

from typing import Any


def make_optimizer(model, config: dict[str, Any], torch):
    """The optimizer of all parameters of `model`.

    Args:
      model: torch module.
      config: `optimizer` of an ExperimentConfig, as a dict.
      torch: the module.
    """
    plain = [w for name, w in model.named_parameters() if "bias" in name or "LayerNorm" in name]
    ids = set(map(id, plain))
    decayed = [w for w in model.parameters() if id(w) not in ids]
    groups = [
        {"params": decayed, "weight_decay": config["weight_decay"]},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config["learning_rate"], eps=config["epsilon"])
