"""How fast text becomes tokens, tokens become records, and records become batches."""

import contextlib
import dataclasses
import io
import itertools
import os
import tempfile
from collections.abc import Iterable, Sequence
from pydoc_data.topics import topics
from typing import Any

from benchmarks.contestants import own_step, tokenizer_contestants, vocabulary_contestants
from bert_tf import model_folder
from bert_tf.config.experiment import ExperimentConfig
from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.batches.pretraining import make_pretraining_dataset
from bert_tf.data.building import builder
from bert_tf.data.building.settings import DataSettings
from bert_tf.data.masks.masking import Masker
from bert_tf.data.records.mixing import Mixture
from bert_tf.data.text import documents
from bert_tf.measuring import harness, timing
from bert_tf.measuring.harness import Contestant
from bert_tf.tokenization.learn_vocabulary import count_words, learn_vocabulary
from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

_VOCABULARY_SIZE = 8000
_BATCH_SIZE = 32
_STEPS_PER_ROUND = 5


def run(
    inputs: Sequence[str],
    vocab_file: str | None,
    *,
    megabytes: float,
    max_seq_length: int,
    num_workers: int,
    rounds: harness.Rounds,
    vocab_size: int = 8000,
    step_config: ExperimentConfig | None = None,
) -> dict[str, Any]:
    """Measures tokenizer and vocabulary learning (against other packages), builder and reader.

    Args:
      inputs: files of text, see `documents.read_documents`; none: Python's language reference.
      vocab_file: a vocabulary; None: one of 8,000 tokens is learned from the text.
      megabytes: how much text to use, 10^6 bytes; it is repeated if it is shorter.
      max_seq_length: of the examples, unless `step_config` says it.
      num_workers: threads of tokenizer and builder.
      rounds: how often each is measured.
      vocab_size: of the vocabularies that are learned.
      step_config: a pretraining whose step is measured beside the reader.

    Returns:
      `comparisons` (see `harness.compare`), `left_out` {contestant: why it cannot run here}, and
      `text` with its size.
    """
    if step_config is not None:
        max_seq_length = step_config.data.max_seq_length
    corpus = list(documents.read_documents(inputs)) if inputs else _language_reference()
    corpus = _of_size(corpus, megabytes * 1e6)
    lines = [line for document in corpus for line in document]
    num_bytes = sum(len(line.encode()) for line in lines)
    tokenizer = _tokenizer(vocab_file, lines)
    with tempfile.TemporaryDirectory() as folder:
        text = os.path.join(folder, "text.txt")
        with open(text, "w", encoding="utf-8") as file:
            file.write("\n\n".join("\n".join(document) for document in corpus) + "\n")
        tokenizers, left_out = tokenizer_contestants.make_contestants(tokenizer, lines, num_workers)
        learners, learner_left_out = vocabulary_contestants.make_contestants(lines, vocab_size)
        left_out |= learner_left_out
        build = _Builder(text, tokenizer, folder, max_seq_length, num_workers)
        records = build()
        builders = [
            Contestant("builder", timing.rate_of(build, build.rows), {"examples": build.rows}),
        ]
        readers = [_reader(records, tokenizer, build.rows)]
        if step_config is not None:
            readers.append(_step(step_config))
        everyone = [*tokenizers, *learners, *builders, *readers]
        figures = harness.measure_in_turn(everyone, rounds)
    return {
        "comparisons": [
            harness.compare("tokenizer", "MB/s", tokenizers, figures),
            harness.compare("vocabulary", "MB/s", learners, figures),
            harness.compare("builder", "examples/s", builders, figures),
            harness.compare("reader", "examples/s", readers, figures),
        ],
        "left_out": left_out,
        "text": {"inputs": list(inputs), "bytes": num_bytes, "lines": len(lines)},
    }


def report(result: dict[str, Any]) -> str:
    """The tables of what `run` returned."""
    text = result["text"]
    lines = [f"{text['bytes'] / 1e6:.1f} MB of text in {text['lines']:,} lines"]
    tokens = {"tokens": lambda entry: harness.format_number(entry["info"]["tokens"])}
    tokenizers, learners, *others = result["comparisons"]
    lines.append(harness.table(tokenizers, tokens))
    per_word = {"tokens/word": lambda entry: f"{entry['info']['tokens_per_word']:.4f}"}
    lines.append(harness.table(learners, per_word))
    lines += [harness.table(comparison, {}) for comparison in others]
    for ratio in others[-1]["ratios"]:
        share = 1 / ratio["median"]
        lines.append(f"reading a batch takes {share:.1%} of the time of a {ratio['other']}")
    lines += [f"left out: {name}: {why}" for name, why in result["left_out"].items()]
    return "\n\n".join(lines)


def _language_reference() -> list[list[str]]:
    return [
        [line for line in map(str.strip, text.splitlines()) if line] for text in topics.values()
    ]


def _of_size(corpus: Iterable[list[str]], num_bytes: float) -> list[list[str]]:
    """Documents from the front, over again if need be, until they hold `num_bytes`."""
    corpus, kept, size = list(corpus), [], 0
    if not any(map(any, corpus)):
        raise ValueError("the text is empty; expected at least one sentence.")
    for document in itertools.cycle(corpus):
        if size >= num_bytes:
            return kept
        kept.append(document)
        size += sum(len(line.encode()) for line in document)
    return kept


def _tokenizer(vocab_file: str | None, lines: list[str]) -> Tokenizer:
    if vocab_file:
        return model_folder.load_tokenizer(vocab_file)
    counts = count_words(lines, True)
    return WordPieceTokenizer(learn_vocabulary(counts, _VOCABULARY_SIZE), do_lower_case=True)


class _Builder:
    """Builds the data set of `text` anew at every call, each time in another folder."""

    def __init__(
        self, text: str, tokenizer: Tokenizer, folder: str, max_seq_length: int, num_workers: int
    ):
        self._text, self._tokenizer, self._folder = text, tokenizer, folder
        self._max_seq_length, self._num_workers = max_seq_length, num_workers
        self._calls = 0
        self.rows = 0

    def __call__(self) -> str:
        self._calls += 1
        output = os.path.join(self._folder, f"records-{self._calls}")
        with contextlib.redirect_stderr(io.StringIO()):  # its progress lines
            manifest = builder.create_pretraining_data(
                [self._text],
                self._tokenizer,
                output,
                DataSettings(max_seq_length=self._max_seq_length),
                num_workers=self._num_workers,
            )
        self.rows = manifest.rows
        return output


def _reader(records: str, tokenizer: Tokenizer, rows: int) -> Contestant:
    """Training batches with masks, from opening the folder on; one pass."""
    num_batches = rows // _BATCH_SIZE

    def work():
        dataset = make_pretraining_dataset(
            Mixture.open(records), Masker(tokenizer), batch_slice=BatchSlice(_BATCH_SIZE)
        )
        for _ in dataset.take(num_batches):
            pass

    return Contestant("reader", timing.rate_of(work, num_batches * _BATCH_SIZE))


def _step(config: ExperimentConfig) -> Contestant:
    """The training step that would wait for the reader."""
    settings = {"config": dataclasses.asdict(config), "steps_per_round": _STEPS_PER_ROUND}
    measure_round, _ = own_step.make_round(settings)
    return Contestant("training step", measure_round)
