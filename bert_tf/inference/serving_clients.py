"""Clients of TensorFlow Serving: one request at a time, over REST or gRPC."""

import contextlib
import http.client
import json
import math
import socket
import threading
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import tensorflow as tf

from bert_tf.files import parse_json

MOST_BYTES = 1 << 26  # of an answer
_SHOWN = 200  # characters of a wrong answer

Inputs = Mapping[str, Sequence[str]]


class Client(Protocol):
    """A connection, for one thread."""

    def predict(self, inputs: Inputs) -> dict[str, Any]:
        """The outputs by name, as nested lists; raises OSError or ValueError without outputs."""

    def close(self) -> None:
        """Ends the connection."""


class RestClient:
    """A REST client of `http://host:8501`, which keeps the connection open.

    Args:
      url: scheme, host and port.
      model: name of the model.
      signature: of the model.
      timeout: seconds to connect, and from the request to the end of its answer.
    """

    def __init__(self, url: str, model: str, signature: str, timeout: float):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r}: expected a URL such as http://localhost:8501.")
        kind = http.client.HTTPConnection if parts.scheme == "http" else http.client.HTTPSConnection
        self._connection = kind(parts.hostname, parts.port, timeout=timeout)
        self._path = f"{parts.path.rstrip('/')}/v1/models/{urllib.parse.quote(model)}:predict"
        self._signature, self._timeout = signature, timeout

    def predict(self, inputs: Inputs) -> dict[str, Any]:
        body = {
            "signature_name": self._signature,
            "inputs": {name: list(texts) for name, texts in inputs.items()},
        }
        status, content = self._ask(json.dumps(body))
        try:
            answer = parse_json(content, "the answer is")
        except ValueError:
            answer = None
        if status != 200 or not isinstance(answer, dict) or "outputs" not in answer:
            told = answer.get("error") if isinstance(answer, dict) else None
            told = str(told or content.decode("utf-8", "replace"))[:_SHOWN]
            raise ValueError(f"HTTP {status}, no outputs: {told}")
        outputs = answer["outputs"]  # a single output comes without its name
        return outputs if isinstance(outputs, dict) else {"output": outputs}

    def _ask(self, body: str) -> tuple[int, bytes]:
        """Status and content of the answer to a request.

        A socket's time limit is for each read. A slow server that sends single bytes would never
        reach it, so a timer closes the connection.
        """
        headers = {"Content-Type": "application/json"}
        connection, is_late = self._connection, threading.Event()
        try:
            connection.connect() if connection.sock is None else None
            timer = threading.Timer(self._timeout, _shut, (connection.sock, is_late))
            timer.start()
            try:
                connection.request("POST", self._path, body, headers)
                response = connection.getresponse()
                content = response.read(MOST_BYTES + 1)
            finally:
                timer.cancel()
        except (http.client.HTTPException, OSError, ValueError) as error:
            connection.close()  # the next request connects again
            if is_late.is_set():
                raise OSError(f"no whole answer within {self._timeout:g} seconds") from error
            if isinstance(error, OSError):
                raise
            raise OSError(f"not an HTTP answer: {error!r}") from error
        if is_late.is_set() or len(content) > MOST_BYTES:
            connection.close()
            why = f"within {self._timeout:g} seconds" if is_late.is_set() else "below 64 MB"
            raise OSError(f"no whole answer {why}")
        return response.status, content

    def close(self) -> None:
        self._connection.close()


def _shut(connection: socket.socket, is_late: threading.Event) -> None:
    is_late.set()
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class GrpcClient:
    """A gRPC client of `host:8500`. Needs the extra `serving`.

    Args:
      address: host and port.
      model, signature, timeout: as for `RestClient`.
    """

    def __init__(self, address: str, model: str, signature: str, timeout: float):
        try:
            import grpc
            from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
        except ImportError as error:
            raise ValueError(f"{error.name} is missing: pip install 'bert-tf[serving]'.") from error
        self._error, self._request = grpc.RpcError, predict_pb2.PredictRequest
        limit = [("grpc.max_receive_message_length", MOST_BYTES)]
        self._channel = grpc.insecure_channel(address, options=limit)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._model, self._signature, self._timeout = model, signature, timeout

    def predict(self, inputs: Inputs) -> dict[str, Any]:
        request = self._request()
        request.model_spec.name = self._model
        request.model_spec.signature_name = self._signature
        for name, texts in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(list(texts), tf.string))
        try:
            response = self._stub.Predict(request, timeout=self._timeout)
        except self._error as error:
            raise OSError(f"{error.code().name}: {error.details()}") from error
        for name, value in response.outputs.items():  # a few bytes can claim any shape
            sizes = [dimension.size for dimension in value.tensor_shape.dim]
            if min(sizes, default=1) < 0 or math.prod(sizes) > MOST_BYTES:
                raise OSError(f"no whole answer below 64 MB: {name} claims the shape {sizes}")
        arrays = {name: tf.make_ndarray(value) for name, value in response.outputs.items()}
        return {name: _plain(array.tolist()) for name, array in arrays.items()}

    def close(self) -> None:
        self._channel.close()


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
