"""Tags of words: valid sequences, entities with their characters, scores over windows."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.config.experiment import BertConfig, DataConfig, ExperimentConfig
from bert_tf.data.batches.order import BatchSlice
from bert_tf.tasks import token_classification
from bert_tf.tasks.task import make_task
from bert_tf.tasks.token_classification import tags as tag_lib
from bert_tf.tasks.token_classification.columns import Sentence
from bert_tf.tasks.token_classification.errors import entity_errors
from bert_tf.tasks.token_classification.rows import encode_tagged
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer
from bert_tf.training.evaluate import Evaluator
from tests.conformance.goldens import randomize
from tests.devices import strategy_of

TOKENIZER = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, *"abcdef.", "##x", "##y"]))
LABELS = tag_lib.all_tags(["A", "B"], "iob2")


def make(labels=LABELS, length=8, **task):
    config = ExperimentConfig(
        model=BertConfig(
            vocab_size=16,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=8,
        ),
        data=DataConfig(max_seq_length=length),
        task=token_classification.Config(labels=tuple(labels), doc_stride=3, **task),
    )
    return make_task(config, TOKENIZER)


@pytest.fixture(scope="module")
def model():
    model = make().build_model()
    randomize(model)
    return model


@pytest.mark.parametrize(
    ("scheme", "labels"),
    [
        ("iob2", LABELS),
        ("iob1", ("O", "I-A", "I-B", "B-B")),
        ("bioes", tag_lib.all_tags(["A"], "bioes")),
        ("plain", ("X", "Y", "Z")),
    ],
)
def test_the_best_of_all_valid_sequences_is_decoded(scheme, labels):
    task = make(labels)
    scores = np.random.default_rng(0).normal(size=(8, 4, len(labels))).astype(np.float32)
    lengths = [4, 4, 4, 3, 3, 2, 1, 0]
    words = np.concatenate([row[:length] for row, length in zip(scores, lengths, strict=True)])
    found = np.split(task.best_tags(words, lengths), np.cumsum(lengths)[:-1])
    for row, length in enumerate(lengths):
        valid = [
            tags
            for tags in itertools.product(range(len(labels)), repeat=length)
            if tag_lib.first_fault([labels[tag] for tag in tags], scheme) is None
        ]
        best = max(valid, key=lambda tags: sum(scores[row, i, tag] for i, tag in enumerate(tags)))
        assert tuple(found[row]) == best


def decode(task, texts, tags):
    """`describe`d answers for texts whose words are made to have these tags."""
    batch = task.encode(tf.constant(texts))
    labels = list(task.facts.labels)
    logits = np.zeros((*batch["input_ids"].shape, len(labels)), np.float32)
    for text, row in enumerate(tags):
        for word, tag in enumerate(row):
            place = batch["word_rows"][text, word], batch["word_positions"][text, word]
            logits[(*place, labels.index(tag))] = 20.0
    outputs = tf.function(task.decode)({"logits": tf.constant(logits)}, batch)
    rows = {name: tensor.numpy() for name, tensor in outputs.items()}
    count = len(texts)
    return [task.describe({n: v[i] for n, v in rows.items()})["entities"] for i in range(count)]


def test_entities_come_with_their_characters_even_over_several_windows():
    texts = ["Á b. cxy\u00a0d", "", "a " * 12 + "b."]
    tags = [["B-A", "I-A", "O", "B-B", "B-B"], [], ["O"] * 10 + ["B-B", "I-B", "I-B", "O"]]
    first, second, third = decode(make(), texts, tags)
    assert [(e["label"], e["text"], e["start"], e["end"]) for e in first] == [
        ("A", "Á b", 0, 3),
        ("B", "cxy", 5, 8),
        ("B", "d", 9, 10),
    ]
    assert second == []
    assert [(e["text"], e["start"]) for e in third] == [("a a b", 20)]
    assert all(e["score"] > 0.99 for e in first + third)


def test_texts_without_words_have_no_entities():
    assert decode(make(), ["", " "], [[], []]) == [[], []]


def test_entities_of_the_other_schemes():
    bioes = make(tag_lib.all_tags(["A"], "bioes"))
    (found,) = decode(bioes, ["a b c d"], [["B-A", "E-A", "S-A", "O"]])
    assert [e["text"] for e in found] == ["a b", "c"]
    iob1 = make(("O", "I-A", "B-A", "I-B"))
    (found,) = decode(iob1, ["a b c d"], [["I-A", "B-A", "I-B", "I-B"]])
    assert [(e["label"], e["text"]) for e in found] == [("A", "a"), ("A", "b"), ("B", "c d")]
    (found,) = decode(make(("X", "Y")), ["a bx"], [["X", "X"]])
    assert [(e["label"], e["text"]) for e in found] == [("X", "a"), ("X", "bx")]


def tagged_sentences():
    generator = np.random.default_rng(3)
    sentences = []
    for length in (3, 20, 1, 9):
        words = generator.choice(["a", "bxy", "c", "dx", "e."], length).tolist()
        tags = tag_lib.convert(generator.choice(LABELS, length).tolist(), "iob2")
        sentences.append(Sentence(words, tags, list(range(length)), -1))
    return sentences


@pytest.mark.parametrize(("replicas", "widths"), [(1, ()), (2, (5, 8))])
def test_scores_are_those_of_whole_sentences_on_any_layout(model, replicas, widths):
    """Against the words' scores picked by hand, decoded one sentence at a time."""
    task, sentences = make(), tagged_sentences()
    task = task.with_facts(dataclasses.replace(task.facts, widths=widths))
    data = encode_tagged("x", sentences, LABELS, TOKENIZER, max_seq_length=8, stride=3)
    strategy = strategy_of(replicas)
    with strategy.scope():
        copy = task.build_model()
    for weight, source in zip(copy.weights, model.weights, strict=True):
        weight.assign(source.numpy())
    scores, rows = Evaluator(task, copy, strategy, 4).run_with_rows(data)
    outputs = tf.nn.log_softmax(model({k: data.arrays[k] for k in _INPUTS})["logits"]).numpy()
    places = data.word_rows, data.word_positions
    np.testing.assert_allclose(rows["log_probabilities"][places], outputs[places], atol=1e-5)
    assert rows["log_probabilities"].shape == outputs.shape
    hits, predicted, expected, word = 0, 0, 0, 0
    lines = "\n".join(task.prediction_files(rows, data)["predictions.txt"]).split("\n\n")
    for sentence, written in zip(sentences, lines, strict=True):
        places = slice(word, word + len(sentence.words))
        word += len(sentence.words)
        values = outputs[data.word_rows[places], data.word_positions[places]]
        tags = [LABELS[tag] for tag in task.best_tags(values, [len(values)])]
        assert tag_lib.first_fault(tags, "iob2") is None
        rows_of_file = [" ".join(r) for r in zip(sentence.words, sentence.tags, tags, strict=True)]
        assert written.strip().split("\n") == rows_of_file
        found, right = set(tag_lib.spans(tags)), set(tag_lib.spans(sentence.tags))
        hits, predicted, expected = (
            hits + len(found & right),
            predicted + len(found),
            expected + len(right),
        )
    assert predicted and expected
    f1 = 2 * hits / (predicted + expected)
    assert scores["f1"] == pytest.approx(f1) and scores["precision"] == hits / predicted


def test_errors_come_by_place_with_what_was_found_instead():
    sentence = Sentence(["a", "b", "c", "d"], ["B-X", "I-X", "O", "B-Y"], [1, 2, 3, 4], 0)
    found = list(entity_errors([sentence], [["B-X", "O", "B-Z", "B-Z"]]))
    assert found == [
        ("1", "wrong border", "X", "a b", "a b c d", "X a"),
        ("3", "spurious", "Z", "c", "a b c d", ""),
        ("4", "wrong type", "Y", "d", "a b c d", "Z d"),
    ]


_INPUTS = ("input_ids", "input_mask", "segment_ids")


def test_the_loss_counts_each_word_once(model):
    task = make()
    data = encode_tagged("x", tagged_sentences(), LABELS, TOKENIZER, max_seq_length=8, stride=3)
    (batch,) = task.make_dataset(data, BatchSlice(len(data)), training=False)
    loss, weight = task.compute_loss(model(batch), batch)["loss"]
    assert weight == 33
    log_probs = tf.nn.log_softmax(model(batch)["logits"]).numpy()
    picked = log_probs[data.word_rows, data.word_positions]
    tags = [LABELS.index(tag) for s in tagged_sentences() for tag in s.tags]
    assert float(loss) == pytest.approx(-picked[np.arange(33), tags].sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("labels", "scheme", "message"),
    [
        (("O",), "auto", "at least two labels"),
        (("O", "B-A"), "iob3", "tag_scheme is 'iob3'. Known"),
        (("X", "Y"), "iob2", "but the labels are X, Y"),
    ],
)
def test_labels_that_cannot_be_are_refused(labels, scheme, message):
    with pytest.raises(ValueError, match=message):
        make(labels, tag_scheme=scheme)


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [(("O", "PER", "[CLS]"), "plain"), (("[SEP]", "O", "B_PER", "I_PER", "[CLS]"), "iob2")],
)
def test_o_and_special_tokens_are_never_entities(labels, scheme):
    from bert_tf.tasks.token_classification.tag_decoder import TagDecoder

    tags = [label for label in labels if "I_" not in label]
    ids = [labels.index(tag) for tag in tags]
    scores_XL = np.log(np.eye(len(labels), dtype=np.float32)[ids] + 1e-6)
    words = " ".join("a" * len(tags))
    starts = np.arange(0, 2 * len(tags), 2, dtype=np.int32)[np.newaxis]
    found = TagDecoder(list(labels), scheme).entities(
        tf.constant(scores_XL),
        {
            "word_mask": tf.ones([1, len(tags)], tf.int32),
            "word_starts": tf.constant(starts),
            "word_ends": tf.constant(starts + 1),
            "text": tf.constant([words]),
        },
    )
    assert found["label"].numpy().tolist() == [[b"PER"]]
    place = next(place for place, tag in enumerate(tags) if "PER" in tag)
    assert found["start"].numpy().tolist() == [[2 * place]]
