r"""Makes pretraining records from text.

Reads text files (one sentence a line with blank lines between documents; prose; JSON lines with a
`text` field; each also .gz, .bz2, .xz or .zst), Parquet files with a `text` column, or a data set
of TFDS (`tfds:name/split`). Tokenizes the text, cuts it into examples and writes TFRecord shards
with a manifest, in constant memory. Masks are drawn when the records are read, or now with
--static_masks. The same text, settings and seed give the same bytes, for any number of workers.
Run the same command again to continue a killed run.

Example:
    python scripts/create_pretraining_data.py --input='books/train-*.jsonl.gz' \
        --vocab_file=vocab.txt --output_dir=records/train --max_seq_length=128
"""

import os
import time
from collections.abc import Sequence

from absl import flags

from bert_tf import app
from bert_tf.data.corpus import METHODS, UNITS
from bert_tf.data.examples import OBJECTIVES
from bert_tf.data.text import FORMATS

_INPUT = flags.DEFINE_list("input", None, "Files or patterns, separated by commas.", required=True)
_INPUT_FORMAT = flags.DEFINE_enum(
    "input_format",
    "auto",
    FORMATS,
    "lines: one sentence a line, blank line between documents. prose: running text, one document a "
    "file. jsonl: JSON objects with a text field. parquet: a text column. auto: by the extension; "
    ".txt is lines.",
)
_VOCAB_FILE = flags.DEFINE_string(
    "vocab_file",
    None,
    "vocab.txt, or a folder with it (and with tokenizer_config.json).",
    required=True,
)
_DO_LOWER_CASE = flags.DEFINE_bool(
    "do_lower_case", None, "Lower-case the text. The default is the setting of the vocabulary."
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "The folder to write.", required=True)
_MAX_SEQ_LENGTH = flags.DEFINE_integer(
    "max_seq_length", 128, "Largest number of tokens in an example."
)
_SHORT_SEQ_PROB = flags.DEFINE_float(
    "short_seq_prob",
    None,
    "Share of examples with a random length below max_seq_length. Default: 0.1; 0 for the "
    "objective none.",
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the examples.")
_DUPE_FACTOR = flags.DEFINE_integer(
    "dupe_factor",
    1,
    "Cut the text into examples this many times, each time into other examples. Use it for a small "
    "corpus and many epochs, because the model memorises repeated pairs of sentences.",
)
_MAX_EXAMPLES_PER_ROW = flags.DEFINE_integer(
    "max_examples_per_row",
    1,
    "Pack up to this many short examples into a row, for less padding. The losses do not change. "
    "Set --config.task.max_predictions_per_seq of pretrain.py for a full row.",
)
_OBJECTIVE = flags.DEFINE_enum(
    "objective",
    "next_sentence",
    OBJECTIVES,
    "next_sentence: half of the second texts are from another document (BERT). sentence_order: "
    "half of the pairs are swapped (ALBERT). none: running text, only masked LM (RoBERTa).",
)
_CROSS_DOCUMENTS = flags.DEFINE_bool(
    "cross_documents", True, "Objective none: an example can continue in the next document."
)
_STATIC_MASKS = flags.DEFINE_bool(
    "static_masks",
    False,
    "Draw the masks now and store them, in the format of google-research/bert and Model Garden. "
    "Every copy of the text (--dupe_factor) gets other masks. The default draws new masks in every "
    "epoch, when the records are read.",
)
_MASKED_LM_PROB = flags.DEFINE_float(
    "masked_lm_prob", 0.15, "With --static_masks: share of the tokens to predict."
)
_MAX_PREDICTIONS_PER_SEQ = flags.DEFINE_integer(
    "max_predictions_per_seq", 20, "With --static_masks: the most predictions in an example."
)
_DO_WHOLE_WORD_MASK = flags.DEFINE_bool(
    "do_whole_word_mask", False, "With --static_masks: mask all pieces of a word together."
)
_MAX_NGRAM = flags.DEFINE_integer(
    "max_ngram",
    1,
    "With --static_masks and --do_whole_word_mask: mask n-grams of up to this many words, n-grams "
    "of n words 1/n as often as single words (ALBERT has 3).",
)
_WORD_BORDERS = flags.DEFINE_enum(
    "word_borders",
    "none",
    ("none", "given", "jieba"),
    "With --static_masks and --do_whole_word_mask: where words of Chinese end; it has no spaces. "
    "given: the text has spaces between them. jieba: the segmenter of that name finds them (extra "
    "'chinese'). The tokens stay the same.",
)
_DEDUPLICATE = flags.DEFINE_enum(
    "deduplicate",
    "none",
    ("none", *METHODS),
    "exact: keep only the first of several documents with the same tokens. near: also of documents "
    "with nearly the same sequences of five words (MinHash).",
)
_DEDUPLICATE_UNIT = flags.DEFINE_enum(
    "deduplicate_unit",
    "document",
    UNITS,
    "What is compared: whole documents, or each sentence (each line of the format lines).",
)
_DEDUPLICATE_THRESHOLD = flags.DEFINE_float(
    "deduplicate_threshold",
    0.8,
    "With --deduplicate=near: the least similarity of duplicates (estimated Jaccard).",
)
_EXCLUDE_FILE = flags.DEFINE_list(
    "exclude_file",
    [],
    "Files or patterns of held-out text (.txt, .jsonl, .parquet). Its sentences are left out.",
)
_SKIP_BAD_RECORDS = flags.DEFINE_bool(
    "skip_bad_records",
    False,
    "Skip and count lines, records and files that cannot be read, instead of stopping.",
)
_ALLOW_TRUNCATION = flags.DEFINE_bool(
    "allow_truncation",
    False,
    "Build the data even if more than half of the tokens are cut away, because sentences are "
    "longer than an example.",
)
_NUM_WORKERS = flags.DEFINE_integer(
    "num_workers", os.cpu_count() or 1, "Threads. They do not change the result."
)
_WORK_DIR = flags.DEFINE_string(
    "work_dir",
    None,
    "Local folder for tokens between the passes, about as large as the text. A killed run "
    "continues from it. Default: beside the output, with the ending .incomplete.",
)
_BEAM_OPTIONS = flags.DEFINE_string(
    "beam_options",
    None,
    "Run the heavy passes as Apache Beam pipelines (extra beam) with these options, for example "
    "'--runner=DirectRunner --direct_num_workers=2 --direct_running_mode=multi_processing'. "
    "--work_dir must be a folder that all workers see.",
)
_REPORT = flags.DEFINE_bool(
    "report",
    False,
    "Measure the finished data: report.html and report.json in the output folder, with lengths, "
    "padding, masks, unknown words and examples. Also for data that are there already, and with "
    "other mask settings: report_pretraining_data.py.",
)


def main(argv: Sequence[str]) -> None:
    del argv
    from bert_tf import model_folder
    from bert_tf.data.building import builder, freed_memory
    from bert_tf.data.report import measure

    freed_memory.give_back()
    start = time.monotonic()
    manifest = builder.create_pretraining_data(
        _INPUT.value,
        model_folder.load_tokenizer(_VOCAB_FILE.value, do_lower_case=_DO_LOWER_CASE.value),
        _OUTPUT_DIR.value,
        _settings(),
        skip_bad_records=_SKIP_BAD_RECORDS.value,
        num_workers=_NUM_WORKERS.value,
        work_dir=_WORK_DIR.value,
        cluster=_cluster(),
    )
    print(summary(manifest))
    if _REPORT.value:
        found = measure.measure(_OUTPUT_DIR.value, num_workers=_NUM_WORKERS.value)
        measure.write(_OUTPUT_DIR.value, found)
        print(f"report: {os.path.join(_OUTPUT_DIR.value, measure.HTML)}")
    print(f"{_OUTPUT_DIR.value}: {time.monotonic() - start:.1f} seconds")


def _settings():
    """The `DataSettings` that the flags say."""
    from bert_tf.data.building.settings import DataSettings

    return DataSettings(
        max_seq_length=_MAX_SEQ_LENGTH.value,
        short_seq_prob=_SHORT_SEQ_PROB.value,
        seed=_SEED.value,
        dupe_factor=_DUPE_FACTOR.value,
        max_examples_per_row=_MAX_EXAMPLES_PER_ROW.value,
        objective=_OBJECTIVE.value,
        cross_documents=_CROSS_DOCUMENTS.value,
        static_masks=_static_masks(),
        deduplicate=_deduplicate(),
        exclude=_EXCLUDE_FILE.value,
        input_format=_INPUT_FORMAT.value,
        may_truncate=_ALLOW_TRUNCATION.value,
    )


def _cluster():
    """The `Cluster` of --beam_options, or None."""
    if _BEAM_OPTIONS.value is None:
        return None
    from bert_tf.data.building.beam_cluster import BeamCluster  # imports much

    return BeamCluster(_BEAM_OPTIONS.value.split())


def _static_masks():
    """The `StaticMasks` that the flags say, or None."""
    from bert_tf.data.records.release_format import StaticMasks

    settings = (
        _MASKED_LM_PROB,
        _MAX_PREDICTIONS_PER_SEQ,
        _DO_WHOLE_WORD_MASK,
        _MAX_NGRAM,
        _WORD_BORDERS,
    )
    if _STATIC_MASKS.value:
        return StaticMasks(*(setting.value for setting in settings))
    for setting in settings:
        if setting.present:
            raise ValueError(
                f"--{setting.name} needs --static_masks; without it masks are drawn when the "
                "records are read"
                + (
                    ", which know nothing of borders"
                    if setting is _WORD_BORDERS
                    else f" (pretrain.py --config.task.{setting.name}=...)"
                )
            )
    return None


def _deduplicate():
    """The `Deduplication` that the flags say, or None."""
    from bert_tf.data.corpus.duplicates import Deduplication

    if _DEDUPLICATE.value == "none":
        for setting in (_DEDUPLICATE_UNIT, _DEDUPLICATE_THRESHOLD):
            if setting.present:
                raise ValueError(f"--{setting.name} needs --deduplicate=exact or near")
        return None
    return Deduplication(_DEDUPLICATE.value, _DEDUPLICATE_UNIT.value, _DEDUPLICATE_THRESHOLD.value)


def summary(manifest) -> str:
    """The counts of a data set as a small table."""
    counts = manifest.counts
    padding = 1 - counts["row_tokens"] / (manifest.rows * manifest.max_seq_length)
    skipped_documents, skipped_sentences = counts["documents_skipped"], counts["sentences_skipped"]
    cut_rows, cut_tokens = counts["examples_truncated"], counts["tokens_truncated"]
    lines = {
        "documents": f"{counts['documents']:,} ({skipped_documents:,} without text skipped)",
        "sentences": f"{counts['sentences']:,} ({skipped_sentences:,} without tokens skipped)",
        "tokens": f"{counts['tokens']:,}",
        "[UNK]": f"{counts['tokens_unknown'] / counts['tokens']:.4%} of the tokens",
        "rows": f"{manifest.rows:,} in {len(manifest.shards)} shards",
        "examples": f"{counts['examples']:,}",
        "truncated": f"{cut_rows:,} examples, {cut_tokens:,} tokens",
        "padding": f"{padding:.1%}",
    }
    for name in ("examples_random_next", "examples_swapped"):
        if name in counts:
            words = name.removeprefix("examples_").replace("_", " ")
            lines[words] = f"{counts[name] / counts['examples']:.1%} of the examples"
    if manifest.deduplicate:
        lines["duplicates"] = (
            f"{counts['duplicates_exact']:,} equal and {counts['duplicates_near']:,} similar "
            f"{manifest.deduplicate['unit']}s removed, {counts['duplicate_tokens']:,} tokens"
        )
    if manifest.exclude:
        lines["held out"] = f"{counts['sentences_excluded']:,} sentences left out"
    if "predictions" in counts:
        share = counts["predictions"] / counts["row_tokens"]
        lines["predictions"] = f"{counts['predictions']:,} ({share:.1%} of the tokens in rows)"
    if counts.get("sentences_left_out"):
        lines["left out"] = f"{counts['sentences_left_out']:,} sentences of a single token"
    if counts.get("bad_records") or counts.get("bad_files"):
        lines["unreadable"] = f"{counts['bad_records']:,} records, {counts['bad_files']:,} files"
    return "\n".join(f"{name:<12} {value}" for name, value in lines.items())


if __name__ == "__main__":
    app.run(main)
