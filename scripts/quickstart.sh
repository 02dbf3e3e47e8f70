#!/usr/bin/env bash
# Makes .venv, installs bert_tf and runs everything once, small: see scripts/quickstart.py.
#
#   bash scripts/quickstart.sh
#   bash scripts/quickstart.sh --output_dir=/big/disk/quickstart
#
# Run it again to continue after an interruption.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/make_venv.sh
exec .venv/bin/python scripts/quickstart.py "$@"
