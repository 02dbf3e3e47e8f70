r"""A small model for the task of a fine-tuned one: labels, numbers, tags or answers.

    python scripts/distill.py --config=configs/distill/task.py:classification --teacher=work/sst2 \
        --train_data=SST-2/train.tsv --eval_data=SST-2/dev.tsv --work_dir=work/sst2_small

The name of the task stands behind the colon; scripts/distill.py finds it in the teacher's folder
and takes this file without --config. The student has every other layer of the teacher, starts from
them, and learns the labels and the teacher's answers (Hinton et al. 2015). Settings of the task,
and data.max_seq_length (0 here), are the teacher's.
"""

from bert_tf import members
from bert_tf.config import distillation, experiment
from bert_tf.models import bert


def get_config(task: str = "classification") -> distillation.DistillationConfig:
    return distillation.DistillationConfig(
        model=bert.Config.from_size("mini"),
        data=experiment.DataConfig(max_seq_length=0, num_widths=4),
        task=members.find("tasks", task, "--config").Config(),
        optimizer=experiment.OptimizerConfig(
            learning_rate=1e-4, bias_correction=True, epsilon=1e-8
        ),
        train=experiment.TrainConfig(global_batch_size=32, num_train_epochs=5.0, steps_per_loop=20),
        distill=distillation.DistillConfig(gold_weight=0.5, soft_weight=0.5, temperature=2.0),
    )
