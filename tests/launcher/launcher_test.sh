#!/usr/bin/env bash
# Tests of the launcher: launcher_test.sh CHECKOUT. Each test gets a checkout
# of its own, made of the launcher's scripts, and stand-ins for all tools that
# the launcher calls; each stand-in writes what it was asked to $calls.
set -u
source_root=$1
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
unset OMPI_COMM_WORLD_RANK PMIX_RANK PMI_RANK SLURM_PROCID BESOM_MPI \
  LIBTORCH_ROOT NCCL_ROOT BESOM_WORKER BESOM_MPIRUN BESOM_WEIGHTS BESOM_BUILD \
  BESOM_WORKSPACE BESOM_SKIP_PACKAGES BESOM_JOBS
failures=0
tests=0

# new_checkout NAME: sets `root` and `calls`; the path has spaces and a quote.
new_checkout() {
  root="$work/$1/it's a checkout"
  export calls=$work/$1/calls tools=$work/$1/tools
  mkdir -p "$root/cmake" "$root/stages/model" "$root/pipeline" \
    "$root/sweeps/examples" "$tools/bin"
  cp "$source_root/besom" "$root/"
  cp -r "$source_root/cmake/launcher" "$source_root/cmake/packages" \
    "$root/cmake/"
  printf '{}\n' >"$root/CMakePresets.json"
  printf 'name: demo-sweep\n' >"$root/sweeps/examples/demo.yaml"
  printf 'int x;\n' >"$root/pipeline/x.cc"
  printf '\n' >"$root/stages/model/convert_weights.py"
  printf 'first==1.0\nsecond==2.0\n' >"$tools/missing_python"
  : >"$calls"
  bash "$here/stand_ins.sh" "$tools/bin"
}

# run ARGUMENT...: runs the launcher; sets code, out, err.
run() { run_command "$root/besom" "$@"; }
run_command() {
  PATH=$tools/bin:$PATH BESOM_PYTHON=$tools/bin/python3 "$@" \
    >"$work/out" 2>"$work/err" </dev/null
  code=$?
  out=$(<"$work/out")
  err=$(<"$work/err")
}

fail() {
  printf 'FAILED %s: %s\n  code %s\n  out: %s\n  err: %s\n  calls: %s\n' \
    "$test" "$1" "${code:-}" "${out:-}" "${err:-}" "$(<"$calls")"
  failures=$((failures + 1))
}
expect_code() { [[ $code == "$1" ]] || fail "exit code is not $1"; }
expect_in() { [[ $2 == *"$1"* ]] || fail "'$1' is missing"; }
expect_not_in() { [[ $2 != *"$1"* ]] || fail "'$1' is there"; }
expect_equal() { [[ $1 == "$2" ]] || fail "'$1' is not '$2'"; }
count() { grep -c -- "$1" "$calls"; }

test_help_prepares_nothing() {
  run --help
  expect_code 0
  expect_in './besom demo' "$out"
  run
  expect_code 2
  expect_equal "$(<"$calls")" ''
  [[ ! -e $root/.deps && ! -e $root/build ]] || fail 'something was made'
}

test_first_call_prepares_and_becomes_the_program() {
  run query 'SELECT 1' two
  expect_code 7 # The stand-in program's own.
  expect_equal "$out" "program: [query] [SELECT 1] [two]"
  expect_in 'installing 2 Python packages' "$err"
  expect_equal "$(count 'pip install .*first==1.0')" 1
  expect_equal "$(count 'pip install .*second==2.0')" 1
  expect_equal "$(count 'cmake .*--target besom besom-worker')" 1
  [[ -s $root/.deps/weights/efficientnet_lite0.safetensors ]] ||
    fail 'no weights'
}

test_second_call_does_nothing_but_run() {
  run query
  : >"$calls"
  run query
  expect_code 7
  expect_equal "$err" ''
  expect_equal "$(<"$calls")" ''
}

test_a_part_that_is_gone_is_built_again() {
  local part
  run build
  for part in besom besom-worker libbesom-engines.so; do
    rm "$root/build/release/bin/$part"
    : >"$calls"
    run query
    expect_code 7
    expect_equal "$(count 'cmake .*--target besom besom-worker')" 1
  done
}

test_a_rank_never_prepares() {
  local variable
  for variable in OMPI_COMM_WORLD_RANK PMIX_RANK SLURM_PROCID; do
    run_command env "$variable=0" "$root/besom" run spec.yaml
    expect_code 4
    expect_equal "$out" ''
    expect_in "$variable is set" "$err"
    expect_in "$(printf %q "$root/besom") build" "$err"
  done
  expect_equal "$(<"$calls")" ''
  [[ ! -e $root/.deps ]] || fail 'something was made'
  run build
  expect_code 0
  run_command env OMPI_COMM_WORLD_RANK=0 "$root/besom" run spec.yaml
  expect_code 7
  expect_equal "$out" 'program: [run] [spec.yaml]'
}

test_found_by_any_path() {
  run build
  ln -s "$root/besom" "$work/a link"
  ln -s 'a link' "$work/link2"
  run_command "$work/link2" status
  expect_equal "$out" 'program: [status]'
  cd / || exit
  run status
  expect_equal "$out" 'program: [status]'
  cd "$root/cmake" || exit
  run_command ../besom status
  expect_equal "$out" 'program: [status]'
  cd "$root" || exit
  run_command bash besom status
  expect_equal "$out" 'program: [status]'
  cd / || exit
  rm "$work/a link" "$work/link2"
}

test_hostile_shell() {
  run_command bash -c 'set -uefC; export SHELLOPTS CDPATH=/tmp:/
    export PIP_TARGET=/nowhere PYTHONHOME=/nowhere; cd "$1"; ./besom status' \
    - "$root"
  expect_code 7
  expect_equal "$out" 'program: [status]'
  expect_in 'PIP_TARGET= PYTHONHOME=' "$(<"$calls")"
}

test_changed_source_is_built_again() {
  run build
  : >"$calls"
  printf 'int y;\n' >>"$root/pipeline/x.cc"
  run status
  expect_code 7
  expect_equal "$(count 'cmake --build')" 1
  expect_equal "$(count pip)" 0
  printf 'int z;\n' >"$root/pipeline/new.cc"
  run status
  expect_equal "$(count 'cmake --build')" 2
  rm "$root/pipeline/new.cc"
  run status
  expect_equal "$(count 'cmake --build')" 3
}

test_changed_pin_installs_that_package() {
  run build
  : >"$calls"
  printf 'third==3.0\n' >"$tools/missing_python"
  printf 'third==3.0\n' >>"$root/cmake/packages/requirements.txt"
  run build
  expect_code 0
  expect_equal "$(count 'pip install')" 1
  expect_equal "$(count ' -m venv')" 0
}

test_broken_environment_is_made_anew() {
  run build
  : >"$calls"
  printf 'first==1.0\n' >"$tools/missing_python"
  rm "$root/.deps/venv/bin/python"
  run status
  expect_code 7
  expect_equal "$(count ' -m venv')" 1
  expect_equal "$(count 'pip install')" 1
}

test_failed_download_says_what_to_do_and_resumes() {
  printf 'second==2.0\n' >"$tools/pip_fails_on"
  run build
  expect_code 4
  expect_in 'installing second==2.0 failed' "$err"
  expect_in 'goes on from there' "$err"
  rm "$tools/pip_fails_on"
  : >"$calls"
  run build
  expect_code 0
  expect_equal "$(count 'pip install .*first')" 0
  expect_equal "$(count 'pip install .*second')" 1
}

test_failed_build_is_not_ready() {
  : >"$tools/build_fails"
  run status
  expect_code 4
  expect_equal "$out" ''
  expect_in 'building failed' "$err"
  rm "$tools/build_fails"
  run status
  expect_code 7
}

test_missing_packages_without_root() {
  printf 'mold\nninja-build\n' >"$tools/missing_debian"
  chmod -R a+rwX "$work"
  local as_user=()
  ((EUID)) || as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  run_command "${as_user[@]}" "$root/besom" status
  expect_code 4
  expect_in 'sudo apt-get install -y --no-install-recommends mold ninja-build' \
    "$err"
  expect_equal "$(count apt-get)" 0
  run_command "${as_user[@]}" env BESOM_SKIP_PACKAGES=1 "$root/besom" status
  expect_code 7
}

test_missing_packages_as_root() {
  # Without root, user namespaces stand in for it.
  local as_root=()
  ((EUID == 0)) || as_root=(unshare --map-root-user)
  printf 'mold\n' >"$tools/missing_debian"
  : >"$tools/apt_lists_are_old"
  run_command "${as_root[@]}" "$root/besom" status
  expect_code 7
  expect_equal "$(count 'apt-get .*install .* mold$')" 2
  expect_equal "$(count 'apt-get .*update')" 1
}

test_two_at_once_wait_for_each_other() {
  mkfifo "$tools/building" "$tools/go_on"
  PATH=$tools/bin:$PATH BESOM_PYTHON=$tools/bin/python3 "$root/besom" \
    first >"$work/first" 2>/dev/null &
  local first=$! line
  read -r line <"$tools/building" # The first holds the lock now.
  mkfifo "$work/second_says"
  PATH=$tools/bin:$PATH BESOM_PYTHON=$tools/bin/python3 "$root/besom" \
    second >"$work/second" 2>"$work/second_says" &
  local second=$!
  read -r line <"$work/second_says"
  err=$line
  expect_in "another besom (process $first)" "$line"
  expect_in 'waiting for it' "$line"
  echo >"$tools/go_on"
  wait "$first" && fail 'the first did not become the program'
  wait "$second" && fail 'the second did not become the program'
  expect_equal "$(<"$work/first")" 'program: [first]'
  expect_equal "$(<"$work/second")" 'program: [second]'
  expect_equal "$(count 'cmake --build')" 1
  rm "$work/second_says"
}

test_own_mpi_has_a_build_of_its_own() {
  run_command env BESOM_MPI=/opt/mpi "$root/besom" settings
  expect_in 'BESOM_MPIRUN=/opt/mpi/bin/mpirun' "$out"
  expect_in "BESOM_WORKER=$root/build/release-mpi-" "$out"
  expect_equal "$(count 'cmake .*-DBESOM_MPI=/opt/mpi ')" 1
  # What that launcher exported does not leak into the usual build.
  run_command env BESOM_BUILD=/elsewhere BESOM_WORKER=/elsewhere/worker \
    "$root/besom" settings
  expect_in "BESOM_WORKER=$root/build/release/bin/besom-worker" "$out"
}

test_settings_of_the_user_win() {
  run settings
  expect_in "BESOM_WEIGHTS=$root/.deps/weights" "$out"
  expect_in "BESOM_MPIRUN=$root/.deps/bin/mpirun" "$out"
  expect_in "BESOM_LAUNCHER=$root/besom" "$out"
  run_command env BESOM_WEIGHTS=/w BESOM_WORKER=/x BESOM_MPIRUN=/m \
    "$root/besom" settings
  expect_in 'BESOM_WEIGHTS=/w' "$out"
  expect_in 'BESOM_WORKER=/x' "$out"
  expect_in 'BESOM_MPIRUN=/m' "$out"
}

test_standard_input_is_the_programs() {
  out=$(echo hello | PATH=$tools/bin:$PATH BESOM_PYTHON=$tools/bin/python3 \
    "$root/besom" cat 2>/dev/null)
  expect_equal "$out" hello
}

test_demo_runs_shows_and_reports() {
  run -w 'my runs' demo -n 3 --set seed=5
  expect_code 0
  local -a lines
  mapfile -t lines < <(grep program: "$work/out" | tr '\n' ' ' |
    sed 's/program:/\n/g' | sed 1d)
  expect_equal "${#lines[@]}" 4
  expect_in '[-w] [my runs] [run] [-n] [3] ' "${lines[0]}"
  expect_in '[--set] [seed=5]' "${lines[0]}"
  expect_in "sweep = 'demo-sweep'" "${lines[1]}"
  expect_in '[show] [best] [--sweep] [demo-sweep]' "${lines[2]}"
  expect_in '[report] [--sweep] [demo-sweep] [-o] [report.html]' "${lines[3]}"
}

for test in $(compgen -A function test_); do
  [[ -z ${2:-} || $test == *"$2"* ]] || continue
  new_checkout "$test"
  before=$failures
  "$test"
  tests=$((tests + 1))
  ((failures > before)) || printf 'passed %s\n' "$test"
done
printf '%d tests, %d failures\n' "$tests" "$failures"
((failures == 0))
