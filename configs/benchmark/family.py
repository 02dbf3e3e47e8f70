r"""The pretraining step of any encoder with 4 layers of 256, batch 32, length 128, 20 predictions.

    python scripts/benchmark.py train --config=configs/benchmark/family.py:roberta \
        --against=keras_hub --output=roberta.json
    python scripts/development/compare_encoders.py

All have the same vocabulary, dropout and activation, so that the steps do the same work. Embeddings
of ALBERT and ELECTRA are half as wide. Only the masked LM is trained, which all of them have.
"""

from bert_tf import members
from bert_tf.config import experiment
from bert_tf.tasks import pretraining

_SHAPE = {
    "vocab_size": 30522,
    "hidden_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 1024,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
}
# Fields that have other names, or that the others do not have.
_OWN = {
    "albert": {**_SHAPE, "embedding_size": 128},
    "electra": {**_SHAPE, "embedding_size": 128},
    "distilbert": {"dim": 256, "n_layers": 4, "n_heads": 4, "hidden_dim": 1024},
}


def get_config(encoder: str = "bert") -> experiment.ExperimentConfig:
    config_class = members.find("models", encoder).Config
    return experiment.ExperimentConfig(
        model=config_class(**_OWN.get(encoder, _SHAPE)),
        data=experiment.DataConfig(max_seq_length=128),
        task=pretraining.Config(max_predictions_per_seq=20, next_sentence=False),
        optimizer=experiment.OptimizerConfig(learning_rate=1e-4),
        train=experiment.TrainConfig(global_batch_size=32, dtype="float32"),
    )
