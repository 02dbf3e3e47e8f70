"""Computes answers of a trained model, and vectors of its tokens."""

from bert_tf import members

FEATURE_FORMATS = ("jsonl", "npy")  # of `features`


def known_tasks() -> dict[str, str]:
    """{value of predict.py's `--task`: name of the task}, for the tasks in bert_tf."""
    configs = {name: members.find("tasks", name).Config for name in members.known("tasks")}
    return {config.SERVED_AS: name for name, config in configs.items() if config.SERVED_AS}
