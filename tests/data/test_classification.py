"""Classification examples: columns found by name, labels of the training data, padded batches."""

import itertools
import logging

import numpy as np
import pytest

from bert_tf.data.batches.order import BatchSlice, MemoryOrder
from bert_tf.tasks.classification import examples as classification
from bert_tf.tasks.classification.examples import TableFormat
from bert_tf.tasks.classification.labels import MULTI, SINGLE
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer(
        Vocabulary([*SPECIAL_TOKENS, "a", "film", "good", "bad", "##ly", "."])
    )


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="train.tsv"):
        (tmp_path / name).write_text(content, encoding="utf-8")
        return str(tmp_path / name)

    return write_file


def test_the_layout_of_sst2_needs_no_settings(write):
    path = write("sentence\tlabel\na good film\t1\na bad film\t0\n")
    examples = classification.read_examples(path)
    assert examples.texts == ["a good film", "a bad film"]
    assert examples.text_pairs is None
    assert examples.labels == ("0", "1")
    np.testing.assert_array_equal(examples.label_ids, [1, 0])
    assert examples.label_ids.dtype == np.int32
    assert len(examples) == 2


@pytest.mark.parametrize(
    "header",
    [
        "index\tsentence1\tsentence2\tlabel",
        "index\tquestion\tsentence\tlabel",
        "id\tquestion1\tquestion2\tis_duplicate",
        "index\tpremise\thypothesis\tgold_label",
        "id\ttext_a\ttext_b\tlabel",
    ],
)
def test_pairs_are_found_by_their_usual_names(write, header):
    examples = classification.read_examples(write(f"{header}\n7\tone\ttwo\tx\n8\t1\t2\ty\n"))
    assert examples.texts == ["one", "1"]
    assert examples.text_pairs == ["two", "2"]
    assert examples.labels == ("x", "y")


@pytest.mark.parametrize("column", ["sentence", "text", "text_a", "content"])
def test_single_texts_are_found_by_their_usual_names(write, column):
    examples = classification.read_examples(write(f"label\t{column}\nx\tone\ny\ttwo\n"))
    assert examples.texts == ["one", "two"]
    assert examples.text_pairs is None


def test_named_columns_are_taken(write):
    path = write("label,sentence,title,kind,body\n1,s,T,news,B\n2,s,U,sport,C\n", "train.csv")
    columns = TableFormat("title", "body", "kind")
    examples = classification.read_examples(path, columns)
    assert (examples.texts, examples.text_pairs) == (["T", "U"], ["B", "C"])
    assert examples.labels == ("news", "sport")


def test_a_pair_column_alone_is_an_error(write):
    with pytest.raises(ValueError, match="set --config.task.text_column as well"):
        classification.read_examples(
            write("sentence\tb\nx\ty\n"), TableFormat(text_pair_column="b")
        )


def test_a_table_without_a_usual_name_lists_its_columns(write):
    message = (
        r"The columns are: foo, label. Say which to read.* --config.task.header=\"\('sentence'"
    )
    with pytest.raises(ValueError, match=message):
        classification.read_examples(write("foo\tlabel\nx\ty\n"))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["10", "9", "1"], ("1", "9", "10")),
        (["-1", "0.5", "0"], ("-1", "0", "0.5")),
        (["b", "10", "9"], ("10", "9", "b")),
        (["nan", "inf"], ("inf", "nan")),
    ],
)
def test_labels_are_sorted_by_value_only_if_all_are_numbers(write, found, expected):
    rows = "".join(f"text\t{label}\n" for label in found * 2)
    assert classification.read_examples(write("sentence\tlabel\n" + rows)).labels == expected


def test_space_around_a_label_is_no_part_of_it(write):
    path = write("sentence,label\nx,pos\ny, neg\nz,pos \n", "train.csv")
    examples = classification.read_examples(path)
    assert examples.labels == ("neg", "pos")
    np.testing.assert_array_equal(examples.label_ids, [1, 0, 1])
    assert classification.read_examples(path, labels=("pos", "neg")).label_ids.tolist() == [0, 1, 0]


@pytest.mark.parametrize("problem_type", [SINGLE, MULTI])
def test_labels_that_are_equal_as_numbers_are_kept_and_warned_about(write, problem_type, caplog):
    path = write("sentence\tlabel\nx\t1.0\ny\t1\nz\t10\nu\tx\nv\tX\n")
    examples = classification.read_examples(path, TableFormat(problem_type=problem_type))
    assert examples.labels == ("1", "1.0", "10", "X", "x")
    (record,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    message = f"{path}: column 'label': the labels '1' and '1.0' are equal as numbers"
    assert record.getMessage().startswith(message)


def test_labels_of_training_give_the_ids_of_other_files(write):
    examples = classification.read_examples(
        write("sentence\tlabel\nx\tneg\ny\tneg\n", "dev.tsv"), labels=("pos", "neg")
    )
    assert examples.labels == ("pos", "neg")
    np.testing.assert_array_equal(examples.label_ids, [1, 1])


def test_a_label_not_seen_in_training_is_named_with_its_line(write):
    path = write("sentence\tlabel\nx\tneg\ny\tso so\n", "dev.tsv")
    with pytest.raises(ValueError) as error:
        classification.read_examples(path, labels=["neg", "pos"])
    assert str(error.value) == (
        f"{path}:3: column 'label': the label 'so so' was not seen in training. "
        "The known labels are: neg, pos."
    )


def test_training_data_with_one_label_is_an_error(write):
    with pytest.raises(ValueError, match="every one of the 2 rows has the label 'x'"):
        classification.read_examples(write("sentence\tlabel\na\tx\nb\tx\n"))


def test_a_file_without_labels_is_read_unless_labels_are_required(write):
    path = write("sentence\na\nb\n")
    examples = classification.read_examples(path, labels=["0", "1"])
    assert examples.label_ids is None
    with pytest.raises(ValueError, match="usual name for labels"):
        classification.read_examples(path, with_labels=True)


def test_labels_can_be_left_unread(write):
    path = write("sentence\tlabel\na\t-1\n", "test.tsv")
    examples = classification.read_examples(path, labels=["0", "1"], with_labels=False)
    assert examples.label_ids is None


def test_encoding_gives_int32_rows_and_counts_what_was_truncated(write, tokenizer, caplog):
    path = write("sentence\tlabel\na good film .\t1\nfilm\t0\n")
    with caplog.at_level(logging.INFO, logger="absl"):
        arrays, num_truncated = classification.encode_examples(
            classification.read_examples(path), tokenizer, max_seq_length=5
        )
    id_of = tokenizer.vocabulary.id_of
    tokens = [["[CLS]", "a", "good", "film", "[SEP]"], ["[CLS]", "film", "[SEP]", "[PAD]", "[PAD]"]]
    np.testing.assert_array_equal(
        arrays["input_ids"], [[id_of(token) for token in row] for row in tokens]
    )
    np.testing.assert_array_equal(arrays["input_mask"], [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    np.testing.assert_array_equal(arrays["segment_ids"], np.zeros([2, 5]))
    np.testing.assert_array_equal(arrays["label_ids"], [1, 0])
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.int32)}
    assert num_truncated == 1
    assert f"{path}: 2 examples, 1 of them truncated to 5 tokens" in caplog.text


def test_more_texts_than_one_call_takes_stay_in_order(write, tokenizer, monkeypatch):
    monkeypatch.setattr(classification, "_TEXTS_PER_CALL", 2)
    rows = "".join(f"{text}\tfilm\n" for text in ("a", "good", "bad", "a", "bad"))
    examples = classification.read_examples(write("text_a\ttext_b\n" + rows))
    arrays, _ = classification.encode_examples(examples, tokenizer, max_seq_length=5)
    id_of = tokenizer.vocabulary.id_of
    np.testing.assert_array_equal(
        arrays["input_ids"][:, 1], [id_of(text) for text in ("a", "good", "bad", "a", "bad")]
    )
    np.testing.assert_array_equal(arrays["segment_ids"], [[0, 0, 0, 1, 1]] * 5)


def _arrays(num_rows, labelled=True):
    """Row i holds the id i in every place, so that rows can be told apart."""
    rows = np.repeat(np.arange(num_rows, dtype=np.int32)[:, None], 3, axis=1)
    arrays = {"input_ids": rows, "input_mask": np.ones_like(rows), "segment_ids": 0 * rows}
    return {**arrays, "label_ids": rows[:, 0] % 2} if labelled else arrays


def _evaluation_batches(num_rows, batch_slice, labelled=True):
    return list(
        classification.make_classification_dataset(
            _arrays(num_rows, labelled), batch_slice=batch_slice, seed=0, training=False
        ).as_numpy_iterator()
    )


@pytest.mark.parametrize("num_rows", [1, 7, 8, 9, 16])
@pytest.mark.parametrize("num_replicas", [1, 2, 4])
def test_evaluation_counts_every_row_once_on_any_number_of_workers(num_rows, num_replicas):
    seen, lengths = [], set()
    for worker in range(2 if num_replicas > 1 else 1):
        local = num_replicas // 2 or 1
        batches = _evaluation_batches(
            num_rows, BatchSlice(8, num_replicas, worker * local, local_replicas=local)
        )
        lengths.add(len(batches))
        for batch in batches:
            assert batch["input_ids"].shape == (8 // num_replicas, 3)
            assert batch["input_mask"].all()
            seen += list(batch["input_ids"][batch["label_weights"] == 1, 0])
    assert sorted(seen) == list(range(num_rows))
    assert len(lengths) == 1


def test_evaluation_is_in_storage_order_and_fills_the_last_batch_with_weight_0():
    batches = _evaluation_batches(5, BatchSlice(4))
    np.testing.assert_array_equal(batches[0]["input_ids"][:, 0], [0, 1, 2, 3])
    np.testing.assert_array_equal(batches[0]["label_ids"], [0, 1, 0, 1])
    assert batches[1]["input_ids"][0, 0] == 4
    np.testing.assert_array_equal(batches[1]["label_weights"], [1, 0, 0, 0])


def test_rows_without_labels_have_weight_0():
    batch = _evaluation_batches(3, BatchSlice(4), labelled=False)[0]
    np.testing.assert_array_equal(batch["label_weights"], np.zeros(4, np.float32))
    np.testing.assert_array_equal(batch["input_ids"][:3, 0], [0, 1, 2])


def _training_rows(start_row, num_batches, batch_slice=None, num_rows=10, seed=3):
    dataset = classification.make_classification_dataset(
        _arrays(num_rows),
        batch_slice=batch_slice or BatchSlice(4),
        seed=seed,
        training=True,
        start_row=start_row,
    )
    batches = itertools.islice(dataset.as_numpy_iterator(), num_batches)
    return np.concatenate([batch["input_ids"][:, 0] for batch in batches])


def test_training_takes_the_rows_of_the_memory_order_without_end():
    memory = MemoryOrder(10, 3, BatchSlice(4))
    rows = _training_rows(0, 10)
    np.testing.assert_array_equal(rows, np.concatenate([memory.rows(i) for i in range(10)]))
    for epoch in range(4):
        assert sorted(rows[10 * epoch : 10 * epoch + 10]) == list(range(10))
    assert list(rows[:10]) != list(rows[10:20])


def test_training_continues_where_it_was_stopped():
    np.testing.assert_array_equal(_training_rows(0, 8)[12:], _training_rows(12, 5))


def test_two_replicas_together_see_the_batches_of_one():
    one = _training_rows(0, 6).reshape(6, 4)
    first = _training_rows(0, 6, BatchSlice(4, 2, 0)).reshape(6, 2)
    second = _training_rows(0, 6, BatchSlice(4, 2, 1)).reshape(6, 2)
    np.testing.assert_array_equal(np.concatenate([first, second], axis=1), one)


def test_every_tensor_of_a_batch_has_a_static_shape_and_its_type():
    for training in (True, False):
        spec = classification.make_classification_dataset(
            _arrays(5), batch_slice=BatchSlice(8, 2), seed=0, training=training
        ).element_spec
        described = {name: (tuple(s.shape), s.dtype.name) for name, s in spec.items()}
        assert described == {
            "input_ids": ((4, 3), "int32"),
            "input_mask": ((4, 3), "int32"),
            "segment_ids": ((4, 3), "int32"),
            "label_ids": ((4,), "int32"),
            "label_weights": ((4,), "float32"),
            "row_ids": ((4,), "int32"),
        }


def test_training_without_labels_is_an_error():
    with pytest.raises(ValueError, match="the training data has no labels"):
        classification.make_classification_dataset(
            _arrays(3, labelled=False), batch_slice=BatchSlice(1), seed=0, training=True
        )
