r"""Runs what the tests leave out: every member with every capability, every documented command.

    python scripts/development/check_all.py                     everything: an hour on two cores
    python scripts/development/check_all.py --only=commands     a part: pairs, commands, layouts

pairs       every encoder with every tokenizer: examples of every objective, pretraining, every
            task, every form of export, every format of other projects and back.
commands    the commands of README and docs/, on tiny data.
layouts     the table of replicas, micro-batches and packed rows against the plainest run.

It prints a table, and writes it with the date between the marks in docs/development.md. The members
outside of bert_tf are the toys of tests/family, so the extra `test` is needed.
"""

import argparse
import datetime
import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator

sys.path[:0] = [str(pathlib.Path(__file__).parents[2]), str(pathlib.Path(__file__).parent)]

import documented  # noqa: E402
import tiny_commands  # noqa: E402

ROOT = documented.ROOT
PAGE = ROOT / "docs" / "development.md"
BEGIN, END = "<!-- check_all: begin -->", "<!-- check_all: end -->"
OK, NOT_RUN = "ok", "not run"

Check = tuple[str, Callable[[], str | None]]  # what, and what does it; it may return a note


def checks_of_pair(encoder: str, tokenizer: str, folder: pathlib.Path) -> Iterator[Check]:
    """Everything that one encoder with one tokenizer is asked to do."""
    from bert_tf.checkpoints.checkpoint import FORMATS
    from tests.family import cases
    from tests.family.pairs import OBJECTIVES, Pair

    texts = folder / "texts"
    if not texts.exists():
        texts.mkdir(parents=True)
        cases.write_texts(texts)
        cases.write_tokenizers(texts)
    pair = Pair(encoder, tokenizer, texts, folder / f"{encoder}_{tokenizer}")
    for objective in OBJECTIVES:
        make = functools.partial(pair.records, "train", objective)
        yield f"examples {objective}", lambda make=make: _note(make())
        yield f"packed {objective}", lambda make=make: _note(make(max_examples_per_row=2))
    yield "features", lambda: _note(pair.features())
    for task in ("pretraining", *cases.TASKS):
        yield f"{task}: train, evaluate, answer", lambda t=task: _note(pair.learned(t))
        for form in ("saved_model", "litert", "onnx"):
            yield f"{task}: {form}", lambda t=task, f=form: _note(pair.exported(t, f))
        for form in FORMATS:
            yield f"{task}: {form} and back", lambda t=task, f=form: pair.converted_or_refused(t, f)


def _note(made: object) -> None:
    """What was made is of no interest here."""
    del made


def checks_of_document(path: pathlib.Path, folder: pathlib.Path) -> Iterator[Check]:
    """The commands of one document."""
    from tiny_world import make_world

    world = make_world(folder)
    for number, command in enumerate(documented.commands_of(path)):
        name = f"{command.file}:{command.line} {command.text[:70]}"
        reason = tiny_commands.reason_not_to_run(command)
        if reason:
            yield name, lambda r=reason: f"{NOT_RUN}: {r}"
        else:
            place = f"{path.stem}_{number}"
            yield name, lambda c=command, p=place: _run_command(c, world, p)


def _run_command(command, world, place: str) -> None:
    from tests.scripts.conftest import ok_here

    words = tiny_commands.words_of(command, world, place)
    script = command.script.removeprefix("scripts/").removesuffix(".py")
    (world.outputs / place).mkdir(parents=True)
    ok_here(script, *words, stdin=command.stdin)


def checks_of_layouts(folder: pathlib.Path) -> Iterator[Check]:
    """The table of tests/training/layouts.py."""
    from tests.training import layouts

    del folder
    layouts.set_devices()
    for what, worst in layouts.comparisons():
        yield what.replace(" | ", " against ", 1), lambda worst=worst: _small(worst)


def _small(differences) -> str:
    """The largest difference; AssertionError if it is no rounding."""
    if not max(differences) < 1e-5:
        raise AssertionError(f"differences of {differences}")
    return f"largest difference {max(differences):.1e}"


def groups(only: str) -> list[str]:
    """Names of the groups of checks; each is run in a process of its own."""
    from tests.family import cases

    found = []
    if only in ("", "pairs"):
        found += [f"pair {e} {t}" for e in cases.ENCODERS for t in cases.TOKENIZERS]
    if only in ("", "commands"):
        paths = [path for path in documented.documents() if documented.commands_of(path)]
        found += [f"document {path}" for path in paths]
    if only in ("", "layouts"):
        found.append("layouts")
    return found


def run_group(name: str, folder: pathlib.Path) -> None:
    """Runs a group's checks; prints a line of JSON for each."""
    kind, *words = name.split(" ")
    checks = {
        "pair": checks_of_pair,
        "document": lambda path, at: checks_of_document(pathlib.Path(path), at),
        "layouts": checks_of_layouts,
    }[kind](*words, folder)
    for what, check in checks:
        start, note = time.monotonic(), ""
        try:
            note = check() or ""
            state = NOT_RUN if note.startswith(NOT_RUN) else OK
        except Exception as error:  # the table says which ones failed
            state, note = "FAILED", f"{type(error).__name__}: {error}"
            traceback.print_exc()
        row = {"what": what, "state": state, "seconds": time.monotonic() - start, "note": note}
        print("ROW " + json.dumps(row), flush=True)


def collect(name: str, folder: pathlib.Path) -> list[dict]:
    """The rows of a group, from a process of its own; a row says so if that died."""
    command = [sys.executable, __file__, f"--group={name}", f"--folder={folder}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    rows, log = [], folder / (re.sub(r"\W+", "_", name) + ".log")
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        for line in process.stdout:
            if line.startswith("ROW "):
                rows.append({"group": name, **json.loads(line[4:])})
                print(describe(rows[-1]), flush=True)
    if process.returncode:
        note = f"ended with {process.returncode}; see {log}"
        rows.append({"group": name, "what": "", "state": "FAILED", "seconds": 0.0, "note": note})
        print(describe(rows[-1]), flush=True)
    return rows


def describe(row: dict) -> str:
    """A row for the terminal."""
    what = f"{row['group']}: {row['what']}".replace(str(ROOT) + "/", "")
    return f"{row['state']:8} {row['seconds']:6.1f} s  {what}  {row['note'][:300]}"


def block(rows: list[dict], date: str) -> str:
    """What docs/development.md says about the last run."""
    lines = [f"Last run: {date}.", "", "| part | ok | failed | not run | minutes |"]
    lines.append("|---|---|---|---|---|")
    for group in dict.fromkeys(row["group"] for row in rows):
        mine = [row for row in rows if row["group"] == group]
        counts = [sum(r["state"] == s for r in mine) for s in (OK, "FAILED", NOT_RUN)]
        minutes = sum(row["seconds"] for row in mine) / 60
        name = group.replace(str(ROOT) + "/", "")
        lines.append(f"| {name} | {' | '.join(map(str, counts))} | {minutes:.1f} |")
    failed = [row for row in rows if row["state"] == "FAILED"]
    lines += [f"\nFailed: {row['what']}: {row['note'][:200]}" for row in failed]
    reasons = sorted({row["note"] for row in rows if row["state"] == NOT_RUN})
    lines += ["", *(f"- {reason}" for reason in reasons)]
    return "\n".join([BEGIN, "", *lines, "", END])


def write_page(text: str) -> None:
    """Puts the block between the marks of the page, or at its end if it has none."""
    page = PAGE.read_text(encoding="utf-8")
    if BEGIN in page:
        page = page[: page.index(BEGIN)] + text + page[page.index(END) + len(END) :]
    else:
        page = f"{page.rstrip()}\n\n{text}\n"
    PAGE.write_text(page, encoding="utf-8")


def main() -> int:
    """Runs the groups one after another and writes what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", choices=["", "pairs", "commands", "layouts"])
    parser.add_argument("--group", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", default="", help="where to work; default: a temporary folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(arguments.folder or temporary)
        if arguments.group:
            run_group(arguments.group, folder)
            return 0
        rows = [row for name in groups(arguments.only) for row in collect(name, folder)]
    failed = sum(row["state"] == "FAILED" for row in rows)
    print(f"{len(rows)} checks, {failed} failed")
    if not arguments.only:
        write_page(block(rows, datetime.date.today().isoformat()))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
