"""What each layer of a model knows about the labels of a file: explain.py --show=probes."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from bert_tf.data.labelled import LINES
from bert_tf.explanation import probes
from bert_tf.explanation.probes import Items
from bert_tf.report import page
from bert_tf.tasks import classification, token_classification
from bert_tf.tasks.changed_settings import changed
from bert_tf.tasks.classification import prepare as labelled
from bert_tf.tasks.classification.examples import read_examples
from bert_tf.tasks.task import Task
from bert_tf.tasks.token_classification import prepare as tagged
from bert_tf.workflows.predicting import Source

MOST_ITEMS = 20_000  # words or texts that are looked at
_MEANING = (
    "A linear classifier on the vectors of each layer, 0 being the embeddings, scored on 30 % of "
    "the texts. In the control task each word type has a label that was drawn for it: what a probe "
    "gets right there it learnt by heart. Selectivity is the difference: where it is high, the "
    "layer holds what is asked (Hewitt and Liang 2019). Of labels of whole texts the control is "
    "about the first word."
)


def probe(
    task: Task, model: keras.Model, source: Source, page_path: str | None, name: str
) -> Iterator[dict[str, Any]]:
    """The probe of each layer, see `explanation.probes.curve`.

    Args:
      task, model: of `explaining.load`; any model will do.
      source: a labelled file as finetune.py takes it: texts with labels, or tagged words.
      page_path: where a page for people is written; None: nowhere.
      name: of the model.

    Raises:
      ValueError: the file is bad, or too small.
    """
    items = _few(read(source), MOST_ITEMS)
    layers, has = probes.vectors(task, model, items)
    kept = np.flatnonzero(has)
    labels = [items.labels[number] for number in kept]
    control = probes.control_labels(items)
    is_test = probes.held_out(items)[kept]
    if is_test.all() or not is_test.any() or len(set(labels)) < 2:
        raise ValueError(
            f"{source.name}: {len(labels)} labelled items with {len(set(labels))} labels are too "
            "few for a probe. Expected two labels and several texts."
        )
    found = list(probes.curve(layers, labels, [control[n] for n in kept], is_test))
    if page_path:
        page.write_page(page_path, f"Probes: {name}", _sections(found, source.name, len(labels)))
    yield from found


def read(source: Source) -> Items:
    """The items of a labelled file: words of tagged sentences, or texts.

    Raises:
      ValueError: no file, or a bad one.
    """
    if source.path is None:
        raise ValueError("--show=probes reads a labelled file: give --input.")
    if source.reading.kind(source.path) == LINES:
        settings = changed(token_classification.Config(), source.settings)
        facts = token_classification.Facts()
        sentences, _ = tagged.read(source.path, settings, facts, reading=source.reading)
        return probes.of_words([s.words for s in sentences], [s.tags for s in sentences])
    settings = changed(classification.Config(), source.settings)
    table = labelled.table_format(settings, reading=source.reading)
    examples = read_examples(source.path, table, with_labels=True)
    columns = [examples.texts, *([examples.text_pairs] if examples.text_pairs else [])]
    return probes.of_texts(columns, [str(examples.labels[i]) for i in examples.label_ids])


def _few(items: Items, most: int) -> Items:
    """The first texts with at most so many items."""
    if len(items.labels) <= most:
        return items
    count = max(1, int(items.of_text[most]))
    end = int(np.searchsorted(items.of_text, count))
    return Items(
        [column[:count] for column in items.columns],
        items.spans and items.spans[:end],
        items.of_text[:end],
        items.labels[:end],
        items.types[:end],
    )


def _sections(found: list[dict[str, Any]], name: str, count: int) -> Iterator[tuple[str, str]]:
    keys = ("accuracy", "control_accuracy", "selectivity")
    series = {key.replace("_", " "): [(one["layer"], one[key]) for one in found] for key in keys}
    series["commonest label"] = [(one["layer"], one["majority"]) for one in found]
    best = max(found, key=lambda one: one["selectivity"])
    tiles = {
        "items": f"{count:,}",
        "most selective layer": best["layer"],
        "its accuracy": f"{best['accuracy']:.4f}",
        "its selectivity": f"{best['selectivity']:.4f}",
    }
    yield "", page.tiles(tiles) + page.paragraph(f"{name}. {_MEANING}")
    yield "Over the layers", page.curves(series, "layer")
    rows = [(str(one["layer"]), *(one[key] for key in keys), one["majority"]) for one in found]
    head = ("layer", *(key.replace("_", " ") for key in keys), "commonest label")
    yield "Numbers", page.table(head, rows)
