"""Downloads weights by name: `hf://google-bert/bert-base-uncased@revision`, `kaggle://` handles.

A name becomes a local folder. `huggingface_hub` downloads files of Hugging Face's Hub into its
usual cache, with its tokens, its offline mode and its progress bar. Only weights in safetensors,
JSON and vocabularies are downloaded, because these cannot run code.

After an interrupted download, `huggingface_hub` keeps the finished files, and it trusts the hash
that a server sends with a file. So this module requests a separate list of files with their hashes,
keeps it beside the files, and uses a folder only if every file in the list exists and has its hash:
SHA-256 for large files, git's SHA-1 for small ones.
"""

import fnmatch
import functools
import hashlib
import os
import re
from collections.abc import Mapping
from typing import Any

from absl import logging

from bert_tf import files

HUGGING_FACE, KAGGLE = "hf://", "kaggle://"
_NAME = re.compile(r"(?P<repo>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[\w./-]+))?")
# Of the top folder, and what sentence-transformers keeps of pooling.
_WANTED = ("*.json", "vocab.txt", "merges.txt", "*.model", "[0-9]_*/config.json")
_WEIGHTS = "*.safetensors"
_OUR_LISTS = "bert_tf_files"  # in the folder of the model in the cache
_SECONDS = 20.0  # that the list of files may take


def local(path: str | os.PathLike) -> str:
    """The local folder of a name; other paths do not change.

    Raises:
      ValueError: there is no such model, it cannot be downloaded, or the hash of a file differs
        from the Hub's list. Then no file is loaded.
    """
    path = os.fspath(path)
    if path.startswith(HUGGING_FACE):
        return _of_hugging_face(path)
    return _of_kaggle(path) if path.startswith(KAGGLE) else path


@functools.cache
def _of_kaggle(name: str) -> str:
    """The folder of a Keras preset, such as kaggle://keras/bert/keras/bert_tiny_en_uncased."""
    try:
        import kagglehub
    except ModuleNotFoundError as error:
        raise ValueError(f"{name}: needs kagglehub: pip install kagglehub") from error
    try:
        return kagglehub.model_download(name.removeprefix(KAGGLE))
    except Exception as error:  # of requests, of kagglehub, of the handle
        raise ValueError(f"{name}: {_reason(error)}") from error


@functools.cache
def _of_hugging_face(name: str) -> str:
    found = _NAME.fullmatch(name.removeprefix(HUGGING_FACE))
    if not found:
        raise ValueError(
            f"{name}: expected {HUGGING_FACE}OWNER/NAME or {HUGGING_FACE}OWNER/NAME@REVISION."
        )
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
    except ModuleNotFoundError as error:
        raise ValueError(f"{name}: needs huggingface_hub: pip install huggingface_hub") from error
    return _Model(huggingface_hub, name, found["repo"], found["revision"] or "main").folder()


class _Model:
    """One model on the Hub.

    Args:
      library: huggingface_hub.
      name: as it was given, for messages.
      repo: OWNER/NAME.
      revision: a branch, tag or commit.
    """

    def __init__(self, library: Any, name: str, repo: str, revision: str):
        self._library, self._name, self._repo, self._revision = library, name, repo, revision
        self._cache = os.environ.get("HF_HUB_CACHE") or library.constants.HF_HUB_CACHE
        self._endpoint = os.environ.get("HF_ENDPOINT")
        self._home = os.path.join(self._cache, "models--" + repo.replace("/", "--"))

    def folder(self) -> str:
        """The folder with all files, each with its hash."""
        if self._library.constants.HF_HUB_OFFLINE:
            return self._of_cache("offline mode (HF_HUB_OFFLINE)")
        try:
            commit, hashes = self._list()
        except ValueError:
            raise
        except Exception as error:  # of the network: each version has another HTTP client
            return self._of_cache(f"no answer from the Hub ({_reason(error)})")
        self._download(commit, hashes)
        folder = self._verified(commit, hashes)
        os.makedirs(os.path.join(self._home, _OUR_LISTS), exist_ok=True)
        files.write_json(self._list_file(commit), hashes)
        return folder

    def _list(self) -> tuple[str, dict[str, str]]:
        """(commit, {file: its hash}) of the files to download.

        Raises:
          ValueError: there is no such model or revision, or it has no weights in safetensors.
        """
        api, errors = self._library.HfApi(endpoint=self._endpoint), self._library.errors
        try:
            commit = api.model_info(self._repo, revision=self._revision, timeout=_SECONDS).sha
            tree = list(api.list_repo_tree(self._repo, recursive=True, revision=commit))
        except errors.GatedRepoError as error:
            raise ValueError(
                f"{self._name}: its owner requires consent: accept the terms on its page, then "
                "log in (hf auth login, or HF_TOKEN)."
            ) from error
        except errors.RevisionNotFoundError as error:
            raise ValueError(f"{self._name}: it has no revision {self._revision!r}.") from error
        except errors.RepositoryNotFoundError as error:
            raise ValueError(
                f"{self._name}: there is no such model, or it is private. Check the name; for a "
                "private one log in (hf auth login, or HF_TOKEN)."
            ) from error
        except errors.HfHubHTTPError as error:
            raise ValueError(f"{self._name}: the Hub says: {_reason(error)}") from error
        entries = {entry.path: entry for entry in tree if hasattr(entry, "blob_id")}
        wanted = _wanted(self._name, list(entries))
        return commit, {
            path: entries[path].lfs.sha256 if entries[path].lfs else entries[path].blob_id
            for path in wanted
        }

    def _download(self, commit: str, hashes: Mapping[str, str]) -> None:
        """Downloads the missing files."""
        try:
            self._library.snapshot_download(
                self._repo,
                revision=commit,
                cache_dir=self._cache,
                allow_patterns=[_escaped(path) for path in hashes],
                endpoint=self._endpoint,
            )
        except Exception as error:  # of the network, of xet, of the disk: each has its own
            raise ValueError(
                f"{self._name}: the download failed ({_reason(error)}). Run it again: complete "
                "files are kept."
            ) from error

    def _of_cache(self, why: str) -> str:
        """The folder of an earlier download.

        Raises:
          ValueError: there is no complete download.
        """
        commit = self._revision
        ref = os.path.join(self._home, "refs", self._revision)
        if os.path.exists(ref):
            commit = files.read_text(ref).strip()
        if not os.path.exists(self._list_file(commit)):
            ours = os.path.join(self._home, _OUR_LISTS)
            known = os.listdir(ours) if os.path.isdir(ours) else []
            # A branch of which huggingface_hub keeps no commit: ours was asked for by its commit.
            if self._revision != "main" or len(known) != 1:
                raise ValueError(
                    f"{self._name}: {why}, and it was not downloaded before. Connect to the "
                    "network, or copy the folder to this machine and pass its path."
                )
            commit = known[0].removesuffix(".json")
        logging.warning("%s: %s: the files of an earlier download are taken.", self._name, why)
        return self._verified(commit, files.read_json(self._list_file(commit)))

    def _verified(self, commit: str, hashes: Mapping[str, str]) -> str:
        """The folder; ValueError if a file is missing or has another hash; then it is removed."""
        folder = os.path.join(self._home, "snapshots", commit)
        for path, expected in hashes.items():
            file = os.path.join(folder, path)
            if not os.path.isfile(file):
                raise ValueError(
                    f"{self._name}: {path} is missing in {folder}. Run it again online."
                )
            found = _hash(file, expected)
            if found != expected:
                for name in {os.path.realpath(file), file}:
                    files.remove(name)
                raise ValueError(
                    f"{self._name}: {path} has the hash {found[:12]}, but the Hub's list says "
                    f"{expected[:12]}: it is damaged and was removed. Run it again."
                )
        return folder

    def _list_file(self, commit: str) -> str:
        return os.path.join(self._home, _OUR_LISTS, f"{commit}.json")


def _wanted(name: str, paths: list[str]) -> list[str]:
    """The files to download; ValueError if there are no weights in safetensors."""
    top = [path for path in paths if "/" not in path]
    weights = [path for path in top if fnmatch.fnmatch(path, _WEIGHTS)]
    weights = [path for path in weights if path.startswith("model")] or weights
    if not weights:
        others = [path for path in top if path.endswith((".bin", ".h5", ".ckpt", ".msgpack"))]
        raise ValueError(
            f"{name}: it has no safetensors (it has {', '.join(others) or 'no weights'}). "
            "Pickles are not read: convert it with transformers, or ask its owner for safetensors."
        )
    return weights + [
        path
        for path in paths
        if any(fnmatch.fnmatch(path, pattern) for pattern in _WANTED)
        and ("/" not in path or fnmatch.fnmatch(path, _WANTED[-1]))
    ]


def _escaped(path: str) -> str:
    """A pattern that matches only this path."""
    return re.sub(r"([*?[])", r"[\1]", path)


def _hash(path: str, expected: str) -> str:
    """The hash of a file, of the same kind as `expected`: SHA-256, or git's SHA-1."""
    if len(expected) == 64:
        return files.sha256(path)
    digest = hashlib.sha1(b"blob %d\0" % os.path.getsize(path))
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _reason(error: Exception) -> str:
    """The first line of a message, or its type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
