"""Labels that were turned on purpose stand on top of the list of likely wrong ones."""

import numpy as np

from bert_tf.analysis import judged as judged_lib
from bert_tf.analysis import suspects
from bert_tf.analysis.judged import RIGHT, Items, Judged


def test_turned_labels_are_found_by_a_model_that_knows_better():
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, 400)
    turned = np.zeros(400, bool)
    turned[generator.choice(400, 20, replace=False)] = True
    labels = truth ^ turned
    # A model that is right about the truth, and surer of some texts than of others.
    certain = generator.uniform(0.55, 0.99, 400)
    unsure = generator.random(400) < 0.05
    answers = np.where(unsure, 1 - truth, truth)
    certain = np.where(unsure, 0.55, certain)
    judged = Judged(
        unit="texts",
        places=list(range(400)),
        texts=[f"Text {n % 10}" for n in range(400)],
        metric=judged_lib.mean("accuracy"),
        counts=np.stack([answers == labels, np.ones(400)], axis=1).astype(float),
        items=Items(
            np.arange(400),
            [str(n) for n in labels],
            [str(n) for n in answers],
            [RIGHT if a == b else "wrong label" for a, b in zip(answers, labels, strict=True)],
            certain,
        ),
        labels=("0", "1"),
        outcomes=(RIGHT, "wrong label"),
        lengths=np.full(400, 3),
    )
    found = suspects.find(judged)
    assert found["contradicted"] == (answers != labels).sum()
    first = [one["row"] for one in found["suspects"][:20]]
    assert np.mean(turned[first]) > 0.9
    assert suspects.known_words(judged) == {"text", *map(str, range(10))}
