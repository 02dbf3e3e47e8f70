"""Finds the columns of a table that are its texts: by settings, by the training file, or by name.

A setting is the name of a column, or a template that makes one text of several columns. A template
has the names of columns in braces: `{Subject}: {Body}`.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

# Names in GLUE and other well-known tables. The first that a file has is used.
_USUAL = (
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("premise", "hypothesis"),
    ("#1 String", "#2 String"),
    ("text_a", "text_b"),
    ("text", "text_pair"),
    ("sentence", ""),
    ("text", ""),
    ("text_a", ""),
    ("content", ""),
)
_NAME = re.compile(r"\{([^{}]+)\}")
TEXT_FLAG, PAIR_FLAG = "--config.task.text_column", "--config.task.text_pair_column"
HEADER_HINT = (
    "If the file has no header line, name its columns with "
    "--config.task.header=\"('sentence','label')\"."
)


class TextColumns(NamedTuple):
    """The texts of a row. Each is a column or a template.

    Attributes:
      text: the first text; "": look for a usual name.
      pair: the second text; "": there is none.
    """

    text: str = ""
    pair: str = ""

    def names(self, known: Collection[str] = ()) -> list[str]:
        """The columns in both texts, each once."""
        both = [*names_in(self.text, known), *names_in(self.pair, known)]
        return list(dict.fromkeys(both))

    @property
    def settings(self) -> tuple[str, ...]:
        """One or two columns or templates."""
        return (self.text, self.pair) if self.pair else (self.text,)

    def __str__(self) -> str:
        return " and ".join(map(repr, self.settings))


NONE = TextColumns()


class Known(NamedTuple):
    """What a model knows about a table that it will answer.

    Attributes:
      wanted, trained: see `find`.
      header: names of the columns of a file without a header line.
      hidden: columns that the answer leaves out.
      word_lists: columns that can hold the words of a text as a list. The first that a file has
        replaces the text.
    """

    wanted: TextColumns = TextColumns()
    trained: TextColumns = TextColumns()
    header: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    word_lists: tuple[str, ...] = ()


def names_in(setting: str, known: Collection[str] = ()) -> list[str]:
    """The columns in a setting: those in braces, or the setting if it is in `known` or has none."""
    if not setting or setting in known:
        return [setting] if setting else []
    return _NAME.findall(setting) or [setting]


def fill(setting: str, values: Mapping[str, str]) -> str:
    """The text of a row: a column, or the filled template; "" if all its columns are empty."""
    if setting in values:
        return values[setting]
    if not any(values[name] for name in names_in(setting)):
        return ""
    return _NAME.sub(lambda found: values[found[1]], setting)


def find(
    path: str, names: Sequence[str], wanted: TextColumns, trained: TextColumns = NONE
) -> TextColumns:
    """Finds the columns of a file that are its texts.

    Args:
      path: the file.
      names: its columns.
      wanted: the columns in the settings; they come first.
      trained: the columns of the training file; they come next, if the file has them.

    Raises:
      ValueError: the settings name a second text but no first; no column has a usual name.
    """
    if wanted.pair and not wanted.text:
        raise ValueError(
            f"{PAIR_FLAG}={wanted.pair} needs the first text too: set {TEXT_FLAG} as well. "
            f"The columns are: {', '.join(names)}."
        )
    if wanted.text:
        return wanted
    if trained.text and set(trained.names(names)) <= set(names):
        return trained
    for text, pair in _USUAL:
        if text in names and (not pair or pair in names):
            return TextColumns(text, pair)
    usual = ", ".join(f"{text}+{pair}" if pair else text for text, pair in _USUAL)
    raise ValueError(
        f"{path}:1: no column has a usual name for text ({usual}). The columns are: "
        f"{', '.join(names)}. {_other_separator(names) or f'{_say_which(names)} {HEADER_HINT}'}"
    )


def check_pairs(path: str, found: TextColumns, in_pairs: bool, names: Sequence[str]) -> None:
    """Raises ValueError if the file has pairs and the model takes single texts, or vice versa."""
    if in_pairs == bool(found.pair):
        return
    what = "pairs of texts" if found.pair else "single texts"
    trained = "pairs of texts" if in_pairs else "single texts"
    raise ValueError(
        f"{path}:1: found {what} ({', '.join(found.settings)}), but the model was trained on "
        f"{trained}. "
        f"The columns are: {', '.join(names)}. {_say_which(names, in_pairs)}"
    )


def _say_which(names: Sequence[str], in_pairs: bool = False) -> str:
    second = names[1] if len(names) > 1 else names[0]
    pair = f" {PAIR_FLAG}='{second}'" if in_pairs else ""
    return f"Say which to read, for example {TEXT_FLAG}='{names[0]}'{pair}."


def places(path: str, names: Sequence[str], columns: Sequence[str]) -> list[int]:
    """The index of each of `columns` in the `names` of a file.

    Raises:
      ValueError: a column is unknown or occurs twice.
    """
    for column in columns:
        if names.count(column) != 1:
            wrong = "occurs more than once" if column in names else "is unknown"
            raise ValueError(
                f"{path}:1: column {column!r} {wrong}. The columns are: {', '.join(names)}."
                + f" {_hint(column, names)}" * (column not in names)
            )
    return [names.index(column) for column in columns]


def _other_separator(names: Sequence[str]) -> str:
    """Says what to do about a table with another separator; "" for other tables."""
    if len(names) > 1 or not (marks := [mark for mark in "\t;|" if mark in names[0]]):
        return ""
    if marks[0] == "\t":
        return "Tabs separate the fields: pass --input_format=tsv."
    return (
        f"{marks[0]!r} seems to separate the fields. Expected commas, or tabs in a .tsv: convert "
        "the table."
    )


def _hint(column: str, names: Sequence[str]) -> str:
    """Says what to write instead of an unknown column."""
    if other := _other_separator(names):
        return other
    parts = [part.strip() for part in column.split(",")]
    if len(parts) < 2:
        like = next((name for name in names if name.lower() == column.lower()), "")
        return f"Did you mean {like!r}?" if like else HEADER_HINT
    braces = " ".join(f"{{{part}}}" for part in parts)
    return (
        f"For one text of several columns, write a template: {TEXT_FLAG}='{braces}'. For a pair of "
        f"texts: {TEXT_FLAG}='{parts[0]}' {PAIR_FLAG}='{parts[1]}'. For a setting with several "
        f'names, write a tuple: "({",".join(map(repr, parts))})".'
    )


def reader(
    path: str, names: Sequence[str], texts: TextColumns
) -> Callable[[Mapping[str, str]], tuple[str, ...]]:
    """Returns a function from a row, {column: text}, to its one or two texts.

    Raises:
      ValueError: a column is unknown.
    """
    places(path, names, texts.names(names))
    return lambda values: tuple(fill(setting, values) for setting in texts.settings)
