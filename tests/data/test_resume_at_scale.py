"""A run goes on in seconds wherever it stopped, also in 100 million rows.

The manifest names 12,208 shards; of the files only those exist that a reader may open, all links to
one shard of short rows. So the test also shows that it opens no other.
"""

import time
import tracemalloc

import numpy as np
import pytest

from bert_tf.data.batches import order
from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.records import shards
from bert_tf.data.records.manifest import Manifest
from bert_tf.data.records.row_tables import Rows
from tests.data.fake_tokenizer import TOKENIZER, VOCABULARY, make_dataset, tokenizer

NUM_ROWS = 100_000_000
POSITION = 3 * NUM_ROWS + 71_234_567
SEED = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    size = order.ROWS_PER_SHARD
    ids = np.tile([VOCABULARY.cls_id, 7, VOCABULARY.sep_id, 8, VOCABULARY.sep_id], size)
    column = np.full((size, 1), 5, np.int32)
    rows = Rows(
        input_ids=ids.astype(np.int32),
        segment_ids=np.tile([0, 0, 0, 1, 1], size).astype(np.int8),
        offsets=np.arange(size + 1) * 5,
        next_sentence_labels=column % 2,
        example_lengths=column,
    )
    entry = shards.write_shard(str(path / "one"), [rows])
    sizes = order.memory_shards(NUM_ROWS)
    names = [shards.shard_name(i, len(sizes)) for i in range(len(sizes))]
    manifest = Manifest(
        objective="next_sentence",
        max_seq_length=8,
        max_examples_per_row=1,
        shard_size=size,
        seed=0,
        short_seq_prob=0.1,
        vocab_size=len(VOCABULARY),
        vocabulary_sha256=VOCABULARY.sha256,
        tokenizer=TOKENIZER.settings(),
        input_format="lines",
        inputs=[],
        rows=NUM_ROWS,
        shards=[{**entry, "file": n, "rows": r} for n, r in zip(names, sizes, strict=True)],
    )
    manifest.save(str(path))
    tokenizer().save(str(path))
    here = order.RowOrder(sizes, SEED).at(POSITION, 1)
    behind = order.RowOrder(sizes, SEED).at(here[0].next_position, 1)
    for shard in np.concatenate([part.shards for part in here + behind]):
        (path / names[shard]).symlink_to(path / "one")
    return str(path)


def test_any_position_in_100_million_rows_is_found_in_a_second_and_little_memory():
    sizes = order.memory_shards(NUM_ROWS)
    tracemalloc.start()
    start = time.process_time()
    (part,) = order.RowOrder(sizes, SEED).at(POSITION, 32)[:1]
    seconds = time.process_time() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert part.epoch == 3 and len(part.shards) == order.SHARDS_PER_GROUP
    assert seconds < 5, f"{seconds} s"  # 0.02 on a free core
    assert peak < 50e6, f"{peak} bytes"  # 6 MB


def test_an_epoch_of_100_million_rows_has_every_shard_once():
    sizes = np.array(order.memory_shards(NUM_ROWS))
    rows, position, seen = order.RowOrder(sizes, SEED), NUM_ROWS, []
    for _ in range(3):
        (part,) = rows.at(position, 1)
        seen += part.shards.tolist()
        assert part.next_position > position
        position = part.next_position
    assert len(set(seen)) == 3 * order.SHARDS_PER_GROUP
    assert position == NUM_ROWS + sizes[seen].sum()


def test_a_reader_gives_its_first_batch_in_seconds_and_opens_one_group(folder):
    start = time.process_time()
    dataset = make_dataset(
        folder,
        BatchSlice(32),
        max_predictions_per_seq=2,
        seed=SEED,
        start_row=POSITION,
    )
    batch = next(dataset.as_numpy_iterator())
    seconds = time.process_time() - start
    assert batch["input_ids"].shape == (32, 8) and (batch["masked_lm_weights"][:, 0] == 1).all()
    print(f"{seconds:.2f} seconds of CPU, both groups")
    assert seconds < 60
