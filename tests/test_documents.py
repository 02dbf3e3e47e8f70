"""What README, the notes and the guides name exists: flags, settings and files."""

import ast
import dataclasses
import os
import pathlib
import re
import runpy
import subprocess
import sys

import pytest

from bert_tf import config, members

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts" / "development"))

import documented  # noqa: E402

DOCUMENTS = [ROOT / "WORKSPACE_NOTES.md", *documented.documents()]
SHORT = ("README.md", "WORKSPACE_NOTES.md")
DEFAULT_CONFIGS = {
    "scripts/finetune.py": "configs/finetune/glue.py",
    "scripts/distill.py": "configs/distill/task.py",
}

# Of absl, of tests.export.fuzz and the like, and of other programs (docker, pip, hf).
_ABSL = {"help", "helpshort", "helpfull", "flagfile", "verbosity"}
_OTHERS = {
    "batching_parameters_file",
    "direct_num_workers",
    "direct_running_mode",
    "enable_batching",
    "local-dir",
    "model_config_file",
    "runner",
    "strict",
    "use_v2_feature_names",
}
# Files of the reader, and of other projects.
_ELSEWHERE = {"mine.py", "my_encoder.py", "my_tokenizer.py", "tokenization.py"}
_ROOMS = ("bert_tf", "configs", "docs", "scripts", "tests", ".ci")
_CODE = re.compile(r"^```[^\n]*\n(.*?)^```|`([^`\n]+(?:\n[^`\n]+)?)`", re.DOTALL | re.MULTILINE)
_PYTHON = re.compile(r"^```python.*?^```", re.DOTALL | re.MULTILINE)
_PATH = re.compile(
    rf"(?<![\w./-])((?:[\w.-]+/)*[\w.-]+\.(?:py|sh)|(?:{'|'.join(_ROOMS)})/[\w./-]*\w)\b"
)
_FLAG = re.compile(r"(?<![\w-])--(?:no)?([a-z][\w.-]*)")
_SECTIONS = ("data", "task", "optimizer", "train", "model")
_KEY = re.compile(rf"(?<![\w./])({'|'.join(_SECTIONS)})\.([a-z]\w*)(?![\w(/])")
_ENDINGS = set(
    ["html", "json", "jsonl", "md", "py", "safetensors", "tsv", "txt"]
)  # task.json is a file


def code_of(text: str) -> list[str]:
    """What stands in the code blocks and the inline code of a document."""
    return [block or " ".join(span.split()) for block, span in _CODE.findall(text)]


def programs_in(text: str) -> list[list[str]]:
    """The words of each command of a document, the script first."""
    found = [words for command in documented.commands_in(text) for words in command.programs]
    return [words for words in found if not words[0].endswith(".sh")]


def flags_of(script: str) -> set[str]:
    """The names of the flags that a script defines, without importing it."""
    names, path = set(_ABSL), _file_of(script)
    sources = [path, ROOT / "bert_tf" / "app.py"]
    for shared in ("looking_flags", "reading_flags", "run_flags"):
        if f"{shared}.define(" in path.read_text(encoding="utf-8"):
            sources.append(ROOT / "scripts" / f"{shared}.py")
    for source in sources:
        tree = ast.parse(source.read_text(encoding="utf-8"))
        constants = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args:
                function, first = getattr(node.func, "attr", ""), node.args[0]
                if function.startswith(("DEFINE_", "declare_key_flag", "add_argument")):
                    name = constants[first.id] if isinstance(first, ast.Name) else first.value
                    names.add(name.removeprefix("--"))
    return names


def _file_of(script: str) -> pathlib.Path:
    """The file of a script, or of the module that `python -m` runs."""
    return ROOT / (script if script.endswith(".py") else script.replace(".", "/") + ".py")


def settings() -> dict[str, set[str]]:
    """{section: the names of its settings}, of all tasks and models."""
    classes = {
        "data": [config.DataConfig],
        "optimizer": [config.OptimizerConfig],
        "train": [config.TrainConfig],
        "distill": [config.DistillConfig],
        "quantization": [config.QuantizationConfig],
        "task": [members.find("tasks", name).Config for name in members.known("tasks")],
        "model": [members.find("models", name).Config for name in members.known("models")],
    }
    return {
        section: {field.name for cls in found for field in dataclasses.fields(cls)}
        for section, found in classes.items()
    }


def wrong_words(words: list[str]) -> list[str]:
    """Flags and settings of a command that its script, or its config, does not have."""
    script, *words = words
    words = words[: words.index("--")] if "--" in words else words  # behind it: of another script
    if not _file_of(script).exists():
        return [script]
    known = flags_of(script)
    # A space at the beginning of a word: there were two backslashes at the end of the line before.
    wrong = [f"{script}: {word!r}" for word in words if word != word.strip()]
    flags = dict(word.removeprefix("--").partition("=")[::2] for word in words if word[:2] == "--")
    for flag in flags:
        if flag.startswith("config."):
            if not _has(
                flags.get("config") or DEFAULT_CONFIGS.get(script, ""), flag.split(".")[1:]
            ):
                wrong.append(f"{script}: --{flag}")
        elif flag and flag not in known and flag.removeprefix("no") not in known:
            wrong.append(f"{script}: --{flag}")
    return wrong


def _has(config_file: str, keys: list[str]) -> bool:
    """Whether the config that a file makes has a setting; of all configs if there is no file."""
    if not (ROOT / config_file).is_file():
        return keys[1] in settings().get(keys[0], ())
    value = runpy.run_path(str(ROOT / config_file))["get_config"]()
    for key in keys:
        if not hasattr(value, key):
            return False
        value = getattr(value, key)
    return True


def wrong_names(text: str) -> list[str]:
    """Flags, settings and files in the code of a document that are not there."""
    wrong, known = [], settings()
    all_flags = _OTHERS.union(*(flags_of(str(path.relative_to(ROOT))) for path in _programs()))
    for code in code_of(_PYTHON.sub("", text)):  # its `data.train` is a variable
        for flag in _FLAG.findall(code):
            section, *names = flag.removeprefix("config.").split(".")
            is_setting = flag.startswith("config.") and section
            if names[:1] == [""] or flag == "config.":
                continue  # "`--config.data.`" stands for all settings of a section
            if names and names[0] not in known[section] if is_setting else flag not in all_flags:
                wrong.append(f"--{flag}")
        for section, name in _KEY.findall(code):
            if name not in known[section] | _ENDINGS and f"config.{section}.{name}" not in code:
                wrong.append(f"{section}.{name}")
        wrong += [path for path in _PATH.findall(code) if not _exists(path)]
    return wrong


def _programs() -> list[pathlib.Path]:
    scripts = [*(ROOT / "scripts").glob("*.py"), *(ROOT / "scripts" / "development").glob("*.py")]
    return [*scripts, *(ROOT / "tests").rglob("fuzz.py")]


def _exists(path: str) -> bool:
    """A path from the root or from bert_tf/; a bare name is that of any file."""
    if "/" in path:
        return (ROOT / path).exists() or (ROOT / "bert_tf" / path).exists()
    files = (name for _, _, names in os.walk(ROOT) for name in names)
    return path in _ELSEWHERE or path in files


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_have_the_flags_and_settings_of_their_script(path):
    commands = programs_in(path.read_text(encoding="utf-8"))
    assert [wrong for words in commands for wrong in wrong_words(words)] == []


@pytest.mark.parametrize("folder", ["scripts", "scripts/development", "configs"])
def test_help_shows_commands_that_can_be_copied(folder):
    """A backslash too many at the end of a line, for example, makes another word of the next."""
    wrong, commands = [], 0
    for path in (ROOT / folder).glob("**/*.py" if folder == "configs" else "*.py"):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        programs = programs_in(text)
        commands += len(programs)
        wrong += [(path.name, word) for words in programs for word in wrong_words(words)]
    assert wrong == [] and commands > 5


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_flags_settings_and_files_that_are_named_exist(path):
    assert wrong_names(path.read_text(encoding="utf-8")) == []


def test_the_guides_show_commands():
    shown = {words[0] for path in DOCUMENTS for words in programs_in(path.read_text())}
    scripts = {f"scripts/{path.name}" for path in (ROOT / "scripts").glob("[!_]*.py")}
    assert scripts - shown == {
        "scripts/quickstart.py",  # quickstart.sh runs it
        "scripts/quickstart_corpus.py",
        "scripts/looking_flags.py",
        "scripts/reading_flags.py",
        "scripts/run_flags.py",
    }


@pytest.mark.parametrize(
    "text",
    [
        "`python scripts/pretrain.py --train_dat=data`",
        "```bash\npython scripts/pretrain.py \\\n    --config=mine.py --epochs=3\n```",
        "`python scripts/pretrain.py --config=configs/pretrain/mini.py --config.train.steps=3`",
        "| a | `python scripts/finetune.py --config.optimizer.rate=3` |",
        "`python scripts/launch.py --num_workers=2 -- python scripts/pretrain.py --worker=3`",
    ],
)
def test_the_checker_of_commands_catches(text):
    assert len([wrong for words in programs_in(text) for wrong in wrong_words(words)]) == 1


@pytest.mark.parametrize(
    "text",
    [
        "`--trian_data`",
        "`--config.optimizer.rate=3`",
        "set `train.epochs`",
        "see `bert_tf/bert.py`",
        "see `layers/no_such.py`",
        "see `no_such_script.py`",
        "see `configs/none`",
    ],
)
def test_the_checker_of_names_catches(text):
    assert len(wrong_names(text)) == 1


@pytest.mark.parametrize("name", SHORT)
def test_the_short_documents_are_short(name):
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) < 200


@pytest.mark.parametrize("name", SHORT)
def test_links_lead_to_files(name):
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_page_of_settings_is_fresh():
    make_docs = runpy.run_path(str(ROOT / "scripts" / "development" / "make_docs.py"))
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert make_docs["settings_page"]() == page, "run: python scripts/development/make_docs.py"


def test_the_page_of_settings_has_every_section():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    titles = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert {"data", "optimizer", "train", "train.phases", "model: bert"} <= set(titles)
    assert {f"task: {name}" for name in members.known("tasks")} <= set(titles)


def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-3000:]
    assert (tmp_path / "api" / "training.html").stat().st_size > 10_000
