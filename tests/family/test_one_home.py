"""A member of the family has one home: what is BERT's or WordPiece's is said nowhere else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_FILES = sorted((_ROOT / "bert_tf").rglob("*.py"))

# What must not be said outside its home, as a string or a module that is imported; the places that
# may say it, and why.
_BERT = {
    "models/bert/": "its home",
    "models/albert/checkpoint_names.py": "Google's ALBERT has the names of its BERT",
    "models/checkpoint_rules.py": "Model Garden names the type of its encoder in params.yaml",
    "config/experiment.py": "the encoder of a config that names none",
    "checkpoints/": "formats name the classes and files of the BERTs of other projects",
    "__init__.py": "the names that users import",
    "config/__init__.py": "the names that users' config files import",
}
_WORDPIECE = {
    "tokenization/": "its home",
    "data/records/manifest.py": "manifests of older versions name no kind",
    "checkpoints/": "formats write the tokenizer files of other projects",
    "hub.py": "the files of other projects that are fetched",
    "__init__.py": "the names that users import",
}


def _strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, value) of every string that is not a docstring."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        is_string = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_string and id(node) not in docstrings:
            yield node.lineno, node.value


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything that is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)


def says_bert(source: str) -> list[str]:
    """Where a file names BERT as a kind of model, or takes its parts."""
    tree = ast.parse(source)
    found = [f"{n}: {text!r}" for n, text in _strings(tree) if re.search(r"^bert/?$|^bert/", text)]
    return found + [f"{n}: {name}" for n, name in _imports(tree) if "models.bert" in name]


def says_wordpiece(source: str) -> list[str]:
    """Where a file names WordPiece, its special tokens or its files."""
    tree = ast.parse(source)
    words = re.compile(r"\[(CLS|SEP|MASK|PAD|UNK)\]|##(?! )|^wordpiece$|^vocab\.txt$")
    found = [f"{n}: {text!r}" for n, text in _strings(tree) if words.search(text)]
    homes = ("tokenization.wordpiece", "tokenization.vocabulary")
    return found + [
        f"{n}: {name}" for n, name in _imports(tree) if any(home in name for home in homes)
    ]


def judges_by_name(source: str) -> list[str]:
    """Where a regular expression looks for the name of a variable."""
    words = re.compile(r"layer_|LayerNorm|kernel|embeddings/|encoder/|gamma|/bias")
    return [
        f"{node.lineno}: {text}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "value", None) is not None
        if getattr(node.func.value, "id", "") == "re"
        for _, text in _strings(node)
        if words.search(text)
    ]


def _outside(homes: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(name, source) of the files of bert_tf that are not at home."""
    for file in _FILES:
        name = file.relative_to(_ROOT / "bert_tf").as_posix()
        if not any(name == home or home[-1] == "/" and name.startswith(home) for home in homes):
            yield name, file.read_text()


@pytest.mark.parametrize(
    ("homes", "says"),
    [
        (_BERT, says_bert),
        (_WORDPIECE, says_wordpiece),
        ({"models/bert/": "its home", "checkpoints/": "old names of tensors"}, judges_by_name),
    ],
)
def test_only_its_home_knows_a_member(homes, says):
    assert [f"{name}:{place}" for name, text in _outside(homes) for place in says(text)] == []


@pytest.mark.parametrize("name", ["toy", "d_inner", "ffn_norm", "characters_file"])
def test_nothing_in_the_library_knows_the_toys(name):
    """So a new encoder and a new tokenizer touch one file each: their own."""
    word = re.compile(rf"\b{name}|{name}\b", re.IGNORECASE)
    assert [str(file) for file in _FILES if word.search(file.read_text())] == []


@pytest.mark.parametrize(
    ("says", "source"),
    [
        (says_bert, "if config.model_type == 'bert': pass"),
        (says_bert, "prefix = 'bert/encoder'"),
        (says_bert, "from bert_tf.models.bert import BertConfig"),
        (says_bert, "from bert_tf.models import bert"),
        (says_wordpiece, "text.replace(' ##', '')"),
        (says_wordpiece, "pad = '[PAD]'"),
        (says_wordpiece, "folder + 'vocab.txt' if a else 'vocab.txt'"),
        (says_wordpiece, "from bert_tf.tokenization.wordpiece import Tokenizer"),
        (judges_by_name, "import re\n_X = re.compile('LayerNorm|bias')"),
        (judges_by_name, "import re\nre.search(r'layer_(\\d+)/', path)"),
    ],
)
def test_the_checker_catches(says, source):
    assert says(source)


@pytest.mark.parametrize(
    ("says", "source"),
    [
        (
            says_bert,
            '"""As in bert/run_squad.py."""\nfrom bert_tf.models.model import EncoderConfig',
        ),
        (says_wordpiece, 'def f():\n    """Puts [CLS] first."""\n    return "first"'),
        (judges_by_name, "import re\nre.compile('^task:')\npath = 'encoder/layer_0/kernel'"),
    ],
)
def test_the_checker_lets_pass(says, source):
    assert says(source) == []
