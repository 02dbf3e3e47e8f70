r"""Sends requests to a model in TensorFlow Serving and prints how long the answers take.

    python scripts/load_test.py --url=http://localhost:8501 --served_model=sst2 --input=texts.txt
    python scripts/load_test.py --grpc=localhost:8500 --served_model=sst2 --input=texts.txt \
        --concurrency=1,4,16 --batch_size=8 --output=load.json

Each number of --concurrency is a level: so many requests run at the same time, never more. A level
ends after --requests or --max_seconds. The first requests (--warmup_requests) do not count. For a
model of pairs, a line holds both texts with a tab between them. gRPC needs the extra `serving`.
"""

import functools
import itertools
import json

from absl import flags

from bert_tf import app, keras_start

FLAGS = flags.FLAGS
flags.DEFINE_string("url", None, "REST: such as http://localhost:8501.")
flags.DEFINE_string("grpc", None, "gRPC: such as localhost:8500.")
flags.DEFINE_string("served_model", None, "Name of the model in TensorFlow Serving.")
flags.DEFINE_string("signature", "serving_default", "serving_default or embed.")
flags.DEFINE_string("input", None, "Texts to send, one example a line.")
flags.DEFINE_bool("pairs", False, "A line holds two texts with a tab between them.")
flags.DEFINE_list(
    "concurrency", ["1", "2", "4", "8"], "Numbers of requests that run at the same time."
)
flags.DEFINE_integer("batch_size", 1, "Texts of a request.", lower_bound=1)
flags.DEFINE_integer("requests", 200, "Requests of a level.", lower_bound=1)
flags.DEFINE_float("max_seconds", 60.0, "Longest time of a level.", lower_bound=0.1)
flags.DEFINE_float("rate", 0.0, "At most so many requests a second; 0: no limit.", lower_bound=0.0)
flags.DEFINE_float("timeout", 30.0, "Seconds after which a request has failed.", lower_bound=0.1)
flags.DEFINE_integer("warmup_requests", 5, "Requests before the first level.", lower_bound=0)
flags.DEFINE_integer("max_lines", 10_000, "How many lines of the input to use.", lower_bound=1)
flags.DEFINE_string("output", None, "JSON file for the figures.")
flags.mark_flags_as_required(["served_model", "input"])


def main(argv):
    del argv
    if bool(FLAGS.url) == bool(FLAGS.grpc):
        raise ValueError("--url (REST) or --grpc: one of them is needed.")
    keras_start.import_keras()  # TensorFlow does
    from bert_tf.inference import load_test
    from bert_tf.inference.serving_clients import GrpcClient, RestClient

    levels = _levels(FLAGS.concurrency)
    requests = _requests()
    kind, address = (RestClient, FLAGS.url) if FLAGS.url else (GrpcClient, FLAGS.grpc)
    make_client = functools.partial(
        kind, address, FLAGS.served_model, FLAGS.signature, FLAGS.timeout
    )
    _warm_up(make_client, requests)
    loads = []
    for concurrency in levels:
        loads.append(
            load_test.run(
                make_client,
                requests,
                concurrency=concurrency,
                num_requests=FLAGS.requests,
                max_seconds=FLAGS.max_seconds,
                rate=FLAGS.rate,
            )
        )
    print(load_test.table(loads))
    for message, count in sum((list(load.errors.items()) for load in loads), []):
        print(f"failed {count} times: {message}")
    if FLAGS.output:
        levels = [load.summary() for load in loads]
        result = {"format_version": 1, "served_model": FLAGS.served_model, "levels": levels}
        app.write_lines(FLAGS.output, [json.dumps(result, indent=2)])
    return 1 if any(load.errors for load in loads) else 0


def _warm_up(make_client, requests) -> None:
    """The first error ends the program: it is most often a wrong address or name."""
    client = make_client()
    try:
        for number in range(max(1, FLAGS.warmup_requests)):
            client.predict(requests[number % len(requests)])
    except (OSError, ValueError) as error:
        raise ValueError(
            f"no answer from {FLAGS.url or FLAGS.grpc}: {error}. Expected TensorFlow Serving there "
            f"with the model {FLAGS.served_model!r}, signature {FLAGS.signature!r}."
        ) from error
    finally:
        client.close()


def _levels(words: list[str]) -> list[int]:
    if not words or not all(word.strip().isdecimal() and int(word) for word in words):
        raise ValueError(f"--concurrency={','.join(words)}: expected whole numbers from 1.")
    return [int(word) for word in words]


def _requests() -> list[dict[str, list[str]]]:
    """Whole batches of the input; a short input is repeated until it fills one."""
    from bert_tf.data.text.lines import read_lines

    lines = [
        text.rstrip("\r\n")
        for _, text in itertools.islice(read_lines(FLAGS.input), FLAGS.max_lines)
    ]
    if not lines:
        raise ValueError(f"{FLAGS.input} is empty; expected one text a line.")
    rows = [line.split("\t") if FLAGS.pairs else [line] for line in lines]
    for number, row in enumerate(rows, start=1):
        if FLAGS.pairs and len(row) != 2:
            raise ValueError(f"{FLAGS.input}:{number}: expected two texts with a tab between them.")
    rows *= -(-FLAGS.batch_size // len(rows))
    names = ("text", "text_pair")[: len(rows[0])]
    batches = [
        rows[start : start + FLAGS.batch_size]
        for start in range(0, len(rows) - FLAGS.batch_size + 1, FLAGS.batch_size)
    ]
    return [dict(zip(names, map(list, zip(*batch, strict=True)), strict=True)) for batch in batches]


if __name__ == "__main__":
    app.run(main, needs_keras=False)
