r"""Building pretraining data, whole commands: ours against Model Garden's script.

    python scripts/benchmark.py data --config=configs/benchmark/create_pretraining_data.py \
        --input='books/train-*.txt' --vocab_file=vocab.txt --num_workers=2 --rounds=3 \
        --warmup_rounds=0 --garden_python=garden/bin/python --output=create.json

Next-sentence examples of up to 128 tokens, 20 predictions, static masks, one pass (dupe_factor 1).
Ours runs on 126 MB and on 10 MB of the input. Model Garden's script holds everything in memory, so
it runs on 10 MB. The documents are files with one sentence a line; other formats are converted
before the clock starts.
"""

from benchmarks.commands import CommandsConfig


def get_config() -> CommandsConfig:
    return CommandsConfig(
        small_megabytes=10.0,
        large_megabytes=126.0,
        flags=("--max_seq_length=128", "--dupe_factor=1", "--short_seq_prob=0.1"),
        own_flags=("--static_masks", "--max_predictions_per_seq=20"),
        garden_flags=(
            "--do_lower_case=True",
            "--max_predictions_per_seq=20",
            "--masked_lm_prob=0.15",
            "--random_seed=12345",
        ),
    )
