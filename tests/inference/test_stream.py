"""Lines in, answers in order out: whatever the batches, the windows and the interruptions."""

import contextlib
import json
import re

import numpy as np
import pytest

from bert_tf.inference import answerers, stream
from bert_tf.inference.answers_file import AnswersFile
from tests.export.models import make


@pytest.fixture(scope="module")
def answerer():
    return answerers.of_model(*make())


@pytest.fixture(scope="module")
def pair_answerer():
    return answerers.of_model(*make(text_pairs=True))


TEXTS = ["the hen", "", "a b c d e f g h the hen sees the cow", "é", "a " * 300, "中文", "b"] * 3


def lines_of(texts):
    return [stream.Line(number, text) for number, text in enumerate(texts, start=1)]


def test_answers_come_in_the_order_of_the_lines(answerer):
    answers = stream.answer_window(answerer, lines_of(TEXTS), 4, "x")
    alone = [stream.answer_window(answerer, [line], 1, "x")[0] for line in lines_of(TEXTS[:7])]
    for text, answer, other in zip(TEXTS, answers, alone * 3, strict=True):
        assert answer["text"] == text and answer["label"] == other["label"]
        assert answer["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)


def test_lines_of_like_length_are_answered_together(answerer):
    widths = []

    def spy(columns):
        widths.append(sorted({len(text) for text in columns[0]}))
        return answerer.answer(columns)

    spied = answerers.Answerer(answerer.task, spy)
    stream.answer_window(spied, lines_of(["a" * 2, "a" * 90] * 6), 6, "x")
    assert widths == [[2], [90]]


def test_windows_are_bounded_in_lines_and_in_bytes():
    many = list(stream.windows(lines_of(["a"] * 100), batch_size=2))
    assert [len(window) for window in many] == [64, 36]
    large = list(stream.windows(lines_of(["a" * (5 << 20)] * 8), batch_size=32))
    assert [len(window) for window in large] == [4, 4]


def test_input_is_read_no_further_than_it_is_answered():
    def endless():
        for number in range(10**9):
            read.append(number)
            yield stream.Line(number, "a")

    read = []
    next(stream.windows(endless(), batch_size=1))
    assert len(read) == 32


def test_pairs_have_a_tab_between_them(pair_answerer):
    lines = [stream.Line(7, "the hen\tthe cow"), stream.Line(8, "alone")]
    (answer,) = stream.answer_window(pair_answerer, lines[:1], 8, "x.txt")
    assert answer["text"] == "the hen\tthe cow"
    with pytest.raises(
        ValueError, match=re.escape("x.txt:8: found 1 column(s); this model takes two")
    ):
        stream.answer_window(pair_answerer, lines, 8, "x.txt")


@pytest.fixture(scope="module")
def question_answerer():
    return answerers.of_model(*make("question_answering"))


def test_other_keys_of_a_question_come_back_even_those_of_its_answer(question_answerer):
    record = {"id": 7, "question": "the hen", "context": "the cow sees the hen", "answer": "mine"}
    line = stream.Line(1, json.dumps({**record, "score": 0.5}))
    (answer,) = stream.answer_window(question_answerer, [line], 1, "x")
    assert (answer["id"], answer["given_answer"], answer["given_score"]) == (7, "mine", 0.5)
    begin, end = answer["start"], answer["end"]
    assert answer["answer"] == record["context"][begin:end] and "context" not in answer


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("who?", 'x.jsonl:3: expected {"question": "...", "context": "..."}'),
        (r'{"question": "a", "context": "\ud800"}', "x.jsonl:3: half a surrogate pair"),
        (r'{"question": "a", "context": "b", "k": "\udc00"}', "x.jsonl:3: half a surrogate pair"),
    ],
)
def test_lines_that_are_no_question_are_named(question_answerer, line, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        stream.answer_window(question_answerer, [stream.Line(3, line)], 1, "x.jsonl")


def test_a_byte_order_mark_is_no_text(tmp_path):
    (tmp_path / "texts.txt").write_bytes("\ufeffone\r\n\ufefftwo".encode())
    lines = list(stream.read(str(tmp_path / "texts.txt")))
    assert lines == [stream.Line(1, "one"), stream.Line(2, "\ufefftwo")]


def write(path, groups, settings, fail_after=None):
    with AnswersFile(str(path), settings) as file:
        begun = file.num_lines
        for number, group in enumerate(groups[begun // 2 :]):
            if number == fail_after:
                raise KeyboardInterrupt
            file.write(group, "hash")
    return begun


GROUPS = [["a", "b"], ["ü", "d"], ["e", "f"]]


def test_an_interrupted_file_goes_on_after_its_last_whole_window(tmp_path):
    path = tmp_path / "answers"
    with pytest.raises(KeyboardInterrupt):
        write(path, GROUPS, {"model": "m"}, fail_after=2)
    assert not path.exists()
    with open(tmp_path / "answers.part", "ab") as part:  # killed in the middle of a window
        part.write(b"half a li")
    assert write(path, GROUPS, {"model": "m"}) == 4
    assert path.read_text() == "a\nb\nü\nd\ne\nf\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["answers"]


def test_answers_to_something_else_are_not_continued(tmp_path):
    path = tmp_path / "answers"
    with pytest.raises(KeyboardInterrupt):
        write(path, GROUPS, {"model": "m"}, fail_after=1)
    with pytest.raises(
        ValueError, match="of a run with other settings .model was 'm', now 'other'"
    ):
        write(path, GROUPS, {"model": "other"})


def test_what_fails_at_once_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "answers", GROUPS, {}, fail_after=0)
    assert list(tmp_path.iterdir()) == []


def test_answers_begun_with_other_settings_are_neither_cut_nor_mixed(tmp_path):
    path = str(tmp_path / "answers.jsonl")
    with contextlib.suppress(KeyboardInterrupt), AnswersFile(path, {"temperature": None}) as file:
        file.write(["one", "two"], "hash")
        raise KeyboardInterrupt
    with pytest.raises(
        ValueError, match=r"of a run with other settings .temperature was None, now 2"
    ):
        AnswersFile(path, {"temperature": 2.0})
    assert (tmp_path / "answers.jsonl.part").read_text() == "one\ntwo\n"
    with AnswersFile(path, {"temperature": None}) as file:  # the lock was let go
        assert file.num_lines == 2


def test_an_answer_that_is_no_number_is_an_error():
    with pytest.raises(ValueError, match="the model's probabilities are NaN"):
        stream._check_numbers({"probabilities": np.array([[0.5, np.nan]])})
