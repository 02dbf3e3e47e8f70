"""Text files -> a folder of pretraining records. What scripts/create_pretraining_data.py calls.

The folder appears with its manifest as the last file: shards are written to a temporary folder
beside it and moved when all of them are complete.
"""

import os
import re
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
from absl import logging

from bert_tf import progress
from bert_tf.data import documents, next_sentence, order, records
from bert_tf.data.corpus import Corpus, tokenize_documents
from bert_tf.data.records import Manifest
from bert_tf.tokenization.tokenizer_config import CONFIG_FILE
from bert_tf.tokenization.wordpiece import VOCABULARY_FILE, Tokenizer

OBJECTIVES = ("next_sentence",)
_SHARD = re.compile(r"shard-\d{5}-of-\d{5}\.tfrecord")


def create_pretraining_data(
    inputs: str | Sequence[str],
    tokenizer: Tokenizer,
    output_dir: str,
    *,
    max_seq_length: int = 128,
    short_seq_prob: float = 0.1,
    seed: int = 0,
    objective: str = "next_sentence",
    input_format: str = "auto",
    shard_size: int = order.ROWS_PER_SHARD,
    num_workers: int = 1,
) -> Manifest:
    """Reads text, cuts it into examples and writes them as shards with a manifest.

    The same input, settings and seed give the same bytes, whatever `num_workers` is. A folder that
    already holds exactly this data set is verified and left alone.

    Args:
        inputs: files or glob patterns, see `documents.read_documents`.
        tokenizer: is copied into the folder.
        output_dir: a new folder, an empty one, or one that holds this data set already.
        max_seq_length: tokens of a row at most.
        short_seq_prob: share of examples that are cut shorter than that at random.
        seed: of the examples, in [0, 2**32).
        objective: one of `OBJECTIVES`.
        input_format: one of `documents.FORMATS`.
        shard_size: rows of a shard.
        num_workers: threads that tokenize.

    Returns:
        The manifest; its `counts` say what the data hold.

    Raises:
        ValueError: bad input (see `documents.read_documents` and `next_sentence.create_examples`),
            an unknown objective, or an output folder that holds something else.
    """
    if objective not in OBJECTIVES:
        raise ValueError(f"objective is {objective!r}; it must be one of {', '.join(OBJECTIVES)}")
    if shard_size < 1 or num_workers < 1:
        raise ValueError(f"shard_size ({shard_size}) and num_workers ({num_workers}) must be >= 1")
    files = documents.expand_globs(inputs)
    wanted = Manifest(
        objective=objective,
        max_seq_length=max_seq_length,
        max_examples_per_row=1,
        shard_size=shard_size,
        seed=order.check_seed(seed),
        short_seq_prob=short_seq_prob,
        vocab_size=len(tokenizer.vocabulary),
        vocabulary_sha256=tokenizer.vocabulary.sha256,
        do_lower_case=tokenizer.do_lower_case,
        max_input_chars_per_word=tokenizer.max_input_chars_per_word,
        input_format=input_format,
        inputs=[_describe_file(path) for path in files],
    )
    if existing := _find_existing(output_dir, wanted):
        logging.info("%s already holds this data set, complete and intact", output_dir)
        return existing
    _check_free(output_dir, tokenizer)
    corpus = tokenize_documents(
        documents.read_documents(files, input_format), tokenizer.tokenize, num_workers
    )
    examples = next_sentence.create_examples(
        corpus, max_seq_length=max_seq_length, short_seq_prob=short_seq_prob, seed=seed
    )
    counts = _count(corpus, examples, tokenizer.vocabulary.unk_id)
    return _write(output_dir, wanted, corpus, examples, counts, tokenizer)


def _describe_file(path: str) -> dict:
    return {
        "file": os.path.basename(path),
        "bytes": tf.io.gfile.stat(path).length,
        "sha256": records.file_sha256(path),
    }


def _find_existing(output_dir: str, wanted: Manifest) -> Manifest | None:
    """The manifest in the folder if it is of the same data set; None if there is none."""
    if not tf.io.gfile.exists(os.path.join(output_dir, records.MANIFEST)):
        return None
    existing = Manifest.load(output_dir)
    here, asked = existing.settings(), wanted.settings()
    different = [name for name in asked if here[name] != asked[name]]
    if different:
        name = different[0]
        raise ValueError(
            f"{output_dir} already holds another data set ({', '.join(different)} differ: {name} "
            f"is {here[name]} there, {asked[name]} here); choose another folder or delete that one"
        )
    for shard in existing.shards:
        path = os.path.join(output_dir, shard["file"])
        if not tf.io.gfile.exists(path) or records.file_sha256(path) != shard["sha256"]:
            raise ValueError(f"{path} is missing or damaged; delete {output_dir} and run again")
    return existing


def _check_free(output_dir: str, tokenizer: Tokenizer) -> None:
    """Allows a vocabulary folder and the remains of a killed run, nothing else."""
    if not tf.io.gfile.exists(output_dir):
        return
    if not tf.io.gfile.isdir(output_dir):
        raise ValueError(f"{output_dir} is a file; a folder was expected")
    names = {name.rstrip("/") for name in tf.io.gfile.listdir(output_dir)}
    others = {n for n in names if not _SHARD.fullmatch(n)} - {VOCABULARY_FILE, CONFIG_FILE}
    if others:
        raise ValueError(
            f"{output_dir} holds other files ({', '.join(sorted(others)[:3])}); choose a new folder"
        )
    if VOCABULARY_FILE in names:
        here = Tokenizer.from_folder(output_dir)
        same = here.vocabulary == tokenizer.vocabulary
        if not same or here.do_lower_case != tokenizer.do_lower_case:
            raise ValueError(f"{output_dir} holds another vocabulary; choose a new folder")


def _count(corpus: Corpus, examples: next_sentence.Examples, unk_id: int) -> dict[str, int]:
    return {
        "documents": corpus.num_documents,
        "documents_skipped": corpus.skipped_documents,
        "sentences": corpus.num_sentences,
        "sentences_skipped": corpus.skipped_sentences,
        "tokens": len(corpus.tokens),
        "tokens_unknown": int(np.count_nonzero(corpus.tokens == unk_id)),
        "tokens_truncated": int(examples.cut_tokens.sum()),
        "examples": len(examples),
        "examples_truncated": int(np.count_nonzero(examples.cut_tokens)),
        "examples_random_next": int(examples.spans[:, 4].sum()),
        "row_tokens": int(
            examples.spans[:, [1, 3]].sum() + len(examples) * next_sentence.NUM_SPECIAL_TOKENS
        ),
    }


def _write(
    output_dir: str,
    wanted: Manifest,
    corpus: Corpus,
    examples: next_sentence.Examples,
    counts: dict[str, int],
    tokenizer: Tokenizer,
) -> Manifest:
    sizes = order.memory_shards(len(examples), wanted.shard_size)
    temporary = output_dir.rstrip("/") + ".incomplete"
    _remove(temporary)
    try:
        tokenizer.save(temporary)
        tables = _tables(corpus, examples, wanted.shard_size, tokenizer)
        entries = []
        with progress.bar(total=len(examples), unit="rows", description="writing") as bar:
            for entry in records.write_shards(temporary, tables, len(sizes)):
                entries.append(entry)
                bar.update(entry["rows"])
        _publish(temporary, output_dir)
    finally:
        _remove(temporary)
    fields = {**wanted.settings(), "rows": len(examples), "counts": counts, "shards": entries}
    manifest = Manifest(**fields)
    manifest.save(output_dir)
    return manifest


def _tables(
    corpus: Corpus, examples: next_sentence.Examples, shard_size: int, tokenizer: Tokenizer
) -> Iterator[records.Rows]:
    vocabulary = tokenizer.vocabulary
    for begin in range(0, len(examples), shard_size):
        spans = examples.spans[begin : begin + shard_size]
        yield next_sentence.rows_of_examples(corpus, spans, vocabulary.cls_id, vocabulary.sep_id)


def _publish(temporary: str, output_dir: str) -> None:
    """Moves the finished files; file by file, because object storage cannot rename a folder."""
    tf.io.gfile.makedirs(output_dir)
    for name in tf.io.gfile.listdir(output_dir):
        if _SHARD.fullmatch(name):
            tf.io.gfile.remove(os.path.join(output_dir, name))
    for name in sorted(tf.io.gfile.listdir(temporary)):
        source, target = (os.path.join(folder, name) for folder in (temporary, output_dir))
        tf.io.gfile.rename(source, target, overwrite=True)


def _remove(folder: str) -> None:
    if tf.io.gfile.exists(folder):
        tf.io.gfile.rmtree(folder)
