r"""A short training aware of int8, from a classifier that is trained already.

    python scripts/finetune.py --config=configs/finetune/int8.py --train_data=train.tsv \
        --init_checkpoint=work/classifier --work_dir=work/classifier_int8
    python scripts/export.py --model=work/classifier_int8 --output_dir=small/classifier \
        --format=litert --precision=int8

For other tasks than classification: their own recipe, with --config.quantization.bits=8 and the
learning rate and the length of this one.
"""

from bert_tf.config import experiment, quantization
from bert_tf.models import bert
from bert_tf.tasks import classification


def get_config() -> experiment.ExperimentConfig:
    return experiment.ExperimentConfig(
        model=bert.Config.from_size("mini"),
        data=experiment.DataConfig(max_seq_length=128, num_widths=4),
        task=classification.Config(),
        optimizer=experiment.OptimizerConfig(
            learning_rate=1e-5, bias_correction=True, epsilon=1e-8
        ),
        train=experiment.TrainConfig(global_batch_size=32, num_train_epochs=1.0, steps_per_loop=20),
        quantization=quantization.QuantizationConfig(bits=8),
    )
