"""The small models of check_parity.py: every class of every encoder, made by transformers."""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from bert_tf import members

_INPUTS = {
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
_ROBERTA = {
    **_SMALL,
    "max_position_embeddings": 14,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
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
    "albert": {**_SMALL, "embedding_size": 6},
    "roberta": _ROBERTA,
    "xlm_roberta": _ROBERTA,
}
# {encoder: {what is odd: (task of the class, keys of its config.json)}}
_ODD = {
    "albert": {
        "2x2": ("pretraining", {"num_hidden_groups": 2, "inner_group_num": 2}),
        "untied": ("masked_lm", {"tie_word_embeddings": False}),
    },
    "roberta": {
        "segments": ("embedding", {"type_vocab_size": 2}),
        "untied": ("masked_lm", {"tie_word_embeddings": False}),
    },
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

    @property
    def inputs(self) -> dict[str, list[list[int]]]:
        """Two rows, the second with padding."""
        if "pad_token_id" not in self.shape:
            return _INPUTS
        roles = {0: 1, 1: 3, 2: 0, 3: 2}  # <s> <pad> </s> <unk> for [PAD] [UNK] [CLS] [SEP]
        ids = [[roles.get(token, token) for token in row] for row in _INPUTS["input_ids"]]
        segments = [[0] * len(row) for row in ids]
        return {**_INPUTS, "input_ids": ids, "segment_ids": segments}

    def make(self, seed: int):
        """The model, of random numbers where transformers would have zeros and ones too."""
        import torch
        import transformers

        torch.manual_seed(seed)
        has_two = "QuestionAnswering" in self.class_name or "PreTraining" in self.class_name
        labels = 2 if has_two else 3
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
    """The files of a small tokenizer with the ids of the encoder's special tokens."""
    if "pad_token_id" not in _SHAPES[encoder]:
        _write(folder, "vocab.txt", "\n".join(_VOCABULARY) + "\n")
        return
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *"abcdefghijklmno"]
    _write(folder, "vocab.json", json.dumps({token: i for i, token in enumerate(tokens)}))
    _write(folder, "merges.txt", "#version: 0.2\n")


def _write(folder: str, name: str, text: str) -> None:
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)
