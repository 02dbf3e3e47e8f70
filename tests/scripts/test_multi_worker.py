"""Two processes on loopback train what one process trains."""

import concurrent.futures
import json
import socket

import numpy as np
import safetensors.numpy

from tests.scripts.conftest import run_script

_CLOCK = ("examples_per_second", "tokens_per_second", "mfu")


def free_ports(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def pretrain(work, folder, tf_config=None, **changes):
    environment = {"TF_CONFIG": json.dumps(tf_config)} if tf_config else {}
    process = run_script(
        "pretrain",
        environment=environment,
        config=work / "pretraining.py",
        train_data=work / "train",
        eval_data=work / "valid",
        work_dir=folder,
        **{"config.train.steps_per_loop": 1, "config.train.num_train_steps": 6, **changes},
    )
    assert process.returncode == 0, process.stderr[-2000:]


def result(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    curve = [[v for k, v in line.items() if k not in _CLOCK] for line in lines]
    return curve, safetensors.numpy.load_file(folder / "model" / "model.safetensors")


def test_two_workers_equal_one_with_two_micro_batches(work, tmp_path):
    workers = [f"localhost:{port}" for port in free_ports(2)]
    cluster = [
        {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        for index in range(2)
    ]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda of: pretrain(work, tmp_path / "two", of), cluster))
    pretrain(work, tmp_path / "one", **{"config.train.num_micro_batches": 2})
    (two, two_weights), (one, one_weights) = result(tmp_path / "two"), result(tmp_path / "one")
    assert len(one) == 7
    for a, b in zip(two, one, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    for path, weight in one_weights.items():
        if not path.endswith("key/bias"):  # no gradient but rounding, which Adam scales up
            np.testing.assert_allclose(two_weights[path], weight, atol=1e-5)
