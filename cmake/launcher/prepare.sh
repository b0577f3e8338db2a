# shellcheck shell=bash disable=SC2154,SC2120
# Sourced by `besom`: prepares this checkout. Every step can be broken off at
# any instant and goes on at the next call; a step that is done leaves a stamp
# in .deps/stamps (or in its build folder) that names what it was done for.

stamps=$deps/stamps
again="then run the same command: it goes on from there"

digest() { sha256sum | cut -c 1-64; }

# stamp_holds FILE KEY, set_stamp FILE KEY.
stamp_holds() {
  local have=
  [[ -r $1 ]] && IFS= read -r have <"$1"
  [[ $have == "$2" ]]
}
set_stamp() {
  if ! { printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1"; }; then
    die 4 "cannot write $1; free some disk space, $again"
  fi
}

# One of many ranks must never build: the others would wait or do the same.
refuse_in_rank() {
  local variable
  for variable in OMPI_COMM_WORLD_RANK PMIX_RANK PMI_RANK SLURM_PROCID; do
    [[ -n ${!variable+set} ]] || continue
    die 4 "this checkout is not ready, and it is not prepared here:" \
      "$variable is set, so this process is one of a parallel job." \
      $'\n  cure: run this once, outside of the job: '"$(printf %q "$launcher") build"
  done
}

# Holds the lock on file descriptor 9 until the process ends or unlocks.
lock() {
  if ! { mkdir -p "$deps" && : >>"$deps/prepare.lock"; } 2>/dev/null; then
    die 4 "not ready, and this user may not write to $deps." \
      $'\n  cure: its owner runs '"$(printf %q "$launcher") build"
  fi
  exec 9<>"$deps/prepare.lock"
  if ! flock -n 9; then
    local holder=
    IFS= read -r holder <"$deps/prepare.lock"
    say "another besom (process ${holder:-unknown}) is preparing this" \
      "checkout; waiting for it"
    flock 9
  fi
  printf '%s\n' "$$" >"$deps/prepare.lock"
}
unlock() { exec 9>&-; }

# packages_in LIST...: the names in files of one "name # reason" a line.
packages_in() { sed 's/[ #].*//; /^$/d' "$@"; }

missing_debian() {
  local -a wanted
  mapfile -t wanted < <(packages_in "$@")
  dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" \
    2>/dev/null | sed -n 's/^installed //p' | sort -u |
    comm -13 - <(printf '%s\n' "${wanted[@]}" | sort -u)
}

# debian_packages LIST...: installs what is missing.
debian_packages() {
  [[ -z ${BESOM_SKIP_PACKAGES:-} ]] || return 0
  if ! command -v dpkg-query >/dev/null; then
    say "not a Debian system: trusting that it has what" \
      "cmake/packages/debian.txt lists"
    return 0
  fi
  local -a missing
  mapfile -t missing < <(missing_debian "$@")
  ((${#missing[@]})) || return 0
  local install="apt-get install -y --no-install-recommends ${missing[*]}"
  if ((EUID != 0)); then
    die 4 "these Debian packages are missing and need root:" \
      $'\n  sudo '"$install"$'\nRun that line, '"$again"$'\n'"(or set" \
      "BESOM_SKIP_PACKAGES=1 where the same libraries come from elsewhere)"
  fi
  say "installing ${#missing[@]} Debian packages (1 to 3 minutes)"
  apt_install "${missing[@]}" ||
    die 4 "installing Debian packages failed, see above (no network? a full" \
      "disk?)."$'\n'"  cure: run '$install', $again"
}

# The lists of packages are fetched only where the first try shows the need.
apt_install() {
  local -a apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q
    -o DPkg::Lock::Timeout=600)
  local -a install=("${apt[@]}" install -y --no-install-recommends "$@")
  "${install[@]}" >&2 </dev/null && return
  say "the package lists are missing or old; fetching them"
  "${apt[@]}" update >&2 </dev/null && "${install[@]}" >&2 </dev/null
}

# need_disk MEGABYTES: dies where the checkout's disk has less.
need_disk() {
  local free
  free=$(($(df -Pk "$deps" | awk 'NR == 2 {print $4}') / 1024))
  ((free >= $1)) ||
    die 4 "the disk of $deps has $free MB free, this step needs $1 MB." \
      $'\n'"  cure: free some space, $again"
}

# A virtual environment made elsewhere or broken off is made anew.
make_venv() {
  local python=${BESOM_PYTHON:-/usr/bin/python3}
  [[ -x $python ]] || python=$(command -v python3) ||
    die 4 "no python3 on the PATH; install Debian's python3 and python3-venv"
  "$venv/bin/python" -c 'import pip' >/dev/null 2>&1 && return
  say "making the Python environment $venv (10 seconds)"
  rm -rf "$venv"
  "$python" -m venv "$venv" >&2 ||
    die 4 "$python -m venv failed, see above; install python3-venv, $again"
}

# python_packages LIST...: brings the environment to exactly these pins. Each
# package is checked file by file, so one that was broken off is replaced.
python_packages() {
  local -a missing
  mapfile -t missing < <("$venv/bin/python" \
    "$root/cmake/launcher/check_packages.py" "$@")
  local count=${#missing[@]} i
  ((count)) || return 0
  if ((count > 10)) && [[ ! -e $stamps/venv ]]; then
    need_disk 8000
    say "installing $count Python packages into .deps (LibTorch, CUDA" \
      "libraries, Open MPI, OpenVINO: 3 GB in all; 2 to 15 minutes by the" \
      "network)"
  else
    say "installing $count Python packages into .deps (a minute or two)"
  fi
  # What a broken off pip has set aside.
  rm -rf "$venv"/lib/python3*/site-packages/\~*
  mkdir -p "$deps/tmp"
  for ((i = 0; i < count; ++i)); do
    say "  [$((i + 1))/$count] ${missing[i]}"
    pip_install "${missing[i]}" ||
      die 4 "installing ${missing[i]} failed, see above (no network? a full" \
        "disk?)."$'\n'"  cure: mend that, $again"
  done
  rm -rf "$deps/tmp"
}

# Without compiled Python files: only the tests import the packages. What the
# caller's environment says about where to install must not count here. A
# package whose record was lost cannot be removed first, only written over.
pip_install() {
  local -a pip=(env -u PIP_TARGET -u PIP_PREFIX -u PIP_USER
    -u PIP_REQUIRE_VIRTUALENV -u PYTHONPATH -u PYTHONHOME PYTHONNOUSERSITE=1
    "TMPDIR=$deps/tmp" "$venv/bin/python" -m pip install --no-input --quiet
    --disable-pip-version-check --no-warn-script-location
    --no-deps --no-compile)
  "${pip[@]}" --force-reinstall "$1" >&2 </dev/null ||
    "${pip[@]}" --ignore-installed "$1" >&2 </dev/null
}

prepare_venv() {
  local key
  key=$({ printf '%s\n' "$venv" && cat "$@"; } | digest)
  local stamp=$stamps/venv
  (($# == 1)) || stamp=$stamps/venv-test
  stamp_holds "$stamp" "$key" && [[ -x $venv/bin/python ]] && return
  make_venv
  python_packages "$@"
  # A folder for the PATH without the environment's `python`.
  mkdir -p "$deps/bin"
  ln -sfn ../venv/bin/mpirun "$deps/bin/mpirun"
  ln -sfn ../venv/bin/mpiexec "$deps/bin/mpiexec"
  set_stamp "$stamp" "$key"
}

prepare_weights() {
  local script=$root/stages/model/convert_weights.py
  local file=$deps/weights/efficientnet_lite0.safetensors
  local key
  key=$({ cat "$script" && grep -i efficientnet \
    "$root/cmake/packages/requirements.txt"; } | digest)
  [[ -s $file ]] && stamp_holds "$stamps/weights" "$key" && return
  say "converting the pretrained weights of EfficientNet-Lite0 (2 seconds)"
  env -u PYTHONPATH -u PYTHONHOME "$venv/bin/python" "$script" "$file" \
    >&2 </dev/null || die 4 "converting the weights failed, see above"
  set_stamp "$stamps/weights" "$key"
}

# Compilers of files with LibTorch take up to 2.5 GB each.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable/ {print int($2 / 2500000)}' /proc/meminfo)
  ((memory >= 1)) || memory=1
  printf '%s\n' "${BESOM_JOBS:-$((cores < memory ? cores : memory))}"
}

# configure PRESET FOLDER
configure() {
  local key
  key=$({ printf '%s\n' "$root" "$own_libraries" "${CXX:-}" &&
    cmake --version && cat "$root/CMakePresets.json" \
    "$root"/cmake/packages/requirements.txt; } | digest)
  stamp_holds "$2/.configured" "$key" && [[ -f $2/build.ninja ]] && return
  say "configuring $1 (10 seconds)"
  (cd "$root" && cmake --preset "$1" --fresh -B "$2" \
    "-DBESOM_MPI=${BESOM_MPI:-}" "-DLIBTORCH_ROOT=${LIBTORCH_ROOT:-}" \
    "-DNCCL_ROOT=${NCCL_ROOT:-}" >"$2.log" 2>&1 </dev/null) || {
    cat "$2.log" >&2
    die 4 "configuring failed, see above"
  }
  set_stamp "$2/.configured" "$key"
}

# build_targets FOLDER WHAT TARGET...
build_targets() {
  say "building $2"
  cmake --build "$1" -j "$(build_jobs)" --target "${@:3}" >&2 </dev/null ||
    die 4 "building failed, see above ($(df -Ph "$1" |
      awk 'NR == 2 {print $4}') of disk are free); mend that, $again"
}

# prepare_packages [LIST]: LIST names Debian packages beyond the usual.
prepare_packages() {
  [[ -e $stamps/venv ]] ||
    say "preparing $root once: packages, LibTorch, weights, build (about 20" \
      "minutes on two cores; each step is kept if broken off)"
  debian_packages "$root/cmake/packages/debian.txt" "$@"
  mkdir -p "$stamps" "$deps/weights" "$root/build" ||
    die 4 "cannot write to $root"
  prepare_venv "$root/cmake/packages/requirements.txt"
  prepare_weights
}

prepare() {
  refuse_in_rank
  trap 'say "interrupted; the same command goes on from here"; exit 3' INT TERM
  lock
  if ! is_ready; then  # Another process may have done it meanwhile.
    prepare_packages
    local sources
    sources=$(source_digest)  # Before building: a later edit must count.
    configure release "$build"
    build_targets "$build" "besom (15 minutes the first time on two cores)" \
      besom besom-worker
    set_stamp "$build/.ready" "$sources"
  fi
  unlock
  trap - INT TERM
}
