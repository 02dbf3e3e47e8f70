"""How long a call of the compiled steps may be, and when the run ends."""

import numpy as np

from bert_tf.training.stopping import Agreement, Stopper
from tests.devices import strategy_of


class OfTwoWorkers:
    """An agreement in which the other worker says `other`."""

    num_workers = 2

    def __init__(self, *other):
        self._other = other

    def gather(self, *values):
        return np.array([values, self._other[: len(values)]], np.float64)


def test_calls_take_two_seconds_at_most_on_the_slowest_worker():
    stopper = Stopper(OfTwoWorkers(False, False, 0.5))
    assert stopper.num_steps(100) == 1  # nothing is known yet
    stopper.update(0.1)
    assert stopper.num_steps(100) == 4
    assert stopper.num_steps(3) == 3
    alone = Stopper(Agreement(strategy_of(1)))
    alone.update(10.0)
    assert alone.num_steps(100) == 1 and alone.reason == ""


def test_all_stop_when_one_of_them_was_told():
    stopper = Stopper(OfTwoWorkers(True, False, 0.1))
    stopper.update(0.1)
    assert stopper.reason == "SIGTERM"


def test_in_an_evaluation_workers_agree_now_and_then():
    stopper = Stopper(OfTwoWorkers(True))
    assert [number for number in range(1, 40) if stopper.is_told(number)] == [16, 32]


def test_time_is_up_for_all_when_it_is_for_one():
    assert not Stopper(OfTwoWorkers(False, False, 0.1)).reason
    stopper = Stopper(OfTwoWorkers(False, True, 0.1), time_limit=1e6)
    stopper.update(0.1)
    assert stopper.reason == "time limit"
    stopper = Stopper(Agreement(strategy_of(1)), time_limit=1e-9)
    stopper.update(0.1)
    assert stopper.reason == "time limit"
