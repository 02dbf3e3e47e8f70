"""The small models of check_parity.py: every class of every encoder, made by transformers."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from bert_tf import members

INPUTS = {
    "input_ids": [[2, 5, 6, 9, 3, 15, 3], [2, 12, 19, 3, 0, 0, 0]],
    "input_mask": [[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]],
    "segment_ids": [[0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0, 0]],
}
_VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *"abcdefgh",
    *(f"##{c}" for c in "abc"),
]
_SHAPE = {
    "vocab_size": 20,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "max_position_embeddings": 12,
}
_SMALL = {**_SHAPE, "hidden_size": 8, "intermediate_size": 12, "num_attention_heads": 2}
# {encoder: keys of its config.json}
_SHAPES = {
    "bert": _SHAPE,
    "distilbert": {
        "vocab_size": 20,
        "dim": 8,
        "n_layers": 2,
        "n_heads": 2,
        "hidden_dim": 12,
        "max_position_embeddings": 12,
    },
    "electra": {**_SMALL, "embedding_size": 6},
}
# {encoder: {what is odd: (task of the class, keys of its config.json)}}
_ODD = {
    "distilbert": {"untied": ("masked_lm", {"tie_word_embeddings": False})},
    "electra": {
        "wide": ("embedding", {"embedding_size": 8}),
        "untied": ("masked_lm", {"tie_word_embeddings": False}),
    },
}


@dataclasses.dataclass(frozen=True)
class Case:
    """One class.

    Attributes:
      name: of the class, and what is odd.
      encoder: name of the member.
      class_name: of transformers.
      shape: keys of config.json.
    """

    name: str
    encoder: str
    class_name: str
    shape: Mapping[str, Any]

    def make(self, seed: int):
        """The model, of random numbers where transformers would have zeros and ones too."""
        import torch
        import transformers

        torch.manual_seed(seed)
        labels = 2 if "QuestionAnswering" in self.class_name else 3
        model_class = getattr(transformers, self.class_name)
        config = model_class.config_class(
            **self.shape, num_labels=labels, attn_implementation="eager"
        )
        model = model_class(config).eval()
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                is_scale = "norm" in key.lower() and key.endswith("weight")
                parameter.copy_(float(is_scale) + 0.3 * torch.randn(parameter.shape))
        return model


def cases_of(encoder: str) -> list[Case]:
    """Every class that this encoder has in Hugging Face's format, and odd shapes of some."""
    names = members.find("models", encoder).CHECKPOINT_NAMES["hugging_face"]
    shape = _SHAPES[encoder]
    cases = [Case(name, encoder, name, shape) for name, _ in names.classes.values()]
    for odd, (task, changes) in _ODD.get(encoder, {}).items():
        class_name, _ = names.classes[task]
        cases.append(Case(f"{class_name}-{odd}", encoder, class_name, {**shape, **changes}))
    return cases


def write_tokenizer(encoder: str, folder: str) -> None:
    """The files of a tokenizer of the kind that the encoder is published with."""
    del encoder
    with open(os.path.join(folder, "vocab.txt"), "w") as file:
        file.write("\n".join(_VOCABULARY) + "\n")
