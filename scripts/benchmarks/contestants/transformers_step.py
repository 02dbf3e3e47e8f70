"""BertForPreTraining of transformers on torch as a contestant.

As shipped it scores the vocabulary at every position. The contestant `transformers_gathered` takes
the masked positions first, as ours and Model Garden's do: a change of three lines to its users.

Runs under an interpreter with torch and transformers that need not have TensorFlow: of ours it
imports what needs nothing but NumPy.
"""

import importlib
import itertools
from typing import Any

import numpy as np

from benchmarks import synthetic
from benchmarks.contestants.torch_optimizer import make_optimizer
from bert_tf.measuring import timing

_IGNORED = -100  # torch's label of a position without loss


def make_round(settings: dict[str, Any]):
    """(does `steps_per_round` steps and returns sequences/s, info)."""
    # By name, because nothing of ours needs them to be installed.
    torch, transformers = map(importlib.import_module, ("torch", "transformers"))
    config, count = settings["config"], settings["steps_per_round"]
    shape = transformers.BertConfig(**config["model"])  # the names are theirs
    model = transformers.BertForPreTraining(shape).train()
    optimizer = make_optimizer(model, config["optimizer"], torch)
    loss_of = _gathered_loss if settings["package"].endswith("_gathered") else _loss
    half = config["train"]["dtype"] == "mixed_bfloat16"
    several = [synthetic.batch(config, seed) for seed in range(4)]
    batches = itertools.cycle([_as_torch(batch, torch) for batch in several])

    def work():
        for batch in itertools.islice(batches, count):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                loss = loss_of(model, batch, torch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config["optimizer"]["clip_norm"])
            optimizer.step()
            optimizer.zero_grad()
        if not loss.item() < float("inf"):
            raise ValueError(f"the loss of transformers is {loss.item()}")

    info = {
        "trains": ["masked_lm_loss", "next_sentence_loss"],
        "version": transformers.__version__,
        "torch": torch.__version__,
    }
    return timing.rate_of(work, count * config["train"]["global_batch_size"]), info


def _as_torch(batch: dict[str, np.ndarray], torch):
    labels = np.full_like(batch["input_ids"], _IGNORED)
    np.put_along_axis(labels, batch["masked_lm_positions"], batch["masked_lm_ids"], axis=1)
    arrays = {
        "input_ids": batch["input_ids"],
        "attention_mask": batch["input_mask"],
        "token_type_ids": batch["segment_ids"],
        "labels": labels,
        "next_sentence_label": batch["next_sentence_labels"][:, 0],
        "positions": batch["masked_lm_positions"],
        "masked_ids": batch["masked_lm_ids"],
    }
    return {name: torch.from_numpy(array).long() for name, array in arrays.items()}


def _loss(model, batch, torch):
    del torch
    names = ("input_ids", "attention_mask", "token_type_ids", "labels", "next_sentence_label")
    return model(**{name: batch[name] for name in names}).loss


def _gathered_loss(model, batch, torch):
    names = ("input_ids", "attention_mask", "token_type_ids")
    outputs = model.bert(**{name: batch[name] for name in names})
    sequence_BSD = outputs.last_hidden_state
    rows_B1 = torch.arange(len(sequence_BSD))[:, None]
    scores_BPV = model.cls.predictions(sequence_BSD[rows_B1, batch["positions"]])
    pairs_B2 = model.cls.seq_relationship(outputs.pooler_output)
    cross_entropy = torch.nn.functional.cross_entropy
    masked_lm = cross_entropy(scores_BPV.flatten(0, 1).float(), batch["masked_ids"].flatten())
    return masked_lm + cross_entropy(pairs_B2.float(), batch["next_sentence_label"])
