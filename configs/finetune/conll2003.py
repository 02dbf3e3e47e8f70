r"""Entities of CoNLL-2003, or of any file of words and tags in columns.

    python scripts/finetune.py --config=configs/finetune/conll2003.py \
        --train_data=eng.train --eval_data=eng.testa \
        --init_checkpoint=MODEL --work_dir=work/ner

Rows reach over whole documents, as in Devlin et al. 2018, section 5.3. Files without -DOCSTART-
lines, and sentences as JSON lines, need --config.task.document_context=false.
"""

from bert_tf.config import experiment
from bert_tf.models import bert
from bert_tf.tasks import token_classification


def get_config() -> experiment.ExperimentConfig:
    return experiment.ExperimentConfig(
        model=bert.Config.from_size("mini", use_pooler=False),
        data=experiment.DataConfig(max_seq_length=128),
        task=token_classification.Config(doc_stride=64, document_context=True),
        optimizer=experiment.OptimizerConfig(learning_rate=1e-4, bias_correction=True),
        train=experiment.TrainConfig(
            global_batch_size=16,
            num_train_epochs=5.0,
            steps_per_loop=20,
            dtype="mixed_bfloat16",
        ),
    )
