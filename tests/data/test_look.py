"""Looks at tagged words and at questions: what is counted, and what two sets share."""

from types import SimpleNamespace

import numpy as np

from bert_tf.data.labelled import comparison
from bert_tf.tasks.question_answering import look as look_answers
from bert_tf.tasks.token_classification import look as look_tags


class Data(SimpleNamespace):
    """What a look needs to know of a data set."""

    def __len__(self):
        return self.rows


def tagged(*sentences, path="a"):
    sentences = [SimpleNamespace(words=w.split(), tags=t.split()) for w, t in sentences]
    return Data(path=path, sentences=sentences, rows=len(sentences) + 1)


def test_of_tagged_words_entities_and_common_sentences_are_counted():
    train = tagged(("Anna is in Paris", "B-PER O O B-LOC"), ("Paris", "B-LOC"), ("Paris", "B-LOC"))
    dev = tagged(("Paris", "B-LOC"), ("Bob", "B-PER"), path="b")
    found = look_tags.look({"train": train, "dev": dev}, plain=False)
    assert found["splits"]["train"] == {
        "path": "a",
        "sentences": 3,
        "words": 6,
        "longest_sentence": 4,
        "rows": 4,
        "entities": {"LOC": 3, "PER": 1},
    }
    assert found["shared"] == [{"splits": ["train", "dev"], "sentences": 1}]
    assert look_tags.report(found) == [
        "train: 3 sentences, 6 words (the longest sentence has 4), 4 rows",
        "  entities: LOC 3 (75.0%), PER 1 (25.0%)",
        "dev: 2 sentences, 2 words (the longest sentence has 1), 3 rows",
        "  entities: LOC 1 (50.0%), PER 1 (50.0%)",
        "WARNING: 1 sentences are in train and in dev",
    ]


def test_of_questions_those_without_answer_and_common_contexts_are_counted():
    def data(contexts, answers, starts):
        """A question on each context in turn, each in one row."""
        questions = [
            SimpleNamespace(paragraph=n % len(contexts), answers=a) for n, a in enumerate(answers)
        ]
        return Data(
            path="a",
            contexts=contexts,
            questions=questions,
            question_rows=np.arange(len(answers)),
            arrays={"start_positions": np.array(starts)},
            rows=len(answers),
        )

    train = data(["one", "two"], [["x"], [], ["y"]], [3, 0, 0])
    found = look_answers.look({"train": train, "dev": data(["two"], [["x"]], [1])})
    assert found["splits"]["train"] == {
        "path": "a",
        "questions": 3,
        "contexts": 2,
        "without_answer": 1,
        "rows": 3,
        "rows_with_answer": 1,
        "never_whole": 1,
    }
    assert look_answers.report(found) == [
        "train: 3 questions (1 without answer) in 2 contexts; 3 rows, 1 of them with the answer",
        "  1 answers are not complete in any row",
        "dev: 1 questions (0 without answer) in 1 contexts; 1 rows, 1 of them with the answer",
        "WARNING: 1 contexts are in train and in dev",
    ]


def test_sets_that_share_nothing_are_not_named_and_names_beyond_the_most_are_counted():
    texts = {"a": [1, 2], "b": [3], "c": [2]}
    found = comparison.compare({name: {} for name in texts}, texts, "texts")
    assert found["shared"] == [{"splits": ["a", "c"], "texts": 1}]
    assert (
        comparison.shares({"x": 2, "y": 1, "z": 1}, 4, 2) == "x 2 (50.0%), y 1 (25.0%), and 1 more"
    )
    assert comparison.shares({}, 0, 2) == "none"
