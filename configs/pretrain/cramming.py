"""The best encoder for little time: short rows first, Muon, 30 % masks, no pairs, no dropout.

    for length in 32 64 128; do
      python scripts/create_pretraining_data.py --input='train*.jsonl.gz' --vocab_file=vocab \\
          --objective=none --output_dir=data/train_$length --max_seq_length=$length
    done
    python scripts/pretrain.py --config=configs/pretrain/cramming.py --train_data=data/train_32 \\
        --train_data=data/train_64 --train_data=data/train_128 --eval_data=data/valid \\
        --work_dir=work/cramming

RESULTS
"""

from bert_tf import config as c


def get_config() -> c.ExperimentConfig:
    lengths = {32: 500, 64: 300, 128: 2400}  # tokens: steps
    return c.ExperimentConfig(
        model=c.BertConfig.from_size(
            "mini",
            vocab_size=8000,
            hidden_act="gelu_new",
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        ),
        data=c.DataConfig(max_seq_length=128, max_predictions_per_seq=38, masked_lm_prob=0.3),
        task=c.TaskConfig(name="pretraining", next_sentence=False),
        optimizer=c.OptimizerConfig(
            name="muon",
            update_rms=0.7,
            learning_rate=1e-3,
            bias_correction=True,
            schedule="warmup_stable_decay",
            warmup_proportion=0.02,
            decay_proportion=0.3,
        ),
        train=c.TrainConfig(
            global_batch_size=32,
            phases=tuple(
                c.PhaseConfig(
                    num_train_steps=steps,
                    max_seq_length=length,
                    max_predictions_per_seq=int(0.3 * length),
                )
                for length, steps in lengths.items()
            ),
            steps_per_loop=50,
            checkpoint_every=1000,
            dtype="mixed_bfloat16",
        ),
    )
