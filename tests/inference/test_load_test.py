"""The load test against a stand-in for TensorFlow Serving with an exported model behind it."""

import functools
import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.export.saved_model import ServedModel
from bert_tf.inference import load_test
from bert_tf.inference.serving_clients import GrpcClient, RestClient
from tests.export.models import make
from tests.inference import stand_in

TEXTS = ["the hen", "", "a — b 🙂"]


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("served"))
    served = ServedModel(*make())
    tf.saved_model.save(served, folder, signatures=served.signatures())
    return tf.saved_model.load(folder)


@pytest.fixture(scope="module", params=["rest", "grpc"])
def served(request, saved_model):
    """(stand-in, makes a client of a model and signature)."""
    server = stand_in.StandIn(saved_model, "tiny", delay=0.01)
    kind, listen = {
        "rest": (RestClient, stand_in.rest),
        "grpc": (GrpcClient, stand_in.over_grpc),
    }[request.param]
    with listen(server) as address:
        yield server, functools.partial(kind, address, timeout=60.0)


def test_a_client_gets_the_answers_of_the_model(served, saved_model):
    client = served[1](model="tiny", signature="serving_default")
    answered = client.predict({"text": TEXTS})
    client.close()
    expected = saved_model.signatures["serving_default"](text=tf.constant(TEXTS))
    np.testing.assert_allclose(answered["probabilities"], expected["probabilities"], atol=1e-6)
    assert answered["label"] == [label.decode() for label in expected["label"].numpy()]


@pytest.mark.parametrize(("model", "signature"), [("other", "embed"), ("tiny", "other")])
def test_what_is_not_served_is_an_error_in_words(served, model, signature):
    client = served[1](model=model, signature=signature)
    with pytest.raises((ValueError, OSError), match="not found"):
        client.predict({"text": TEXTS})
    client.close()


def test_load_is_bounded_and_counted(served):
    server, make_client = served
    before, server.most_at_a_time = server.num_requests, 0
    load = load_test.run(
        functools.partial(make_client, model="tiny", signature="embed"),
        [{"text": [text, text]} for text in TEXTS],
        concurrency=3,
        num_requests=20,
        max_seconds=100.0,
    )
    assert server.num_requests - before == 20 == len(load.latencies)
    assert 2 <= server.most_at_a_time <= 3 and not load.errors
    assert load.latencies.min() >= 0.01
    summary = load.summary()
    assert summary["p50_ms"] <= summary["p90_ms"] <= summary["p99_ms"] <= summary["max_ms"]
    assert summary["texts_per_second"] == pytest.approx(2 * 20 / load.seconds)


def test_a_rate_is_kept_and_time_ends_the_load(served):
    load = load_test.run(
        functools.partial(served[1], model="tiny", signature="embed"),
        [{"text": ["a"]}],
        concurrency=2,
        num_requests=1000,
        max_seconds=1.0,
        rate=10.0,
    )
    assert 1 <= len(load.latencies) <= 11 and load.seconds < 60


def test_failures_are_counted_by_reason(served):
    load = load_test.run(
        functools.partial(served[1], model="other", signature="embed"),
        [{"text": ["a"]}],
        concurrency=2,
        num_requests=6,
        max_seconds=60.0,
    )
    (count,) = load.errors.values()
    assert count == 6 and not len(load.latencies)
    assert load.summary()["failed"] == 6 and "6" in load_test.table([load])


def run_script(**flags):
    return subprocess.run(
        [sys.executable, "scripts/load_test.py", *(f"--{k}={v}" for k, v in flags.items())],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_script_prints_a_table_and_writes_figures(saved_model, tmp_path):
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n")
    with stand_in.rest(stand_in.StandIn(saved_model, "tiny")) as url:
        process = run_script(
            url=url,
            served_model="tiny",
            input=tmp_path / "texts.txt",
            concurrency="1,2",
            requests=5,
            batch_size=4,
            output=tmp_path / "load.json",
        )
    assert process.returncode == 0, process.stderr
    head, *rows = process.stdout.splitlines()
    assert head.split()[:3] == ["at", "a", "time"] and [row.split()[0] for row in rows] == [
        "1",
        "2",
    ]
    levels = json.loads((tmp_path / "load.json").read_text())["levels"]
    assert [(level["answered"], level["batch_size"]) for level in levels] == [(5, 4), (5, 4)]


def test_nobody_at_the_address_is_said_at_once(tmp_path):
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n")
    with socket.socket() as taken:  # bound, but it does not listen
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match="refused"):
            RestClient(url, "tiny", "embed", 60.0).predict({"text": TEXTS})
        process = run_script(url=url, served_model="tiny", input=tmp_path / "texts.txt")
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert f"no answer from {url}: " in process.stderr and "refused" in process.stderr


def test_an_address_without_http_is_refused():
    with pytest.raises(ValueError, match="expected a URL such as http://localhost:8501"):
        RestClient("localhost:8501", "tiny", "embed", 60.0)
