"""The published sizes of the family have the published numbers of parameters.

The numbers are those of the encoder alone, counted by transformers from the configs of the released
models (`sum(p.numel() for p in AutoModel.from_config(config).parameters())`).
"""

import dataclasses
import math
import pathlib
import runpy

import pytest

from bert_tf import members
from bert_tf.checkpoints.model_variables import variables_of
from bert_tf.models.albert import AlbertConfig
from bert_tf.models.roberta import RobertaConfig

PARAMETERS = {
    "albert": {
        "base": 11_683_584,
        "large": 17_683_968,
        "xlarge": 58_724_864,
        "xxlarge": 222_595_584,
    },
    "distilbert": {"base": 66_362_880},
    "electra": {
        "small": 13_483_008,
        "base": 108_891_648,
        "large": 334_092_288,
        "small_generator": 4_580_928,
        "base_generator": 33_511_168,
        "large_generator": 50_999_552,
    },
    "roberta": {"base": 124_645_632, "large": 355_359_744, "distil": 82_118_400},
    "xlm_roberta": {"base": 278_043_648, "large": 559_890_432},
}
CASES = [(name, size) for name, sizes in PARAMETERS.items() for size in sizes]


def test_every_published_size_is_counted():
    for name, sizes in PARAMETERS.items():
        assert set(sizes) == set(members.find("models", name).Config.SIZES)


@pytest.mark.parametrize(("name", "size"), CASES)
def test_number_of_parameters(name, size):
    config_class = members.find("models", name).Config
    # transformers counts a pooler where the class can have one.
    has_pooler = "use_pooler" in {field.name for field in dataclasses.fields(config_class)}
    config = config_class.from_size(size, **({"use_pooler": True} if has_pooler else {}))
    shapes = variables_of(config, (), "embedding").shapes.values()
    assert sum(map(math.prod, shapes)) == PARAMETERS[name][size]


def test_a_run_from_nothing_takes_a_published_size_by_its_name():
    path = pathlib.Path(__file__).parents[2] / "configs" / "pretrain" / "default.py"
    get_config = runpy.run_path(str(path))["get_config"]
    assert get_config("roberta/large").model == RobertaConfig.from_size("large")
    assert get_config("albert").model == AlbertConfig()
    with pytest.raises(ValueError, match="unknown size 'huge'. Known: base, large"):
        get_config("xlm_roberta/huge")
