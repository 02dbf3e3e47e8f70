"""The variable paths and shapes of the models: an interface that every checkpoint depends on.

To change one of them is to break the stored weights of everybody.
"""

import pytest

from bert_tf.layers.roles import role_of, takes_decay
from bert_tf.tasks.classification.task import ClassificationModel
from bert_tf.tasks.pretraining.task import PretrainingModel
from bert_tf.training.optimizers.optimizer import is_orthogonalized
from bert_tf.training.optimizers.places import places_of
from tests.conformance.goldens import experiment_config

# path, shape, whether the optimizer decays it
EMBEDDINGS = """
bert/embeddings/word_embeddings 100,32 decayed
bert/embeddings/position_embeddings 16,32 decayed
bert/embeddings/token_type_embeddings 2,32 decayed
bert/embeddings/LayerNorm/gamma 32
bert/embeddings/LayerNorm/beta 32
"""
BLOCKS = """
bert/encoder/layer_0/attention/self/query/kernel 32,32 decayed
bert/encoder/layer_0/attention/self/query/bias 32
bert/encoder/layer_0/attention/self/key/kernel 32,32 decayed
bert/encoder/layer_0/attention/self/key/bias 32
bert/encoder/layer_0/attention/self/value/kernel 32,32 decayed
bert/encoder/layer_0/attention/self/value/bias 32
bert/encoder/layer_0/attention/output/dense/kernel 32,32 decayed
bert/encoder/layer_0/attention/output/dense/bias 32
bert/encoder/layer_0/attention/output/LayerNorm/gamma 32
bert/encoder/layer_0/attention/output/LayerNorm/beta 32
bert/encoder/layer_0/intermediate/dense/kernel 32,64 decayed
bert/encoder/layer_0/intermediate/dense/bias 64
bert/encoder/layer_0/output/dense/kernel 64,32 decayed
bert/encoder/layer_0/output/dense/bias 32
bert/encoder/layer_0/output/LayerNorm/gamma 32
bert/encoder/layer_0/output/LayerNorm/beta 32
bert/encoder/layer_1/attention/self/query/kernel 32,32 decayed
bert/encoder/layer_1/attention/self/query/bias 32
bert/encoder/layer_1/attention/self/key/kernel 32,32 decayed
bert/encoder/layer_1/attention/self/key/bias 32
bert/encoder/layer_1/attention/self/value/kernel 32,32 decayed
bert/encoder/layer_1/attention/self/value/bias 32
bert/encoder/layer_1/attention/output/dense/kernel 32,32 decayed
bert/encoder/layer_1/attention/output/dense/bias 32
bert/encoder/layer_1/attention/output/LayerNorm/gamma 32
bert/encoder/layer_1/attention/output/LayerNorm/beta 32
bert/encoder/layer_1/intermediate/dense/kernel 32,64 decayed
bert/encoder/layer_1/intermediate/dense/bias 64
bert/encoder/layer_1/output/dense/kernel 64,32 decayed
bert/encoder/layer_1/output/dense/bias 32
bert/encoder/layer_1/output/LayerNorm/gamma 32
bert/encoder/layer_1/output/LayerNorm/beta 32
"""
POOLER = """
bert/pooler/dense/kernel 32,32 decayed
bert/pooler/dense/bias 32
"""
PRETRAINING_HEADS = """
cls/predictions/output_bias 100
cls/predictions/transform/dense/kernel 32,32 decayed
cls/predictions/transform/dense/bias 32
cls/predictions/transform/LayerNorm/gamma 32
cls/predictions/transform/LayerNorm/beta 32
cls/seq_relationship/output_weights 2,32 decayed
cls/seq_relationship/output_bias 2
"""
CLASSIFIER = """
classifier/kernel 32,3 decayed
classifier/bias 3
"""
GOLDEN = {
    PretrainingModel: EMBEDDINGS + BLOCKS + POOLER + PRETRAINING_HEADS,
    ClassificationModel: EMBEDDINGS + BLOCKS + POOLER + CLASSIFIER,
}


def config_of(model_class):
    """The config of a model of the package bert_tf.tasks.TASK."""
    return experiment_config(task=model_class.__module__.split(".")[2])


def describe(model):
    """The lines of the golden lists, as the model really has them."""
    lines = []
    for weight in model.weights:
        shape = ",".join(map(str, weight.shape))
        decayed = " decayed" if takes_decay(role_of(weight)) else ""
        lines.append(f"{weight.path} {shape}{decayed}")
    return sorted(lines)


@pytest.mark.parametrize("model_class", GOLDEN)
def test_paths_shapes_and_weight_decay_are_the_golden_ones(model_class):
    expected = sorted(line for line in GOLDEN[model_class].splitlines() if line)
    assert describe(model_class(config_of(model_class))) == expected


@pytest.mark.parametrize("model_class", GOLDEN)
def test_paths_are_the_same_however_many_models_the_process_has_built(model_class):
    first, second = (describe(model_class(config_of(model_class))) for _ in range(2))
    PretrainingModel(experiment_config(num_hidden_layers=1))
    assert first == second == describe(model_class(config_of(model_class)))


@pytest.mark.parametrize("model_class", GOLDEN)
def test_every_weight_is_trainable_and_no_path_comes_twice(model_class):
    model = model_class(config_of(model_class))
    paths = [weight.path for weight in model.trainable_weights]
    assert len(paths) == len(set(paths)) == len(model.weights)


def test_without_next_sentence_its_head_is_absent():
    config = experiment_config()
    config.task.next_sentence = False
    paths = {weight.path for weight in PretrainingModel(config).weights}
    config.task.next_sentence = True
    missing = {weight.path for weight in PretrainingModel(config).weights} - paths
    assert missing == {"cls/seq_relationship/output_weights", "cls/seq_relationship/output_bias"}


def test_paths_do_not_depend_on_the_dtype():
    assert describe(PretrainingModel(experiment_config("mixed_bfloat16"))) == describe(
        PretrainingModel(experiment_config())
    )


def test_muon_moves_the_matrices_of_the_blocks():
    places = places_of(PretrainingModel(experiment_config()))
    assert [path for path, place in places.items() if is_orthogonalized("muon", place)] == [
        line.split()[0] for line in BLOCKS.splitlines() if line.endswith("decayed")
    ]


def test_a_weight_knows_its_part_and_its_depth():
    places = places_of(ClassificationModel(experiment_config("float32", "classification")))
    found = {path: (place.kind, place.depth, place.below_top) for path, place in places.items()}
    expected = {"embeddings": (0, 3), "layer_0": (1, 2), "layer_1": (2, 1), "pooler": (3, 0)}
    for path, (kind, depth, below_top) in found.items():
        word = next((word for word in expected if f"/{word}/" in path), None)
        if word is None:
            assert (kind, below_top) == ("head", 0)
        else:
            assert (depth, below_top) == expected[word]
            assert kind == ("block" if "layer" in word else word)
