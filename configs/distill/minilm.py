r"""A small encoder from a pretrained one, by MiniLMv2's relations (Wang et al. 2020).

    python scripts/distill.py --config=configs/distill/minilm.py --teacher=bert-base-uncased \
        --train_data=data/train --eval_data=data/valid --work_dir=work/minilm \
        --config.model.num_hidden_layers=6 --config.model.hidden_size=384

The student can have any width, depth and number of heads. It learns from the queries, keys and
values of the teacher's last layer alone; of a model of 24 layers use layer 21
(--config.distill.relation_layer=21). It has no head: fine-tune it with scripts/finetune.py. The
data are those of create_pretraining_data.py, made with the teacher's vocabulary.
"""

from bert_tf.config import distillation, experiment
from bert_tf.models import bert
from bert_tf.tasks import pretraining


def get_config() -> distillation.DistillationConfig:
    return distillation.DistillationConfig(
        model=bert.Config(
            hidden_size=384,
            num_hidden_layers=6,
            num_attention_heads=12,
            intermediate_size=1536,
            use_pooler=False,
        ),
        data=experiment.DataConfig(max_seq_length=128),
        task=pretraining.Config(next_sentence=False),
        optimizer=experiment.OptimizerConfig(
            learning_rate=6e-4, warmup_proportion=0.01, bias_correction=True
        ),
        train=experiment.TrainConfig(
            global_batch_size=256, num_train_steps=400_000, steps_per_loop=100
        ),
        distill=distillation.DistillConfig(
            student_layers="", gold_weight=0.0, soft_weight=0.0, relation_weight=1.0
        ),
    )
