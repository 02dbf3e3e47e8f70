r"""Runs what the tests leave out: every member with every capability, every documented command.

    python scripts/development/check_all.py                     everything: some hours
    python scripts/development/check_all.py --only=commands     a part: pairs, commands, layouts
    python scripts/development/check_all.py --failed            what failed or was never run

pairs       every encoder with every tokenizer: examples of every objective, pretraining, every
            task, every form of export, every format of other projects and back.
commands    the commands of README and docs/, on tiny data.
layouts     the table of replicas, micro-batches and packed rows against the plainest run.

The checks of a pair, and those of a document, are a group. What came of a group is kept in --folder
with the commit and the date. A run that was stopped goes on: a group that passed at this commit is
not run again. The table of all groups is written between the marks in docs/development.md. The
members outside of bert_tf are the toys of tests/family, so the extra `test` is needed.
"""

import argparse
import contextlib
import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator

_FOLDER = pathlib.Path(__file__).parent
sys.path[:0] = [str(_FOLDER.parents[1]), str(_FOLDER.parent), str(_FOLDER)]

import check_results  # noqa: E402
import documented  # noqa: E402
import tiny_commands  # noqa: E402
from check_results import FAILED, NOT_RUN, OK, Result  # noqa: E402

ROOT = documented.ROOT

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
            yield f"{task}: {form}", lambda t=task, f=form: _export(pair, t, f)
        for form in FORMATS:
            yield f"{task}: {form} and back", lambda t=task, f=form: pair.converted_or_refused(t, f)


def _export(pair, task: str, form: str) -> None:
    """Exports; only the first SavedModel is asked in a clean process, which takes long to start."""
    from tests.export.models import without_clean_process

    is_first = task == "pretraining"
    with contextlib.nullcontext() if is_first else without_clean_process():
        pair.exported(task, form)


def _note(made: object) -> None:
    """What was made is of no interest here."""
    del made


def checks_of_document(path: pathlib.Path, folder: pathlib.Path) -> Iterator[Check]:
    """The commands of one document; the files for all documents are made by the first."""
    from tiny_world import make_world

    world = make_world(folder.parent / "world", folder)
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
    (world.outputs / place).mkdir()
    words = [command.script, *words]
    if command.launcher:
        words = [*command.launcher, sys.executable, *words]
    script = pathlib.PurePosixPath(words[0]).stem
    ok_here(script, *words[1:], stdin=command.stdin)


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
        found += [f"document {path.relative_to(ROOT)}" for path in paths]
    if only in ("", "layouts"):
        found.append("layouts")
    return found


def run_group(name: str, folder: pathlib.Path) -> None:
    """Runs a group's checks; prints a line of JSON for each."""
    kind, *words = name.split(" ")
    checks = {
        "pair": checks_of_pair,
        "document": lambda path, at: checks_of_document(ROOT / path, at),
        "layouts": checks_of_layouts,
    }[kind](*words, folder)
    for what, check in checks:
        start, note = time.monotonic(), ""
        try:
            note = check() or ""
            state = NOT_RUN if note.startswith(NOT_RUN) else OK
        except Exception as error:  # the table says which ones failed
            state, note = FAILED, f"{type(error).__name__}: {error}"
            traceback.print_exc()
        row = {"what": what, "state": state, "seconds": time.monotonic() - start, "note": note}
        print("ROW " + json.dumps(row), flush=True)


def collect(name: str, folder: pathlib.Path) -> Result:
    """The result of a group, from a process of its own; a row says so if that died."""
    place = folder / "work" / check_results.file_name(name)
    place.mkdir(parents=True)
    command = [sys.executable, __file__, f"--group={name}", f"--folder={place}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
    log = folder / f"{check_results.file_name(name)}.log"
    result = Result(name, check_results.commit_now(), check_results.today(), [])
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        for line in process.stdout:
            if line.startswith("ROW "):
                result.rows.append(json.loads(line[4:]))
                print(describe(name, result.rows[-1]), flush=True)
    if process.returncode:
        note = f"ended with {process.returncode}; see {log}"
        result.rows.append({"what": "", "state": FAILED, "seconds": 0.0, "note": note})
        print(describe(name, result.rows[-1]), flush=True)
    if not result.count(FAILED):
        shutil.rmtree(place)
    return result


def describe(group: str, row: dict) -> str:
    """A row for the terminal."""
    what = f"{group}: {row['what']}"
    note = row["note"].replace("\n", " ")[:300]
    return f"{row['state']:8} {row['seconds']:6.1f} s  {what}  {note}"


def run(names: list[str], folder: pathlib.Path, is_done: Callable[[Result], bool]) -> int:
    """Runs the groups one after another and keeps what came of them; returns the failed checks."""
    shutil.rmtree(folder / "work", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    known = check_results.load(folder, names)
    for name in names:
        if name in known and is_done(known[name]):
            print(f"{name}: passed at {known[name].commit}", flush=True)
            continue
        known[name] = collect(name, folder)
        check_results.store(folder, known[name])
    print(f"{sum(len(result.rows) for result in known.values())} checks")
    return sum(result.count(FAILED) for result in known.values())


def main() -> int:
    """Runs what is asked for, and writes the page if every group has a result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", choices=["", "pairs", "commands", "layouts"])
    parser.add_argument(
        "--failed", action="store_true", help="only the groups that failed or were never run"
    )
    parser.add_argument("--group", default="", help=argparse.SUPPRESS)
    parser.add_argument(
        "--folder", default=str(ROOT / "work" / "check_all"), help="where to work; %(default)s"
    )
    arguments = parser.parse_args()
    folder = pathlib.Path(arguments.folder).absolute()
    if arguments.group:
        run_group(arguments.group, folder)
        return 0
    commit = check_results.commit_now()
    failed = run(
        groups(arguments.only),
        folder,
        lambda known: not known.count(FAILED) if arguments.failed else known.holds_for(commit),
    )
    every = groups("")
    results = check_results.load(folder, every)
    missing = [name for name in every if name not in results]
    check_results.write_page(check_results.block(list(results.values()), missing))
    print(f"{failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
