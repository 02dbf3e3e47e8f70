"""pretrain.py on a mixture of our records and of files without a manifest."""

import json
import os
import shutil

from bert_tf.data.building.builder import create_pretraining_data
from bert_tf.data.building.settings import DataSettings
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.release_format import StaticMasks
from bert_tf.tokenization.tokenizer import Tokenizer
from tests.scripts.conftest import ROOT, ok_here


def test_records_with_static_masks_of_two_origins_are_trained_on_together(work, tmp_path):
    """Names are relative, as a user types them; the index of theirs lies elsewhere."""
    here = os.path.relpath(tmp_path, ROOT)
    create_pretraining_data(
        str(work / "train.txt"),
        Tokenizer.from_folder(str(work / "vocab")),
        str(tmp_path / "ours"),
        DataSettings(max_seq_length=32, static_masks=StaticMasks(max_predictions_per_seq=5)),
    )
    (tmp_path / "theirs").mkdir()
    for file in (tmp_path / "ours").glob("*.tfrecord"):
        shutil.copy(file, tmp_path / "theirs")
    flags = {
        "config": work / "pretraining.py",
        "train_data": f"{here}/ours:0.25,{here}/theirs/*.tfrecord:0.75",
        "eval_data": f"{here}/theirs/*.tfrecord",
        "vocab_file": work / "vocab",
        "work_dir": f"{here}/run",
    }
    output = ok_here("pretrain", **flags)
    assert "masked_lm_loss" in output
    (index,) = (tmp_path / "run" / "data").iterdir()
    assert Manifest.load(str(index)).rows == Manifest.load(str(tmp_path / "ours")).rows
    assert ok_here("pretrain", **flags) == output  # the same data are recognized
    steps = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    assert steps[-1]["step"] == 20
    scores = ok_here("evaluate", model=tmp_path / "run", data=f"{here}/theirs/*.tfrecord")
    assert "masked_lm_loss" in scores
