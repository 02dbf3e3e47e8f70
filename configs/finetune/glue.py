r"""The recipe of Hugging Face's run_glue example, for every task of GLUE and files like them.

    python scripts/finetune.py --config=configs/finetune/glue.py --task=mrpc --data_dir=glue \
        --init_checkpoint=MODEL --work_dir=work/mrpc

--task sets columns, labels and metrics of the task. scripts/finetune.py uses this file when neither
--config nor another --task is given.
"""

from bert_tf.config import experiment
from bert_tf.models import bert
from bert_tf.tasks import classification


def get_config() -> experiment.ExperimentConfig:
    return experiment.ExperimentConfig(
        model=bert.Config.from_size("mini"),
        data=experiment.DataConfig(max_seq_length=128, num_widths=4),
        task=classification.Config(),
        optimizer=experiment.OptimizerConfig(
            learning_rate=5e-5, bias_correction=True, epsilon=1e-8
        ),
        train=experiment.TrainConfig(global_batch_size=32, num_train_epochs=3.0, steps_per_loop=20),
    )
