r"""Answers as parts of a context: SQuAD 1.1 and 2.0, and files like theirs in other languages.

    python scripts/finetune.py --config=configs/finetune/squad.py \
        --train_data=train-v1.1.json --eval_data=dev-v1.1.json \
        --init_checkpoint=MODEL --work_dir=work/squad

If the training file has questions without an answer, as in SQuAD 2.0, the threshold for "no answer"
is chosen on the evaluation data. For Chinese, set --config.task.answer_metric=cmrc.
"""

from bert_tf.config import experiment
from bert_tf.models import bert
from bert_tf.tasks import question_answering


def get_config() -> experiment.ExperimentConfig:
    return experiment.ExperimentConfig(
        model=bert.Config.from_size("mini", use_pooler=False),
        data=experiment.DataConfig(max_seq_length=384, num_widths=4),
        task=question_answering.Config(doc_stride=128, max_query_length=64),
        optimizer=experiment.OptimizerConfig(learning_rate=5e-5, bias_correction=True),
        train=experiment.TrainConfig(
            global_batch_size=16,
            num_train_epochs=2.0,
            steps_per_loop=20,
            dtype="mixed_bfloat16",
        ),
    )
