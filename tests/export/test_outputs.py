"""What exported models of tags and of answers take and give: clients depend on it."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.export.saved_model import ServedModel
from bert_tf.tasks.question_answering import Facts
from tests.conformance.goldens import randomize
from tests.export import fuzz
from tests.tasks import test_question_answering, test_token_classification


@pytest.fixture(scope="module", params=["tags", "answers"])
def served(request, tmp_path_factory):
    """(task, model, the functions of the SavedModel by signature)."""
    folder = str(tmp_path_factory.mktemp(request.param))
    if request.param == "tags":
        task = test_token_classification.make()
    else:
        task = test_question_answering.make(Facts(null_answers=True, null_threshold=100.0))
    model = task.build_model()
    randomize(model, seed=3)
    module = ServedModel(task, model)
    tf.saved_model.save(module, folder, signatures=module.signatures())
    return task, model, tf.saved_model.load(folder)


def test_outputs_are_those_that_readme_lists_and_stand_in_the_text(served):
    task, model, loaded = served
    serve = loaded.signatures["serving_default"]
    texts = ["Á b. cxy\u00a0d", "", "a “b” " * 9]
    if task.takes_pairs:
        columns = [["a?", "b?", "c?"], texts]
        inputs = {"text": tf.constant(columns[0]), "text_pair": tf.constant(texts)}
        types = {name: tf.int32 for name in ("start", "end", "n_best_start", "n_best_end")}
        types |= {name: tf.float32 for name in ("probability", "n_best_probability", "null_odds")}
        types["answer"] = tf.string
    else:
        columns, inputs = [texts], {"text": tf.constant(texts)}
        types = {"label": tf.string, "entity": tf.string, "score": tf.float32}
        types |= {"start": tf.int32, "end": tf.int32}
    outputs = serve(**inputs)
    assert {name: value.dtype for name, value in outputs.items()} == types
    assert all(value.shape[0] == 3 for value in outputs.values())
    batch = task.encode(*[tf.constant(column) for column in columns])
    for name, expected in task.decode(model(batch), batch).items():
        if expected.dtype == tf.string:
            assert outputs[name].numpy().tolist() == expected.numpy().tolist()
        else:
            np.testing.assert_allclose(outputs[name], expected, atol=1e-5, err_msg=name)
    found = outputs["answer" if task.takes_pairs else "entity"].numpy().reshape(3, -1)
    starts, ends = (outputs[name].numpy().reshape(3, -1) for name in ("start", "end"))
    assert (starts[[0, 2]] >= 0).any() and (starts[1] == -1).all()
    for text, *rows in zip(texts, found, starts, ends, strict=True):
        for part, start, end in zip(*rows, strict=True):
            assert part.decode() == (text[start:end] if start >= 0 else "")


def test_ids_and_embed_have_the_outputs_that_readme_lists(served):
    task, _, loaded = served
    heads = {"start_logits", "end_logits"} if task.takes_pairs else {"logits"}
    names = {name: set(f.structured_outputs) for name, f in loaded.signatures.items()}
    assert names["ids"] == {"sequence_output", "pooled_output", *heads}
    assert names["embed"] == {"embedding", "pooled_output"}


def test_fuzzed_texts_are_answered(served):
    assert fuzz.answer(served[2].signatures["serving_default"], seed=1) == fuzz.ROWS
