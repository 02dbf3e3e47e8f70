r"""Stores the first losses of a fine-tuning with transformers on torch, for tests/finetuning.

    PYTHONPATH=. python scripts/development/make_hugging_face_goldens.py \
        --output_dir=tests/testdata/hugging_face/finetuning

Needs torch and transformers, and nothing of TensorFlow: the model is a tiny
BertForSequenceClassification with random weights, the texts are in the folder (train.tsv, written
by hand), the order of the rows is that of `bert_tf.data.batches.order` (NumPy). Dropout is 0.
Writes start/ (the weights before the first step, head included) and losses.json.
"""

import argparse
import csv
import json
import pathlib
import string

import numpy as np
import torch
import transformers

from bert_tf.data.batches.order import BatchSlice, MemoryOrder

SEED = 7
RECIPE = {
    "batch_size": 8,
    "max_seq_length": 64,
    "learning_rate": 2e-3,
    "num_train_steps": 50,
    "num_warmup_steps": 5,
    "weight_decay": 0.01,
    "epsilon": 1e-8,
    "clip_norm": 1.0,
    "seed": SEED,
}
VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *(".", ",", "'", "?"),
    *string.ascii_lowercase,
    *(f"##{letter}" for letter in string.ascii_lowercase),
    *("the", "is", "cat", "dog", "sleeps", "##ing", "##ed", "rain", "house"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output_dir", required=True, help="Folder with train.tsv in it.")
    folder = pathlib.Path(parser.parse_args().output_dir)
    start = folder / "start"
    start.mkdir(exist_ok=True)
    (start / "vocab.txt").write_text("".join(f"{token}\n" for token in VOCABULARY))
    model = _model()
    model.save_pretrained(start)
    tokenizer = transformers.BertTokenizer(str(start / "vocab.txt"), do_lower_case=True)
    (start / "tokenizer_config.json").write_text('{"do_lower_case": true}\n')
    batches = _batches(folder / "train.tsv", tokenizer)
    losses = _train(model, batches)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    content = {"made_with": versions, "recipe": RECIPE, "losses": losses}
    (folder / "losses.json").write_text(json.dumps(content, indent=1) + "\n")
    print(f"{len(losses)} losses, {losses[0]:.4f} to {losses[-1]:.4f}")


def _model() -> transformers.BertForSequenceClassification:
    torch.manual_seed(SEED)
    config = transformers.BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.1,
        id2label={0: "0", 1: "1"},
        label2id={"0": 0, "1": 1},
    )
    return transformers.BertForSequenceClassification(config)


def _batches(path: pathlib.Path, tokenizer) -> list[dict[str, torch.Tensor]]:
    with open(path, encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    labels = torch.tensor([int(row["label"]) for row in rows])
    encoded = tokenizer(
        [row["sentence1"] for row in rows],
        [row["sentence2"] for row in rows],
        padding="max_length",
        truncation=True,
        max_length=RECIPE["max_seq_length"],
        return_tensors="pt",
    )
    order = MemoryOrder(len(rows), SEED, BatchSlice(RECIPE["batch_size"]))
    picks = [torch.from_numpy(np.asarray(order.rows(t))) for t in range(RECIPE["num_train_steps"])]
    return [
        {**{name: values[pick] for name, values in encoded.items()}, "labels": labels[pick]}
        for pick in picks
    ]


def _train(model, batches) -> list[float]:
    named = list(model.named_parameters())
    plain = [weight for name, weight in named if "bias" in name or "LayerNorm" in name]
    decayed = [weight for name, weight in named if "bias" not in name and "LayerNorm" not in name]
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": RECIPE["weight_decay"]},
            {"params": plain, "weight_decay": 0.0},
        ],
        lr=RECIPE["learning_rate"],
        eps=RECIPE["epsilon"],
    )
    schedule = transformers.get_linear_schedule_with_warmup(
        optimizer, RECIPE["num_warmup_steps"], RECIPE["num_train_steps"]
    )
    model.train()  # dropout rates are 0
    losses = []
    for batch in batches:
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), RECIPE["clip_norm"])
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    main()
