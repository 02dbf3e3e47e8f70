"""Pages of explained answers and of attention, from made-up numbers."""

import pathlib

import numpy as np

from bert_tf.explanation import attention_page
from bert_tf.explanation import page as words_page
from bert_tf.explanation.attention import Attended, Averages
from bert_tf.explanation.attention import packed as pack

_TEXT = "a text with <script>alert('no')</script> & \"quotes\""


def explained(folder: pathlib.Path) -> pathlib.Path:
    """Explained answers, with awkward text."""
    texts = [
        _TEXT,
        "long" * 60,
        "\u0645\u0631\u062d\u0628\u0627 cat \u0628\u0643\u0645",
        "\u6211\u7231\u5317\u4eac",
    ]
    words = [
        {"text": text[:4], "start": 0, "end": 4, "in": 0, "parts": {"occlusion": p, "rollout": 0.5}}
        for text, p in zip(texts, (0.9, -0.7, 0.2, 0.1), strict=True)
    ]
    records = [
        {
            "text": text,
            "answers": [
                {
                    "answer": f"label {number % 2}",
                    "unit": "log odds",
                    "belief": number - 1.5,
                    "probability": 0.2 + 0.2 * number,
                    "span": [1, 3],
                    "span_in": 0,
                    "words": [words[number]],
                    "methods": {"integrated_gradients": {"gap": 0.5}},
                    "flip": {"words": [0], "answer": _TEXT, "belief": 0.0},
                    "substitution": {"words": [0], "by": [_TEXT], "answer": "b", "belief": 0.0},
                }
            ],
            "nearest": [{"text": _TEXT, "label": "<b>", "similarity": 0.5}],
        }
        for number, text in enumerate(texts)
    ]
    scores = {"comprehensiveness": 0.2, "sufficiency": 0.1, "contrast": 1.5}
    faithfulness = {"occlusion": scores, "random": scores}
    by_answer = [
        {"answer": name, "answers": 2, "without_words": share, "faithfulness": faithfulness}
        for name, share in ((_TEXT, 1.0), ("label 1", 0.0))
    ]
    about = {
        "tiles": {"texts": 4},
        "faithfulness": faithfulness,
        "by_answer": by_answer,
        "largest_gap": 0.02,
        "num_answers": 5,
    }
    path = folder / "explained.html"
    words_page.write(str(path), _TEXT, records, ("occlusion", "rollout"), about)
    return path


def attention(folder: pathlib.Path) -> pathlib.Path:
    """Two texts, of which one is too long for all of its weights; three layers of four heads."""
    packed, averages = [], Averages()
    for length, room in ((5, 10_000), (60, 20_000)):
        probs = np.random.default_rng(0).random((3, 4, length, length)) ** 4
        probs[0, 1] = np.eye(length)
        tokens = [*[_TEXT] * (length - 1), "[SEP]"]
        probs = (probs / probs.sum(-1, keepdims=True)).astype(np.float32)
        text = Attended(tokens, np.array([token == "[SEP]" for token in tokens]), probs)
        averages.add(text)
        packed.append(pack(text, room))
    path = folder / "attention.html"
    attention_page.write(str(path), _TEXT, packed, averages.records())
    return path
