"""bert_tf.prune: a round is decided once and kept, and what cannot work is one line."""

import json
import random
import shutil

import numpy as np
import pytest
import safetensors.numpy

import bert_tf
from bert_tf import model_folder
from bert_tf.models import bert
from bert_tf.pruning.target import Target
from bert_tf.workflows.pruning import Inputs
from tests.checkpoints.models import LABELS, LETTERS, make_checkpoint_of

PRUNING = bert_tf.Pruning(Target("flops", 0.6), rounds=2, importance_rows=32)
MODEL = bert.Config(
    vocab_size=64,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
    max_position_embeddings=16,
)


def write_table(path, labels=LABELS["classification"]):
    """Texts of letters with a label each."""
    generator = random.Random(0)
    rows = [
        f"{' '.join(generator.choices(LETTERS, k=6))}\t{generator.choice(labels)}"
        for _ in range(48)
    ]
    path.write_text("\n".join(["sentence\tlabel", *rows]) + "\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A classifier and its labelled texts."""
    folder = tmp_path_factory.mktemp("prune")
    checkpoint = make_checkpoint_of(MODEL, "classification")
    model_folder.save_checkpoint(str(folder / "model"), checkpoint, {})
    for name in ("train", "dev"):
        write_table(folder / f"{name}.tsv")
    return folder


def pruned(folder, work_dir, pruning=PRUNING, model="model", train="train.tsv", **settings):
    return bert_tf.prune(
        Inputs(str(folder / model), str(folder / train), str(folder / "dev.tsv")),
        pruning,
        work_dir=str(work_dir),
        config=bert_tf.recipe(
            "distill/task",
            {
                "train.num_train_steps": 2,
                "train.global_batch_size": 8,
                "data.num_widths": 0,
                **settings,
            },
        ),
    )


def test_a_killed_run_goes_on_and_ends_with_the_same_model(folder, capsys):
    rows = pruned(folder, folder / "whole")
    told = capsys.readouterr().out
    assert "round 1 of 2: without" in told and "round 2 of 2: without" in told
    assert "parameters of the blocks" in told and "accuracy" in told
    assert len(rows) == 3 and rows[2]["flops"] <= 0.6 * rows[0]["flops"] < rows[1]["flops"]
    for name in ("report.html", "results.json", "pruning.json", "model/bert_config.json"):
        assert (folder / "whole" / name).exists()
    # As if it had been killed twice: the decision of the second round is missing, and so is what
    # follows its training. The cut is made again; the training refuses another one.
    again = folder / "again"
    shutil.copytree(folder / "whole", again)
    (again / "rounds" / "2" / "plan.json").unlink()
    (again / "results.json").unlink()
    for lost in (again / "model", again / "rounds" / "2" / "cut"):
        shutil.rmtree(lost)
    plan = (again / "rounds" / "1" / "plan.json").read_bytes()
    later = pruned(folder, again)
    assert (again / "rounds" / "1" / "plan.json").read_bytes() == plan
    assert later[1] == rows[1] and later[2]["kept"] == rows[2]["kept"]
    assert later[2]["scores"] == rows[2]["scores"]
    one, other = (
        safetensors.numpy.load_file(folder / name / "model" / "model.safetensors")
        for name in ("whole", "again")
    )
    assert set(one) == set(other)
    assert all(np.array_equal(one[path], other[path]) for path in one)
    # A finished run says its table again; another target is another run.
    assert pruned(folder, again) == later
    with pytest.raises(ValueError, match="before.json belongs to another run: pruning differ"):
        pruned(folder, again, bert_tf.Pruning(Target("flops", 0.5), rounds=2, importance_rows=32))
    assert json.loads((again / "pruning.json").read_text())["rows"] == later


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (Target("flops", 0.01), "--target_flops=0.01: without all that may go .*, the model has"),
        (Target("parameters", 1e9), "--target_parameters=1e.09: the model has .* already"),
    ],
)
def test_a_target_that_cannot_be_or_is_met_is_refused(folder, of, message):
    with pytest.raises(ValueError, match=message):
        pruned(folder, folder / f"refused_{of.of}", bert_tf.Pruning(of, importance_rows=8))


def test_data_and_models_that_do_not_fit_are_refused(folder, tmp_path):
    write_table(folder / "others.tsv", ("no", "perhaps"))
    with pytest.raises(ValueError, match="perhaps"):
        pruned(folder, tmp_path / "a", train="others.tsv")
    (folder / "none.tsv").write_text("sentence\na b\n")
    with pytest.raises(ValueError, match="label"):
        pruned(folder, tmp_path / "b", train="none.tsv")
    model_folder.save_checkpoint(
        str(folder / "encoder"), make_checkpoint_of(MODEL, "embedding"), {}
    )
    with pytest.raises(ValueError, match="task 'embedding', which finetune.py does not train"):
        pruned(folder, tmp_path / "c", model="encoder")
    with pytest.raises(ValueError, match="prune.py does not train for int8"):
        pruned(folder, tmp_path / "e", **{"quantization.bits": 8})
    with pytest.raises(ValueError, match="--kinds=rows:1: expected some of heads, units, layers"):
        pruned(folder, tmp_path / "d", bert_tf.Pruning(Target("flops", 0.5), kinds={"rows": 1.0}))
