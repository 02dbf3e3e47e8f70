#!/usr/bin/env bash
# Makes .venv in the clone and installs bert_tf into it, unless that is done already.
#
#   bash scripts/make_venv.sh         what the scripts need
#   bash scripts/make_venv.sh test    and what the tests need
#
# PYTHON=/path/to/python3.12 chooses the Python.
set -euo pipefail
cd "$(dirname "$0")/.."
extra="${1:-}"
pip_words=(-m pip --disable-pip-version-check install --quiet --editable)

is_usable() { # A Python that TensorFlow 2.20 has wheels for and that can make environments.
  "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
    >/dev/null 2>&1
}

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3 python}; do
    if is_usable "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  echo "error: no usable Python${PYTHON:+ (PYTHON is $PYTHON)}. bert_tf needs Python 3.11, 3.12 or" \
    "3.13 with the venv module (on Debian and Ubuntu: apt install python3-venv)." \
    "PYTHON=/path/to/python3.12 names one." >&2
  return 1
}

stamp() { # Changes with the requirements and with the folder: an editable install knows its place.
  .venv/bin/python -c '
import hashlib, os, pathlib
print(hashlib.sha256(pathlib.Path("setup.py").read_bytes() + os.getcwd().encode()).hexdigest())'
}

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  python="$(find_python)"
  echo "making .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
fi

stamp_file=".venv/installed${extra:+_$extra}"
if [ "$(cat "$stamp_file" 2>/dev/null)" != "$(stamp)" ]; then
  echo "installing bert_tf${extra:+ with the extra '$extra'} into .venv (one to several minutes)"
  .venv/bin/python "${pip_words[@]}" ".${extra:+[$extra]}"
  stamp | tee .venv/installed >"$stamp_file"
fi
