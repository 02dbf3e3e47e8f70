"""The tiny files and models on which `check_all.py` runs documented commands."""

import pathlib

from documented import ROOT
from tiny_commands import World, finetuning_settings, pretraining_settings

from tests import corpus
from tests.family import cases
from tests.scripts.conftest import ok_here


def make_world(folder: pathlib.Path) -> World:
    """Texts, labelled files, records and a model for each task below `folder`/inputs.

    Made once: a later call with the same folder finds them there.
    """
    inputs = folder / "inputs"
    if not inputs.exists():
        inputs.mkdir(parents=True)
        cases.write_texts(inputs)
        for path in inputs.glob("*.conll"):  # configs/finetune/conll2003.py reads documents
            path.write_text(f"-DOCSTART- O\n\n{path.read_text()}")
        corpus.write_documents(inputs / "train.txt")
        corpus.write_documents(inputs / "valid.txt", num_documents=10, seed=1)
        _make_records(inputs)
        _train(inputs)
    return World(
        inputs,
        outputs=folder / "outputs",
        glue=ROOT / "tests" / "testdata" / "glue",
        foreign=ROOT / "tests" / "testdata" / "hugging_face" / "BertForPreTraining",
    )


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


def _train(inputs: pathlib.Path) -> None:
    """Models called "pretraining", "labels", "tags" and "spans"; "labels" is also exported."""
    ok_here(
        "pretrain",
        f"--config={ROOT / 'configs' / 'pretrain' / 'plain.py'}",
        *pretraining_settings(),
        train_data=inputs / "train",
        work_dir=inputs / "pretraining",
    )
    recipes = {
        "labels": ("sst2", "tsv"),
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
