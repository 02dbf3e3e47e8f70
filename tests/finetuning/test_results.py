"""What a run leaves in its work directory, and what it must leave alone."""

import pytest

from bert_tf.tasks.results import check_held_out, write_files

HELD_OUT = {"dev.jsonl": ['{"sentence": "é", "label": "a"}', '{"sentence": "b", "label": "b"}']}


def test_what_is_held_out_takes_the_place_of_nothing_but_itself(tmp_path):
    folder = str(tmp_path / "work")
    check_held_out(folder, HELD_OUT)  # a new run
    write_files(folder, HELD_OUT)
    check_held_out(folder, HELD_OUT)  # one that goes on
    check_held_out(folder, {})  # one with an evaluation file
    for content in ("my own\n", "", (tmp_path / "work" / "dev.jsonl").read_text() * 2):
        (tmp_path / "work" / "dev.jsonl").write_text(content)
        with pytest.raises(ValueError, match=r"work/dev\.jsonl is there already .*--eval_data"):
            check_held_out(folder, HELD_OUT)
