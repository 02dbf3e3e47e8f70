"""Without a terminal (as under pytest) progress is plain lines; on one it is a bar."""

import sys

import pytest

from bert_tf import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved by hand."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


def test_a_line_is_printed_every_interval_and_at_the_end(clock, capsys):
    with progress.bar(total=100, unit="lines", description="reading") as bar:
        for _ in range(4):
            clock.now += progress.LINE_EVERY / 2
            bar.update(10)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "reading: 20/100 lines, 0.7/s, 0:30 gone, 2:00 left",
        "reading: 40/100 lines, 0.7/s, 1:00 gone, 1:30 left",
        "reading: 40/100 lines, 0.7/s, 1:00 gone, 1:30 left",
    ]


def test_nothing_is_drawn_over_a_line_of_a_log(capsys):
    for _ in progress.bar(range(3), description="counting"):
        pass
    text = capsys.readouterr().err
    assert "\r" not in text and "\x1b" not in text
    assert text.count("\n") == 1


def test_iterating_yields_every_item_and_counts_it(clock, capsys):
    clock.now += 1
    assert list(progress.bar([4, 5, 6], unit="files")) == [4, 5, 6]
    assert "3/3 files" in capsys.readouterr().err


def test_an_unknown_total_shows_no_time_left(clock, capsys):
    with progress.bar(unit="rows", description="reading") as bar:
        clock.now += 10
        bar.update(5)
    assert capsys.readouterr().err == "reading: 5 rows, 0.5/s, 0:10 gone\n"


def test_of_a_few_megabytes_the_fraction_is_shown(clock, capsys):
    with progress.bar(total=0.478, unit="MB") as bar:
        clock.now += 1
        bar.update(0.25)
    assert "0.25/0.48 MB" in capsys.readouterr().err


def test_the_text_that_was_set_last_ends_the_line(clock, capsys):
    with progress.bar(total=2, unit="steps", description="training") as bar:
        clock.now += 1
        bar.set("loss 9.1")
        bar.set("loss 8.0")
        bar.update(2)
    assert capsys.readouterr().err.endswith("0:01 gone | loss 8.0\n")


def test_an_error_inside_passes_through_without_a_closing_line(clock, capsys):
    with pytest.raises(ValueError, match="bad row"), progress.bar(total=2):
        raise ValueError("bad row")
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress.bar(total=2, unit="steps", description="training") as bar:
        bar.set("loss 8.0")
        bar.update(2)
    shown = capsys.readouterr()
    assert "2/2 steps" in shown.out + shown.err
    assert "loss 8.0" in shown.out + shown.err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.9, "0:59"), (65, "1:05"), (3600, "1:00:00"), (3725, "1:02:05")],
)
def test_seconds_are_shown_as_a_clock(seconds, text):
    assert progress.format_seconds(seconds) == text


def test_parts_cover_all_and_are_counted(capsys):
    found = list(progress.parts(7, 3, unit="rows", description="cutting"))
    assert found == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert capsys.readouterr().err.startswith("cutting: 7/7 rows")
    assert list(progress.parts(0, 3, unit="rows", description="cutting")) == []
