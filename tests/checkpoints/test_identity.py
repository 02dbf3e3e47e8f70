"""Who the weights are that a run started from: work directories compare it when they resume."""

import pathlib

import pytest

from bert_tf import initial_weights

_DATA = pathlib.Path(__file__).parents[1] / "testdata"
# What commit c580d07 gave. Work directories of then hold such numbers.
_BEFORE = {
    "v1/model": "b684ac678ae6a7bc546d4ce3dd1b309dd9f0d6417c78f3a263e657d2461e5009",
    "google/release": "22a06ed1a3479496f3f392d6d2b315438230b028a273a93e2398a7969cc23d9e",
    "hugging_face/BertForMaskedLM": (
        "0f8e2576b73e78a2a690e49dfa1b5091c24f9bb760e32ac98d5881e00798f985"
    ),
    "hugging_face/BertForQuestionAnswering": (
        "99f84935ce628a03433fb971acc6612b4c41666b355e4c70cfecff743a3fee60"
    ),
    "hugging_face/BertForSequenceClassification": (
        "f21f01b6f5e4f158bec46a025d23a4da4305e849e5d2b03964cf8eecfd1e2b29"
    ),
}


@pytest.mark.parametrize("name", _BEFORE)
def test_the_identity_of_weights_is_that_of_older_work_directories(name):
    assert initial_weights.identity(str(_DATA / name)) == _BEFORE[name]
