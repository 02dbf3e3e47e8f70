"""Records with static masks change hands with Model Garden: its builder -> our reader, and back.

The files of google-research/bert's builder are the same as Model Garden's under the first names.
"""

import random

import numpy as np
import pytest
from official.nlp.data import create_pretraining_data as garden_builder
from official.nlp.data import pretrain_dataloader
from official.nlp.tools import tokenization

from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.records import tf_example_files
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.release_format import StaticMasks
from tests.data.fake_tokenizer import VOCABULARY, build_data, make_dataset, sentences, tokenizer

LENGTH, SLOTS, BATCH = 32, 6, 8
OUR_NAMES = {"input_word_ids": "input_ids", "input_type_ids": "segment_ids"}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_text("\n\n".join("\n".join(sentences(i, 50)) for i in range(6)) + "\n")
    return str(path)


def by_garden(pattern, use_v2_feature_names=False):
    """All rows as Model Garden's loader reads them, by our names, as tuples, sorted."""
    config = pretrain_dataloader.BertPretrainDataConfig(
        input_path=pattern,
        global_batch_size=1,
        is_training=False,
        seq_length=LENGTH,
        max_predictions_per_seq=SLOTS,
        use_v2_feature_names=use_v2_feature_names,
    )
    batches = pretrain_dataloader.BertPretrainDataLoader(config).load().as_numpy_iterator()
    return as_tuples({OUR_NAMES.get(k, k): v for k, v in batch.items()} for batch in batches)


def by_us(folder):
    dataset = make_dataset(folder, BatchSlice(1), max_predictions_per_seq=SLOTS, training=False)
    return as_tuples(dataset.as_numpy_iterator())


def as_tuples(batches):
    names = ["input_ids", "input_mask", "segment_ids", "masked_lm_positions", "masked_lm_ids"]
    names += ["masked_lm_weights", "next_sentence_labels"]
    return sorted(
        tuple(value for name in names for value in np.asarray(batch[name])[0].tolist())
        for batch in batches
    )


@pytest.mark.parametrize("use_v2_feature_names", [False, True])
@pytest.mark.parametrize("whole_word", [False, True])
def test_we_read_what_model_garden_writes(text, tmp_path, whole_word, use_v2_feature_names):
    VOCABULARY.save(str(tmp_path / "vocab.txt"))
    their_tokenizer = tokenization.FullTokenizer(str(tmp_path / "vocab.txt"), do_lower_case=True)
    instances = garden_builder.create_training_instances(
        [text],
        their_tokenizer,
        tokenization.convert_to_unicode,
        LENGTH,
        dupe_factor=2,
        short_seq_prob=0.1,
        masked_lm_prob=0.15,
        max_predictions_per_seq=SLOTS,
        rng=random.Random(5),
        do_whole_word_mask=whole_word,
    )
    files = [str(tmp_path / f"{name}.tfrecord") for name in "ab"]
    garden_builder.write_instance_to_example_files(
        instances, their_tokenizer, LENGTH, SLOTS, files, False, use_v2_feature_names
    )
    pattern = str(tmp_path / "*.tfrecord")
    manifest = tf_example_files.index(pattern, tokenizer(), str(tmp_path / "index"))
    rows = by_us(str(tmp_path / "index"))
    assert manifest.rows == len(rows) == len(instances) > 60
    assert rows == by_garden(pattern, use_v2_feature_names)
    assert manifest.counts["examples_random_next"] == sum(i.is_random_next for i in instances)
    assert manifest.counts["predictions"] == sum(len(i.masked_lm_positions) for i in instances)


def test_model_garden_reads_what_we_write(text, tmp_path):
    folder = str(tmp_path / "data")
    build_data(
        text,
        folder,
        max_seq_length=LENGTH,
        dupe_factor=2,
        static_masks=StaticMasks(max_predictions_per_seq=SLOTS),
    )
    rows = by_garden(f"{folder}/*.tfrecord")
    assert rows == by_us(folder)
    assert len(rows) == Manifest.load(folder).rows > 60
