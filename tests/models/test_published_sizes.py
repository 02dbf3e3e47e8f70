"""The published sizes of the family have the published numbers of parameters.

The numbers are those of the encoder alone, counted by transformers from the configs of the released
models (`sum(p.numel() for p in AutoModel.from_config(config).parameters())`).
"""

import math

import pytest

from bert_tf import members
from bert_tf.checkpoints.model_variables import variables_of

PARAMETERS = {
    "distilbert": {"base": 66_362_880},
    "electra": {
        "small": 13_483_008,
        "base": 108_891_648,
        "large": 334_092_288,
        "small_generator": 4_580_928,
        "base_generator": 33_511_168,
        "large_generator": 50_999_552,
    },
}
CASES = [(name, size) for name, sizes in PARAMETERS.items() for size in sizes]


def test_every_published_size_is_counted():
    for name, sizes in PARAMETERS.items():
        assert set(sizes) == set(members.find("models", name).Config.SIZES)


@pytest.mark.parametrize(("name", "size"), CASES)
def test_number_of_parameters(name, size):
    config = members.find("models", name).Config.from_size(size)
    shapes = variables_of(config, (), "embedding").shapes.values()
    assert sum(map(math.prod, shapes)) == PARAMETERS[name][size]
