"""Writes docs/settings.md from the Config classes, and makes the API pages of the site.

    python scripts/development/make_docs.py            writes docs/settings.md
    python scripts/development/make_docs.py --check    only says whether it is up to date

MkDocs loads this file as a hook (mkdocs.yml): the API pages are made while the site is built, one
for each package, so they cannot be stale. Their text comes from the docstrings.
"""

import argparse
import pathlib
import sys
from collections.abc import Iterator
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


# --------------------------------------------------------------------------------- settings


def settings_page() -> str:
    """The text of docs/settings.md."""
    from bert_tf import config, members
    from bert_tf.config import listing

    every = listing.sections(members.known("tasks"), members.known("models"))
    phases = listing.section("train.phases", "train.phases", config.PhaseConfig)
    parts = [_HEAD]
    for section in every:
        parts += _section(section)
        if section.key == "train":
            parts += _section(phases)
    return "\n".join(parts).rstrip() + "\n"


def _section(section: Any) -> Iterator[str]:
    """The lines of a `listing.Section`: a heading and a table."""
    yield f"\n## {section.title}\n\n{_escape(section.about)}\n"
    cls = section.cls
    yield f"{_how_to_set(section)} Defined in `{cls.__module__}.{cls.__qualname__}`.\n"
    yield "| setting | default | meaning | range |\n|---|---|---|---|"
    for setting in section.settings:
        cells = (
            f"`{setting.name}`",
            f"`{setting.default}`",
            _escape(setting.meaning),
            _escape(setting.range),
        )
        yield "| " + " | ".join(cells) + " |"


def _how_to_set(section: Any) -> str:
    if section.key == "train.phases":
        return "The entries of `train.phases`, set in a config file."
    name = section.title.partition(": ")[2]
    of = f" when the {section.key} is `{name}`" if name else ""
    return f"Flag: `--config.{section.key}.`{of}."


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
