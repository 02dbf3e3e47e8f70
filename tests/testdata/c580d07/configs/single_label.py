"""Set one by one: labels of texts, batches by length, the best of the evaluations."""

from bert_tf.config import ExperimentConfig


def get_config():
    config = ExperimentConfig()
    config.data.max_seq_length = 32
    config.data.num_widths = 2
    config.task.name = "classification"
    config.task.labels = ("wild", "bird", "pet")
    config.task.balance_classes = True
    config.task.metrics = ("accuracy", "macro_f1")
    config.task.classifier_dropout_prob = 0.2
    config.optimizer.name = "lamb"
    config.optimizer.learning_rate = 5e-2
    config.optimizer.schedule = "cosine"
    config.optimizer.layer_decay = 0.9
    config.train.global_batch_size = 8
    config.train.num_train_steps = 48
    config.train.steps_per_loop = 4
    config.train.eval_batch_size = 4
    config.train.eval_every = 8
    config.train.checkpoint_every = 16
    config.train.keep_checkpoints = 9
    config.train.keep_best = "accuracy"
    config.train.model_from_best = True
    config.train.seed = 1
    return config
