r"""A classifier on SST-2, or on any file with the columns `sentence` and `label`.

python scripts/finetune.py --config=configs/finetune/sst2.py \
        --train_data=SST-2/train.tsv --eval_data=SST-2/dev.tsv \
        --init_checkpoint=work/mini --work_dir=work/sst2
"""

from bert_tf.config import experiment
from bert_tf.models import bert
from bert_tf.tasks import classification


def get_config() -> experiment.ExperimentConfig:
    return experiment.ExperimentConfig(
        model=bert.Config.from_size("mini"),
        data=experiment.DataConfig(max_seq_length=64),
        task=classification.Config(),
        optimizer=experiment.OptimizerConfig(learning_rate=3e-4, bias_correction=True),
        train=experiment.TrainConfig(
            global_batch_size=32,
            num_train_epochs=4.0,
            steps_per_loop=20,
            dtype="mixed_bfloat16",
        ),
    )
