"""One's own data: kinds of labels, kinds of files, the held-out part, the look before training."""

import json

import numpy as np
import pytest

from bert_tf.tasks.classification import look, split
from bert_tf.tasks.classification.examples import Examples, TableFormat, read_examples
from bert_tf.tasks.classification.labels import MULTI, REGRESSION


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="train.tsv"):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    return write_file


def examples_of(texts, label_ids, labels=("a", "b"), pairs=None):
    lines = list(range(2, 2 + len(texts)))
    return Examples("train.tsv", texts, pairs, labels, np.asarray(label_ids), lines)


def test_several_labels_stand_in_one_column_or_in_a_list(write):
    table_format = TableFormat(problem_type=MULTI)
    tsv = read_examples(write("text\tlabels\nx\tb,a\ny\t\nz\tc\n"), table_format)
    records = [{"text": "x", "labels": ["b", "a"]}, {"text": "y", "labels": []}]
    records.append({"text": "z", "labels": ["c"]})
    jsonl = write("".join(json.dumps(record) + "\n" for record in records), "train.jsonl")
    for examples in (tsv, read_examples(jsonl, table_format)):
        assert examples.labels == ("a", "b", "c")
        np.testing.assert_array_equal(examples.label_ids, [[1, 1, 0], [0, 0, 0], [0, 0, 1]])


def test_several_labels_stand_in_columns_of_0_and_1(write):
    table_format = TableFormat(label_columns=("rude", "spam"), problem_type=MULTI)
    examples = read_examples(write("text,rude,spam\nx,1,0\ny,0,0\n", "t.csv"), table_format)
    assert examples.labels == ("rude", "spam")
    np.testing.assert_array_equal(examples.label_ids, [[1, 0], [0, 0]])
    with pytest.raises(ValueError, match=r"t\.csv:2: column 'spam' is '2'; expected 0 or 1"):
        read_examples(write("text,rude,spam\nx,1,2\n", "t.csv"), table_format)


def test_parquet_is_read_like_the_others(tmp_path):
    import pyarrow
    from pyarrow import parquet

    path = str(tmp_path / "train.parquet")
    parquet.write_table(pyarrow.table({"text": ["x", "y"], "label": [1, 0]}), path)
    examples = read_examples(path)
    assert (examples.texts, examples.labels, examples.lines) == (["x", "y"], ("0", "1"), [1, 2])
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(ValueError, match=r"bad\.parquet: cannot be read as Parquet"):
        read_examples(str(tmp_path / "bad.parquet"))


@pytest.mark.parametrize("score", ["high", "nan", "inf", "1,5"])
def test_a_score_that_is_no_number_is_named_with_line_and_column(write, score):
    path = write(f"text\tscore\nx\t1.5\ny\t{score}\n")
    with pytest.raises(ValueError, match=rf"train\.tsv:3: column 'score' is '{score}'"):
        read_examples(path, TableFormat(problem_type=REGRESSION))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text\tlabel\nx\ta\ny\n", r":3: 1 fields, but the header has 2 \(text, label\)"),
        ("text\tlabel\nx\ta\n \tb\n", r":3: column 'text' is empty"),
        ("text\tlabel\nx\ta\nGl\xfcck\tb\n".encode("latin-1"), r":3: not UTF-8 \(byte 3 of"),
        ("text\nx\n", r":1: no column has a usual name for labels .*a test file\?"),
        ("text\tlabel\nx\t-1\ny\t0\n", r":2: column 'label': the label '-1' .*test file"),
    ],
)
def test_bad_input_names_file_line_and_column(write, content, message):
    with pytest.raises(ValueError, match=message):
        read_examples(write(content), labels=("0", "a", "b"), with_labels=True)


def test_unbalanced_quotes_are_text_in_tsv_and_an_error_in_csv(write):
    assert read_examples(write('text\tlabel\n"x\ta\ny\tb\n')).texts == ['"x', "y"]
    with pytest.raises(ValueError, match=r"t\.csv:2: the record that begins here"):
        read_examples(write('text,label\n"x,a\ny,b\n', "t.csv"))


def test_a_byte_order_mark_and_crlf_are_no_text(write):
    examples = read_examples(write(b"\xef\xbb\xbftext\tlabel\r\nx\ta\r\ny\tb\r\n"))
    assert (examples.texts, examples.labels) == (["x", "y"], ("a", "b"))


def test_the_split_is_stratified_disjoint_and_whole():
    labels = np.array([0] * 80 + [1] * 20, np.int32)
    examples = examples_of([f"text {i}" for i in range(100)], labels)
    train, dev = split.split_examples(examples, 0.1, seed=0)
    assert np.bincount(dev.label_ids).tolist() == [8, 2]
    assert sorted(train.lines + dev.lines) == examples.lines
    assert split.split_examples(examples, 0.1, seed=0)[1].lines == dev.lines
    assert split.split_examples(examples, 0.1, seed=1)[1].lines != dev.lines


def test_copies_of_a_text_stay_on_one_side():
    texts = [f"Text {i % 30}" if i % 2 else f"text  {i % 30}" for i in range(120)]
    train, dev = split.split_examples(
        examples_of(texts, np.arange(120, dtype=np.int32) % 2), 0.2, seed=3
    )
    assert not set(split.text_keys(train)) & set(split.text_keys(dev))
    assert 20 <= len(dev) <= 32


@pytest.mark.parametrize(
    ("num_labels", "num_copies", "num_rows"), [(100, 1, 400), (3, 1, 12), (100, 2, 400), (7, 2, 90)]
)
def test_a_tenth_is_held_out_of_many_small_labels_too(num_labels, num_copies, num_rows):
    texts = [f"text {i // num_copies}" for i in range(num_rows)]
    labels = np.arange(num_rows, dtype=np.int32) // num_copies % num_labels
    train, dev = split.split_examples(examples_of(texts, labels), 0.1, seed=0)
    assert abs(len(dev) - num_rows / 10) < num_copies
    assert not set(train.texts) & set(dev.texts)
    assert len(set(train.label_ids)) == num_labels


def test_a_tenth_of_few_numbers_is_held_out_from_all_over_their_range():
    texts, scores = [f"text {i}" for i in range(50)], np.arange(50, dtype=np.float32)
    _, dev = split.split_examples(examples_of(texts, scores, labels=()), 0.1, seed=0)
    assert np.histogram(dev.label_ids, bins=5, range=(0, 50))[0].tolist() == [1] * 5


@pytest.mark.parametrize("num_copies", [1, 2, 10, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_copies_do_not_take_a_label_from_training_or_starve_another(num_copies, seed):
    texts = ["Buy now"] * num_copies + [f"text {i}" for i in range(20)] + ["buy  now"]
    labels = np.int32([1] * num_copies + [0] * 20 + [1])
    for ids in (labels, 1 - labels):
        train, dev = split.split_examples(examples_of(texts, ids), 0.1, seed)
        assert np.bincount(train.label_ids)[ids[0]] == num_copies + 1
        assert 1 <= np.bincount(dev.label_ids)[1 - ids[0]] <= 3


def test_numbers_and_sets_of_labels_are_stratified_too():
    texts = [f"text {i}" for i in range(200)]
    scores = np.arange(200, dtype=np.float32)
    _, dev = split.split_examples(examples_of(texts, scores, labels=()), 0.1, seed=0)
    assert np.histogram(dev.label_ids, bins=10, range=(0, 200))[0].tolist() == [2] * 10
    sets = np.zeros((200, 2), np.float32)
    sets[:, 0], sets[:20, 1] = 1, 1
    _, dev = split.split_examples(examples_of(texts, sets), 0.1, seed=0)
    assert dev.label_ids[:, 1].sum() == 2


def test_too_few_examples_to_split_is_an_error():
    for texts in (["x", "y"], []):
        examples = examples_of(texts, np.arange(len(texts), dtype=np.int32))
        with pytest.raises(ValueError, match="too few to hold 10% of them out. Pass --eval_data"):
            split.split_examples(examples, 0.1, seed=0)


def test_the_look_finds_imbalance_truncation_duplicates_and_leaks():
    def arrays(lengths, cut):
        mask = np.arange(8) < np.array(lengths)[:, None]
        return {"input_mask": mask.astype(np.int32), "num_truncated_tokens": np.array(cut)}

    train = examples_of(["One.", "two", "TWO", "three"], np.int32([0, 0, 1, 0]))
    dev = examples_of(["two", "four"], np.int32([0, 1]))
    found = look.look(
        {"train": (train, arrays([3, 8, 8, 5], [0, 4, 0, 0])), "dev": (dev, arrays([3, 3], [0, 0]))}
    )
    at = found["splits"]["train"]
    assert at["labels"] == {"a": 3, "b": 1}
    assert (at["truncated"], at["duplicates"], at["contradictions"]) == (1, 1, 1)
    assert (at["tokens"]["max"], at["tokens"]["mean"]) == (12, 7.0)
    assert found["shared"] == [{"splits": ["train", "dev"], "texts": 1}]
    said = "\n".join(look.report(found))
    assert "labels: a 3 (75.0%), b 1 (25.0%)" in said
    assert "truncated: 1 (25.0%)" in said
    assert "WARNING: 1 texts are in train and in dev" in said
    json.dumps(found)
