#!/usr/bin/env bash
# Makes .venv with the test extras, then runs the linter and all tests.
#
#   bash scripts/test.sh
#   bash scripts/test.sh tests/data -k label      further words go to pytest
#
# Files are spread over up to four processes, one a core; most of a test is tracing, which is one
# thread. tests/garden compares with Model Garden, which brings Keras 2: it has processes of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/make_venv.sh test
export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-2}"
# Most of a test is compiling; what is compiled here runs for milliseconds: XLA need not optimize the
# machine code, nor cut it into parts.
xla_flags="--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1"
export XLA_FLAGS="${XLA_FLAGS:-$xla_flags}"
# There is a process a core already; more threads would only wait for each other.
export TF_NUM_INTRAOP_THREADS="${TF_NUM_INTRAOP_THREADS:-1}"

options=() keras_3_paths=() garden_paths=()
for word in "$@"; do
  case "$word" in
    -*) options+=("$word") ;;
    tests/garden*) garden_paths+=("$word") ;;
    *) if [ -e "${word%%::*}" ]; then keras_3_paths+=("$word"); else options+=("$word"); fi ;;
  esac
done
if [ ${#keras_3_paths[@]} -eq 0 ] && [ ${#garden_paths[@]} -eq 0 ]; then
  keras_3_paths=(tests)
  garden_paths=(tests/garden)
fi

failed=0
found_tests=0
run_pytest() {
  local code=0
  local TIMEFORMAT="took %0R s, of the processors %0U s" # twice the first, if no core was idle
  time .venv/bin/python -m pytest --numprocesses=logical --maxprocesses=4 --dist=loadfile \
    --no-loadscope-reorder "$@" || code=$?
  case $code in
    0) found_tests=1 ;;
    5) echo "(no tests here)" ;; # every test was deselected, for example by -k
    *) failed=1 ;;
  esac
}

echo "== ruff"
.venv/bin/ruff check . || failed=1
.venv/bin/ruff format --check --quiet . || { echo "some files need: ruff format"; failed=1; }
if [ ${#keras_3_paths[@]} -gt 0 ] && [ "${keras_3_paths[*]}" != tests ]; then
  echo "== tests"
  run_pytest --ignore=tests/garden "${keras_3_paths[@]}" ${options[@]+"${options[@]}"}
elif [ ${#keras_3_paths[@]} -gt 0 ]; then
  # New processes for each part: what TensorFlow traced and compiled stays in memory, and all of it in
  # two processes would take more than 24 GB.
  rest=(tests --ignore=tests/garden)
  for part in family scripts training "checkpoints conformance export" "data finetuning tasks"; do
    paths=()
    for name in $part; do
      [ ! -d "tests/$name" ] || { paths+=("tests/$name"); rest+=("--ignore=tests/$name"); }
    done
    echo "== tests: $part"
    run_pytest "${paths[@]}" ${options[@]+"${options[@]}"}
  done
  echo "== tests: all others"
  run_pytest "${rest[@]}" ${options[@]+"${options[@]}"}
fi
if [ ${#garden_paths[@]} -gt 0 ]; then
  echo "== tests against Model Garden"
  run_pytest "${garden_paths[@]}" ${options[@]+"${options[@]}"}
fi
if [ "$failed" -ne 0 ] || [ "$found_tests" -eq 0 ]; then
  echo "FAILED"
  exit 1
fi
echo "all good"
