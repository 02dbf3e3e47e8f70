"""What came of the groups of check_all.py: kept in JSON files, shown in docs/development.md."""

import dataclasses
import datetime
import json
import pathlib
import re
import subprocess
from collections.abc import Sequence

from documented import ROOT

PAGE = ROOT / "docs" / "development.md"
BEGIN, END = "<!-- check_all: begin -->", "<!-- check_all: end -->"
OK, FAILED, NOT_RUN = "ok", "FAILED", "not run"


@dataclasses.dataclass
class Result:
    """The last run of a group.

    Attributes:
      group: its name.
      commit: of the code that was checked; it ends in "-dirty" if files had been changed since.
      date: as 2026-12-01.
      rows: a dict for each check, with `what`, `state`, `seconds` and `note`.
    """

    group: str
    commit: str
    date: str
    rows: list[dict]

    def count(self, state: str) -> int:
        """How many checks ended so."""
        return sum(row["state"] == state for row in self.rows)

    def holds_for(self, commit: str) -> bool:
        """Whether a run of the group at this commit would only repeat what is known."""
        is_clean = not commit.endswith("-dirty")
        return is_clean and self.commit == commit and not self.count(FAILED)


def commit_now() -> str:
    """The commit that is checked out, see `Result.commit`."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def today() -> str:
    """The date as a result has it."""
    return datetime.date.today().isoformat()


def file_name(group: str) -> str:
    """A name for files of a group, without an ending."""
    return re.sub(r"\W+", "_", group)


def store(folder: pathlib.Path, result: Result) -> None:
    """Keeps a result in `folder`, in the place of the last one of its group."""
    path = folder / f"{file_name(result.group)}.json"
    path.write_text(json.dumps(dataclasses.asdict(result), indent=1), encoding="utf-8")


def load(folder: pathlib.Path, groups: list[str]) -> dict[str, Result]:
    """{group: its last result}, of the groups that have one."""
    paths = {group: folder / f"{file_name(group)}.json" for group in groups}
    return {
        group: Result(**json.loads(path.read_text(encoding="utf-8")))
        for group, path in paths.items()
        if path.exists()
    }


def block(results: list[Result], missing: Sequence[str] = ()) -> str:
    """What the page says about the last run of every group; `missing` ones have none."""
    lines = ["| part | commit | date | ok | failed | not run | minutes |"]
    lines.append("|---|---|---|---|---|---|---|")
    for result in results:
        counts = [str(result.count(state)) for state in (OK, FAILED, NOT_RUN)]
        minutes = f"{sum(row['seconds'] for row in result.rows) / 60:.1f}"
        cells = [result.group, result.commit, result.date, *counts, minutes]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [f"| {name} | not run yet | | | | | |" for name in missing]
    rows = [row for result in results for row in result.rows]
    total = ", ".join(
        f"{sum(row['state'] == state for row in rows)} {state}" for state in (OK, FAILED, NOT_RUN)
    )
    lines += ["", f"In all: {total}."]
    failed = [row for row in rows if row["state"] == FAILED]
    lines += [f"\nFailed: {row['what']}: {_on_page(row['note'])}" for row in failed]
    reasons = sorted({row["note"] for row in rows if row["state"] == NOT_RUN})
    lines += ["", *(f"- {reason}" for reason in reasons)]
    return "\n".join([BEGIN, "", *lines, "", END])


def _on_page(note: str) -> str:
    """The first line of a note, with names of files in place of paths of this machine."""
    first = (note.strip().splitlines() or [""])[0]
    return re.sub(r"(?<![\w.])/(?:[^\s/]+/)+", "", first)[:200]


def write_page(text: str) -> None:
    """Puts the block between the marks of the page, or at its end if it has none."""
    page = PAGE.read_text(encoding="utf-8")
    if BEGIN in page:
        page = page[: page.index(BEGIN)] + text + page[page.index(END) + len(END) :]
    else:
        page = f"{page.rstrip()}\n\n{text}\n"
    PAGE.write_text(page, encoding="utf-8")
