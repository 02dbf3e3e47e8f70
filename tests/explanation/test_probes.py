"""Linear probes and their control task."""

import json

import numpy as np
import pytest

from bert_tf.explanation import probes
from tests.explanation.tiny import model_of, save
from tests.family import cases
from tests.scripts.conftest import ok_here, run_here

pytestmark = pytest.mark.usefixtures("eagerly")


def test_a_probe_learns_what_is_linear_and_nothing_else():
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(400, 5)) * [1, 10, 0.1, 1, 1] + 3
    linear = np.where(inputs[:, 2] > 3, "b", "a")
    crossed = np.where((inputs[:, 0] > 3) == (inputs[:, 3] > 3), "b", "a")
    scores = [
        probes.Probe(inputs[:200], labels[:200]).accuracy(inputs[200:], labels[200:])
        for labels in (linear, crossed)
    ]
    assert scores[0] > 0.95 and scores[1] < 0.65


def test_a_probe_is_that_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(1)
    inputs = generator.normal(size=(150, 4)).astype(np.float32)
    labels = (inputs @ generator.normal(size=(4, 3))).argmax(axis=1).astype(str)
    normed = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
    theirs = LogisticRegression(C=1 / (1e-3 * len(inputs)), max_iter=1000).fit(normed, labels)
    ours = probes.Probe(inputs, labels)
    assert ours.accuracy(inputs, theirs.predict(normed)) > 0.98


def test_the_control_task_gives_each_word_type_one_label_of_those_that_occur():
    items = probes.of_words([["A", "b", "a"], ["b", "c"]], [["X", "O", "X"], ["O", "O"]])
    control = probes.control_labels(items)
    assert control[0] == control[2] and control[1] == control[3]
    assert set(control) <= {"X", "O"}
    assert control == probes.control_labels(items)


def test_vectors_of_words_are_the_means_of_their_tokens():
    task, model = model_of()
    items = probes.of_words([["hen", "zebra"], ["owl"]], [["a", "b"], ["c"]])
    layers, has = probes.vectors(task, model, items)
    assert has.all() and layers.shape == (3, 3, 16)
    batch = task.tokenizer.encode(["hen zebra", "owl"], pad=False)
    names = task.config.model.inputs
    states = model.encoder({n: batch[n] for n in names if n in batch}, output_hidden_states=True)
    last = states["hidden_states"][-1].numpy()
    ids, starts, _ = task.tokenizer.tokenize_with_offsets("hen zebra")
    of_zebra = np.flatnonzero(starts.numpy() >= 4) + 1
    assert len(ids) == 1 + len(of_zebra)
    np.testing.assert_allclose(layers[-1, 1], last[0, of_zebra].mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(layers[-1, 2], last[1, 1], atol=1e-5)


def test_words_behind_the_longest_row_have_no_vectors():
    task, model = model_of()
    items = probes.of_words([["hen"] * 80], [["a"] * 80])
    layers, has = probes.vectors(task, model, items)
    assert has.sum() == layers.shape[1] == task.config.model.longest_sequence - 2
    assert has[:60].all()


def test_texts_that_probes_are_scored_on_are_whole():
    items = probes.of_words([["a", "b"]] * 10, [["X", "O"]] * 10)
    is_test = probes.held_out(items)
    assert is_test.sum() == 6
    assert all(len(set(is_test[items.of_text == text])) == 1 for text in range(10))


@pytest.mark.parametrize(("file", "random"), [("train.conll", 0.5), ("train.tsv", 0.4)])
def test_the_script_tells_a_curve_over_the_layers(tmp_path, file, random):
    cases.write_texts(tmp_path)
    output = ok_here(
        "explain",
        show="probes",
        model=save(tmp_path / "model"),
        input=tmp_path / file,
        page=tmp_path / "probes.html",
    )
    records = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert [record["layer"] for record in records] == [0, 1, 2]
    for record in records:
        difference = record["accuracy"] - record["control_accuracy"]
        assert record["selectivity"] == pytest.approx(difference)
        assert record["accuracy"] > random
    assert f"{records[1]['selectivity']:.4f}" in (tmp_path / "probes.html").read_text()


def test_probes_need_a_labelled_file(tmp_path):
    folder = save(tmp_path / "model")
    assert "give --input" in str(run_here("explain", show="probes", model=folder))
