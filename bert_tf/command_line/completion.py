"""Completion for a shell: commands, flags, settings and recipes, as a fixed script.

    source <(bert-tf completion bash)           in ~/.bashrc
    source <(bert-tf completion zsh)            in ~/.zshrc, after compinit
    bert-tf completion fish > ~/.config/fish/completions/bert-tf.fish

The printed script has all words, so completion does not start Python.
"""

import os
import runpy
import sys
from collections.abc import Sequence

from absl import flags

from bert_tf import recipes, shipped
from bert_tf.command_line import help_text

_BASH = """_bert_tf() {
  local command="${COMP_WORDS[1]}" word="${COMP_WORDS[COMP_CWORD]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "%(commands)s" -- "$word"))
    return
  fi
  # bash cuts words at "=": what stands behind it is completed by itself.
  local flag=""
  if [ "$word" = "=" ]; then word=""; flag="${COMP_WORDS[COMP_CWORD-1]}"
  elif [ "${COMP_WORDS[COMP_CWORD-1]}" = "=" ]; then flag="${COMP_WORDS[COMP_CWORD-2]}"
  fi
  if [ "$flag" = "--config" ]; then
    COMPREPLY=($(compgen -W "%(recipes)s" -- "$word") $(compgen -f -- "$word"))
    return
  elif [ -n "$flag" ]; then
    COMPREPLY=($(compgen -f -- "$word"))
    return
  fi
  case "$command" in
%(cases)s
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  [[ "${COMPREPLY[0]}" == *= ]] && compopt -o nospace
}
complete -F _bert_tf bert-tf
"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"
_SHELLS = ("bash", "zsh", "fish")


def main(words: Sequence[str]) -> int:
    """Prints the completion for a shell; returns the exit code."""
    if list(words) not in [[shell] for shell in _SHELLS]:
        print(
            f"error: expected bert-tf completion {'|'.join(_SHELLS)}, received {list(words)}.",
            file=sys.stderr,
        )
        return 1
    found = {name: words_of(path) for name, path in shipped.commands().items()}
    print({"bash": _bash, "zsh": lambda of: _ZSH + _bash(of), "fish": _fish}[words[0]](found))
    return 0


def words_of(script: str) -> list[str]:
    """The flags of a script, and its settings if it takes a config: `--seeds=`, `--dry_run`."""
    known, argv = set(flags.FLAGS), sys.argv
    sys.argv = [script]
    try:
        runpy.run_path(script, run_name="described")
        own = [name for name in flags.FLAGS if name not in known]
        words = [_word(flags.FLAGS[name]) for name in own] + ["--help", "--members="]
        if help_text.CONFIG in own:
            listed = help_text.sections(None, os.path.basename(script))
            settings = [f"{s.key}.{setting.name}" for s in listed for setting in s.settings]
            words += [f"--{help_text.CONFIG}.{name}=" for name in dict.fromkeys(settings)]
    finally:
        sys.argv = argv
        for name in set(flags.FLAGS) - known:  # the next script can define it again
            delattr(flags.FLAGS, name)
    return sorted(set(words))


def _word(flag: flags.Flag) -> str:
    return f"--{flag.name}" if flag.boolean else f"--{flag.name}="


def _bash(found: dict[str, list[str]]) -> str:
    cases = (f'    {name}) words="{" ".join(words)}" ;;' for name, words in found.items())
    return _BASH % {
        "commands": " ".join([*found, "completion", "help"]),
        "recipes": " ".join(recipes.known()),
        "cases": "\n".join(cases),
    }


def _fish(found: dict[str, list[str]]) -> str:
    first = f"complete -c bert-tf -n __fish_use_subcommand -f -a '{' '.join(found)} completion'"
    lines = [first]
    for name, words in found.items():
        for word in words:
            flag = word.removeprefix("--").removesuffix("=")
            value = " -r" if word.endswith("=") else ""
            lines.append(
                f"complete -c bert-tf -n '__fish_seen_subcommand_from {name}' -l {flag}{value}"
            )
    return "\n".join(lines)
