"""`hf://` names, against a small server on loopback that speaks the Hub's protocol."""

import hashlib
import http.server
import json
import os
import pathlib
import threading
import time

import huggingface_hub.constants
import numpy as np
import pytest

import bert_tf
from bert_tf import hub, model_folder
from bert_tf.config import DataConfig, ExperimentConfig
from bert_tf.tasks import embedding
from bert_tf.tasks.task import make_task
from bert_tf.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary
from bert_tf.tokenization.wordpiece import WordPieceTokenizer

COMMIT = "c" * 40
NAME = "hf://owner/tiny"


class Hub(http.server.ThreadingHTTPServer):
    """Serves the files of a folder as the model owner/tiny; `trouble` says what goes wrong."""

    daemon_threads = True
    trouble = ""

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = {path.name: path.read_bytes() for path in folder.iterdir()}
        self.asked: list[str] = []

    def handle_error(self, request, client_address):
        """A client that hangs up is what some tests are about: no traceback from a thread."""


def _blob_id(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def _send(self, code, body=b"", **headers):
        self.send_response(code)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, values):
        self._send(200, json.dumps(values).encode(), Content_Type="application/json")

    def do_HEAD(self):  # noqa: N802 - of the base class
        self.do_GET()

    def do_GET(self):  # noqa: N802
        hub, path = self.server, self.path.partition("?")[0]
        hub.asked.append(path)
        codes = {"401": "GatedRepo", "404": "RepoNotFound", "revision": "RevisionNotFound"}
        if hub.trouble in codes:
            code = int(hub.trouble) if hub.trouble.isdecimal() else 404
            return self._send(code, X_Error_Code=codes[hub.trouble], X_Error_Message="no")
        if hub.trouble == "slow":
            time.sleep(5)
        if path.startswith("/api/models/owner/tiny/revision/"):
            return self._json({"id": "owner/tiny", "sha": COMMIT, "siblings": []})
        if path.startswith("/api/models/owner/tiny/tree/"):
            return self._json([self._entry(name, hub.files[name]) for name in hub.files])
        content = hub.files.get(path.rpartition("/")[2])
        if content is None:
            return self._send(404, X_Error_Code="EntryNotFound")
        return self._file(path.rpartition("/")[2], content)

    def _entry(self, name, content):
        entry = {"type": "file", "path": name, "size": len(content), "oid": _blob_id(content)}
        if name.endswith(".safetensors"):
            sha256 = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
        return entry

    def _file(self, name, content):
        entry = self._entry(name, content)
        etag = entry.get("lfs", entry)["oid"]
        is_weights = name.endswith(".safetensors")
        if is_weights and self.server.trouble == "wrong hash":
            content = content[:-4] + b"\1\2\3\4"
            etag = hashlib.sha256(content).hexdigest()  # the library believes it
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        self.send_response(200)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if is_weights and self.server.trouble == "cut off":
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        self.wfile.write(content)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model folder, and a pickle that nobody asked for."""
    folder = tmp_path_factory.mktemp("hub") / "tiny"
    tokenizer = WordPieceTokenizer(Vocabulary([*SPECIAL_TOKENS, "a", "film"]))
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = ExperimentConfig(
        model=bert_tf.BertConfig(vocab_size=8, intermediate_size=8, **shape),
        data=DataConfig(max_seq_length=8),
        task=embedding.Config(),
    )
    task = make_task(config, tokenizer)
    model_folder.save(str(folder), task, task.build_model(), {})
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    return folder


@pytest.fixture
def server(folder, tmp_path, monkeypatch):
    """The server, and a cache of this test alone."""
    with Hub(folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
        monkeypatch.setattr(hub, "_SECONDS", 1.0)
        hub._of_hugging_face.cache_clear()
        yield server
        server.shutdown()


def _again(name=NAME):
    """As another process would ask for it."""
    hub._of_hugging_face.cache_clear()
    return hub.local(name)


def test_a_model_is_loaded_by_its_name(server, folder):
    model, tokenizer = bert_tf.load(f"{NAME}@main")
    expected, _ = bert_tf.load(str(folder))
    batch = tokenizer.encode(["a film"], max_seq_length=8)
    found = model(batch)
    for name, value in expected(batch).items():
        np.testing.assert_array_equal(found[name], value)
    assert not [path for path in server.asked if path.endswith(".bin")]


def test_what_is_there_is_not_fetched_again(server):
    first = _again()
    count = len([path for path in server.asked if "/resolve/" in path])
    assert _again() == first and _again(f"{NAME}@{COMMIT}") == first
    assert len([path for path in server.asked if "/resolve/" in path]) == count


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        ("401", "owner requires consent: accept the terms .* log in"),
        ("404", "there is no such model, or it is private. Check the name"),
        ("revision", "it has no revision 'v2'"),
        ("cut off", "the download failed .* Run it again"),
        ("wrong hash", "model.safetensors has the hash .* the Hub's list says .* was removed"),
        ("slow", "no answer from the Hub .* it was not downloaded before"),
    ],
)
def test_trouble_is_one_line_and_nothing_is_loaded(server, trouble, message):
    server.trouble = trouble
    with pytest.raises(ValueError, match=message) as error:
        _again(f"{NAME}@v2")
    assert "\n" not in str(error.value) and str(error.value).startswith("hf://owner/tiny@v2: ")
    server.trouble = ""
    folder = pathlib.Path(_again(f"{NAME}@v2"))
    assert (folder / "model.safetensors").read_bytes() == server.files["model.safetensors"]


def test_without_network_an_earlier_download_is_taken(server, monkeypatch):
    first = _again()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert _again() == first
    with pytest.raises(ValueError, match="no answer from the Hub .* not downloaded before"):
        _again("hf://owner/other")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert _again() == first


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_without_network_a_damaged_download_is_refused(server, monkeypatch, damage):
    file = os.path.join(_again(), "vocab.txt")
    os.remove(file) if damage == "missing" else pathlib.Path(file).write_text("other")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="vocab.txt (is missing|has the hash)"):
        _again()


def test_a_model_without_safetensors_says_what_it_has(server):
    del server.files["model.safetensors"]
    with pytest.raises(ValueError, match=r"no safetensors \(it has pytorch_model.bin\)"):
        _again()


@pytest.mark.parametrize("name", ["hf://", "hf://a/b/c/d@", "hf://a b"])
def test_a_name_of_another_form_is_an_error(name):
    with pytest.raises(ValueError, match="expected hf://OWNER/NAME"):
        hub.local(name)


def test_a_handle_of_kaggle_is_asked_of_kagglehub(monkeypatch):
    kagglehub = pytest.importorskip("kagglehub")
    monkeypatch.setattr(kagglehub, "model_download", lambda handle: f"/folder/{handle}")
    assert hub.local("kaggle://keras/bert/keras/tiny") == "/folder/keras/bert/keras/tiny"
