"""BertForSequenceClassification of transformers as a contestant, as its run_glue example trains it.

Runs under an interpreter with torch and transformers that need not have TensorFlow: of ours it
imports what needs nothing but NumPy.
"""

import csv
import importlib
import itertools
from typing import Any

import numpy as np

from benchmarks.contestants.torch_optimizer import make_optimizer
from bert_tf.data.batches.order import BatchSlice, MemoryOrder
from bert_tf.measuring import timing


def make_round(settings: dict[str, Any]):
    """(does `steps_per_round` steps and returns examples/s, info)."""
    # By name, because nothing of ours needs them to be installed.
    torch, transformers = map(importlib.import_module, ("torch", "transformers"))
    config, count = settings["config"], settings["steps_per_round"]
    batches = _batches(settings, torch, transformers)
    model = _model(settings, transformers)
    optimizer = make_optimizer(model, config["optimizer"], torch)
    half = settings["dtype"] == "bfloat16"
    widths = []

    def work():
        for batch in itertools.islice(batches, count):
            widths.append(batch["input_ids"].shape[1])
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config["optimizer"]["clip_norm"])
            optimizer.step()
            optimizer.zero_grad()
        info["tokens_per_row"] = float(np.mean(widths))

    info = {"version": transformers.__version__, "torch": torch.__version__}
    return timing.rate_of(work, count * config["train"]["global_batch_size"]), info


def _model(settings: dict[str, Any], transformers):
    model = transformers.BertForSequenceClassification.from_pretrained(
        settings["init_checkpoint"], num_labels=max(1, len(settings["config"]["task"]["labels"]))
    )
    return model.train()


def _batches(settings: dict[str, Any], torch, transformers):
    """Endless batches in our order, padded to their longest row or to the maximum."""
    data, task = settings["config"]["data"], settings["config"]["task"]
    with open(settings["train_file"], encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    pair = task["text_pair_column"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(settings["init_checkpoint"])
    encoded = tokenizer(
        [row[task["text_column"]] for row in rows],
        [row[pair] for row in rows] if pair else None,
        padding="max_length",
        truncation=True,
        max_length=data["max_seq_length"],
        return_tensors="pt",
    )
    ids = {str(label): index for index, label in enumerate(task["labels"])}
    labels = [row[task["label_column"]] for row in rows]
    targets = torch.tensor([ids[label] if ids else float(label) for label in labels])
    size = settings["config"]["train"]["global_batch_size"]
    order = MemoryOrder(len(rows), settings["config"]["train"]["seed"], BatchSlice(size))
    for number in itertools.count():
        pick = torch.from_numpy(order.rows(number))
        batch = {name: values[pick] for name, values in encoded.items()}
        if not settings["full"]:
            width = int(batch["attention_mask"].sum(dim=1).max())
            batch = {name: values[:, :width] for name, values in batch.items()}
        yield {**batch, "labels": targets[pick]}
