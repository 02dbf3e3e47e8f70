"""Model Garden's half of `benchmark.py recipe`: it learns from records of ours."""

import json
import math

from benchmarks.contestants import garden_pretraining
from bert_tf.data.records.release_format import StaticMasks
from tests.data.fake_tokenizer import VOCABULARY, build_data, sentences

LENGTH, SLOTS, BATCH = 32, 6, 8
MODEL = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": LENGTH,
    "type_vocab_size": 2,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "initializer_range": 0.02,
}
OPTIMIZER = {
    "learning_rate": 1e-2,
    "warmup_proportion": 0.1,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-6,
    "weight_decay": 0.01,
    "clip_norm": 1.0,
}


def test_it_trains_in_the_time_and_is_scored_on_the_stored_rows(tmp_path):
    text, folder = tmp_path / "a.txt", tmp_path / "data"
    text.write_text("\n\n".join("\n".join(sentences(i, 50)) for i in range(6)) + "\n")
    masks = StaticMasks(max_predictions_per_seq=SLOTS)
    build_data(str(text), folder, max_seq_length=LENGTH, static_masks=masks)
    files = [str(file) for file in folder.glob("*.tfrecord")]
    settings = {
        "config": {
            "model": MODEL,
            "optimizer": OPTIMIZER,
            "data": {"max_seq_length": LENGTH},
            "task": {"max_predictions_per_seq": SLOTS},
            "train": {
                "global_batch_size": BATCH,
                "dtype": "float32",
                "jit_compile": False,
                "seed": 0,
            },
        },
        "train_files": files,
        "eval_files": files,
        "eval_length": LENGTH,
        "eval_slots": SLOTS,
        "minutes": 0.05,
        "output": str(tmp_path / "metrics.jsonl"),
    }
    measure_round, info = garden_pretraining.make_round(settings)
    assert measure_round() > 0
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").open()]
    evaluations = [line for line in lines if "eval_masked_lm_loss" in line]
    assert lines[-1]["step"] == evaluations[-1]["step"] == info["steps"]
    assert 0 < evaluations[-1]["eval_masked_lm_loss"] < math.log(len(VOCABULARY)) - 0.1
    assert 0 < evaluations[-1]["eval_masked_lm_accuracy"] < 1
