"""The pretraining step of BERT with 12 layers of 768, batch 8, length 128, 20 predictions.

    python scripts/benchmark.py train --config=configs/benchmark/l12_h768.py --output=l12_h768.json

The activation is the tanh form of GELU, as in google-research/bert and in the other libraries of
the benchmark, so that all do the same work. Dropout is BERT's. The config says float32 without XLA;
the benchmark measures the other settings too.
"""

from bert_tf.config import experiment
from bert_tf.models import bert
from bert_tf.tasks import pretraining


def get_config() -> experiment.ExperimentConfig:
    return experiment.ExperimentConfig(
        model=bert.Config.from_size("base", hidden_act="gelu_new"),
        data=experiment.DataConfig(max_seq_length=128),
        task=pretraining.Config(max_predictions_per_seq=20),
        optimizer=experiment.OptimizerConfig(learning_rate=1e-4),
        train=experiment.TrainConfig(global_batch_size=8, dtype="float32"),
    )
