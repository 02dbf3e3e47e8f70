r"""A small sentence-embedding model, from the vectors of a large one and plain texts.

    python scripts/distill.py --config=configs/distill/vectors.py --teacher=all-MiniLM-L6-v2 \
        --train_data='texts*.txt' --work_dir=work/vectors

A line of a .txt file is a text. The student has every other layer of the teacher, and learns its
vectors (mean squared difference; Reimers and Gurevych 2020). If the student has another width, it
gets a matrix behind the pooling. data.max_seq_length, 0 here, is the teacher's.
"""

from bert_tf.config import distillation, experiment
from bert_tf.models import bert
from bert_tf.tasks import embedding


def get_config() -> distillation.DistillationConfig:
    return distillation.DistillationConfig(
        model=bert.Config.from_size("mini"),
        data=experiment.DataConfig(max_seq_length=0),
        task=embedding.Config(),
        optimizer=experiment.OptimizerConfig(
            learning_rate=1e-4, bias_correction=True, epsilon=1e-8
        ),
        train=experiment.TrainConfig(
            global_batch_size=64, num_train_epochs=1.0, steps_per_loop=100
        ),
        distill=distillation.DistillConfig(gold_weight=0.0),
    )
