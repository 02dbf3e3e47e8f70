"""What becomes of entities: every one of both sides counts once, with the best partner it has."""

import numpy as np

from bert_tf.tasks.token_classification.errors import OUTCOMES, pair
from bert_tf.tasks.token_classification.scores import entity_scores


def test_each_entity_has_one_outcome():
    expected = [("A", 0, 2), ("A", 3, 4), ("B", 5, 7), ("B", 8, 9), ("B", 10, 12)]
    found = [("A", 0, 2), ("B", 3, 4), ("B", 6, 7), ("A", 10, 11), ("B", 14, 15), ("A", 7, 8)]
    assert [tuple(one) for one in pair(expected, found)] == [
        (("A", 0, 2), ("A", 0, 2), "right"),
        (("A", 3, 4), ("B", 3, 4), "wrong type"),
        (("B", 5, 7), ("B", 6, 7), "wrong border"),
        (None, ("A", 7, 8), "spurious"),
        (("B", 8, 9), None, "missed"),
        (("B", 10, 12), ("A", 10, 11), "wrong type and border"),
        (None, ("B", 14, 15), "spurious"),
    ]


def test_two_that_were_found_in_one_are_one_wrong_border_and_one_spurious():
    found = pair([("A", 0, 4)], [("A", 0, 2), ("A", 2, 4)])
    assert [one.outcome for one in found] == ["wrong border", "spurious"]


def test_what_was_paired_gives_the_scores_of_seqeval():
    generator = np.random.default_rng(3)
    tags = np.array(["O", "O", "B-A", "I-A", "B-B", "I-B"])
    sides = [generator.choice(tags, (40, 12)).tolist() for _ in range(2)]
    # Only what is valid in IOB2 counts the same everywhere.
    for side in sides:
        for sentence in side:
            for place, tag in enumerate(sentence):
                before = sentence[place - 1] if place else "O"
                if tag[0] == "I" and before[2:] != tag[2:]:
                    sentence[place] = f"B-{tag[2:]}"
    from bert_tf.tasks.token_classification.tags import spans

    pairs = [one for two in zip(*sides, strict=True) for one in pair(spans(two[0]), spans(two[1]))]
    right = sum(one.outcome == "right" for one in pairs)
    scores = entity_scores(*sides)
    assert scores["precision"] == right / sum(one.found is not None for one in pairs)
    assert scores["recall"] == right / sum(one.expected is not None for one in pairs)
    assert {one.outcome for one in pairs} == set(OUTCOMES)
