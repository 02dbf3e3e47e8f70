"""Every task says what became of its rows, and the analysis has the scores that the task reports.

The answers are drawn: no model is needed.
"""

import json

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.analysis import slices
from bert_tf.config.experiment import BertConfig, DataConfig, ExperimentConfig
from bert_tf.report import errors_page
from bert_tf.tasks import classification, error_analysis, question_answering, token_classification
from bert_tf.tasks.error_analysis import Looking
from bert_tf.tasks.sets import Files, Result
from bert_tf.tasks.task import make_task
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

TOKENIZER = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, *"abcdef?"]))
LENGTH, ROWS = 24, 40
WORDS = ["a", "b", "c", "d", "e", "f", "zzz", "<script>"]


def _texts(generator, least=3):
    return [" ".join(generator.choice(WORDS, generator.integers(least, 9))) for _ in range(ROWS)]


def _table(folder, generator, labels):
    """Pairs of texts with a label and a column of somebody's own."""
    lines = ["sentence1\tsentence2\tlabel\tgenre"]
    rows = zip(_texts(generator), _texts(generator), labels, strict=True)
    lines += ["\t".join([*row, f"g{n % 2}"]) for n, row in enumerate(rows)]
    path = folder / "texts.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def _single(folder, generator):
    labels = generator.choice(["no", "yes", "maybe"], ROWS)
    return classification.Config(), _table(folder, generator, labels)


def _rejecting(folder, generator):
    config, path = _single(folder, generator)
    config.reject_below = 0.5
    return config, path


def _multi(folder, generator):
    labels = [",".join(np.array(["x", "y", "z"])[generator.random(3) < 0.5]) for _ in range(ROWS)]
    config = classification.Config(problem_type="multi_label_classification")
    return config, _table(folder, generator, [one or "x" for one in labels])


def _regression(folder, generator):
    config = classification.Config(problem_type="regression")
    return config, _table(folder, generator, [f"{n:.3f}" for n in generator.normal(size=ROWS)])


def _tags(folder, generator, kinds=("O", "O", "B-X", "B-Y", "I-X", "I-Y"), scheme="auto"):
    lines = []
    for text in _texts(generator):
        before = "O"
        for word in text.split():
            tag = str(generator.choice(kinds))
            if tag[0] == "I" and tag[2:] != before[2:]:
                tag = f"B-{tag[2:]}"
            lines.append(f"{word} {tag}")
            before = tag
        lines.append("")
    path = folder / "tags.conll"
    path.write_text("\n".join(lines) + "\n")
    return token_classification.Config(tag_scheme=scheme), path


def _plain_tags(folder, generator):
    return _tags(folder, generator, ("N", "V", "A"), "plain")


def _questions(folder, generator, share_without=0.0):
    paragraphs = []
    for n, context in enumerate(_texts(generator, 5)):
        words = context.split()
        place = int(generator.integers(len(words) - 1))
        start = len(" ".join(words[:place])) + (place > 0)
        answer = {"text": " ".join(words[place : place + 2]), "answer_start": start}
        is_there = generator.random() >= share_without
        question = {"id": f"q{n}", "question": "what a b?", "answers": [answer] * is_there}
        if share_without:
            question["is_impossible"] = not is_there
        paragraphs.append({"context": context, "qas": [question]})
    path = folder / "questions.json"
    path.write_text(json.dumps({"version": "1", "data": [{"paragraphs": paragraphs}]}))
    return question_answering.Config(), path


def _questions_without_answer(folder, generator):
    return _questions(folder, generator, 0.3)


KINDS = {
    "single": (_single, "accuracy"),
    "rejecting": (_rejecting, "accuracy"),
    "multi": (_multi, "micro_f1"),
    "regression": (_regression, "mean_squared_error"),
    "tags": (_tags, "f1"),
    "plain tags": (_plain_tags, None),
    "questions": (_questions, "f1"),
    "no answer": (_questions_without_answer, "f1"),
}


def _row_outputs(task, part, generator):
    """What an evaluation would keep of a model that guesses."""
    arrays = part.arrays if isinstance(part.arrays, dict) else part.arrays.arrays
    shape = arrays["input_ids"].shape
    batch = {**arrays, "row_ids": np.arange(shape[0], dtype=np.int32)}
    labels = max(len(getattr(task.facts, "labels", ())), 1)
    if task.config.task.name == "question_answering":
        names, size = ("start_logits", "end_logits"), shape
    elif task.config.task.name == "token_classification":
        names, size = ("logits",), (*shape, labels)
    else:
        names, size = ("logits",), (shape[0], labels)
    outputs = {name: tf.constant(generator.normal(size=size), tf.float32) for name in names}
    return {name: np.asarray(rows) for name, rows in task.row_outputs(outputs, batch).items()}


@pytest.fixture(scope="module", params=list(KINDS))
def case(request, tmp_path_factory):
    """(task, set, row outputs, name of the score)."""
    make, metric = KINDS[request.param]
    generator = np.random.default_rng(1)
    settings, path = make(tmp_path_factory.mktemp("case"), generator)
    config = ExperimentConfig(
        model=BertConfig.from_size("tiny", vocab_size=32),
        data=DataConfig(max_seq_length=LENGTH, dev_fraction=0),
        task=settings,
    )
    files = Files(str(path), {"dev": str(path)})
    prepared = settings.task_class().prepare(config, files, TOKENIZER)
    task = make_task(config, TOKENIZER, prepared.facts)
    part = prepared.dev["dev"]
    return task, part, _row_outputs(task, part, generator), metric


def test_the_score_is_that_of_the_task_and_of_the_outcomes(case):
    task, part, rows, metric = case
    judged = task.judge(part, rows)
    assert len(judged) == len(judged.places) == len(judged.counts) == ROWS
    if metric is not None:
        expected = task.score(rows, part.arrays)[metric]
        expected = np.sqrt(expected) if metric == "mean_squared_error" else expected
        assert judged.score() == pytest.approx(expected, rel=1e-5)
    assert set(judged.items.outcomes) <= set(judged.outcomes)
    assert len(set(judged.items.outcomes)) > 1
    assert (np.diff(judged.items.rows) >= 0).all()
    if judged.num_unknown is not None:
        assert judged.num_unknown.any()


def test_the_analysis_is_whole_and_is_shown(case):
    task, part, rows, _ = case
    analysed = error_analysis.analyse(
        task, {"dev": part}, {"dev": Result({"a": 1.0}, rows)}, Looking(("a", "zzz"))
    )
    content = json.loads(analysed.as_line())
    found = content["sets"]["dev"]
    assert found["mistakes"] and found["slices"]
    assert {"word", "length"} <= {one["by"] for one in found["slices"]}
    html = "".join(html for _, html in errors_page.every(content))
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert len(list(analysed.row_files("dev")["judged.jsonl"])) == ROWS


def test_the_training_set_gives_suspect_labels_and_known_words(case):
    task, part, rows, _ = case
    result = Result({"a": 1.0}, rows)
    assert error_analysis.wants_training_set(task, ROWS, Looking(check_labels=ROWS))
    assert not error_analysis.wants_training_set(task, ROWS, Looking(check_labels=ROWS - 1))
    content = error_analysis.analyse(task, {"dev": part}, {"dev": result}, train=(part, result))
    found = content.content["training"]
    assert found["rows"] == ROWS and 0 < found["contradicted"] <= ROWS
    new = [
        one
        for one in content.content["sets"]["dev"]["slices"]
        if one["by"] == "words that training did not have"
    ]
    assert [(one["slice"], one["rows"]) for one in new] == [("none", ROWS)]


def test_another_run_is_compared_from_its_folder(case, tmp_path, caplog):
    task, part, rows, _ = case
    result = {"dev": Result({"a": 1.0}, rows)}
    with pytest.raises(ValueError, match=r"--compare=.*: found no .*judged\.jsonl"):
        Looking(compare=str(tmp_path)).check()
    kept = error_analysis.analyse(task, {"dev": part}, result).row_files("dev")
    folder = tmp_path / "predictions" / "dev"
    folder.mkdir(parents=True)
    (folder / "judged.jsonl").write_text("\n".join(kept["judged.jsonl"]) + "\n")
    looking = Looking(compare=str(tmp_path))
    looking.check()
    content = error_analysis.analyse(task, {"dev": part}, result, looking).content
    found = content["comparisons"]["dev"]
    assert found["only_this"] == found["only_other"] == 0
    assert found["table"][0]["difference"] == 0 and found["table"][0]["p_value"] == 1
    (tmp_path / "predictions" / "dev").rename(tmp_path / "predictions" / "other")
    content = error_analysis.analyse(task, {"dev": part}, result, looking).content
    assert content["comparisons"] == {}
    assert "dev is NOT compared: it has no set called dev" in caplog.text


def test_columns_of_the_file_are_slices_where_it_has_any(case):
    task, part, rows, _ = case
    results, looking = {"dev": Result({"a": 1.0}, rows)}, Looking(slice_columns=("genre",))
    if task.config.task.name != "classification":
        with pytest.raises(ValueError, match=r"--slice_columns=genre: the files of .* no columns"):
            error_analysis.analyse(task, {"dev": part}, results, looking)
        return
    found = error_analysis.analyse(task, {"dev": part}, results, looking).content["sets"]["dev"]
    own = [one for one in found["slices"] if one["by"] == "column genre"]
    assert [(one["slice"], one["rows"]) for one in own] == [("g0", 20), ("g1", 20)]
    with pytest.raises(ValueError, match="nowhere"):
        task.set_columns(part, ["nowhere"])


def test_words_are_found_whatever_their_case():
    assert slices.words_of("Don't stop, Ünder <b>") == {"don't", "stop", "ünder", "b"}
