"""Asks a LiteRT or ONNX classifier made by export.py: the tokenizer in front, NumPy behind.

    python scripts/ask_small_model.py --model=small/sst2 --text="a moving film" --text="a waste"

The code below is what another program needs to use such a model.
"""

import json
import pathlib

from absl import flags

from bert_tf import app

_MODEL = flags.DEFINE_string("model", None, "A folder made by export.py.", required=True)
_TEXT = flags.DEFINE_multi_string("text", None, "What to ask it.", required=True)


def main(argv):
    del argv
    folder = pathlib.Path(_MODEL.value)
    if not (folder / "export.json").is_file():
        raise ValueError(f"--model={folder}: expected a folder made by export.py.")
    about = json.loads((folder / "export.json").read_text())
    for text, answer in zip(_TEXT.value, ask(folder, about, _TEXT.value), strict=True):
        print(json.dumps({"text": text, **answer}))


def ask(folder, about, texts):
    """A dict for each text: its label or labels and all probabilities, or a score."""
    from bert_tf import Tokenizer

    tokenizer = Tokenizer.from_folder(str(folder))
    encoded = tokenizer.encode(texts, max_seq_length=about["max_seq_length"], pad=False)
    batch = {name: encoded[name].numpy() for name in about["signatures"]["ids"]["inputs"]}
    if about["format"] == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
        logits = session.run(["logits"], batch)[0]
    else:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(folder / "model.tflite"))
        logits = interpreter.get_signature_runner("ids")(**batch)["logits"]
    if about["problem_type"] == "regression":
        return [{"score": score} for score in logits[:, 0].tolist()]
    answers = []
    for key, label, row in decide(logits, about):
        answers.append({key: label, "probabilities": dict(zip(about["labels"], row, strict=True))})
    return answers


def decide(logits, about):
    """Yields ("label" or "labels", what is answered, probabilities) of each text."""
    import numpy as np

    how, labels = about["decision"], about["labels"]
    logits = logits / how["temperature"]
    several = about["problem_type"] == "multi_label_classification"
    if several:
        scores_of = 1 / (1 + np.exp(-logits))
    else:
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        scores_of = powers / powers.sum(axis=-1, keepdims=True)
    least = np.array(how["thresholds"] or [0.5 if several else 0.0] * len(labels))
    least = np.maximum(least, how["reject_below"])
    for row in scores_of:
        if several:
            yield "labels", [labels[i] for i in np.flatnonzero(row >= least)], row.tolist()
            continue
        best = int(np.argmax(row * (how["factors"] or [1.0] * len(labels))))
        yield "label", labels[best] if row[best] >= least[best] else None, row.tolist()


if __name__ == "__main__":
    app.run(main, needs_keras=False)
