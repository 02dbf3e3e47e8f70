"""Which steps are profiled; the profile itself is TensorFlow's."""

import pytest

from bert_tf.training.profiler import Profiler


def test_calls_end_where_the_profile_begins_and_ends():
    profiler = Profiler(None, ["10", "12"])
    assert [profiler.next_stop(step, 20) for step in (0, 8, 9, 11, 12)] == [9, 9, 12, 12, 20]
    assert profiler.next_stop(0, 5) == 5
    assert Profiler(None).next_stop(0, 20) == 20


def test_it_runs_over_these_steps_alone_and_ends_with_the_run(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("tensorflow.profiler.experimental.start", lambda to: calls.append("start"))
    monkeypatch.setattr("tensorflow.profiler.experimental.stop", lambda: calls.append("stop"))
    with Profiler(str(tmp_path), (10, 12)) as profiler:
        for step in (5, 9, 10, 12, 20):
            profiler.at(step)
            calls.append(step)
    assert calls == [5, "start", 9, 10, "stop", 12, 20]
    with Profiler(str(tmp_path), (10, 12)) as profiler:
        profiler.at(9)
    assert calls[-2:] == ["start", "stop"]


@pytest.mark.parametrize("steps", [("10",), (12, 10), ("0", "5"), ("a", "b"), (1, 2, 3)])
def test_what_is_no_range_of_steps_is_refused(steps):
    with pytest.raises(ValueError, match="expected FIRST,LAST"):
        Profiler(None, steps)
