"""The text of `--help`: the docstring of a script, its flags, and every setting by section.

If the other words choose a config, the settings are its settings, with its values as defaults.
Otherwise they are the settings of every task that the script trains, and of every model.
"""

import os
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from absl import flags

from bert_tf import members
from bert_tf.config import listing
from bert_tf.config.experiment import ExperimentConfig

CONFIG = "config"
_HELP = frozenset(["--help", "-help", "-h", "--helpshort", "-helpshort", "-?"])
_WIDTH = 100
_REQUIRED = "must have a value other than None"  # of absl
_CHOICES = re.compile(r"^<[^>]*>: ")
_IN_A_CLONE = re.compile(r"python scripts/(\w+)\.py")


def is_asked_for(argv: Sequence[str]) -> bool:
    """Whether one of the words asks for help."""
    return bool(_HELP.intersection(argv[1:]))


def without_help(argv: Sequence[str]) -> list[str]:
    """The words without the ones that ask for help."""
    return [argv[0], *(word for word in argv[1:] if word not in _HELP)]


def of_script(config: ExperimentConfig | None) -> str:
    """The text for the running script.

    Args:
      config: the config of `--config`; None without one.
    """
    about = sys.modules["__main__"].__doc__ or ""
    if os.path.basename(os.path.dirname(sys.argv[0])) == "commands":  # a wheel's
        about = _IN_A_CLONE.sub(r"bert-tf \1", about)
    # Lines of examples end in one backslash; a docstring that is not raw has two.
    parts = [about.strip().replace("\\\\\n", "\\\n") + "\n\n"]
    own = flags.FLAGS.get_key_flags_for_module(sys.argv[0])
    parts.append("flags:\n")
    parts += (_entry(f"--{flag.name}", _meaning(flag), _about(flag)) for flag in own)
    if CONFIG in flags.FLAGS:
        for section in sections(config, os.path.basename(sys.argv[0])):
            parts.append(f"\nsettings, {section.title}: {section.about}\n")
            parts += settings_of(section)
    return "".join(parts)


def sections(config: ExperimentConfig | None, script: str) -> Iterable[listing.Section]:
    """The sections of a config, or of all configs for the script, such as "finetune.py"."""
    if config is not None:
        return listing.sections_of(config)
    tasks = members.known("tasks")
    trained = [name for name in tasks if _trainer(name) == script]
    return listing.sections(trained or tasks, members.known("models"))


def _trainer(task: str) -> str:
    return members.find("tasks", task).Config.TRAINED_BY


def settings_of(section: listing.Section) -> Iterator[str]:
    """An entry for each setting."""
    for setting in section.settings:
        about = [f"default: {setting.default}" if setting.default else "", setting.range]
        name = f"--{CONFIG}.{section.key}.{setting.name}"
        yield _entry(name, setting.meaning, [text for text in about if text])


def _meaning(flag: flags.Flag) -> str:
    """Its help without what absl adds and `_about` gives: choices of an enum, repetition."""
    return _CHOICES.sub("", flag.help or "").split(";\n")[0]


def _about(flag: flags.Flag) -> list[str]:
    """Its default, and its possible values."""
    about = ["required"] if any(_REQUIRED in one.message for one in flag.validators) else []
    if isinstance(flag, flags.MultiFlag):
        about.append("may be given several times")
    if flag.default is not None and flag.default != "" and flag.default != []:
        about.append(f"default: {flag.default_as_str.strip(chr(39))}")
    choices = getattr(flag.parser, "enum_values", None)
    if choices:
        about.append("one of " + ", ".join(map(str, choices)))
    bounds = [getattr(flag.parser, name, None) for name in ("lower_bound", "upper_bound")]
    if bounds[0] is not None:
        about.append(f"at least {bounds[0]}")
    if bounds[1] is not None:
        about.append(f"at most {bounds[1]}")
    return about


def _entry(name: str, meaning: str, about: Sequence[str]) -> str:
    """The name and its meaning, wrapped, and a line with `about` in brackets."""
    lines = textwrap.wrap(
        f"{name}: {meaning}",
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="      ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    if about:
        lines += textwrap.wrap(
            f"({'; '.join(about)})",
            _WIDTH,
            initial_indent="      ",
            subsequent_indent="       ",
            break_on_hyphens=False,
            break_long_words=False,
        )
    return "\n".join(lines) + "\n"
