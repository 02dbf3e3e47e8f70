"""The quickstart: an honest corpus, and steps that continue after an interruption."""

import collections
import importlib.util
import json
import pathlib
import sys

import pytest
from absl import flags

from bert_tf import recipes

_SCRIPTS = pathlib.Path(__file__).parent.parent.parent / "scripts"


def _load(name):
    """A script as a module. Its flags are left out: two scripts may define the same name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flags, "DEFINE_string", lambda *args, **kwargs: None)
        spec = importlib.util.spec_from_file_location(name, _SCRIPTS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, name, module)  # dataclasses look their module up
        spec.loader.exec_module(module)
    return module


corpus = _load("quickstart_corpus")
quickstart = _load("quickstart")


@pytest.fixture(scope="module")
def modules():
    """{dotted name: cleaned docstrings} of this Python's library, read once for all tests here."""
    found = {name: list(texts) for name, texts in corpus._modules()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "_modules", found.items)
        yield found


@pytest.fixture(scope="module")
def folder(modules, tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus")
    corpus.write_corpus(str(path))
    return path


def _rows(folder, name):
    header, *lines = (folder / name).read_text(encoding="utf-8").splitlines()
    assert header == "sentence\tlabel"
    return [tuple(line.split("\t")) for line in lines]


def test_the_corpus_is_some_megabytes_of_documents(folder):
    text = (folder / "pretrain_train.txt").read_text(encoding="utf-8")
    assert len(text) > 1_000_000
    assert text.count("\n\n") > 300
    assert text.count("\n\n\n") == 0
    held_out = (folder / "pretrain_heldout.txt").read_text(encoding="utf-8")
    assert 0.03 < len(held_out) / len(text) < 0.25


def test_every_run_writes_the_same_files(folder, tmp_path):
    corpus.write_corpus(str(tmp_path))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(path.name for path in folder.iterdir())
    assert all((tmp_path / name).read_bytes() == (folder / name).read_bytes() for name in names)


def test_classes_are_learnable_and_not_given_away(folder):
    train, dev = _rows(folder, "train.tsv"), _rows(folder, "dev.tsv")
    labels = collections.Counter(label for _, label in train)
    assert 8 <= len(labels) <= 12
    assert min(labels.values()) >= 50
    assert {label for _, label in dev} == set(labels)
    for text, _ in train + dev:
        assert not [label for label in labels if label in text.lower()]


def test_no_text_is_in_both_tables_or_twice_in_one(folder):
    texts = [text for name in ("train.tsv", "dev.tsv") for text, _ in _rows(folder, name)]
    assert len(set(texts)) == len(texts)


def test_no_dev_docstring_is_in_the_pretraining_text(folder, modules):
    labelled = corpus._labelled_texts(modules)
    text = (folder / "pretrain_train.txt").read_text(encoding="utf-8")
    documents = {" ".join(part.split()) for part in text.split("\n\n")}
    everything = "\n".join(documents)
    dev = [labelled[row[0]][1] for row in _rows(folder, "dev.tsv")]
    train = [labelled[row[0]][1] for row in _rows(folder, "train.tsv")]
    # A docstring of many words can only be there as itself; a short one may be part of another.
    assert not [original for original in dev if len(original) > 200 and original in everything]
    assert sum(original in everything for original in train) > len(train) / 2


@pytest.mark.parametrize(
    ("docstring", "prose"),
    [
        ("Return the :class:`~a.B` of ``x``, *not* y.", "Return the a.B of x, not y."),
        ("The title\n=========\n\nSome text\nin lines.", "Some text in lines."),
        ("Adds two numbers.\n\n>>> f(1, 2)\n3\n\nSo it was.", "Adds two numbers.\n\nSo it was."),
        ("For example we write:\n>>> f(1)\n1", "For example we write:"),
        (
            "A rule is::\n\n  a ::= b | {c} [d]\n\nand that is all.",
            "A rule is:\n\nand that is all.",
        ),
        (".. note:: This is slow indeed.", "This is slow indeed."),
        ("No words: 12 13 14 {} [] ()", ""),
    ],
)
def test_docstrings_become_prose(docstring, prose):
    assert corpus._clean(docstring) == prose


def _step(title, code, replaces=""):
    return quickstart.Step(title, ("-c", code), replaces)


def _append(path, word):
    return f"open({str(path)!r}, 'a').write({word!r})"


def test_finished_steps_are_not_repeated(tmp_path):
    trace, log = tmp_path / "trace", tmp_path / "steps.json"
    steps = [_step("one", _append(trace, "1")), _step("two", _append(trace, "2"))]
    first = quickstart.run_steps(steps, log)
    assert quickstart.run_steps(steps, log) == first
    assert list(first) == ["one", "two"]
    assert trace.read_text() == "12"


def test_a_failed_step_is_an_error_and_is_where_the_next_run_continues(tmp_path):
    trace, log = tmp_path / "trace", tmp_path / "steps.json"
    fails_once = f"{_append(trace, '2')}; import sys; sys.exit(open({str(trace)!r}).read() == '12')"
    steps = [_step("one", _append(trace, "1")), _step("two", fails_once)]
    with pytest.raises(ValueError, match="'two' ended with code 1"):
        quickstart.run_steps(steps, log)
    spent = json.loads(log.read_text())["two"]["seconds"]
    seconds = quickstart.run_steps(steps, log)
    assert trace.read_text() == "122"
    assert seconds["two"] > spent > 0


def test_a_changed_command_runs_again_and_so_do_the_steps_after_it(tmp_path):
    trace, log = tmp_path / "trace", tmp_path / "steps.json"
    before = [_step(name, _append(trace, name)) for name in "abc"]
    quickstart.run_steps(before, log)
    quickstart.run_steps([before[0], _step("b", _append(trace, "B")), before[2]], log)
    assert trace.read_text() == "abcBc"


def test_what_an_unfinished_step_left_is_removed_where_the_command_would_refuse_it(tmp_path):
    left = tmp_path / "saved_model"
    left.mkdir()
    code = f"import os, sys; sys.exit(os.path.exists({str(left)!r}))"
    quickstart.run_steps([_step("export", code, str(left))], tmp_path / "steps.json")


@pytest.mark.parametrize(
    ("encoder", "kind", "objective"),
    [
        ("bert", "", "next_sentence"),
        ("roberta", "--kind=byte_pair", "none"),
        ("albert", "", "sentence_order"),
        ("distilbert", "", "none"),
        ("electra", "", "none"),
    ],
)
def test_every_encoder_has_a_plan(encoder, kind, objective):
    configs = quickstart._configs_of(encoder)
    steps = {step.title: step.words for step in quickstart.plan_steps(pathlib.Path("q"), *configs)}
    assert (kind in steps["learn a vocabulary"]) == bool(kind)
    assert f"--objective={objective}" in steps["make records"]
    pretraining, tuning = (recipes.recipe(name).check() for name in configs)
    assert pretraining.model.model_type == tuning.model.model_type == encoder
    assert pretraining.train.num_train_steps == 2000


def test_an_encoder_without_a_small_recipe_is_named():
    with pytest.raises(ValueError, match="--encoder=gpt2: expected one of albert, bert, distil"):
        quickstart._configs_of("gpt2")


def test_the_table_of_an_electra_tells_how_many_replaced_tokens_are_found(tmp_path):
    lines = quickstart._scores_of_replaced_tokens({"discriminator_auc": 0.75})
    assert lines[0][1:3] == ("75.0%", "50.0%")
    assert not quickstart._scores_of_pairs(tmp_path, {"discriminator_auc": 0.75})


def test_the_table_sets_every_score_beside_what_needs_no_learning(tmp_path):
    scores = {
        "pretrain": {
            "masked_lm_accuracy": 0.21,
            "commonest_token_accuracy": 0.05,
            "next_sentence_accuracy": 0.6,
        },
        "finetune": {"accuracy": 0.7, "majority_accuracy": 0.25},
        "random_weights": {"accuracy": 0.4, "majority_accuracy": 0.25},
    }
    for name, values in scores.items():
        (tmp_path / name / "model").mkdir(parents=True)
        (tmp_path / name / "model" / "metrics.json").write_text(json.dumps({"eval": values}))
    (tmp_path / "records" / "heldout").mkdir(parents=True)
    manifest = {"counts": {"examples": 200, "examples_random_next": 90}}
    (tmp_path / "records" / "heldout" / "manifest.json").write_text(json.dumps(manifest))
    text = quickstart.summary(tmp_path, {"pretrain": 125.0, "fine-tune": 5.0})
    for part in ("21.0%", "5.0%", "60.0%", "55.0%", "70.0%", "25.0%", "40.0%", "2:05", "2:10"):
        assert part in text
