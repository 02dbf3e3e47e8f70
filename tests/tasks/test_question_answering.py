"""Answers as parts of contexts: files, rows, the best spans over several windows, null answers."""

import json

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config.experiment import BertConfig, DataConfig, ExperimentConfig
from bert_tf.data.batches.order import BatchSlice
from bert_tf.data.labelled.records import Reading
from bert_tf.tasks import question_answering
from bert_tf.tasks.question_answering import Facts
from bert_tf.tasks.question_answering.rows import encode_squad
from bert_tf.tasks.question_answering.squad_file import read_squad
from bert_tf.tasks.task import make_task
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from bert_tf.training.evaluate import Evaluator
from tests.conformance.goldens import randomize
from tests.devices import strategy_of

TOKENIZER = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, *"abcdefghij.?", "##x", "##y"]))
CONTEXT = "Á bx, c  dxy e. f g h i j a b c d"
LENGTH, STRIDE, QUERY = 16, 4, 4


def make(facts=None, **task):
    config = ExperimentConfig(
        model=BertConfig(
            vocab_size=19,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=LENGTH,
        ),
        data=DataConfig(max_seq_length=LENGTH),
        task=question_answering.Config(
            **{
                "max_answer_length": 4,
                "n_best": 5,
                "doc_stride": STRIDE,
                "max_query_length": QUERY,
                **task,
            }
        ),
    )
    return make_task(config, TOKENIZER, facts)


def qa(name, question, *answers):
    answers = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": name, "question": question, "answers": answers}


QUESTIONS = [
    qa("one", "a b c d e f g?", ("bx", 2), ("c", 6)),
    qa("two", "h?", ("i j a", 22)),
    qa("moved", "c?", ("dxy e", 0)),
    qa("none", "d?"),
]


@pytest.fixture
def write(tmp_path):
    def write(content, name="squad.json"):
        path = tmp_path / name
        if not isinstance(content, str | bytes):
            content = json.dumps({"data": [{"paragraphs": [{"context": CONTEXT, "qas": content}]}]})
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


def encode(squad, training=False, **options):
    return encode_squad(
        squad,
        TOKENIZER,
        max_seq_length=LENGTH,
        max_query_length=QUERY,
        stride=STRIDE,
        training=training,
        **options,
    )


def test_rows_hold_the_answer_where_it_is_whole_and_cls_elsewhere(write):
    data = encode(read_squad(write(QUESTIONS)), training=True)
    expected = {"one": "bx", "two": "i j a", "moved": "dxy e", "none": None}
    found = {}
    for row, number in enumerate(data.question_rows):
        begin = data.arrays["start_positions"][row]
        end = data.arrays["end_positions"][row]
        question = data.questions[number]
        if begin:
            text = CONTEXT[data.char_starts[row, begin] : data.char_ends[row, end]]
            assert text == expected[question.id]
        else:
            assert end == 0
        found.setdefault(question.id, []).append(bool(begin))
    assert {name: any(rows) for name, rows in found.items()} == {
        "one": True,
        "two": True,
        "moved": True,
        "none": False,
    }
    assert all(len(rows) > 1 for rows in found.values())


def test_every_token_of_the_context_may_begin_an_answer_in_exactly_one_row(write):
    data = encode(read_squad(write(QUESTIONS)))
    num_tokens = len(TOKENIZER.tokenize([CONTEXT])[0])
    begins = [(data.arrays["answer_places"][data.question_rows == q] == 2).sum() for q in range(4)]
    assert begins == [num_tokens] * 4
    ids, places = data.arrays["input_ids"], data.arrays["answer_places"]
    assert set(np.unique(ids[places > 0])).isdisjoint({0, 2, 3})  # [PAD], [CLS], [SEP]
    assert (data.arrays["segment_ids"][places > 0] == 1).all()


def all_spans(data, start_logits, end_logits, number, longest):
    """[(score, begin, end)] of a question, best first, compared one by one."""
    found = []
    for row in np.flatnonzero(data.question_rows == number):
        places = data.arrays["answer_places"][row]
        for i in np.flatnonzero(places == 2):
            for j in range(i, min(i + longest, LENGTH)):
                if places[j]:
                    score = start_logits[row, i] + end_logits[row, j]
                    found.append((score, data.char_starts[row, i], data.char_ends[row, j]))
    return sorted(found, reverse=True)


@pytest.fixture(scope="module")
def model():
    model = make().build_model()
    randomize(model, seed=5)
    return model


@pytest.mark.parametrize(("null_answers", "widths"), [(False, ()), (True, (14, LENGTH))])
def test_the_best_answers_are_the_best_of_all_spans_in_files_and_in_the_graph(
    write, model, null_answers, widths
):
    task = make(Facts(widths, null_answers=null_answers))
    squad = read_squad(write(QUESTIONS))
    data = encode(squad)
    scores, rows = Evaluator(task, model, strategy_of(1), 4).run_with_rows(data)
    inputs = {n: data.arrays[n] for n in ("input_ids", "input_mask", "segment_ids")}
    outputs = {name: value.numpy() for name, value in model(inputs).items()}
    if widths:
        lengths = data.arrays["input_mask"].sum(axis=1)
        assert len(data) % 4 == (lengths <= widths[0]).sum() == 1  # the last batch is cut
    files = task.prediction_files(rows, data)
    errors = [line.split("\t") for line in files.pop("errors.txt")]
    files = {n: json.loads("".join(v)) for n, v in files.items()}
    assert ("null_odds.json" in files) == null_answers
    questions = [q.question for q in squad.questions]
    decode = tf.function(lambda batch: task.decode(model(batch), batch))
    served = decode(task.encode([*questions, "a?"], [CONTEXT] * len(questions) + [""]))
    for number, question in enumerate(squad.questions):
        spans = all_spans(data, outputs["start_logits"], outputs["end_logits"], number, 4)
        kept = files["nbest_predictions.json"][question.id]
        assert [(a["start"], a["end"]) for a in kept] == [s[1:] for s in spans[:5]]
        assert [a["text"] for a in kept] == [CONTEXT[begin:end] for _, begin, end in spans[:5]]
        own = data.question_rows == number
        null = (outputs["start_logits"] + outputs["end_logits"])[own, 0].min()
        is_null = null_answers and null - spans[0][0] > 0
        final = files["predictions.json"][question.id]
        assert (final in (question.answers or [""])) == all(e[0] != question.id for e in errors)
        assert final == ("" if is_null else kept[0]["text"])
        if null_answers:
            odds = files["null_odds.json"][question.id]
            assert odds == pytest.approx(null - spans[0][0], abs=1e-5)
        row = task.describe({name: v[number].numpy() for name, v in served.items()})
        assert row["answer"] == final
        if not is_null:
            assert CONTEXT[row["start"] : row["end"]] == row["answer"]
            assert row["score"] == pytest.approx(kept[0]["probability"], abs=1e-5)
    assert served["answer"][-1] == b"" and served["start"][-1] == -1
    assert {"exact_match", "f1"} <= set(scores)


def test_the_threshold_is_set_to_the_best_on_the_evaluation_data(write, model):
    task = make(Facts(null_answers=True))
    data = encode(read_squad(write(QUESTIONS)))
    scores, rows = Evaluator(task, model, strategy_of(1), 4).run_with_rows(data)
    task = task.with_facts(task.calibrate(rows, data))
    assert task.facts.null_threshold == scores["best_f1_threshold"]
    assert task.score(rows, data)["f1"] == pytest.approx(scores["best_f1"])


def test_the_loss_is_that_of_both_ends_over_the_tokens_of_the_row(write, model):
    task, data = make(), encode(read_squad(write(QUESTIONS)), training=True)
    (batch,) = task.make_dataset(data, BatchSlice(len(data)), training=False)
    outputs = model(batch)
    loss, weight = task.compute_loss(outputs, batch)["loss"]
    expected = 0.0
    for end in ("start", "end"):
        for row, logits in enumerate(outputs[f"{end}_logits"].numpy()):
            logits = logits[data.arrays["input_mask"][row] > 0].astype(np.float64)
            position = data.arrays[f"{end}_positions"][row]
            expected += np.log(np.exp(logits).sum()) - logits[position]
    assert weight == len(data) and float(loss) == pytest.approx(expected / 2, rel=1e-5)


def test_an_answer_that_is_nowhere_in_its_context_is_an_error_or_counted(write, caplog):
    squad = read_squad(write([*QUESTIONS, qa("bad", "a?", ("zebra", 3))]))
    with pytest.raises(ValueError, match="squad.json: question 'bad': the answer 'zebra' is not"):
        encode(squad, training=True)
    data = encode(squad, training=True, skip_bad=True)
    assert [q.id for q in data.questions] == ["one", "two", "moved", "none"]
    assert "1 answers do not begin" in caplog.text and "1 answers are not in" in caplog.text
    assert len(encode(squad).questions) == 5  # to be scored


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"data": [\n{]}', r"squad.json: not JSON .*line 2 "),
        (b'{"data":\n "\xe9"}', r"squad.json:2: not UTF-8 .*--encoding=cp1252"),
        ("3", "top level: 'data' is nothing. Expected a list"),
        ("[]", "no questions"),
        (
            '[{"id": 1, "context": "a", "question": "b", "answers": {"text": ["a"]}}]',
            r"data\[0\] \(id 1\): answers: 'answer_start' is nothing",
        ),
        (
            '{"id": 1, "context": "a", "question": "b", '
            '"answers": {"text": [], "answer_start": [1]}}',
            r"line 1 \(id 1\): 0 texts of answers, but 1 starts",
        ),
        ('{"id": 1, "question": "b", "answers": []}', "line 1: 'context' is None"),
        ('{"data": [{}]}', r"data\[0\]: 'paragraphs' is nothing"),
        ([qa("x", "a?", ("a", 0)), qa("x", "b?")], "two questions have the id 'x'"),
        ([{"question": "a?"}], r"qas\[0\] \(id None\): expected an object with an id"),
        ([3], r"qas\[0\]: expected an object"),
        ([{"id": "x", "question": 3, "answers": []}], r"\(id 'x'\): 'question' is 3"),
        ([qa("x", "a?", ("a", "0"))], r"\(id 'x'\): answer_start is '0'"),
        (
            [{**qa("x", "a?", ("a", 0)), "is_impossible": "false"}],
            r"qas\[0\] \(id 'x'\): is_impossible is 'false'. Expected true or false",
        ),
        ([], "no questions"),
    ],
)
def test_bad_files_are_named_with_line_or_place(write, content, message):
    with pytest.raises(ValueError, match=message) as error:
        read_squad(write(content))
    assert "\n" not in str(error.value)


def test_a_row_without_room_is_refused():
    task = make()
    task.config.data.max_seq_length = 4
    with pytest.raises(ValueError, match="no room for a question"):
        task.encode(["a"], ["b"])


def _answers(texts, starts):
    return {"answers": {"text": texts, "answer_start": starts}}


FLAT = [
    {
        "id": 1,
        "context": "a b c",
        "question": "b?",
        "answers": {"text": ["b"], "answer_start": [2]},
    },
    {"id": 2, "context": "a b c", "question": "d?"} | _answers([], []),
    {"id": 3, "context": "d", "question": "d?", "answers": [{"text": "d", "answer_start": 0}]},
]


@pytest.mark.parametrize("form", ["data", "list", "lines", "parquet"])
def test_flat_rows_are_read_in_every_form(form, tmp_path):
    rows = FLAT
    path = tmp_path / ("squad.parquet" if form == "parquet" else "squad.json")
    if form == "parquet":
        import pyarrow
        from pyarrow import parquet

        rows = FLAT[:2]
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif form == "lines":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        path.write_text(json.dumps(rows if form == "list" else {"version": "1", "data": rows}))
    squad = read_squad(str(path))
    assert squad.contexts == ["a b c", "d"][: len(rows) - 1] and squad.has_answers
    assert [(q.id, q.paragraph, q.answers, q.starts) for q in squad.questions] == [
        ("1", 0, ("b",), (2,)),
        ("2", 0, (), ()),
        ("3", 1, ("d",), (0,)),
    ][: len(rows)]


def test_questions_without_answers_are_read_where_none_are_needed(write):
    path = write('{"id": 1, "context": "a", "question": "b"}')
    with pytest.raises(ValueError, match="'answers' is nothing"):
        read_squad(path)
    assert not read_squad(path, with_answers=False).has_answers


def test_the_file_that_trains_is_answered(write):
    from bert_tf.inference import rows

    task = make()
    for path in (write(QUESTIONS), write("\n".join(map(json.dumps, FLAT)))):
        lines = list(rows.read(path, task, Reading()))
        read = read_squad(path)
        assert [line.texts for line in lines] == [
            (q.question, read.contexts[q.paragraph]) for q in read.questions
        ]
        assert str(lines[0].given["id"]) == read.questions[0].id
        assert "context" not in lines[0].given
