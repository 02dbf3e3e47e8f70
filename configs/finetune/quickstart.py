r"""The classifier of the quickstart: which Python package does a docstring come from?

python scripts/finetune.py --config=configs/finetune/quickstart.py \
        --train_data=quickstart/corpus/train.tsv --eval_data=quickstart/corpus/dev.tsv \
        --init_checkpoint=quickstart/pretrain --work_dir=quickstart/finetune

Another encoder stands behind a colon: `--config=finetune/quickstart:electra`.
"""

from bert_tf import recipes
from bert_tf.config import experiment
from bert_tf.models import bert, model
from bert_tf.tasks import classification


def _model(encoder: str) -> model.EncoderConfig:
    """That of pretrain/quickstart, or of the small recipe of another encoder."""
    if encoder == "bert":
        return bert.Config.from_size("tiny", vocab_size=8000, max_position_embeddings=128)
    return recipes.recipe(f"pretrain/{encoder}").model


def get_config(encoder: str = "bert") -> experiment.ExperimentConfig:
    return experiment.ExperimentConfig(
        model=_model(encoder),
        data=experiment.DataConfig(max_seq_length=64),
        task=classification.Config(),
        optimizer=experiment.OptimizerConfig(learning_rate=1e-3, bias_correction=True),
        train=experiment.TrainConfig(global_batch_size=32, num_train_epochs=8.0, steps_per_loop=50),
    )
