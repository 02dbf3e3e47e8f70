r"""BERT-base as published: nine tenths of the steps at length 128, the last tenth at 512.

    python scripts/create_pretraining_data.py --input='train*.jsonl.gz' --vocab_file=vocab.txt \
        --output_dir=data/128 --max_seq_length=128
    python scripts/create_pretraining_data.py --input='train*.jsonl.gz' --vocab_file=vocab.txt \
        --output_dir=data/512 --max_seq_length=512
    python scripts/create_pretraining_data.py --input='valid*.jsonl.gz' --vocab_file=vocab.txt \
        --output_dir=data/valid --max_seq_length=512
    python scripts/pretrain.py --config=configs/pretrain/two_phases.py --train_data=data/128 \
        --train_data=data/512 --eval_data=data/valid --work_dir=work/two_phases

Short rows are cheaper; the long rows teach the positions (Devlin et al. 2018, appendix A.2). One
learning-rate schedule covers all steps. To start the second phase with its own warm-up, as in You
et al. 2020 (LAMB, section 4.1), give its PhaseConfig a learning_rate and a warmup_proportion. This
recipe is for accelerators; nobody has run it to its end yet.
"""

from bert_tf.config import experiment
from bert_tf.models import bert
from bert_tf.tasks import pretraining


def get_config() -> experiment.ExperimentConfig:
    return experiment.ExperimentConfig(
        model=bert.Config.from_size("base"),
        data=experiment.DataConfig(max_seq_length=512),
        task=pretraining.Config(max_predictions_per_seq=77),
        optimizer=experiment.OptimizerConfig(learning_rate=1e-4, warmup_proportion=0.01),
        train=experiment.TrainConfig(
            global_batch_size=256,
            phases=(
                experiment.PhaseConfig(
                    num_train_steps=900_000, max_seq_length=128, max_predictions_per_seq=20
                ),
                experiment.PhaseConfig(num_train_steps=100_000, num_micro_batches=4),
            ),
            steps_per_loop=100,
            eval_every=50_000,
            checkpoint_every=5000,
            dtype="mixed_bfloat16",
        ),
    )
