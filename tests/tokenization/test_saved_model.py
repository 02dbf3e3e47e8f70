"""The tokenizer inside a SavedModel: the same ids without bert_tf."""

import json
import subprocess
import sys

import pytest
import tensorflow as tf

from bert_tf.tokenization.tokenizer import Tokenizer
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

TEXTS = ["Únwanted, [MASK] wanted!", "", "a" * 201, "ä" * 200 + " 中文", "want\u0000 \ufffded"]
TOKENS = (*SPECIAL_TOKENS, *"a,!中文", "un", "##a", "want", "##want", "##ed", "ä", "##ä")

READER = """
import json, sys
import tensorflow as tf
import tensorflow_text
assert not any(name.startswith("bert_tf") for name in sys.modules)
outputs = tf.saved_model.load(sys.argv[1]).signatures["serving_default"](
    text=tf.constant(json.loads(sys.argv[2])), text_pair=tf.constant(json.loads(sys.argv[3]))
)
print(json.dumps({name: tensor.numpy().tolist() for name, tensor in outputs.items()}))
"""


class Model(tf.Module):
    def __init__(self, tokenizer: Tokenizer):
        super().__init__()
        self.tokenizer = tokenizer

    @tf.function
    def encode(self, text: tf.Tensor, text_pair: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = self.tokenizer.encode(
            text, text_pair, max_seq_length=40, pad=False, keep_special_tokens=True
        )
        text = self.tokenizer.decode(outputs["input_ids"])
        return {**outputs, "length": tf.strings.length(text, unit="UTF8_CHAR")}


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def model(request) -> Model:
    return Model(WordPieceTokenizer(Vocabulary(TOKENS), do_lower_case=request.param))


@pytest.fixture(scope="module")
def signature(model):
    text = tf.TensorSpec([None], tf.string)
    return model.encode.get_concrete_function(text, text)


def test_a_clean_process_gives_the_same_ids(tmp_path, model, signature):
    tf.saved_model.save(model, str(tmp_path / "model"), signatures=signature)
    command = [sys.executable, "-c", READER, str(tmp_path / "model")]
    command += [json.dumps(TEXTS), json.dumps(TEXTS[::-1])]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    expected = model.encode(tf.constant(TEXTS), tf.constant(TEXTS[::-1]))
    assert json.loads(result.stdout) == {k: v.numpy().tolist() for k, v in expected.items()}
