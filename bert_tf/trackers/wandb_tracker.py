"""Weights & Biases: config, curves, pages and model of a run.

`WANDB_PROJECT`, `WANDB_ENTITY`, `WANDB_API_KEY` and `WANDB_MODE=offline` hold, as everywhere. The
files of W&B are in the folder wandb/ of the work directory.
"""

import os
from collections.abc import Mapping
from typing import Any

import wandb

from bert_tf.trackers.tracker import Tracker

_PROJECT = "bert_tf"


class OwnTracker(Tracker):
    """A run of W&B."""

    name = "wandb"

    def _begin(self, work_dir: str, run_id: str | None, config: Mapping[str, Any]) -> str:
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", _PROJECT),
            name=os.path.basename(work_dir.rstrip("/")),
            dir=work_dir,
            id=run_id,
            resume="allow",
            config=dict(config),
        )
        return self._run.id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def _keep(self, pages: list[str], model: str) -> None:
        for page in pages:
            if page.endswith(".html"):
                key = os.path.basename(page).removesuffix(".html")
                self._run.log({key: wandb.Html(page, inject=False)})
        kept = wandb.Artifact(f"{self._run.id}-model", type="model")
        for page in pages:
            kept.add_file(page)
        if os.path.isdir(model):
            kept.add_dir(model, name="model")
        self._run.log_artifact(kept)
        self._run.finish()
