"""Writes docs/settings.md from the Config classes, and makes the API pages of the site.

    python scripts/development/make_docs.py            writes docs/settings.md
    python scripts/development/make_docs.py --check    only says whether it is up to date

MkDocs loads this file as a hook (mkdocs.yml): the API pages are made while the site is built, one
for each package, so they cannot be stale. Their text comes from the docstrings.
"""

import argparse
import collections
import dataclasses
import inspect
import pathlib
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

ROOT = pathlib.Path(__file__).parents[2]
SETTINGS = ROOT / "docs" / "settings.md"

_HEAD = """# All settings

This page is made from the Config classes by `scripts/development/make_docs.py`. Do not edit it.

A run has five sections of settings: `model`, `data`, `task`, `optimizer` and `train`. A config file
fills them: a Python file such as `configs/pretrain/mini.py`, whose `get_config()` returns these
dataclasses. The command line changes single settings:

```bash
python scripts/pretrain.py --config=configs/pretrain/mini.py \\
    --config.optimizer.learning_rate=5e-4 --train_data=data/train --work_dir=work/mini
```

Write a tuple with brackets and quotes: `--config.task.labels="('no','yes')"`. An unknown setting
is an error that lists the known ones. Which settings `task` and `model` have depends on the task
and the model. Paths, devices and other things that do not change the result are flags; `--help` of
each script explains them.
"""
_ENTRY = re.compile(r"^(?P<names>\w+(?:, \w+)*): (?P<text>.*)$")


# --------------------------------------------------------------------------------- settings


def settings_page() -> str:
    """The text of docs/settings.md."""
    from bert_tf import config, members

    parts = [_HEAD]
    parts += _section("data", config.DataConfig, "Flag: `--config.data.`.")
    parts += _section("optimizer", config.OptimizerConfig, "Flag: `--config.optimizer.`.")
    parts += _section("train", config.TrainConfig, "Flag: `--config.train.`.")
    parts += _section(
        "train.phases", config.PhaseConfig, "The entries of `train.phases`, set in a config file."
    )
    for name in members.known("tasks"):
        cls = members.find("tasks", name).Config
        parts += _section(
            f"task: {name}", cls, f"Flag: `--config.task.` when the task is `{name}`."
        )
    for name in members.known("models"):
        cls = members.find("models", name).Config
        parts += _section(
            f"model: {name}", cls, f"Flag: `--config.model.` when the model is `{name}`."
        )
    return "\n".join(parts).rstrip() + "\n"


def _section(title: str, cls: type, intro: str) -> Iterator[str]:
    """The lines of one Config class: a heading and a table."""
    meanings, ranges = attributes_of(cls), _ranges_of(title, cls)
    yield f"\n## {title}\n\n{_first_paragraph(cls)}\n"
    yield f"{intro} Defined in `{cls.__module__}.{cls.__qualname__}`.\n"
    yield "| setting | default | meaning | range |\n|---|---|---|---|"
    for field in dataclasses.fields(cls):
        if field.name not in meanings:
            raise ValueError(
                f"{cls.__module__}.{cls.__qualname__}: the docstring has no entry for "
                f"{field.name!r} under Attributes. Add one."
            )
        cells = (
            f"`{field.name}`",
            f"`{_default(field)}`",
            _escape(meanings[field.name]),
            _escape(ranges.get(field.name, "")),
        )
        yield "| " + " | ".join(cells) + " |"


def attributes_of(cls: type) -> dict[str, str]:
    """{name: meaning}, from the "Attributes:" of the docstrings of a class and its bases."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        entries: dict[str, list[str]] = collections.OrderedDict()
        for line in _attribute_lines(inspect.cleandoc(vars(base).get("__doc__") or "")):
            entry = _ENTRY.match(line)
            if entry:
                last = entry["names"]
                entries[last] = [entry["text"]]
            elif entries:
                entries[last].append(line.strip())
        for names, lines in entries.items():
            found.update(dict.fromkeys(names.split(", "), " ".join(lines)))
    return found


def _attribute_lines(docstring: str) -> list[str]:
    """The lines of the section "Attributes:", its entries without their indentation."""
    _, found, section = docstring.partition("\nAttributes:\n")
    lines = []
    for line in section.splitlines() if found else []:
        if line and not line.startswith(" "):
            break  # the next section
        lines.append(line.removeprefix("  "))
    return lines


def _ranges_of(title: str, cls: type) -> Mapping[str, str]:
    """{setting: which numbers it may have}, for those that have a range."""
    from bert_tf.config import ranges
    from bert_tf.models.model import EncoderConfig

    if issubclass(cls, EncoderConfig):
        names = [field.name for field in dataclasses.fields(cls)]
        rates = [name for name in names if name.endswith("dropout_prob")]
        return {
            **dict.fromkeys(cls.AT_LEAST_ONE, "at least 1"),
            **dict.fromkeys(rates, "at least 0 and less than 1"),
        }
    table = getattr(ranges, title.upper(), getattr(cls, "RANGES", {}))
    return {name: wanted for name, (wanted, _) in table.items()}


def _first_paragraph(cls: type) -> str:
    return _escape(" ".join(inspect.getdoc(cls).split("\n\n")[0].split()))


def _default(field: dataclasses.Field) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return repr(field.default_factory())
    return "" if field.default is dataclasses.MISSING else repr(field.default)


def _escape(text: str) -> str:
    """For a cell of a table: `[CLS]` is no link, `|` no border, `<` no tag."""
    for character in "[]|<>*":
        text = text.replace(character, "\\" + character)
    return text


# -------------------------------------------------------------------------------- API pages


def api_pages() -> dict[str, str]:
    """{path below docs/: text} of a page for each package that has modules of its own."""
    pages = {}
    for init in sorted((ROOT / "bert_tf").rglob("__init__.py")):
        package = init.parent
        modules = sorted(path for path in package.glob("*.py") if path.name != "__init__.py")
        if modules:
            name = _dotted(package)
            about = f"::: {name}\n    options: {{members: false, show_root_heading: false}}"
            parts = [f"# {name}", about, *(f"::: {_dotted(path)}" for path in modules)]
            text = "\n\n".join(parts) + "\n"
            pages[f"api/{name.removeprefix('bert_tf').lstrip('.') or 'bert_tf'}.md"] = text
    return pages


def _dotted(path: pathlib.Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def on_config(config: Any) -> Any:
    """MkDocs: puts the API pages into the navigation."""
    pages = [{path.removeprefix("api/").removesuffix(".md"): path} for path in api_pages()]
    config.nav.append({"API": pages})
    return config


def on_files(files: Any, config: Any) -> Any:
    """MkDocs: adds the API pages to the site."""
    from mkdocs.structure.files import File

    for path, text in api_pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def main() -> int:
    """Writes or checks docs/settings.md; the exit code is 1 if the check finds it stale."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="Change nothing; exit code 1 if stale."
    )
    check = parser.parse_args().check
    text = settings_page()
    if check:
        is_fresh = SETTINGS.exists() and SETTINGS.read_text(encoding="utf-8") == text
        print(f"{SETTINGS} is {'up to date' if is_fresh else 'stale: run this without --check'}")
        return 0 if is_fresh else 1
    SETTINGS.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
