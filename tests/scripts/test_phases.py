"""pretrain.py with two phases, and the number of micro-batches found by trying."""

import json

from tests.scripts.conftest import ok_here

PHASES = """
        train=TrainConfig(
            global_batch_size=1,
            phases=(
                PhaseConfig(num_train_steps=2, max_seq_length=16, max_predictions_per_seq=3),
                PhaseConfig(num_train_steps=3, num_micro_batches=7),
            ),
        ),
"""


def test_two_lengths_in_one_run_with_micro_batches_found_in_child_processes(work, tmp_path):
    ok_here(
        "create_pretraining_data",
        input=work / "train.txt",
        vocab_file=work / "vocab",
        output_dir=tmp_path / "short",
        max_seq_length=16,
    )
    text = (work / "pretraining.py").read_text()
    line = next(line for line in text.splitlines(keepends=True) if "TrainConfig(" in line)
    (tmp_path / "config.py").write_text(text.replace(line, PHASES))
    output = ok_here(
        "pretrain",
        "--find_batch",
        f"--train_data={tmp_path}/short",
        train_data=work / "train",
        config=tmp_path / "config.py",
        work_dir=tmp_path / "run",
    )
    assert "phase 1: 1 micro-batch(es) for 1 rows" in output
    assert "phase 2: 1 micro-batch(es) for 1 rows" in output  # 7 of 1 row: cannot be
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert [phase["num_micro_batches"] for phase in config["train"]["phases"]] == [1, 1]
    steps = [json.loads(line)["step"] for line in (tmp_path / "run" / "metrics.jsonl").open()]
    assert steps == [2, 5]
