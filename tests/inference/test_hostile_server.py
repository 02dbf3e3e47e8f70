"""A server may answer anything, slowly or without end: every request is counted, and ends."""

import collections
import contextlib
import functools
import socket
import threading
import time

import pytest
import tensorflow as tf

from bert_tf.inference import load_test, serving_clients
from bert_tf.inference.serving_clients import RestClient
from tests.inference import stand_in


def http(body, status="200 OK"):
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status.encode(), len(body)) + body


@contextlib.contextmanager
def answering(send):
    """The URL of a server that calls `send(connection)` for each connection that asks."""
    listener = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()

    def serve(connection):
        with contextlib.suppress(OSError), connection:
            while connection.recv(65536) and not is_over.is_set():
                send(connection)

    def listen():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        is_over.set()
        listener.close()


def load(url, timeout=5.0, num_requests=6):
    make_client = functools.partial(RestClient, url, "tiny", "serving_default", timeout)
    return load_test.run(
        make_client,
        [{"text": ["a"]}],
        concurrency=2,
        num_requests=num_requests,
        max_seconds=30.0,
    )


@pytest.mark.parametrize(
    "body",
    [b"5", b"[]", b"null", b'"outputs"', b"[" * 200_000, b"{", b"\xff", b"", b'{"outputs"', b"{}"],
)
def test_answers_that_are_none_are_counted(body):
    with answering(lambda connection: connection.sendall(http(body))) as url:
        found = load(url)
    assert sum(found.errors.values()) == 6 and not len(found.latencies)
    assert all(len(message) < 300 for message in found.errors)


@pytest.mark.parametrize(
    "said",
    [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", b"\x00" * 70_000],
)
def test_what_is_no_http_is_counted(said):
    def send(connection):
        connection.sendall(said)
        connection.close()

    with answering(send) as url:
        assert sum(load(url).errors.values()) == 6


def test_a_server_that_drips_meets_the_deadline():
    def drip(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(200):
            connection.sendall(b" ")
            time.sleep(0.05)

    with answering(drip) as url:
        begin = time.monotonic()
        found = load(url, timeout=0.5, num_requests=2)
    assert time.monotonic() - begin < 5
    assert found.errors == {"no whole answer within 0.5 seconds": 2}


def test_headers_that_drip_meet_it_too():
    def drip(connection):
        for _ in range(200):
            connection.sendall(b"H")
            time.sleep(0.05)

    with answering(drip) as url:
        assert sum(load(url, timeout=0.5, num_requests=2).errors.values()) == 2


def test_an_answer_without_end_is_not_read_whole(monkeypatch):
    monkeypatch.setattr(serving_clients, "MOST_BYTES", 1000)

    def flood(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000)
        connection.close()

    with answering(flood) as url:
        assert list(load(url, num_requests=2).errors.values()) == [2]


class Claims:
    """A model whose answer is what it is made with."""

    def __init__(self, value):
        self.signatures = {"serving_default": lambda **inputs: {"y": value}}


def load_over_grpc(value):
    with stand_in.over_grpc(stand_in.StandIn(Claims(value), "tiny")) as address:
        make_client = functools.partial(
            serving_clients.GrpcClient, address, "tiny", "serving_default", 5.0
        )
        return load_test.run(
            make_client, [{"text": ["a"]}], concurrency=1, num_requests=2, max_seconds=30.0
        )


def test_a_large_answer_over_grpc_is_not_read_whole(monkeypatch):
    monkeypatch.setattr(serving_clients, "MOST_BYTES", 1000)
    assert not load_over_grpc(tf.zeros([10])).errors
    ((message, count),) = load_over_grpc(tf.zeros([1000])).errors.items()
    assert count == 2 and "RESOURCE_EXHAUSTED" in message


def test_a_small_answer_over_grpc_that_claims_to_be_large_is_refused():
    claimed = tf.make_tensor_proto(0.0, tf.float32, shape=[1])
    for _ in range(2):
        claimed.tensor_shape.dim.add(size=1 << 20)
    del claimed.tensor_shape.dim[0]
    ((message, count),) = load_over_grpc(claimed).errors.items()
    assert count == 2 and "y claims the shape [1048576, 1048576]" in message


def test_whatever_a_client_raises_is_counted():
    class Client:
        def predict(self, inputs):
            raise RecursionError("deep")

        def close(self):
            pass

    def broken():
        raise RuntimeError("no client")

    run = functools.partial(
        load_test.run, requests=[{"text": ["a"]}], concurrency=2, num_requests=4, max_seconds=5.0
    )
    assert run(Client).errors == {"deep": 4}
    assert collections.Counter(run(broken).errors) == {"no client": 2}
