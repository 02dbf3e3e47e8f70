r"""The default settings of any task that scripts/finetune.py trains.

    python scripts/finetune.py --config=configs/finetune/default.py:classification \
        --train_data=train.tsv --init_checkpoint=MODEL --work_dir=work/labels

The name of the task stands behind the colon: one of bert_tf/tasks, or a module of your own that
`--members` names. scripts/finetune.py takes this file for `--task=NAME` without `--config`, if the
task has no recipe.
"""

from bert_tf import members
from bert_tf.config import experiment
from bert_tf.models import bert


def get_config(task: str = "classification") -> experiment.ExperimentConfig:
    return experiment.ExperimentConfig(
        model=bert.Config.from_size("mini"),
        data=experiment.DataConfig(max_seq_length=128, num_widths=4),
        task=members.find("tasks", task, "--task").Config(),
        optimizer=experiment.OptimizerConfig(
            learning_rate=5e-5, bias_correction=True, epsilon=1e-8
        ),
        train=experiment.TrainConfig(global_batch_size=32, num_train_epochs=3.0, steps_per_loop=20),
    )
