"""The passes as they are spread over workers give the bytes of the local builder.

Apache Beam itself is an extra that the tests do without: what it would call somewhere is called
here, in another order than that of the text.
"""

import pathlib
import sys

import pytest

from bert_tf.data.building import beam_cluster
from bert_tf.data.building.beam_cluster import BeamCluster
from bert_tf.data.corpus import flat_corpus
from bert_tf.data.corpus.duplicates import Deduplication
from bert_tf.data.records.release_format import StaticMasks
from bert_tf.data.text import sources
from tests.data.fake_tokenizer import build_data, sentences


class Backwards(BeamCluster):
    """Calls the work of a pipeline here and now, the last item first."""

    def __init__(self, stop_after=None):
        self.calls, self._left = [], stop_after

    def _run(self, name, work, job, items):
        for item in reversed(items):
            if self._left == 0:
                raise KeyboardInterrupt
            self._left = self._left and self._left - 1
            self.calls.append((name, *item))
            work(job, *item)


@pytest.fixture
def text(tmp_path):
    """Three files; one ends without a line break, one holds unknown words and blank documents."""
    for name, sizes in {"a.txt": [60, 70], "b.txt": [40], "c.txt": [80, 90]}.items():
        parts = ["\n".join(sentences(size, size)) for size in sizes]
        (tmp_path / name).write_text(
            "\n\n".join(parts) + ("\n\n\n zebra cow\n\n" * (name == "b.txt"))
        )
    return str(tmp_path / "*.txt")


def build(text, folder, **changes):
    settings = {"max_seq_length": 32, "shard_size": 10, "num_workers": 2} | changes
    build_data(text, folder, **settings)
    return {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}


@pytest.mark.parametrize(
    "settings",
    [
        {"short_seq_prob": 0.4, "max_examples_per_row": 3},
        {"objective": "none", "dupe_factor": 2},
        {"static_masks": StaticMasks(max_predictions_per_seq=4)},
        {"deduplicate": Deduplication("exact", unit="sentence"), "exclude": "b.txt"},
    ],
)
def test_shards_and_manifest_are_those_of_the_local_builder(text, tmp_path, monkeypatch, settings):
    if "exclude" in settings:
        settings = settings | {"exclude": str(tmp_path / settings["exclude"])}
    expected = build(text, tmp_path / "here", **settings)
    monkeypatch.setattr(sources, "CHUNK_BYTES", 777)
    monkeypatch.setattr(flat_corpus, "_COPIED_BYTES", 64)
    cluster = Backwards()
    assert build(text, tmp_path / "there", cluster=cluster, **settings) == expected
    names = {name for name, *_ in cluster.calls}
    assert names == {"tokenize", "write shards"} and len(cluster.calls) == 3 + sum(
        name.startswith("shard-") for name in expected
    )


def test_what_is_finished_is_not_done_again(text, tmp_path):
    expected = build(text, tmp_path / "here")
    with pytest.raises(KeyboardInterrupt):
        build(text, tmp_path / "there", cluster=Backwards(stop_after=7))
    again = Backwards()
    assert build(text, tmp_path / "there", cluster=again) == expected
    shards = sum(name.startswith("shard-") for name in expected)
    assert [name for name, *_ in again.calls] == ["write shards"] * (shards - 4)


def test_without_beam_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(ValueError, match=r"pip install 'bert-tf\[beam\]'"):
        beam_cluster.BeamCluster()
