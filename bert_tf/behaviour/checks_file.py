"""Reads a YAML file of behaviour tests. Every complaint names the file and the line.

Every scalar is text: a label `no` or `1` stays what it is.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from bert_tf import files
from bert_tf.behaviour import changes

FUNCTIONALITY, INVARIANCE, DIRECTION = KINDS = (
    "minimum functionality",
    "invariance",
    "direction",
)
DATA = "data"  # in place of a list of texts: those of --data
_KEYS = ("words", "tests")
_TEST_KEYS = {
    FUNCTIONALITY: ("name", "kind", "texts", "number", "expect"),
    INVARIANCE: ("name", "kind", "texts", "number", "change", "tolerance"),
    DIRECTION: ("name", "kind", "texts", "number", "change", "tolerance", "label", "direction"),
}
_NEEDED = {
    FUNCTIONALITY: ("name", "texts", "expect"),
    INVARIANCE: ("name", "texts", "change"),
    DIRECTION: ("name", "texts", "change", "direction"),
}
_NUMBER, _TOLERANCE = 50, 0.1


@dataclasses.dataclass(frozen=True)
class Test:
    """One test.

    Attributes:
      name: what it says of the model.
      kind: one of KINDS.
      where: FILE:LINE, for messages.
      texts: templates, each one text or a pair; None: the texts of the data.
      number: how many cases are made, at most.
      expect: of a minimum functionality test: what the answer must be.
      change: of the other kinds: how the text is changed.
      tolerance: by how much a number or probability may move without a failure.
      label: of a direction test: whose probability moves; "": the answer is a number.
      direction: "up", "down": where the number or probability must not go against.
    """

    name: str
    kind: str
    where: str
    texts: Sequence[tuple[str, ...]] | None
    number: int = _NUMBER
    expect: Any = None
    change: changes.Change | None = None
    tolerance: float = _TOLERANCE
    label: str = ""
    direction: str = ""


@dataclasses.dataclass(frozen=True)
class Checks:
    """The tests of a file.

    Attributes:
      path: the file.
      words: {name: what may stand for it in a template}.
      tests: in the order of the file.
    """

    path: str
    words: Mapping[str, Sequence[str]]
    tests: Sequence[Test]


def read(path: str) -> Checks:
    """Reads a file of tests.

    Raises:
      ValueError: the file is missing, no YAML, or says something that cannot be tested.
    """
    files.check_is_file(path)
    text = files.read_text(path)
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
        content = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes text, lists and dicts
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f"{path}:{line}: no YAML: {error.problem or error.context}.") from error
    except (yaml.YAMLError, RecursionError) as error:
        first = str(error).splitlines()[0] if str(error) else "it is nested too deep"
        raise ValueError(f"{path}: no YAML: {first}.") from error
    if not isinstance(content, dict) or not isinstance(content.get("tests"), list):
        raise ValueError(
            f"{path}:1: expected `tests:` with a list, and perhaps `words:` before it."
        )
    _check_keys(f"{path}:1", content, _KEYS, ())
    lines = _lines_of(root)
    words = _words(f"{path}:{lines['words']}", content.get("words") or {})
    tests = [
        _test(f"{path}:{line}", values, words)
        for line, values in zip(lines["tests"], content["tests"], strict=True)
    ]
    if not tests:
        raise ValueError(f"{path}: it holds no test. Expected at least one below `tests:`.")
    names = [test.name for test in tests]
    for test in tests:
        if names.count(test.name) > 1:
            raise ValueError(f"{test.where}: two tests are called {test.name!r}. Rename one.")
    return Checks(path, words, tests)


def _lines_of(root: yaml.Node) -> dict[str, Any]:
    """{"words": its line, "tests": the line of each test}, from 1."""
    nodes = {key.value: (key, value) for key, value in root.value if isinstance(key.value, str)}
    key = nodes["words"][0] if "words" in nodes else root
    tests = nodes["tests"][1].value  # of a key that occurs twice, the last one counts
    return {
        "words": key.start_mark.line + 1,
        "tests": [node.start_mark.line + 1 for node in tests],
    }


def _check_keys(where: str, values: Any, known: Sequence[str], needed: Sequence[str]) -> None:
    if not isinstance(values, dict):
        raise ValueError(f"{where}: expected keys and values ({', '.join(known)}).")
    unknown = [str(key) for key in values if key not in known]
    if unknown:
        raise ValueError(f"{where}: unknown key {unknown[0]!r}. Known: {', '.join(known)}.")
    missing = [key for key in needed if not values.get(key)]
    if missing:
        raise ValueError(f"{where}: {missing[0]!r} is missing.")


def _words(where: str, values: Any) -> dict[str, list[str]]:
    if not isinstance(values, dict):
        raise ValueError(f"{where}: `words` holds no names. Expected `name: [one, other]`.")
    for name, words in values.items():
        if not _are_texts(words) or not str(name).isidentifier():
            raise ValueError(
                f"{where}: words.{name}: expected a name of letters and a list of texts."
            )
        if str(name)[-1].isdigit():
            raise ValueError(
                f"{where}: words.{name}: a name does not end in a digit, which tells several words "
                "of one list apart."
            )
    return values


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(v, str) for v in values)


def _test(where: str, values: Any, words: Mapping[str, Sequence[str]]) -> Test:
    kind = values.get("kind") if isinstance(values, dict) else None
    if kind not in KINDS:
        raise ValueError(f"{where}: kind is {kind!r}. Known: {', '.join(KINDS)}.")
    _check_keys(where, values, _TEST_KEYS[kind], _NEEDED[kind])
    direction = values.get("direction", "")
    if kind == DIRECTION and direction not in ("up", "down"):
        raise ValueError(f"{where}: direction is {direction!r}; expected up or down.")
    texts = _templates(where, values["texts"])
    if texts is None and kind == FUNCTIONALITY:
        raise ValueError(f"{where}: `texts: data` has no expected answer; --data is scored anyway.")
    change = None
    if kind != FUNCTIONALITY:
        change = changes.read(where, values["change"], words, has_templates=texts is not None)
    return Test(
        values["name"],
        kind,
        where,
        texts,
        int(_number(where, "number", values.get("number", _NUMBER), 1)),
        values.get("expect"),
        change,
        _number(where, "tolerance", values.get("tolerance", _TOLERANCE), 0),
        values.get("label", ""),
        direction,
    )


def _number(where: str, name: str, value: Any, least: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not least <= number < 1e9:
        raise ValueError(f"{where}: {name} is {value!r}; expected a number of at least {least}.")
    return number


def _templates(where: str, values: Any) -> list[tuple[str, ...]] | None:
    if values == DATA:
        return None
    values = [values] if isinstance(values, str) else values
    found = [(one,) if isinstance(one, str) else one for one in values]
    if not all(
        _are_texts(list(one) if isinstance(one, tuple) else one) for one in found
    ) or not all(len(one) in (1, 2) for one in found):
        raise ValueError(
            f"{where}: texts are {values!r}; expected texts, pairs ([first, second]), or data."
        )
    return [tuple(one) for one in found]
