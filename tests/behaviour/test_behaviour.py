"""Behaviour tests: files are read or refused in one line, cases are made, failures are counted."""

import pathlib
import random

import numpy as np
import pytest

from bert_tf.behaviour import cases as case_lib
from bert_tf.behaviour import changes, checks_file, judge
from bert_tf.behaviour.changes import Change
from bert_tf.inference.answerers import Answerer
from bert_tf.workflows import checking
from bert_tf.workflows.predicting import Source

SHIPPED = pathlib.Path(__file__).parents[2] / "configs" / "checks" / "sentiment.yaml"
BAD = {"awful", "bad", "boring", "dreadful", "dull", "terrible"}


class WordCounter:
    """A "model" that knows bad words, and neither negation nor typos."""

    takes_pairs = False

    def with_reading(self, reading, given):
        del reading, given
        return self

    def read_line(self, line):
        return (line,), {}

    @staticmethod
    def describe(row):
        good = float(row["good"])
        return {"label": str(int(good > 0.5)), "probabilities": {"0": 1 - good, "1": good}}

    @staticmethod
    def answer(columns):
        return {"good": np.array([0.1 if BAD & set(t.split()) else 0.9 for t in columns[0]])}


COUNTER = Answerer(WordCounter(), WordCounter.answer)


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "checks.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_the_shipped_file_finds_what_a_counter_of_words_does_not_know():
    results = {one["name"]: one for one in checking.check(COUNTER, str(SHIPPED))}
    rates = {name: one["failure_rate"] for name, one in results.items()}
    for name in (
        "praise is good",
        "blame is bad",
        "another name changes nothing",
        "names that change places change nothing",
        "synonyms change nothing",
        "more praise makes it no worse",
    ):
        assert rates[name] == 0, name
    assert rates["negated praise is bad"] == rates["negated blame is good"] == 1
    assert 0 < rates["a typo changes nothing"] < 1
    assert all(one["cases"] == 50 or one["cases"] == 36 for one in results.values())
    example = results["negated blame is good"]["examples"][0]
    assert " is not " in example["texts"][0] and example["answer"] == "0"
    text = list(checking.lines(list(results.values())))
    assert any("negated blame is good: 36 of 36 fail (100.0 %" in line for line in text) or any(
        "negated blame is good: 36 of 36 fail (100.0%" in line for line in text
    )


def test_cases_are_always_the_same_and_come_once():
    checks = checks_file.read(str(SHIPPED))
    for test in checks.tests:
        cases = case_lib.make(checks, test, [])
        assert cases == case_lib.make(checks, test, [])
        assert len(set(cases)) == len(cases)
        assert not any("{" in text for case in cases for text in case.texts)
        assert all(case.changed != case.texts for case in cases)


def test_numbered_names_stand_for_different_words_and_change_places(write):
    path = write(
        "words: {name: [Ann, Bob, Cy]}\ntests:\n"
        "- {name: a, kind: invariance, texts: '{name1} sees {name2} {{x}}', "
        "change: {swap: [name1, name2]}}\n"
    )
    checks = checks_file.read(path)
    found = case_lib.make(checks, checks.tests[0], [])
    assert len(found) == 6
    assert ("Ann sees Bob {x}",) in [case.texts for case in found]
    for case in found:
        first, _, second, _ = case.texts[0].split()
        assert first != second
        assert case.changed == (f"{second} sees {first} {{x}}",)


@pytest.mark.parametrize(
    ("change", "text", "expected"),
    [
        (Change("negate"), "It is good.", {"It is not good."}),
        (Change("negate"), "It is not good.", {None}),
        (Change("negate"), "Good!", {None}),
        (Change("append", " Yes"), "a", {"a Yes"}),
        (Change("prepend", "Yes "), "a", {"Yes a"}),
        (Change("typo", 1), "abcd", {"acbd"}),
        (Change("typo", 1), "a bb ccc 1234", {None}),
        (Change("typo", 1), "größer", {"görßer", "grßöer", "gröeßr"}),
        (Change("synonyms", {"film": ["movie"]}), "Film and films", {"Movie and films"}),
        (Change("synonyms", {"a.b": ["c"]}), "axb", {None}),
    ],
)
def test_changes_of_texts(change, text, expected):
    assert {change.apply(text, random.Random(seed)) for seed in range(30)} == expected


_HEAD = "words: {thing: [a, b]}\ntests:\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tests: [", r":1: no YAML"),
        ("a: b: c", r":1: no YAML: mapping values are not allowed here"),
        ("- a", r":1: expected `tests:`"),
        ("tests: []", r"holds no test"),
        ("tests: x\ntests:\n  - 1", r":3: kind is None"),  # the last of two keys counts
        ("tests: [1]", r":1: kind is None\. Known: minimum functionality, invariance, direction"),
        ("other: 1\ntests: []", r":1: unknown key 'other'\. Known: words, tests"),
        ("words: {a1: [x]}\ntests: []", r":1: words\.a1: a name does not end in a digit"),
        ("words:\n  a: x\ntests: []", r":1: words\.a: expected a name of letters and a list"),
        (_HEAD + "- {kind: invariance, name: n, texts: x}", r":3: 'change' is missing"),
        (
            _HEAD + "- {kind: invariance, name: n, texts: x, change: jump}",
            r":3: change is 'jump'; expected one of typo, negate",
        ),
        (
            _HEAD + "- {kind: invariance, name: n, texts: x, change: {typo: many}}",
            r":3: change typo is 'many'; expected nothing, or how many typos",
        ),
        (
            _HEAD + "- {kind: invariance, name: n, texts: data, change: {replace: thing}}",
            r":3: replace changes the words of templates",
        ),
        (
            _HEAD + "\n- {kind: minimum functionality, name: n, texts: x, expect: 1, tolerance: 2}",
            r":4: unknown key 'tolerance'",
        ),
        (
            _HEAD + "- {kind: direction, name: n, texts: x, change: typo, direction: left}",
            r":3: direction is 'left'; expected up or down",
        ),
        (
            _HEAD + "- {kind: minimum functionality, name: n, texts: [[a, b, c]], expect: 1}",
            r":3: texts are .*; expected texts, pairs",
        ),
        (
            _HEAD + "- {kind: minimum functionality, name: n, texts: x, expect: 1, number: 0}",
            r":3: number is '0'; expected a number of at least 1",
        ),
        (
            (_HEAD + "- {kind: minimum functionality, name: n, texts: x, expect: 1}\n")
            + "- {kind: minimum functionality, name: n, texts: x, expect: 1}",
            r":3: two tests are called 'n'",
        ),
        ("[" * 3000, r"no YAML"),
    ],
)
def test_bad_files_end_in_one_line_with_file_and_place(write, text, message):
    with pytest.raises(
        ValueError, match=rf"checks\.yaml.*{message}|checks\.yaml{message}"
    ) as error:
        checks_file.read(write(text))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("texts: '{nothing}', change: typo", r":3: \{nothing\} stands for no words\. Known: thing"),
        ("texts: abc, change: typo", r":3: 'n' has no case: nothing in the templates .* typo"),
        ("texts: data, change: typo", r":3: `texts: data` needs --data"),
        ("texts: [[abcde, b]], change: typo", r":3: 'n' has 2 text\(s\) a case; .* takes one"),
    ],
)
def test_tests_that_cannot_be_run_say_why(write, test, message):
    path = write(f"{_HEAD}- {{kind: invariance, name: n, {test}}}")
    with pytest.raises(ValueError, match=message):
        checking.check(COUNTER, path)


def test_texts_of_the_data_are_changed(write, tmp_path):
    table = tmp_path / "data.tsv"
    table.write_text("sentence\tlabel\n" + "".join(f"a terrible film {n}\t0\n" for n in range(9)))
    path = write("tests:\n- {kind: invariance, name: n, texts: data, change: typo, number: 5}")

    class Task(WordCounter):
        @property
        def columns(self):
            from bert_tf.data.labelled.columns import Known

            return Known()

        config = type("C", (), {"task": type("T", (), {"READING": ()})})

        def iterate_objects(self, source, reading, known):
            from bert_tf.data.labelled import records

            names = known.wanted.names()
            return records.iterate_objects(source, reading, known.header, names)

    (found,) = checking.check(Answerer(Task(), WordCounter.answer), path, Source(str(table)))
    assert found["cases"] == 5 and found["failures"] > 0
    assert found["examples"][0]["texts"][0].startswith("a terrible film")
    with pytest.raises(ValueError, match=r"needs a table of texts .*data\.conll is none"):
        checking.check(COUNTER, path, Source(str(tmp_path / "data.conll")))


def _test(kind, **more):
    return checks_file.Test("n", kind, "f:1", None, **more)


ENTITIES = {"entities": [{"label": "LOC", "text": "Rome"}, {"label": "PER", "text": "Ann"}]}


@pytest.mark.parametrize(
    ("expect", "answer", "passes"),
    [
        ("no", {"label": "no"}, True),
        (["no", "yes"], {"label": "yes"}, True),
        ("none", {"label": None}, True),
        ("no", {"label": None}, False),
        (["b", "a"], {"labels": ["a", "b"]}, True),
        ("none", {"labels": []}, True),
        ("a", {"labels": ["a", "b"]}, False),
        ({"least": "2"}, {"score": 2.5}, True),
        ({"least": "2", "most": "2.2"}, {"score": 2.5}, False),
        ("2.45", {"score": 2.5}, True),
        ({"Rome": "LOC"}, ENTITIES, True),
        ({"Rome": "PER"}, ENTITIES, False),
        ("Paris", {"answer": "Paris", "start": 3}, True),
    ],
)
def test_answers_of_every_form_meet_what_is_expected(expect, answer, passes):
    test = _test(checks_file.FUNCTIONALITY, expect=expect)
    found = judge.judge(test, [case_lib.Case(("x",))], [(answer, None)])
    assert found["failures"] == (not passes)


@pytest.mark.parametrize(
    ("kind", "more", "before", "after", "passes"),
    [
        ("invariance", {}, {"label": "a"}, {"label": "b"}, False),
        ("invariance", {}, {"score": 1.0}, {"score": 1.05}, True),
        ("invariance", {}, {"score": 1.0}, {"score": 1.2}, False),
        (
            "invariance",
            {},
            {"entities": [{"label": "PER", "text": "Ann"}]},
            {"entities": [{"label": "PER", "text": "Bob"}]},
            True,
        ),
        ("direction", {"direction": "up"}, {"score": 1.0}, {"score": 0.95}, True),
        ("direction", {"direction": "up"}, {"score": 1.0}, {"score": 0.8}, False),
        ("direction", {"direction": "down"}, {"score": 1.0}, {"score": 0.8}, True),
        ("direction", {"direction": "down"}, {"score": 1.0}, {"score": 1.2}, False),
    ],
)
def test_changed_texts_are_compared_with_a_tolerance(kind, more, before, after, passes):
    test = _test(kind, change=Change("typo", 1), **more)
    found = judge.judge(test, [case_lib.Case(("x",), ("y",))], [(before, after)])
    assert found["failures"] == (not passes)


def test_a_label_that_the_model_has_not_is_named():
    test = _test("direction", change=Change("typo", 1), direction="up", label="good")
    answer = {"label": "0", "probabilities": {"0": 0.5, "1": 0.5}}
    with pytest.raises(ValueError, match=r"f:1: label is 'good'\. The model has: 0, 1"):
        judge.judge(test, [case_lib.Case(("x",), ("y",))], [(answer, answer)])
    assert changes.KNOWN
