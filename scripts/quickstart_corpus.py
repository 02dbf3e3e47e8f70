"""Writes the quickstart's text: the documentation that every Python installation carries.

The language reference (`pydoc_data.topics`) and the docstrings of the standard library, about 2 MB
of English, become

    pretrain_train.txt, pretrain_heldout.txt    one sentence a line, blank line between documents
    train.tsv, dev.tsv                          sentence<TAB>label: which package is it from?
    examples.txt                                some lines of dev.tsv without labels, to predict

A document is one topic, or the docstrings of one module. The labels are the packages with the most
docstrings; the names of all of them are cut out of the texts. No text occurs twice in the two
tables, and none of dev.tsv is in pretrain_train.txt. What goes where depends on hashes of names and
texts, so the same Python gives the same files. Modules are parsed, never imported.

Example:
    python scripts/quickstart_corpus.py --output_dir=quickstart/corpus
"""

import ast
import collections
import hashlib
import pathlib
import re
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pydoc_data.topics import topics

from absl import flags

from bert_tf import app
from bert_tf.files import write_whole

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "The folder to write to.", required=True)

_HELD_OUT_SHARE = 0.08  # of the documents, from pretraining
_DEV_SHARE = 0.2  # of the labelled texts
_NUM_LABELS = 10
_NUM_EXAMPLES = 5
_FEWEST_WORDS = 5  # of a labelled text
_MOST_WORDS = 80
_NOT_DOCUMENTATION = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
# A package's docstrings also name it in these ways.
_OTHER_NAMES = {"idlelib": ("idle",), "lib2to3": ("2to3",), "tkinter": (r"\btk\b", r"\btcl\b")}

_UNDERLINE = re.compile(r"^\W{3,}$")
_MARKUP = (
    (re.compile(r":[a-z:]+:`[~!]?([^`<]+)(?: <[^`]*>)?`"), r"\1"),  # :class:`~a.B` -> a.B
    (re.compile(r"``?([^`]+)``?"), r"\1"),
    (re.compile(r"(?<![\w*])\*\*?([^*\s][^*]*?)\*\*?(?![\w*])"), r"\1"),  # *emphasis*
    (re.compile(r"^\s*(?:\.\. [\w-]+::|[-*+]\s|\d+\.\s)\s*"), ""),  # directives, bullets
    (re.compile(r"::(?=\s|$)"), ":"),
)


def main(argv: Sequence[str]) -> None:
    del argv
    for line in write_corpus(_OUTPUT_DIR.value):
        print(line)


def write_corpus(folder: str) -> list[str]:
    """Writes the five files into `folder` and returns lines that say what is in them."""
    from bert_tf.data.text.documents import split_sentences

    modules = {name: list(texts) for name, texts in _modules()}
    labelled = _labelled_texts(modules)
    parts = {"train": [], "dev": []}
    for text, (label, _) in labelled.items():
        parts["dev" if _draw(text) < _DEV_SHARE else "train"].append((text, label))
    dev_originals = {labelled[text][1] for text, _ in parts["dev"]}

    documents = {"train": [], "heldout": []}
    for name, texts in [*_topics(), *modules.items()]:
        part = "heldout" if _draw(name) < _HELD_OUT_SHARE else "train"
        kept = [text for text in texts if part == "heldout" or _flat(text) not in dev_originals]
        sentences = [sentence for text in kept for sentence in split_sentences(text)]
        if sentences:
            documents[part].append("\n".join(sentences) + "\n")

    files = {f"pretrain_{part}.txt": "\n".join(texts) for part, texts in documents.items()}
    for part, rows in parts.items():
        rows.sort(key=lambda row: _draw(f"order {row[0]}"))  # any first part is a fair sample
        lines = ["sentence\tlabel", *(f"{text}\t{label}" for text, label in rows)]
        files[f"{part}.tsv"] = "\n".join(lines) + "\n"
    files["examples.txt"] = "".join(f"{text}\n" for text, _ in parts["dev"][:_NUM_EXAMPLES])
    _write_files(pathlib.Path(folder), files)

    labels = collections.Counter(label for rows in parts.values() for _, label in rows)
    return [
        *(f"{name}: {len(content.encode()):,} bytes" for name, content in files.items()),
        f"documents: {len(documents['train']):,} and {len(documents['heldout']):,} held out",
        f"labelled texts: {len(parts['train']):,} and {len(parts['dev']):,} held out",
        "labels: " + ", ".join(f"{label} {count}" for label, count in labels.most_common()),
    ]


def _write_files(folder: pathlib.Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(str(folder / name), content)


def _draw(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:6], "big") / 2**48


def _topics() -> Iterator[tuple[str, list[str]]]:
    for name, text in sorted(topics.items()):
        yield f"topic {name}", [_clean(text)]


def _modules() -> Iterator[tuple[str, Iterable[str]]]:
    """Yields (dotted name, cleaned docstrings) of every module of the standard library."""
    root = pathlib.Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if not _NOT_DOCUMENTATION & set(parts):
            yield ".".join(part for part in parts if part != "__init__"), _docstrings(path)


def _docstrings(path: pathlib.Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # some installations carry templates that are no modules
        return
    for node in _definitions(tree):
        text = _clean(ast.get_docstring(node) or "")
        if text:
            yield text


def _definitions(node: ast.AST) -> Iterator[ast.AST]:
    """Modules, classes and functions, in the order of the source."""
    # Expressions are not looked into: that takes a third of the time of `ast.walk`.
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield node
    for field in ("body", "handlers", "orelse", "finalbody"):
        for child in getattr(node, field, ()):
            yield from _definitions(child)


def _clean(text: str) -> str:
    """The prose of a docstring: paragraphs with a blank line between, without code and markup."""
    paragraphs = (_clean_paragraph(part) for part in re.split(r"\n\s*\n", text))
    return "\n\n".join(part for part in paragraphs if _is_prose(part))


def _clean_paragraph(text: str) -> str:
    if ">>>" in text:
        text = text[: text.index(">>>")]  # what follows a prompt is code or its output
    lines = [line for line in text.splitlines() if not _UNDERLINE.match(line.strip())]
    for pattern, replacement in _MARKUP:
        lines = [pattern.sub(replacement, line) for line in lines]
    return " ".join(" ".join(lines).split())


def _is_prose(text: str) -> bool:
    """Words and spaces for the most part: grammar, tables and code have other characters."""
    letters = sum(char.isalpha() or char.isspace() for char in text)
    return len(text.split()) >= 3 and letters >= 0.8 * len(text)


def _flat(text: str) -> str:
    return " ".join(text.split())


def _labelled_texts(modules: dict[str, list[str]]) -> dict[str, tuple[str, str]]:
    """{text to classify: (label, the whole docstring)}, each text once and of one label only."""
    by_package = collections.defaultdict(dict)
    for name, texts in modules.items():
        package = name.split(".")[0]
        if not package.startswith("_"):
            by_package[package].update((_flat(text), None) for text in texts)
    largest = sorted(by_package, key=lambda package: (-len(by_package[package]), package))
    labels = sorted(largest[:_NUM_LABELS])
    names = [part for label in labels for part in (label, *_OTHER_NAMES.get(label, ()))]
    giveaway = re.compile("|".join(rf"\S*{part}\S*" for part in names), re.IGNORECASE)
    found = collections.defaultdict(list)
    for label in labels:
        for original in by_package[label]:
            words = giveaway.sub(" ", original).split()[:_MOST_WORDS]
            if len(words) >= _FEWEST_WORDS:
                found[" ".join(words)].append((label, original))
    return {text: sources[0] for text, sources in found.items() if len(sources) == 1}


if __name__ == "__main__":
    app.run(main, needs_keras=False)
