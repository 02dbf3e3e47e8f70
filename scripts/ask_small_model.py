"""Asks a LiteRT or ONNX classifier made by export.py: the tokenizer in front, NumPy behind.

python scripts/ask_small_model.py small/sst2 "a moving film" "a waste of time"
"""

import json
import pathlib
import sys

import numpy as np

from bert_tf import Tokenizer

folder, texts = pathlib.Path(*sys.argv[1:2]), sys.argv[2:]
if not texts or not (folder / "export.json").is_file():
    sys.exit(f"error: expected a folder made by export.py, then texts.\n{__doc__}")
about = json.loads((folder / "export.json").read_text())
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
for text, row in zip(texts, scores / scores.sum(axis=-1, keepdims=True), strict=True):
    probabilities = dict(zip(about["labels"], row.tolist(), strict=True))
    print(json.dumps({"text": text, "probabilities": probabilities}))
