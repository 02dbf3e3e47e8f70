"""Settings of a model that comes from a checkpoint: what the command line may say of it."""

import pytest

from bert_tf import initial_weights, model_folder
from tests.checkpoints.models import make_checkpoint, make_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model folder with a pooler and a dropout rate of 0.1."""
    path = str(tmp_path_factory.mktemp("model") / "model")
    model_folder.save_checkpoint(path, make_checkpoint("classification"), {})
    return path


def test_settings_of_training_are_those_of_the_run(folder):
    run = make_config(hidden_dropout_prob=0.3, hidden_size=64)
    config = initial_weights.config_of_checkpoint(folder, run)
    assert (config.hidden_dropout_prob, config.hidden_size) == (0.3, 32)


def test_what_the_command_line_says_is_parsed_as_the_encoder_of_the_checkpoint_declares(folder):
    given = {"hidden_dropout_prob": "0", "use_pooler": "false", "hidden_size": "32"}
    config = initial_weights.config_of_checkpoint(folder, make_config(), given)
    assert config.hidden_dropout_prob == 0 and config.use_pooler is False


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hidden_size": "64"}, "hidden_size=64: .* has 32. A model that starts from a checkpoint"),
        ({"hiden_size": "64"}, "config.model has no key 'hiden_size'. Known: .*hidden_size"),
        ({"use_pooler": "0"}, "use_pooler=0: expected a value of type bool"),
        ({"hidden_size": "true"}, "hidden_size=true: expected a value of type int"),
        ({"hidden_dropout_prob": "none"}, "prob=none: expected a value of type float"),
    ],
)
def test_another_shape_and_unknown_settings_are_errors(folder, given, message):
    with pytest.raises(ValueError, match=message):
        initial_weights.config_of_checkpoint(folder, make_config(), given)
