r"""DistilBERT's recipe (Sanh et al. 2019): half of the layers of a pretrained model.

    python scripts/distill.py --config=configs/distill/distilbert.py --teacher=bert-base-uncased \
        --train_data=data/train --eval_data=data/valid --work_dir=work/distilbert

The student starts from every other layer of the teacher. Its loss is 5 times the divergence from
the teacher's guesses at temperature 2, 2 times the masked-LM loss, and 1 - cosine of the last
hidden states. The teacher needs a masked-LM head. The data are those of create_pretraining_data.py
with --objective=none, made with the teacher's vocabulary.
"""

from bert_tf.config import distillation, experiment
from bert_tf.models import bert
from bert_tf.tasks import pretraining


def get_config() -> distillation.DistillationConfig:
    return distillation.DistillationConfig(
        model=bert.Config(),
        data=experiment.DataConfig(max_seq_length=128),
        task=pretraining.Config(next_sentence=False),
        optimizer=experiment.OptimizerConfig(
            learning_rate=5e-4, warmup_proportion=0.05, bias_correction=True
        ),
        train=experiment.TrainConfig(
            global_batch_size=256, num_train_epochs=3.0, steps_per_loop=100
        ),
        distill=distillation.DistillConfig(
            gold_weight=2.0,
            soft_weight=5.0,
            temperature=2.0,
            hidden_weight=1.0,
            hidden_loss="cosine",
        ),
    )
