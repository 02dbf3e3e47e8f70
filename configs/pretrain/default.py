r"""The default settings of any encoder, pretrained with masked words.

    python scripts/pretrain.py --config=configs/pretrain/default.py:bert \
        --train_data=data/train --eval_data=data/valid --work_dir=work/pretrained

The name of the encoder stands behind the colon: one of bert_tf/models, or a module of your own that
`--members` names. scripts/pretrain.py takes this file for `--encoder=NAME`. Another published size
stands behind a slash: `roberta/large`. Without one the settings are the defaults of the encoder,
most of which are those of its base size; `--config.model.` changes them. Set
`--config.task.next_sentence` to what the data set has. Schedule and batch are those of Devlin et
al. 2018, appendix A.2. A second name is that of the task: `default.py:electra,replaced_tokens`, or
`--encoder=electra --task=replaced_tokens`.
"""

from bert_tf import members
from bert_tf.config import experiment


def get_config(names: str = "bert") -> experiment.ExperimentConfig:
    encoder, _, task_name = names.partition(",")
    encoder, _, size = encoder.partition("/")
    config_class = members.find("models", encoder, "--encoder").Config
    model = config_class.from_size(size) if size else config_class()
    task = members.find("tasks", task_name or "pretraining", "--task").Config()
    if hasattr(task, "next_sentence"):
        task.next_sentence = model.use_pooler
    return experiment.ExperimentConfig(
        model=model,
        data=experiment.DataConfig(max_seq_length=128),
        task=task,
        optimizer=experiment.OptimizerConfig(learning_rate=1e-4, warmup_proportion=0.01),
        train=experiment.TrainConfig(
            global_batch_size=256,
            num_train_steps=1_000_000,
            steps_per_loop=100,
            checkpoint_every=5000,
        ),
    )
