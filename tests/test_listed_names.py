"""Lists of names are short in the log; how commas of file names are read is in test_odd_files."""

import pytest
from absl import logging

from bert_tf.listed_names import in_short, joined


def test_the_log_names_the_first_of_many_and_all_when_asked(caplog):
    names = [f"block_{i}" for i in range(9)]
    assert in_short(names[:4]) == "block_0, block_1, block_2, block_3"
    assert in_short(names) == ("block_0, block_1, block_2 and 6 more (--verbosity=1 lists them)")
    before = logging.get_verbosity()
    try:
        logging.set_verbosity(logging.DEBUG)
        with caplog.at_level("DEBUG", logger="absl"):
            in_short(names)
    finally:
        logging.set_verbosity(before)
    assert "all 9: block_0, block_1" in caplog.text and "block_8" in caplog.text


@pytest.mark.parametrize("folder", ["", "texts/", "/a/b/"])
def test_thousands_of_names_are_looked_up_a_few_times_each(folder):
    names = [f"{folder}part{i:05}.txt" for i in range(5000)]
    asked = []
    assert joined(names, asked.append) == names
    assert len(asked) < 40 * len(names) and max(map(len, asked)) < 400


@pytest.mark.parametrize("name", ["a,b,c,d.txt", "x/a,b/c,d.txt", "x/a, b,c/d.txt,e"])
def test_the_longest_name_that_exists_counts(name):
    parents = {name.rpartition("/")[0], "x"} - {""}
    there = {name, *parents, "x/a", "a"}
    assert joined([*name.split(","), "z"], there.__contains__) == [name, "z"]
