"""An encoder from outside, with its own names: nothing in bert_tf knows it.

This file is the whole member. It has no segments, an embedding table with a row before the first
position, blocks that share their weights, and norms without a shift.
"""

import dataclasses
import json

import keras
import numpy as np
import pytest

from bert_tf import initial_weights, model_folder
from bert_tf.checkpoints import checkpoint as foreign
from bert_tf.checkpoints import mapping, surgery, tensors
from bert_tf.layers import roles
from bert_tf.layers.dense import Dense
from bert_tf.layers.heads import Pooler
from bert_tf.models.checkpoint_names import HuggingFaceNames, Rule
from bert_tf.models.encoder import Encoder
from bert_tf.models.model import EncoderConfig
from tests.checkpoints.models import assert_same_weights, make_checkpoint_of
from tests.scripts.conftest import ok_here, run_here

OFFSET = 1
WORDS = "outer/embeddings/words"


@dataclasses.dataclass
class Config(EncoderConfig):
    """The shape of it."""

    vocab_size: int = 64
    hidden_size: int = 8
    num_hidden_layers: int = 4
    num_groups: int = 2
    longest_sequence: int = 16
    initializer_range: float = 0.02
    dropout: float = 0.0
    use_pooler: bool = True

    TRAINING_FIELDS = ("dropout", "use_pooler")

    @classmethod
    def encoder_class(cls):
        return OuterEncoder

    @classmethod
    def from_foreign(cls, values, path):
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in values.items() if key in known}).check(path)

    def with_longest_sequence(self, number):
        return dataclasses.replace(self, longest_sequence=number)


class Embeddings(keras.layers.Layer):
    """Words and positions."""

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.config = config

    def build(self, input_shape=None):
        rows = {"words": self.config.vocab_size, "places": self.config.longest_sequence + OFFSET}
        for name, count in rows.items():
            shape = (count, self.config.hidden_size)
            table = roles.add_weight(
                self, roles.TABLE, name=name, shape=shape, initializer="normal", autocast=False
            )
            setattr(self, name, table)

    def call(self, input_ids, segment_ids=None, position_ids=None, dropout_seed=None):
        del segment_ids, position_ids, dropout_seed
        places = keras.ops.arange(input_ids.shape[1]) + OFFSET
        return keras.ops.take(self.words, input_ids, 0) + keras.ops.take(self.places, places, 0)


class Block(keras.layers.Layer):
    """A scale and a dense layer; the rest of a transformer is not what is tested here."""

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.size = config.hidden_size
        self.mix = Dense(self.size, name="mix", dtype=self.dtype_policy)

    def build(self, input_shape=None):
        self.scale = roles.add_weight(
            self, roles.SCALE, name="scale", shape=(self.size,), initializer="ones"
        )
        self.mix.build((None, None, self.size))

    def call(self, hidden_BSD, bias, dropout_seed=None):
        del bias, dropout_seed
        return keras.ops.tanh(self.mix(hidden_BSD * self.scale)), None


class OuterEncoder(Encoder):
    """The encoder."""

    def __init__(self, config, **kwargs):
        super().__init__(config, name="outer", **kwargs)
        self.embeddings = Embeddings(config, name="embeddings", dtype=self.dtype_policy)
        groups = [
            Block(config, name=f"group_{i}", dtype=self.dtype_policy)
            for i in range(config.num_groups)
        ]
        self.blocks = [groups[i % config.num_groups] for i in range(config.num_hidden_layers)]
        if config.use_pooler:
            self.pooler = Pooler(
                hidden_size=config.hidden_size, name="pooler", dtype=self.dtype_policy
            )
        self.build()

    @property
    def word_embeddings(self):
        return self.embeddings.words


def _torch(theirs, ours):
    return [
        Rule(f"{theirs}.weight", f"{ours}/kernel", transposed=True),
        Rule(f"{theirs}.bias", f"{ours}/bias"),
    ]


RULES = [
    Rule("wte.weight", WORDS),
    Rule("wpe.weight", "outer/embeddings/places"),
    Rule("h.{i}.g", "outer/encoder/group_{i}/scale"),
    *_torch("h.{i}.mix", "outer/encoder/group_{i}/mix"),
    *_torch("pool", "outer/pooler/dense"),
    *_torch("lm_head.dense", "cls/predictions/transform/dense"),
    Rule("lm_head.norm.weight", "cls/predictions/transform/LayerNorm/gamma"),
    Rule("lm_head.norm.bias", "cls/predictions/transform/LayerNorm/beta"),
    Rule("lm_head.bias", "cls/predictions/output_bias"),
    *_torch("score", "classifier"),
]
NAMES = HuggingFaceNames(
    rules=RULES,
    labels="score.bias",
    prefix="outer.",
    classes={
        "embedding": ("OuterModel", True),
        "masked_lm": ("OuterForMaskedLM", False),
        "classification": ("OuterForSequenceClassification", True),
    },
    to_config=lambda config: config.to_dict(),
)
CHECKPOINT_NAMES = {"hugging_face": NAMES}


def make(task="embedding", **changes):
    """A checkpoint of this encoder with random weights."""
    return make_checkpoint_of(Config(**changes), task, next_sentence=False)


def write(checkpoint, folder):
    foreign.write(checkpoint, str(folder), "hugging_face")
    return folder


def test_its_own_name_says_where_it_is():
    assert Config().model_type == __name__


@pytest.mark.parametrize(
    ("task", "use_pooler"),
    [("embedding", True), ("embedding", False), ("pretraining", False), ("classification", True)],
)
def test_it_goes_to_hugging_face_and_back(tmp_path, task, use_pooler):
    before = make(task, use_pooler=use_pooler)
    after = foreign.read(str(write(before, tmp_path / "hf")))
    assert_same_weights(before, after)
    assert (after.config, after.task.name) == (before.config, task)
    names = set(tensors.SafetensorsFile(str(tmp_path / "hf" / "model.safetensors")).shapes)
    assert ("wte.weight" if task == "embedding" else "outer.wte.weight") in names
    assert json.loads((tmp_path / "hf" / "config.json").read_text())["model_type"] == __name__


def test_the_pooler_that_a_class_does_not_have_is_named(tmp_path):
    rows = foreign.write(make("pretraining"), str(tmp_path / "hf"), "hugging_face")
    left = {row.ours: row.note for row in rows if not row.theirs}
    note = "NOT WRITTEN: OuterForMaskedLM has no pooler"
    assert left == dict.fromkeys(["outer/pooler/dense/kernel", "outer/pooler/dense/bias"], note)


def without(*left_out):
    rules = [rule for rule in RULES if rule.theirs not in left_out]
    return {"hugging_face": dataclasses.replace(NAMES, rules=rules)}


def test_a_conversion_that_would_leave_something_of_the_encoder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "CHECKPOINT_NAMES", without("h.{i}.g", "pool.bias"))
    missing = "outer/encoder/group_0/scale, outer/encoder/group_1/scale, outer/pooler/dense/bias"
    message = f"3 of the encoder's 10 variables would not be written as hugging_face: {missing}"
    with pytest.raises(ValueError, match=message):
        write(make(), tmp_path / "hf")
    assert list(tmp_path.iterdir()) == []


def test_the_script_refuses_it_too(tmp_path, monkeypatch):
    model_folder.save_checkpoint(str(tmp_path / "own"), make(), {})
    flags = {"members": __name__, "input": tmp_path / "own", "to": "hugging_face"}
    ok_here("convert_checkpoint", output=tmp_path / "good", **flags)
    monkeypatch.setitem(globals(), "CHECKPOINT_NAMES", without("h.{i}.g"))
    process = run_here("convert_checkpoint", output=tmp_path / "bad", **flags)
    assert process.returncode == 1 and "would not be written" in process.stderr
    assert not (tmp_path / "bad").exists()


def test_a_file_that_does_not_fill_the_encoder_is_refused(tmp_path, monkeypatch):
    folder = str(write(make(), tmp_path / "hf"))
    monkeypatch.setitem(globals(), "CHECKPOINT_NAMES", without("h.{i}.g"))
    message = "2 variables of the encoder are missing, among them outer/encoder/group_0/scale"
    with pytest.raises(ValueError, match=message):
        foreign.read(folder)


def damaged(tmp_path, *left_out):
    """A model folder without some variables."""
    checkpoint = make()
    checkpoint.weights = checkpoint.weights.replaced(dict.fromkeys(left_out))
    model_folder.save_checkpoint(str(tmp_path / "own"), checkpoint, {})
    return str(tmp_path / "own")


def test_a_run_does_not_start_from_a_part_of_the_encoder(tmp_path):
    task, model = model_folder.build(make())
    folder = damaged(tmp_path, "outer/encoder/group_1/mix/bias")
    for load in (
        lambda: initial_weights.initialize(model, folder, task.tokenizer),
        lambda: model_folder.load(folder),
        lambda: foreign.write(
            model_folder.read_checkpoint(folder), str(tmp_path / "x"), "hugging_face"
        ),
    ):
        with pytest.raises(ValueError, match="missing: outer/encoder/group_1/mix/bias"):
            load()


def test_a_pooler_may_start_at_random_and_is_named(tmp_path, caplog):
    task, model = model_folder.build(make())
    folder = write(make(use_pooler=False), tmp_path / "hf")
    with caplog.at_level("WARNING", logger="absl"):
        initial_weights.initialize(model, str(folder), task.tokenizer)
    assert "START AT RANDOM" in caplog.text and "outer/pooler/dense/kernel" in caplog.text


def test_its_weights_are_told_from_others(tmp_path):
    folders = [
        write(make_checkpoint_of(Config(), "embedding", seed=i), tmp_path / f"{i}") for i in (0, 1)
    ]
    first, second = (initial_weights.identity(str(folder)) for folder in folders)
    assert first != second == initial_weights.identity(str(folders[1]))


@pytest.mark.parametrize("labels", ["score.bias", ("tags.bias", "score.bias")])
def test_the_number_of_labels_is_found_by_any_of_its_names(labels):
    names = dataclasses.replace(NAMES, labels=labels)
    file = mapping.Tensors({"score.bias": (3,)}, None, "a file")
    assert mapping.num_labels(names, file) == 3
    assert mapping.num_labels(names, mapping.Tensors({"wte.weight": (4, 2)}, None, "a file")) == 0


def test_two_tensors_for_one_variable_are_refused(tmp_path, monkeypatch):
    folder = write(make(), tmp_path / "hf")
    again = {"hugging_face": dataclasses.replace(NAMES, rules=[*RULES, Rule("again", WORDS)])}
    monkeypatch.setitem(globals(), "CHECKPOINT_NAMES", again)
    file = tensors.SafetensorsFile(str(folder / "model.safetensors"))
    arrays = {name: file.read(name) for name in file.shapes}
    arrays["again"] = arrays["wte.weight"]
    entries = [(name, array.shape, lambda a=array: a) for name, array in arrays.items()]
    tensors.write(str(folder / "model.safetensors"), entries)
    with pytest.raises(ValueError, match="'again' and 'wte.weight' are the same variable"):
        foreign.read(str(folder))


def test_a_format_without_its_names_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match="no names for the format 'google'. Known formats: hugging_face"
    ):
        foreign.write(make(), str(tmp_path / "there"), "google")


def test_a_file_may_only_name_what_is_imported(tmp_path):
    folder = write(make(), tmp_path / "hf")
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "model_type": "antigravity"}))
    with pytest.raises(ValueError, match="model_type is 'antigravity', an encoder that"):
        foreign.read(str(folder))


def test_more_positions_keep_the_rows_before_the_first():
    before, table = make(), "outer/embeddings/places"
    after = surgery.with_positions(before, 20)
    old, new = before.weights[table], after.weights[table]
    np.testing.assert_array_equal(new, np.concatenate([old, old[OFFSET:][:4]]))
    assert model_folder.build(after)[1].encoder.config.longest_sequence == 20
