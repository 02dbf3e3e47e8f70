"""The interface of machines that do the heavy passes of the builder."""

from collections.abc import Sequence
from typing import Protocol

from bert_tf.data.records.manifest import Manifest
from bert_tf.tokenization.tokenizer import Tokenizer


class Cluster(Protocol):
    """Other machines. They leave the same files in the work folder as the builder itself."""

    def tokenize(
        self,
        files: Sequence[str],
        excluded: Sequence[str],
        tokenizer: Tokenizer,
        wanted: Manifest,
        work_dir: str,
        *,
        skip_bad_records: bool,
    ) -> None:
        """Makes the corpus of the files, without the sentences of `excluded`, in `work_dir`."""

    def write_shards(
        self, num_rows: int, wanted: Manifest, corpus: str, work_dir: str, output_dir: str
    ) -> None:
        """Cuts the shards of the plan in `work_dir` from the corpus in the folder `corpus`."""
