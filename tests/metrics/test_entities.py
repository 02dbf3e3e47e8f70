"""What becomes of entities: every expected one counts once, and so does every one made up."""

from bert_tf.tasks.token_classification.scores import entity_outcomes


def test_each_entity_has_one_outcome():
    expected = [("A", 0, 2), ("A", 3, 4), ("B", 5, 7), ("B", 8, 9), ("B", 10, 12)]
    predicted = [("A", 0, 2), ("B", 3, 4), ("B", 6, 7), ("A", 10, 11), ("B", 14, 15), ("A", 7, 8)]
    nothing = dict.fromkeys(
        ("right", "other type", "other borders", "both other", "missed", "made up"), 0
    )
    assert entity_outcomes([(expected, predicted), ([], [("B", 0, 1)])]) == {
        "A": {**nothing, "right": 1, "other type": 1, "made up": 1},
        "B": {**nothing, "other borders": 1, "both other": 1, "missed": 1, "made up": 2},
    }
