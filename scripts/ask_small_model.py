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
    for text, probabilities in zip(_TEXT.value, ask(folder, about, _TEXT.value), strict=True):
        named = dict(zip(about["labels"], probabilities.tolist(), strict=True))
        print(json.dumps({"text": text, "probabilities": named}))


def ask(folder, about, texts):
    """Probabilities float32 [texts, labels]."""
    import numpy as np

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
    scores = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return scores / scores.sum(axis=-1, keepdims=True)


if __name__ == "__main__":
    app.run(main, needs_keras=False)
