"""Writes support tickets as a table, to try the way from a table to decided answers.

    python scripts/development/make_tickets.py --output_dir=tickets

train.csv (1,500 rows), dev.csv and test.csv (300 each), with the columns id, Subject, Body and
Queue; texts.txt holds the words, for a vocabulary. Fields hold quotes, commas, line breaks and
emoji, some bodies are empty, the six queues are of unlike size, and some tickets say nothing of
their queue, as people write them.
"""

import csv
import pathlib
import random
from collections.abc import Iterator

from absl import app, flags

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the tables.", required=True)
_SIZES = {"train": 1500, "dev": 300, "test": 300}
# Queue: its share, and words that belong to it.
_QUEUES = {
    "Billing": (0.40, "invoice payment charged twice refund card amount tax receipt"),
    "Login": (0.25, "password reset locked account sign code expired mail token"),
    "Shipping": (0.15, "parcel courier late address tracking lost package delivery"),
    "Returns": (0.10, "broken exchange size wrong return label send back item"),
    "Bugs": (0.07, "crash error screen freezes update app button nothing happens"),
    "Press": (0.03, "interview article journalist quote newspaper photo deadline"),
}
_PLAIN = "please help me with this today thank you waited since monday and still no answer"
_ENDS = ("", "", "!", "?", " 🙏", " 😡", " — thanks", ' ("urgent")')
_UNCLEAR = 0.08  # of the tickets


def main(argv):
    del argv
    folder = pathlib.Path(_OUTPUT_DIR.value)
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, size) in enumerate(_SIZES.items()):
        write_table(folder / f"{name}.csv", size, seed)
        print(folder / f"{name}.csv")
    words = [" ".join((queue, words)) for queue, (_, words) in _QUEUES.items()]
    (folder / "texts.txt").write_text("\n".join([_PLAIN, *words]) + "\n", encoding="utf-8")


def write_table(path: pathlib.Path, num_rows: int, seed: int) -> None:
    """Writes `num_rows` tickets; the same seed gives the same file."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "Subject", "Body", "Queue"))
        writer.writerows(_tickets(num_rows, random.Random(seed), 1000 * seed))


def _tickets(num_rows: int, chance: random.Random, first_id: int) -> Iterator[tuple]:
    shares = [share for share, _ in _QUEUES.values()]
    for number in range(num_rows):
        (queue,) = chance.choices(list(_QUEUES), shares)
        words = _PLAIN.split() if chance.random() < _UNCLEAR else _QUEUES[queue][1].split()
        subject = " ".join(
            chance.choices(words, k=2) + chance.choices(_PLAIN.split(), k=1)
        ).capitalize()
        yield first_id + number, subject + chance.choice(_ENDS), _body(words, chance), queue


def _body(words: list[str], chance: random.Random) -> str:
    """Nothing, or one to three lines, some of them quoted."""
    if chance.random() < 0.1:
        return ""
    lines = []
    for _ in range(chance.randint(1, 3)):
        mixed = chance.choices(words, k=3) + chance.choices(_PLAIN.split(), k=5)
        chance.shuffle(mixed)
        line = ", ".join((" ".join(mixed[:4]), " ".join(mixed[4:])))
        lines.append(f'"{line}"' if chance.random() < 0.2 else line)
    return "\n".join(lines) + chance.choice(_ENDS)


if __name__ == "__main__":
    app.run(main)
