#!/usr/bin/env bash
# Makes .venv with the test extras, then runs the linter and all tests.
#
#   bash scripts/test.sh
#   bash scripts/test.sh tests/data -k label      further words go to pytest
#
# There are up to four processes, one a core; most of a test is tracing, which is one thread.
# tests/garden compares with Model Garden, which brings Keras 2: it has processes of its own.
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
failed=0
found_tests=0
judge() { # the exit code of pytest
  case $1 in
    0) found_tests=1 ;;
    5) echo "(no tests here)" ;; # every test was deselected, for example by -k
    *) failed=1 ;;
  esac
}
TIMEFORMAT="took %0R s, of the processors %0U s" # twice the first, if no core was idle
run_pytest() {
  local code=0
  time .venv/bin/python -m pytest --numprocesses=logical --maxprocesses=4 --dist=loadfile \
    --no-loadscope-reorder "$@" || code=$?
  judge $code
}

# A part of the tests in one new process; prints what came of it when it has ended, in one piece.
run_part() {
  local paths log code=0
  read -ra paths <<<"$1"
  log=$(mktemp)
  echo "== begins: ${1:0:90}"
  { time .venv/bin/python -m pytest "${paths[@]}" "${@:2}" || code=$?; } >"$log" 2>&1
  flock "$print_lock" bash -c 'echo "== tests: ${1:0:90}"; cat "$2"' _ "$1" "$log"
  rm "$log"
  echo "$code" >>"$codes"
}

# Every second file of a folder, from the first or the second.
half() { printf '%s\n' "tests/$1"/test_*.py | awk -v first="$2" 'NR % 2 == first' | tr '\n' ' '; }

# All tests. A part has a new process, because what TensorFlow traced and compiled stays in memory; and
# as many parts run at once as there are cores, the longest first, so that none is idle at the end.
run_all_parts() {
  local parts=(
    "tests/family"
    "$(half scripts 1)" "$(half scripts 0)"
    "tests/checkpoints tests/conformance tests/export"
    "tests/data tests/finetuning tests/tasks"
    "$(half training 1)" "$(half training 0)"
    "tests/tokenization tests/layers tests/models tests/inference"
    "tests/garden"
  )
  local all_others=(tests) path
  for path in ${parts[*]}; do all_others+=("--ignore=$path"); done
  parts=("${all_others[*]}" "${parts[@]}")
  codes=$(mktemp) print_lock=$(mktemp)
  export codes print_lock TIMEFORMAT
  export -f run_part
  printf '%s\0' "${parts[@]}" |
    xargs -0 -P "$(($(nproc) < 4 ? $(nproc) : 4))" -I{} bash -c 'run_part "$@"' _ {} "$@"
  local code
  while read -r code; do judge "$code"; done <"$codes"
  [ "$(wc -l <"$codes")" -eq ${#parts[@]} ] || failed=1
  rm "$codes" "$print_lock"
}

echo "== ruff"
.venv/bin/ruff check . || failed=1
.venv/bin/ruff format --check --quiet . || { echo "some files need: ruff format"; failed=1; }
if [ ${#keras_3_paths[@]} -eq 0 ] && [ ${#garden_paths[@]} -eq 0 ]; then
  run_all_parts ${options[@]+"${options[@]}"}
fi
if [ ${#keras_3_paths[@]} -gt 0 ]; then
  echo "== tests"
  run_pytest --ignore=tests/garden "${keras_3_paths[@]}" ${options[@]+"${options[@]}"}
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
