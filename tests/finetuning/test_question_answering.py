"""Files of questions around a run: which of them can be scored."""

import json

import pytest

from bert_tf.config import experiment
from bert_tf.tasks.question_answering import Config
from bert_tf.tasks.question_answering import prepare as question_answering
from bert_tf.tasks.sets import Files
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

TOKENIZER = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, *"ab?"]))


@pytest.fixture
def prepare(tmp_path):
    def write(name, has_answers):
        answer = {"text": "a", "answer_start": 0}
        questions = [
            {"id": str(number), "question": "b?", "answers": [answer] * has_answer}
            for number, has_answer in enumerate(has_answers)
        ]
        content = {"data": [{"paragraphs": [{"context": "a b", "qas": questions}]}]}
        (tmp_path / name).write_text(json.dumps(content))
        return str(tmp_path / name)

    def prepare(train, dev):
        """The sets of a run; of each question it is said whether it has an answer."""
        config = experiment.ExperimentConfig(
            data=experiment.DataConfig(max_seq_length=16),
            task=Config(max_query_length=4),
        )
        files = Files(write("train.json", train), {"dev": write("dev.json", dev)})
        return question_answering.prepare(config, files, TOKENIZER)

    return prepare


def test_questions_without_any_answer_are_no_evaluation_of_a_model_that_always_gives_one(prepare):
    with pytest.raises(ValueError, match=r"dev\.json: none of the 2 questions has an answer"):
        prepare(train=[True], dev=[False, False])
    assert len(prepare(train=[True, False], dev=[False, False]).dev["dev"].examples) == 2


def test_some_questions_without_answer_are_a_warning(prepare, caplog):
    prepare(train=[True], dev=[True, True])
    assert "have no answer" not in caplog.text
    prepare(train=[True], dev=[True, False])
    assert "dev.json: 1 of 2 questions have no answer" in caplog.text
