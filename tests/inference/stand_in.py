"""A small server on loopback that speaks TensorFlow Serving's REST and gRPC with a real model."""

import contextlib
import json
import threading
import time
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


class StandIn:
    """Answers for one model; counts what it is asked, and how much of it at a time."""

    def __init__(self, saved_model, name, delay=0.0):
        self.name, self._delay = name, delay
        self._model, self._lock = saved_model, threading.Lock()
        self.num_requests, self.most_at_a_time, self._now = 0, 0, 0

    def predict(self, name, signature, inputs):
        """{output: tensor}; KeyError with the words of TensorFlow Serving."""
        with self._lock:
            self.num_requests += 1
            self._now += 1
            self.most_at_a_time = max(self.most_at_a_time, self._now)
        try:
            time.sleep(self._delay)
            if name != self.name:
                raise KeyError(f"Servable not found for request: Latest({name})")
            if signature not in self._model.signatures:
                raise KeyError(f'Serving signature name: "{signature}" not found')
            return self._model.signatures[signature](**inputs)
        finally:
            with self._lock:
                self._now -= 1


def _plain(value):
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


@contextlib.contextmanager
def rest(server: StandIn):
    """The URL at which it listens."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = self.path.removeprefix("/v1/models/").removesuffix(":predict")
            try:
                inputs = {key: tf.constant(texts) for key, texts in body["inputs"].items()}
                outputs = server.predict(name, body["signature_name"], inputs)
            except KeyError as error:
                self._answer(404, {"error": error.args[0]})
                return
            answer = {key: _plain(value.numpy().tolist()) for key, value in outputs.items()}
            one = next(iter(answer.values())) if len(answer) == 1 else answer
            self._answer(200, {"outputs": one})

        def _answer(self, status, content):
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *words):
            del words

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}"
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


@contextlib.contextmanager
def over_grpc(server: StandIn):
    """The address at which it listens."""

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
            spec = request.model_spec
            try:
                outputs = server.predict(
                    spec.name,
                    spec.signature_name,
                    {key: tf.constant(value) for key, value in inputs.items()},
                )
            except KeyError as error:
                context.abort(grpc.StatusCode.NOT_FOUND, error.args[0])
            response = predict_pb2.PredictResponse()
            for key, value in outputs.items():
                is_made = isinstance(value, tensor_pb2.TensorProto)  # a hostile one
                value = value if is_made else tf.make_tensor_proto(value.numpy())
                response.outputs[key].CopyFrom(value)
            return response

    listener = grpc.server(futures.ThreadPoolExecutor(8))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), listener)
    port = listener.add_insecure_port("127.0.0.1:0")
    listener.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        listener.stop(None).wait()
