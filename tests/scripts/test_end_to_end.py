"""From a text file to a served prediction, each step a script."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy

from bert_tf.workflows import finetuning
from tests.scripts.conftest import ROOT, ok_here, run_here

_ASK = """
import json, sys
sys.modules["bert_tf"] = None
import tensorflow as tf, tensorflow_text
model = tf.saved_model.load(sys.argv[1])
answer = model.signatures["serving_default"](text=tf.constant(json.loads(sys.argv[2])))
print(json.dumps({"label": [label.decode() for label in answer["label"].numpy()],
                  "probabilities": answer["probabilities"].numpy().tolist()}))
print(json.dumps({name: sorted(f.structured_outputs) for name, f in model.signatures.items()}))
"""


def scores_of(folder):
    return json.loads((folder / "model" / "metrics.json").read_text())["eval"]


def test_pretraining_leaves_a_model_folder_with_scores(pretrained):
    scores = scores_of(pretrained)
    assert set(scores) == {
        "masked_lm_loss",
        "next_sentence_loss",
        "masked_lm_accuracy",
        "next_sentence_accuracy",
        "commonest_token_accuracy",
        "loss",
    }
    names = {path.name for path in (pretrained / "model").iterdir()}
    assert names == {
        "bert_config.json",
        "task.json",
        "vocab.txt",
        "tokenizer_config.json",
        "model.safetensors",
        "metrics.json",
    }


def test_evaluate_repeats_the_scores_from_the_model_folder_alone(work, pretrained, finetuned):
    for model, data in ((pretrained, work / "valid"), (finetuned, work / "dev.tsv")):
        ok_here("evaluate", model=model, data=data, output=work / "scores.json")
        again = json.loads((work / "scores.json").read_text())
        assert again == pytest.approx(scores_of(model), rel=1e-5)


@pytest.fixture(scope="module")
def one_step(work, pretrained):
    """Fine-tuned for one step with a tiny rate, in bfloat16."""
    ok_here(
        "finetune",
        config=work / "classification.py",
        train_data=work / "train.tsv",
        eval_data=work / "dev.tsv",
        init_checkpoint=pretrained,
        work_dir=work / "one_step",
        **{
            "config.train.num_train_steps": 1,
            "config.optimizer.learning_rate": 1e-12,
            "config.train.dtype": "mixed_bfloat16",
        },
    )
    return work / "one_step"


def test_scores_of_training_in_bfloat16_are_those_of_evaluate(work, one_step):
    ok_here("evaluate", model=one_step, data=work / "dev.tsv", output=work / "scores.json")
    assert json.loads((work / "scores.json").read_text()) == scores_of(one_step)
    in_float32 = {"output": work / "float32.json", "dtype": "float32"}
    ok_here("evaluate", model=one_step, data=work / "dev.tsv", **in_float32)
    assert json.loads((work / "float32.json").read_text()) != scores_of(one_step)


def test_fine_tuning_starts_from_the_pretrained_encoder(pretrained, one_step):
    """Not compared after training: a run of one step with a tiny rate must stay near its start."""
    start = safetensors.numpy.load_file(pretrained / "model" / "model.safetensors")
    end = safetensors.numpy.load_file(one_step / "model" / "model.safetensors")
    shared = [path for path in start if path.startswith("bert/")]
    assert len(shared) == 5 + 16 + 2
    for path in shared:
        np.testing.assert_allclose(end[path], start[path], atol=1e-9)
    assert {path for path in end if path not in start} == {"classifier/kernel", "classifier/bias"}


def test_a_finished_run_that_is_killed_while_it_is_scored_again_is_not_complete(
    work, finetuned, pretrained, tmp_path, monkeypatch
):
    def kill(*arguments):
        raise KeyboardInterrupt

    folder = shutil.copytree(finetuned, tmp_path / "work")
    flags = {"config": work / "classification.py", "train_data": work / "train.tsv"}
    flags |= {"eval_data": work / "dev.tsv", "test_data": work / "dev.tsv"}
    with monkeypatch.context() as patch:
        patch.setattr(finetuning, "write_results", kill)
        ended = run_here("finetune", init_checkpoint=pretrained, work_dir=folder, **flags)
    assert ended.returncode == 130
    assert (folder / "model").exists() and not (folder / "results.json").exists()
    ok_here("finetune", init_checkpoint=pretrained, work_dir=folder, **flags)
    assert set(json.loads((folder / "results.json").read_text())["scores"]) == {"dev", "test"}


def test_predict_writes_json_lines_in_order(work, finetuned):
    (work / "texts.txt").write_text("The hen sees the cat.\n\nThe cow — “naïve” 🙂.\n")
    ok_here("predict", model=finetuned, input=work / "texts.txt", output=work / "answers.jsonl")
    answers = [json.loads(line) for line in (work / "answers.jsonl").read_text().splitlines()]
    assert [a["text"] for a in answers] == (work / "texts.txt").read_text().splitlines()
    for answer in answers:
        assert set(answer["probabilities"]) == {"bird", "other"}
        assert sum(answer["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
        assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)


def test_predict_guesses_each_mask_of_a_line(pretrained):
    texts = "The [MASK] sees the [MASK] at noon.\nNothing to guess.\n"
    lines = ok_here("predict", model=pretrained, stdin=texts).splitlines()
    first, second = (json.loads(line)["masks"] for line in lines)
    assert [len(guesses) for guesses in first] == [5, 5] and second == []


def test_the_exported_model_answers_the_same_without_bert_tf(work, finetuned):
    relative = os.path.relpath(work / "served", ROOT)  # as a user types it
    ok_here("export", model=finetuned, output_dir=relative)
    texts = ["The hen sees the cat at noon.", "", "The fox " * 100]
    process = subprocess.run(
        [sys.executable, "-I", "-c", _ASK, str(work / "served"), json.dumps(texts)],
        capture_output=True,
        text=True,
        check=True,
    )
    answer, signatures = map(json.loads, process.stdout.splitlines()[-2:])
    (work / "served.txt").write_text("\n".join(texts) + "\n")
    lines = ok_here("predict", model=finetuned, input=work / "served.txt").splitlines()
    predicted = [json.loads(line) for line in lines]
    assert answer["label"] == [p["label"] for p in predicted]
    np.testing.assert_allclose(
        answer["probabilities"], [list(p["probabilities"].values()) for p in predicted], atol=1e-6
    )
    assert signatures == {
        "serving_default": ["label", "probabilities"],
        "ids": ["logits", "pooled_output", "sequence_output"],
        "embed": ["embedding", "pooled_output"],
    }
