"""The test vectors for ports: tokenizers give them, and so does the program in the guide."""

import json
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "testdata" / "tokenizers"
sys.path.insert(0, str(ROOT / "scripts" / "development"))

import make_tokenizer_vectors  # noqa: E402

from bert_tf.tokenization.tokenizer import Tokenizer  # noqa: E402


def stored(name: str) -> list[dict]:
    lines = (FOLDER / name / "vectors.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("name", list(make_tokenizer_vectors.KINDS))
def test_tokenizers_give_the_stored_vectors(name):
    vectors = stored(name)
    texts = json.loads((FOLDER / "texts.json").read_text(encoding="utf-8"))
    assert len(texts) == len(set(texts)) >= 200
    assert (
        make_tokenizer_vectors.vectors(Tokenizer.from_folder(str(FOLDER / name)), texts) == vectors
    )


def test_the_program_in_the_guide_gives_the_stored_vectors():
    guide = (ROOT / "docs" / "tokenizers.md").read_text(encoding="utf-8")
    (program,) = re.findall(r'^```python title="byte_pair.py"\n(.*?)^```', guide, re.M | re.S)
    (example,) = re.findall(r"^```json\n(.*?)^```", guide, re.M | re.S)
    assert json.loads(example) in stored("byte_pair")
    names = {}
    exec(program, names)
    tokenizer = names["BytePair"](FOLDER / "byte_pair")
    for vector in stored("byte_pair"):
        ids, offsets = tokenizer.tokenize(vector["text"])
        assert (ids, offsets) == (vector["ids"], vector["offsets"]), vector["text"]


@pytest.mark.parametrize("name", ["albert", "xlm_roberta"])
def test_the_unigram_program_in_the_guide_gives_the_stored_ids(name):
    guide = (ROOT / "docs" / "tokenizers.md").read_text(encoding="utf-8")
    (program,) = re.findall(r'^```python title="unigram.py"\n(.*?)^```', guide, re.M | re.S)
    names = {}
    exec(program, names)
    tokenizer = names["Unigram"](FOLDER / name)
    for vector in stored(name):
        assert tokenizer.tokenize(vector["text"]) == vector["ids"], vector["text"]
