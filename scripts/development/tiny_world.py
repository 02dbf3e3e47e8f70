"""The tiny files and models on which `check_all.py` runs documented commands."""

import json
import pathlib
import shutil

from documented import ROOT
from tiny_commands import World, finetuning_settings, pretraining_settings

from tests import corpus
from tests.family import cases
from tests.scripts.conftest import ok_here


def make_world(inputs: pathlib.Path, outputs: pathlib.Path) -> World:
    """Texts, labelled files, records and a model for each task in the folder `inputs`.

    Made once: a later call with the same folder finds them there.
    """
    is_whole = inputs / "is_whole"
    if not is_whole.exists():
        shutil.rmtree(inputs, ignore_errors=True)
        inputs.mkdir(parents=True)
        cases.write_texts(inputs)
        _write_columns(inputs)
        _write_checks(inputs)
        for path in inputs.glob("*.conll"):  # configs/finetune/conll2003.py reads documents
            sentences = path.read_text().strip().split("\n\n")
            documents = [sentences[i : i + 4] for i in range(0, len(sentences), 4)]
            text = "\n\n".join("\n\n".join(["-DOCSTART- O", *some]) for some in documents)
            path.write_text(text + "\n")
        corpus.write_documents(inputs / "train.txt")
        corpus.write_documents(inputs / "valid.txt", num_documents=10, seed=1)
        _make_records(inputs)
        _train(inputs)
        is_whole.touch()
    return World(
        inputs,
        outputs=outputs,
        glue=ROOT / "tests" / "testdata" / "glue",
        foreign=ROOT / "tests" / "testdata" / "hugging_face" / "BertForPreTraining",
    )


def _write_columns(inputs: pathlib.Path) -> None:
    """Files whose columns have other names than the usual ones, as some documents show them."""
    for name in ("train", "dev"):
        _, *rows = (inputs / f"{name}.tsv").read_text().splitlines()
        texts = [row.partition("\t")[0] for row in rows]
        (inputs / f"{name}_text_a.tsv").write_text("\n".join(["text_a\tlabel", *rows]) + "\n")
        topics = [
            {"text": text, "sport": n % 2, "politics": n // 2 % 2, "science": n // 4 % 2}
            for n, text in enumerate(texts)
        ]
        lines = [json.dumps(row) for row in topics]
        (inputs / f"{name}_topics.jsonl").write_text("\n".join(lines) + "\n")
        lines = [f"{row}\tnews\tweb\tOf animals\t{row}" for row in rows]
        lines[:0] = ["sentence\tlabel\tgenre\tsource\tSubject\tBody\tQueue"]
        (inputs / f"{name}_wide.tsv").write_text("\n".join(lines) + "\n")


def _write_checks(inputs: pathlib.Path) -> None:
    """The behaviour tests of configs/checks, for the labels of the tiny classifier."""
    text = (ROOT / "configs" / "checks" / "sentiment.yaml").read_text()
    for key in ("expect", "label"):
        text = text.replace(f"{key}: 1", f"{key}: bird").replace(f"{key}: 0", f"{key}: beast")
    (inputs / "checks.yaml").write_text(text)


def _make_records(inputs: pathlib.Path) -> None:
    vocabulary = {"output_dir": inputs / "vocab", "vocab_size": 150, "min_frequency": 1}
    ok_here("train_vocab", input=inputs / "train.txt", **vocabulary)
    for part in ("train", "valid"):
        ok_here(
            "create_pretraining_data",
            input=inputs / f"{part}.txt",
            vocab_file=inputs / "vocab",
            output_dir=inputs / part,
            max_seq_length=32,
        )
    ok_here(
        "create_pretraining_data",
        "--static_masks",
        input=inputs / "train.txt",
        vocab_file=inputs / "vocab",
        output_dir=inputs / "static",
        max_seq_length=32,
        max_predictions_per_seq=5,
    )


def _train(inputs: pathlib.Path) -> None:
    """Models called "pretraining", "labels", "int8", ...; "labels" is also exported."""
    ok_here(
        "pretrain",
        f"--config={ROOT / 'configs' / 'pretrain' / 'plain.py'}",
        *pretraining_settings(),
        train_data=inputs / "train",
        work_dir=inputs / "pretraining",
    )
    recipes = {
        "labels": ("sst2", "tsv"),
        "int8": ("int8", "tsv"),
        "tags": ("conll2003", "conll"),
        "spans": ("squad", "json"),
    }
    for name, (recipe, ending) in recipes.items():
        ok_here(
            "finetune",
            f"--config={ROOT / 'configs' / 'finetune' / recipe}.py",
            *finetuning_settings(),
            train_data=inputs / f"train.{ending}",
            eval_data=inputs / f"dev.{ending}",
            init_checkpoint=inputs / "pretraining",
            work_dir=inputs / name,
        )
    for form in ("saved_model", "onnx"):
        ok_here("export", model=inputs / "labels", output_dir=inputs / form, format=form)
