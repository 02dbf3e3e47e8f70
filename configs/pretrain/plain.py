r"""The plain recipe of BERT on 4 layers of 256: what `benchmark.py recipe` compares with.

    python scripts/pretrain.py --config=configs/pretrain/plain.py \
        --train_data=data/train --eval_data=data/valid --work_dir=work/plain \
        --config.train.num_train_steps=0 --config.train.time_budget_minutes=40

Masks of 15 %, next sentence, 128 tokens, dropout 0.1, and Adam without bias correction at 1e-4,
with a warm-up over a tenth of the steps and a linear decay (Devlin et al. 2018, appendix A.2). The
vocabulary has 8,000 words. Batches have 32 rows: with the paper's 256 there would be only 500 steps
in 40 minutes of two cores.
"""

from bert_tf.config import experiment
from bert_tf.models import bert
from bert_tf.tasks import pretraining


def get_config() -> experiment.ExperimentConfig:
    return experiment.ExperimentConfig(
        model=bert.Config.from_size("mini", vocab_size=8000, hidden_act="gelu_new"),
        data=experiment.DataConfig(max_seq_length=128),
        task=pretraining.Config(max_predictions_per_seq=20),
        optimizer=experiment.OptimizerConfig(learning_rate=1e-4),
        train=experiment.TrainConfig(
            global_batch_size=32,
            num_train_steps=4500,
            steps_per_loop=50,
            eval_every=1000,
            checkpoint_every=2000,
            dtype="mixed_bfloat16",
        ),
    )
