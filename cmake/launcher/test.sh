# shellcheck shell=bash disable=SC2154
# Sourced by `besom`: the verb `test`.

test_usage() {
  cat <<'END'
besom test [--quick] [ctest options]

Builds everything and runs all tests: those of the release build, those of the
builds with sanitizers (memory and undefined behaviour; data races), the layout
of the sources and lint. --quick runs the release build's alone. All other
options go to each ctest, e.g. -R NAME or -L LABEL.
END
}

# Tests whose work is done in other programs (Python, installed MPI) tell a
# sanitizer nothing; MPI itself is not instrumented and keeps memory.
not_sanitized='^(parity|e2e|fault|bench|lint|mpi|slurm|tree)$'
none=error  # No tests at all; with a choice of tests it may happen.
total=0
total_failed=0
parts=()

# count_part NAME TESTS FAILED SECONDS
count_part() {
  total=$((total + $2))
  total_failed=$((total_failed + $3))
  parts+=("$(printf '%-10s %5d tests %4d failed %6d s' "$@")")
}

# check NAME COMMAND...: one command that counts as one test.
check() {
  local start=$SECONDS failed=0
  say "checking: $1"
  "${@:2}" >&2 || failed=1
  count_part "$1" 1 "$failed" $((SECONDS - start))
}

# run_ctest NAME FOLDER COMMAND...: counts what the ctest command reports.
run_ctest() {
  local start=$SECONDS code line
  say "testing $1"
  "${@:3}" -j "$(nproc)" --output-on-failure --no-tests="$none" 2>&1 |
    tee "$2/ctest.txt"
  code=${PIPESTATUS[0]}
  line=$(grep -E 'tests failed out of [0-9]+$' "$2/ctest.txt")
  if [[ $line =~ ([0-9]+)\ tests\ failed\ out\ of\ ([0-9]+) ]]; then
    count_part "$1" "${BASH_REMATCH[2]}" "${BASH_REMATCH[1]}" \
      $((SECONDS - start))
  elif ((code)); then
    count_part "$1" 1 1 $((SECONDS - start))
  fi
}

# build_tests PRESET FOLDER TARGET: a build that fails is a failed test.
build_tests() {
  local start=$SECONDS
  if ! (configure "$1" "$2" && build_targets "$2" "$3 of $1" "$3"); then
    count_part "$1" 1 1 $((SECONDS - start))
    return 1
  fi
}

# sanitized PRESET ARGUMENT...
sanitized() {
  local folder=$root/build/$1 fixed=()
  lock
  build_tests "$1" "$folder" instrumented_tests || return
  unlock
  # gcc 12's thread sanitizer stops where a kernel spreads addresses over more
  # bits than it knows; some containers do not let that be turned off.
  if setarch -R true 2>/dev/null; then
    fixed=(setarch -R)
  fi
  run_ctest "$1" "$folder" "${fixed[@]}" ctest --test-dir "$folder" \
    -LE "$not_sanitized" "${@:2}"
}

lint() {
  local script=$root/cmake/launcher/lint.py
  check format "$venv/bin/python" "$script" format "$root"
  check tidy "$venv/bin/python" "$script" tidy "$root" "$build"
  check shell shellcheck -x -S warning "$root/besom" \
    "$root"/cmake/launcher/*.sh "$root"/tests/slurm/*.sh
}

print_summary() {
  local percent=0
  ((total == 0)) || percent=$(((total - total_failed) * 100 / total))
  printf '\n'
  printf '%s\n' "${parts[@]}"
  printf '\n%d%% tests passed, %d tests failed out of %d\n' "$percent" \
    "$total_failed" "$total"
}

prepare_tests() {
  refuse_in_rank
  lock
  prepare_packages "$root/cmake/packages/debian-test.txt"
  prepare_venv "$root/cmake/packages/requirements.txt" \
    "$root/cmake/packages/requirements-test.txt"
  local sources
  sources=$(source_digest)
  build_tests release "$build" all || { print_summary && exit 1; }
  set_stamp "$build/.ready" "$sources"
  unlock
}

run_test() {
  local quick='' arguments=()
  while (($#)); do
    case $1 in
      -h | --help) test_usage && exit 0 ;;
      --quick) quick=yes ;;
      test) ;;
      *) arguments+=("$1") ;;
    esac
    shift
  done
  ((${#arguments[@]} == 0)) || none=ignore
  # shellcheck source=cmake/launcher/prepare.sh
  source "$root/cmake/launcher/prepare.sh"
  trap 'say "interrupted; the same command goes on from here"; exit 3' INT TERM
  prepare_tests
  export_settings
  export BESOM_SHARED=${BESOM_SHARED:-${root%/*}/shared}
  run_ctest release "$build" ctest --test-dir "$build" "${arguments[@]}"
  if [[ -z $quick ]]; then
    sanitized asan "${arguments[@]}"
    sanitized tsan "${arguments[@]}"
    lint
  fi
  print_summary
  exit $((total_failed > 0 || total == 0))
}
