"""The commands work from a wheel, an editable install and a clone, and answer --help at once."""

import os
import pathlib
import re
import subprocess
import sys
import textwrap

import pytest

from bert_tf import recipes, shipped
from bert_tf.__main__ import main
from bert_tf.command_line import completion
from bert_tf.config import listing
from bert_tf.tasks.glue import TRAINED, tasks

ROOT = pathlib.Path(__file__).parents[1]

# Every command in a child of one process, which has imported what all need.
_ALL = textwrap.dedent(
    """
    import os, sys
    from bert_tf import app, members, recipes, shipped
    from bert_tf.__main__ import main

    for name in shipped.commands():
        if not os.fork():
            try:
                main([name, *sys.argv[1:]])
            except SystemExit as end:
                print(name, end.code, "tensorflow" in sys.modules, file=sys.stderr, flush=True)
            finally:
                os._exit(0)
        os.wait()
    """
)


def run(*words, path=ROOT, cwd=None):
    environment = {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, cwd=cwd
    )


@pytest.mark.parametrize(("word", "code"), [("--help", 0), ("--no_such_flag=1", 1)])
def test_help_and_a_wrong_flag_are_answered_without_tensorflow(word, code):
    ended = re.findall(r"^(\w+) (\d) (\w+)$", run("-c", _ALL, word).stderr, re.MULTILINE)
    assert {name for name, *_ in ended} == set(shipped.commands())
    assert {is_slow for *_, is_slow in ended} == {"False"}
    codes = {name: int(found) for name, found, _ in ended if name != "ask_saved_model"}
    assert set(codes.values()) == {code}  # that one is absl's: it runs without bert_tf


def test_help_lists_every_setting_with_meaning_default_and_range(tmp_path):
    text = " ".join(run("-m", "bert_tf", "finetune", "--help", cwd=tmp_path).stdout.split())
    for section in listing.sections(["classification", "question_answering"], ["bert"]):
        for setting in section.settings:
            said = " ".join(f"{setting.name}: {setting.meaning}".split())
            assert f"--config.{section.key}.{said} (default: " in text
    assert "(default: 0.01; at least 0)" in text  # weight_decay
    assert "--work_dir: Folder for everything that the run writes. (required)" in text


def test_help_of_a_recipe_has_its_own_settings_and_values():
    text = run("-m", "bert_tf", "pretrain", "--config=pretrain/mini", "--help").stdout
    assert "(default: 0.3; " in text  # masked_lm_prob
    assert "settings, task: pretraining" in text and "settings, task: classification" not in text


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The tree that a wheel holds."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ["build", "--build-base", str(folder / "build"), "--build-lib", str(folder / "lib")]
    process = run("setup.py", "-q", *build, cwd=ROOT)
    assert process.returncode == 0, process.stderr
    return folder / "lib"


def test_a_wheel_holds_commands_and_recipes_without_benchmarks_and_development(wheel):
    in_wheel = {path.relative_to(wheel).as_posix() for path in wheel.rglob("*.py")}
    assert {f"bert_tf/commands/{name}.py" for name in shipped.commands()} <= in_wheel
    assert {f"bert_tf/configs/{name}.py" for name in recipes.known()} - in_wheel == {
        f"bert_tf/configs/benchmark/{path.name}"
        for path in (ROOT / "configs" / "benchmark").glob("[!_]*.py")
    }
    assert not [path for path in in_wheel if "benchmark" in path or "development" in path]
    for name in ("py.typed", "report/page.css", "report/page.html.jinja"):
        assert (wheel / "bert_tf" / name).exists()


def test_a_command_of_a_wheel_finds_its_recipe(wheel, tmp_path):
    found = run("-m", "bert_tf", "finetune", "--task=squad", path=wheel, cwd=tmp_path)
    assert "--task=squad is none of GLUE" in found.stderr
    words = ("-m", "bert_tf", "finetune", "--config=finetune/squad", "--help")
    text = run(*words, path=wheel, cwd=tmp_path).stdout
    assert "settings, task: question_answering" in text
    assert "bert-tf finetune --config" in text and "python scripts/" not in text


def test_a_command_of_an_editable_install_finds_its_recipe(tmp_path):
    # Without --ignore-installed, pip would uninstall what the tests run with.
    install = ["-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--no-index"]
    where = ("--ignore-installed", "--prefix", str(tmp_path))
    process = run(*install, *where, "-e", ".", cwd=ROOT)
    assert process.returncode == 0, process.stderr
    (site,) = tmp_path.rglob("site-packages")
    code = f"import site; site.addsitedir({str(site)!r}); from bert_tf.__main__ import main; main()"
    words = ("finetune", "--config=finetune/squad", "--help")
    text = run("-c", code, *words, path=tmp_path, cwd=tmp_path).stdout
    assert "settings, task: question_answering" in text
    code = f"import site; site.addsitedir({str(site)!r}); import bert_tf.configs.finetune.squad"
    assert run("-c", code, path=tmp_path, cwd=tmp_path).returncode == 0


def test_a_recipe_is_found_by_name_wherever_one_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = str(ROOT / "configs" / "finetune" / "sst2.py")
    names = ("finetune/sst2", "configs/finetune/sst2.py", path)
    assert {os.path.realpath(recipes.find(name)) for name in names} == {path}
    assert recipes.find("pretrain/default:bert").endswith("pretrain/default.py:bert")
    with pytest.raises(ValueError, match="no recipe of that name. Recipes: .*finetune/sst2"):
        recipes.find("finetune/sst3")


def test_a_recipe_takes_settings():
    settings = {"optimizer.learning_rate": 2e-5, "train.jit_compile": "true"}
    config = recipes.recipe("finetune/sst2", settings)
    assert (config.optimizer.learning_rate, config.train.jit_compile) == (2e-5, True)
    with pytest.raises(ValueError, match="config.optimizer has no key 'rate'"):
        recipes.recipe("finetune/sst2", {"optimizer.rate": 1.0})


def test_an_unknown_command_is_one_line(capsys):
    assert main(["finetun"]) == 1
    assert capsys.readouterr().err.startswith("error: there is no command 'finetun'. Known: ask_")


def test_the_overview_says_what_each_command_does(capsys):
    assert main([]) == 0
    said = capsys.readouterr().out
    assert "finetune                 Fine-tunes a pretrained model on labelled texts" in said


def _completed(script, *words):
    """What bash offers for a command line whose words are cut at "=", as bash cuts them."""
    line = " ".join(f"'{word}'" for word in words)
    code = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _bert_tf 2>/dev/null\n"
    code += 'printf "%s\\n" "${COMPREPLY[@]}"'
    return subprocess.run(["bash", "-c", code], capture_output=True, text=True).stdout.split()


def test_bash_completes_commands_flags_settings_and_recipes(capsys):
    assert completion.main(["bash"]) == 0
    script = capsys.readouterr().out
    assert _completed(script, "bert-tf", "fine") == ["finetune"]
    assert _completed(script, "bert-tf", "finetune", "--train_d") == ["--train_data="]
    setting = _completed(script, "bert-tf", "finetune", "--config.optimizer.learn")
    assert setting == ["--config.optimizer.learning_rate="]
    assert "finetune/sst2" in _completed(
        script, "bert-tf", "finetune", "--config", "=", "finetune/s"
    )


def test_other_shells_are_completed_too(capsys):
    for shell, text in {"zsh": "bashcompinit", "fish": "-l train_data -r"}.items():
        assert completion.main([shell]) == 0
        assert text in capsys.readouterr().out
    assert completion.main(["tcsh"]) == 1


def test_what_flags_offer_is_what_the_library_has():
    assert tuple(name for name in tasks.TASKS if name != "ax") == TRAINED
