r"""The default settings of any encoder, pretrained with masked words.

    python scripts/pretrain.py --config=configs/pretrain/default.py:bert \
        --train_data=data/train --eval_data=data/valid --work_dir=work/pretrained

The name of the encoder stands behind the colon: one of bert_tf/models, or a module of your own that
`--members` names. scripts/pretrain.py takes this file for `--encoder=NAME`. The default settings of
an encoder are those of its published base model, so change its size with `--config.model.`, and
`--config.task.next_sentence` to what the data set has. Schedule and batch are those of Devlin et
al. 2018, appendix A.2.
"""

from bert_tf import members
from bert_tf.config import experiment
from bert_tf.tasks import pretraining


def get_config(encoder: str = "bert") -> experiment.ExperimentConfig:
    model = members.find("models", encoder, "--encoder").Config()
    return experiment.ExperimentConfig(
        model=model,
        data=experiment.DataConfig(max_seq_length=128),
        task=pretraining.Config(max_predictions_per_seq=20, next_sentence=model.use_pooler),
        optimizer=experiment.OptimizerConfig(learning_rate=1e-4, warmup_proportion=0.01),
        train=experiment.TrainConfig(
            global_batch_size=256,
            num_train_steps=1_000_000,
            steps_per_loop=100,
            checkpoint_every=5000,
        ),
    )
