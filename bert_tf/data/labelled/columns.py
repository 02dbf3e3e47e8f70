"""Which columns of a table are the texts: a setting, what training found, or the usual names.

A setting is the name of a column, or a template with names in braces that makes one text of several
columns: `{Subject}: {Body}`.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

# As GLUE and other well-known tables call them; the first that a file has is taken.
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
    "The columns of a file without a header line are named with "
    "--config.task.header=\"('sentence','label')\"."
)


class TextColumns(NamedTuple):
    """The texts of a row: a column or a template each.

    Attributes:
      text: the first text; "": found by the usual names.
      pair: the second one; "": there is none.
    """

    text: str = ""
    pair: str = ""

    def names(self, known: Collection[str] = ()) -> list[str]:
        """The columns that both texts are made of, each once."""
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
    """What a model knows of a table that it is to answer.

    Attributes:
      wanted, trained: see `find`.
      header: names of the columns of a file without header line.
      hidden: columns that do not come back in the answer.
      word_lists: columns that may hold the words of a text as a list; the first that a file has
        stands in for a text.
    """

    wanted: TextColumns = TextColumns()
    trained: TextColumns = TextColumns()
    header: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    word_lists: tuple[str, ...] = ()


def names_in(setting: str, known: Collection[str] = ()) -> list[str]:
    """The columns in a setting: itself, or those in braces. A column of `known` is no template."""
    if not setting or setting in known:
        return [setting] if setting else []
    return _NAME.findall(setting) or [setting]


def fill(setting: str, values: Mapping[str, str]) -> str:
    """The text of a row: a column, or the template filled. "" if all of its columns are empty."""
    if setting in values:
        return values[setting]
    if not any(values[name] for name in names_in(setting)):
        return ""
    return _NAME.sub(lambda found: values[found[1]], setting)


def find(
    path: str, names: Sequence[str], wanted: TextColumns, trained: TextColumns = NONE
) -> TextColumns:
    """Which columns of a file are its texts.

    Args:
      path, names: the file and its columns.
      wanted: what the settings say.
      trained: those of the training file; taken if the settings say nothing and the file has them.

    Raises:
      ValueError: a second text without a first; no column has a usual name.
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
    """ValueError for pairs where a model takes single texts, or the other way round."""
    if in_pairs == bool(found.pair):
        return
    what = "pairs of texts" if found.pair else "single texts"
    trained = "pairs of texts" if in_pairs else "single texts"
    raise ValueError(
        f"{path}:1: {what} ({', '.join(found.settings)}), but the model was trained on {trained}. "
        f"The columns are: {', '.join(names)}. {_say_which(names, in_pairs)}"
    )


def _say_which(names: Sequence[str], in_pairs: bool = False) -> str:
    second = names[1] if len(names) > 1 else names[0]
    pair = f" {PAIR_FLAG}='{second}'" if in_pairs else ""
    return f"Say which to read, for example {TEXT_FLAG}='{names[0]}'{pair}."


def places(path: str, names: Sequence[str], columns: Sequence[str]) -> list[int]:
    """Where `columns` stand among the `names` of a file.

    Raises:
      ValueError: one is unknown or there twice.
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
    """What to do about a table whose fields something else separates; "" for other tables."""
    if len(names) > 1 or not (marks := [mark for mark in "\t;|" if mark in names[0]]):
        return ""
    if marks[0] == "\t":
        return "There are tabs between the fields: pass --input_format=tsv."
    return (
        f"{marks[0]!r} seems to stand between the fields. Expected commas, or tabs in a .tsv: "
        "convert the table."
    )


def _hint(column: str, names: Sequence[str]) -> str:
    """What to write for a column that is not there."""
    if other := _other_separator(names):
        return other
    parts = [part.strip() for part in column.split(",")]
    if len(parts) < 2:
        like = next((name for name in names if name.lower() == column.lower()), "")
        return f"Did you mean {like!r}?" if like else HEADER_HINT
    braces = " ".join(f"{{{part}}}" for part in parts)
    return (
        f"Several columns become one text by a template: {TEXT_FLAG}='{braces}'. A pair of texts "
        f"is {TEXT_FLAG}='{parts[0]}' {PAIR_FLAG}='{parts[1]}'. A setting that takes several names "
        f'takes a tuple: "({",".join(map(repr, parts))})".'
    )


def reader(
    path: str, names: Sequence[str], texts: TextColumns
) -> Callable[[Mapping[str, str]], tuple[str, ...]]:
    """A function from a row, {column: text}, to its one or two texts.

    Raises:
      ValueError: a column is unknown.
    """
    places(path, names, texts.names(names))
    return lambda values: tuple(fill(setting, values) for setting in texts.settings)
