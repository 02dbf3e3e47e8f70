"""Numbers."""

from bert_tf import config as c


def get_config() -> c.ExperimentConfig:
    return c.ExperimentConfig(
        data=c.DataConfig(max_seq_length=24),
        task=c.TaskConfig(name="classification", problem_type="regression"),
        optimizer=c.OptimizerConfig(learning_rate=1e-2, bias_correction=True),
        train=c.TrainConfig(
            global_batch_size=6, num_train_steps=60, steps_per_loop=20, eval_batch_size=8
        ),
    )
