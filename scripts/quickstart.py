"""Everything once, small: from text to a served BERT in minutes on a CPU.

Writes a corpus (the documentation that comes with Python), learns a vocabulary, makes records,
pretrains a small BERT, fine-tunes a classifier from it and once more from random weights, exports
the classifier and asks it. Every step is one command that is printed before it runs, and that works
by itself. Running this again continues: finished steps are not repeated.

Example:
    python scripts/quickstart.py --output_dir=quickstart
    python scripts/quickstart.py --encoder=electra --output_dir=quickstart_electra
"""

import dataclasses
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence

from absl import flags

from bert_tf import app, files, members, recipes, shipped
from bert_tf.progress import format_seconds

_OUTPUT_DIR = flags.DEFINE_string("output_dir", "quickstart", "Where all files go.")
_ENCODER = flags.DEFINE_string(
    "encoder", "bert", "Which model: bert, roberta, albert, distilbert or electra."
)
_PRETRAIN_CONFIG = flags.DEFINE_string(
    "pretrain_config", None, "Model, lengths and steps; by default the small ones of --encoder."
)
_FINETUNE_CONFIG = flags.DEFINE_string(
    "finetune_config", None, "The same model, to be fine-tuned; by default that of --encoder."
)


# What an encoder was published with, where it is not WordPiece and what its task asks for.
_VOCABULARY = {"roberta": {"kind": "byte_pair"}}
_OBJECTIVE = {"albert": "sentence_order"}
# The training reads the small corpus about as many times; pairs of sentences that came again would
# be learned by heart.
_DUPE_FACTOR = 8


def _path_of(command: str) -> str:
    """The file of a command, as short as it can be written here."""
    path = shipped.commands()[command]
    short = os.path.relpath(path)
    return path if short.startswith(os.pardir) else short


@dataclasses.dataclass(frozen=True)
class Step:
    """One command. `replaces` is a folder of an unfinished attempt that the command refuses."""

    title: str
    words: tuple[str, ...]
    replaces: str = ""


def main(argv: Sequence[str]) -> None:
    del argv
    folder = pathlib.Path(_OUTPUT_DIR.value)
    folder.mkdir(parents=True, exist_ok=True)
    pretrain_config, finetune_config = _configs_of(_ENCODER.value)
    steps = plan_steps(
        folder,
        _PRETRAIN_CONFIG.value or pretrain_config,
        _FINETUNE_CONFIG.value or finetune_config,
    )
    seconds = run_steps(steps, folder / "steps.json")
    print(summary(folder, seconds))


def _configs_of(encoder: str) -> tuple[str, str]:
    """The recipes for pretraining and for fine-tuning; ValueError if there is none."""
    if encoder == "bert":
        return "pretrain/quickstart", "finetune/quickstart"
    known = sorted(
        name for name in members.known("models") if f"pretrain/{name}" in recipes.known()
    )
    if encoder not in known:
        raise ValueError(f"--encoder={encoder}: expected one of {', '.join(known)}.")
    return f"pretrain/{encoder}", f"finetune/quickstart:{encoder}"


def plan_steps(folder: pathlib.Path, pretrain_config: str, finetune_config: str) -> list[Step]:
    """The steps in their order; vocabulary size and length are those of the configs."""
    config = recipes.recipe(pretrain_config)
    encoder, corpus = config.model.model_type, folder / "corpus"
    has_pairs = getattr(config.task, "next_sentence", False)
    objective = _OBJECTIVE.get(encoder, "next_sentence") if has_pairs else "none"

    def script(title: str, name: str, replaces: str = "", **values: object) -> Step:
        words = (f"--{flag}={value}" for flag, value in values.items())
        return Step(title, (_path_of(name), *words), replaces)

    def records(title: str, part: str, **more: object) -> Step:
        return script(
            title,
            "create_pretraining_data",
            input=corpus / f"pretrain_{part}.txt",
            vocab_file=folder / "vocab",
            output_dir=folder / "records" / part,
            max_seq_length=config.data.max_seq_length,
            objective=objective,
            **more,
        )

    def finetune(title: str, name: str, **start: object) -> Step:
        files = {"train_data": corpus / "train.tsv", "eval_data": corpus / "dev.tsv"}
        where = {"work_dir": folder / name}
        return script(title, "finetune", config=finetune_config, **files, **start, **where)

    return [
        script("write the corpus", "quickstart_corpus", output_dir=corpus),
        script(
            "learn a vocabulary",
            "train_vocab",
            input=corpus / "pretrain_train.txt",
            output_dir=folder / "vocab",
            vocab_size=config.model.vocab_size,
            **_VOCABULARY.get(encoder, {}),
        ),
        records("make records", "train", dupe_factor=_DUPE_FACTOR),
        records("make held-out records", "heldout"),
        script(
            "pretrain",
            "pretrain",
            config=pretrain_config,
            train_data=folder / "records" / "train",
            eval_data=folder / "records" / "heldout",
            work_dir=folder / "pretrain",
        ),
        finetune("fine-tune", "finetune", init_checkpoint=folder / "pretrain"),
        finetune("fine-tune from random weights", "random_weights", vocab_file=folder / "vocab"),
        script(
            "export",
            "export",
            replaces=str(folder / "saved_model"),
            model=folder / "finetune" / "model",
            output_dir=folder / "saved_model",
        ),
        script(
            "ask the exported model",
            "ask_saved_model",
            saved_model=folder / "saved_model",
            input=corpus / "examples.txt",
        ),
    ]


def run_steps(steps: Sequence[Step], log: pathlib.Path) -> dict[str, float]:
    """Runs what `log` does not show as finished. Returns {title: seconds of all its attempts}.

    A step counts as finished if its command is the same as then and no step before it had to run.
    """
    before = json.loads(log.read_text()) if log.exists() else {}
    done, up_to_date = {}, True
    for number, step in enumerate(steps, start=1):
        heading = f"[{number}/{len(steps)}] {step.title}"
        entry = before.get(step.title, {})
        same = entry.get("words") == list(step.words)
        spent = entry.get("seconds", 0.0) if same else 0.0
        up_to_date = up_to_date and same and entry["finished"]
        if up_to_date:
            print(f"{heading}: done before, in {format_seconds(spent)}", flush=True)
        else:
            spent = 0.0 if same and entry["finished"] else spent  # a repetition, not a rest
            print(f"\n{heading}\n\n    {_as_typed(step.words)}\n", flush=True)
            spent += _run(step, log, done, spent)
        done[step.title] = {"words": list(step.words), "seconds": spent, "finished": True}
        files.write_json(str(log), done)
    return {title: entry["seconds"] for title, entry in done.items()}


def _run(step: Step, log: pathlib.Path, done: dict, spent: float) -> float:
    """Runs one step; what it took is written down even if it is killed. Returns its seconds."""
    if step.replaces:
        shutil.rmtree(step.replaces, ignore_errors=True)
    start = time.monotonic()
    code = None
    try:
        code = subprocess.run([sys.executable, *step.words], check=False).returncode
    finally:
        seconds = time.monotonic() - start
        if code != 0:
            entry = {"words": list(step.words), "seconds": spent + seconds, "finished": False}
            files.write_json(str(log), {**done, step.title: entry})
    if code != 0:
        raise ValueError(f"{step.title!r} ended with code {code}. The same command continues here.")
    return seconds


def _as_typed(words: Sequence[str]) -> str:
    return " \\\n        ".join(["python " + words[0], *map(shlex.quote, words[1:])])


def _scores_of_pairs(folder: pathlib.Path, scores: dict[str, float]) -> list[tuple[str, ...]]:
    if "next_sentence_accuracy" not in scores:
        return []
    counts = json.loads((folder / "records/heldout/manifest.json").read_text())["counts"]
    names = {"examples_random_next", "examples_swapped"} & set(counts)
    second = counts[names.pop()] / counts["examples"]
    return [
        (
            "pairs of texts told apart",
            f"{scores['next_sentence_accuracy']:.1%}",
            f"{max(second, 1 - second):.1%}",
            "always the commoner answer",
        )
    ]


def _scores_of_replaced_tokens(scores: dict[str, float]) -> list[tuple[str, ...]]:
    if "discriminator_auc" not in scores:
        return []
    area = f"{scores['discriminator_auc']:.1%}"
    return [("replaced tokens found, AUC", area, "50.0%", "guessing")]


def summary(folder: pathlib.Path, seconds: dict[str, float]) -> str:
    """Scores beside what needs no learning, times, files, and what to try next."""

    def metrics(name: str) -> dict[str, float]:
        return json.loads((folder / name / "model" / "metrics.json").read_text())["eval"]

    pretrained, tuned, random = map(metrics, ("pretrain", "finetune", "random_weights"))
    scores = [
        ("held-out text", "this model", "to compare", ""),
        (
            "masked tokens guessed",
            f"{pretrained['masked_lm_accuracy']:.1%}",
            f"{pretrained['commonest_token_accuracy']:.1%}",
            "always the commonest token",
        ),
        *_scores_of_pairs(folder, pretrained),
        *_scores_of_replaced_tokens(pretrained),
        (
            "package of a docstring found",
            f"{tuned['accuracy']:.1%}",
            f"{tuned['majority_accuracy']:.1%}",
            "always the commonest label",
        ),
        ("", "", f"{random['accuracy']:.1%}", "same classifier and steps, not pretrained"),
    ]
    lines = ["", *(f"{a:<33}{b:>11}{c:>13}  {d}".rstrip() for a, b, c, d in scores), ""]
    lines += [f"{title:<33}{format_seconds(spent):>11}" for title, spent in seconds.items()]
    lines += [f"{'together':<33}{format_seconds(sum(seconds.values())):>11}", ""]
    files = {
        "corpus": "the text and the labelled texts",
        "vocab": "the vocabulary",
        "pretrain/model": "the pretrained model",
        "finetune/model": "the classifier",
        "saved_model": "the classifier as a SavedModel that takes raw text",
    }
    lines += [f"{folder}/{name:<22} {meaning}" for name, meaning in files.items()]
    lines += [
        "",
        "To try next (after: source .venv/bin/activate):",
        f"  python scripts/predict.py --model={folder}/finetune/model "
        f"--input={folder}/corpus/examples.txt",
        '  echo "Return [MASK] if the file exists." | python scripts/predict.py '
        f"--model={folder}/pretrain/model",
        "  python scripts/create_pretraining_data.py --input='my_texts/*.txt' "
        f"--input_format=prose --vocab_file={folder}/vocab --output_dir=my_records",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    app.run(main, needs_keras=False)
