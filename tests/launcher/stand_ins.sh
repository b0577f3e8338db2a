#!/usr/bin/env bash
# stand_ins.sh FOLDER: writes stand-ins for the tools that the launcher calls.
# Files in $tools say what is to fail; calls go to $calls.
set -eu
cd "$1"

cat >dpkg-query <<'END'
#!/bin/bash
for name in "$@"; do
  case $name in
    -*|*'${'*) continue ;;
  esac
  grep -qx -- "$name" "$tools/missing_debian" 2>/dev/null ||
    echo "installed $name"
done
END

cat >apt-get <<'END'
#!/bin/bash
echo "apt-get $*" >>"$calls"
case " $* " in
  *' update '*) rm -f "$tools/apt_lists_are_old" ;;
  *) [[ ! -e $tools/apt_lists_are_old ]] && rm -f "$tools/missing_debian" ;;
esac
END

cat >cmake <<'END'
#!/bin/bash
if [[ $1 == --version ]]; then
  echo 'cmake version 3.25.1'
  exit
fi
echo "cmake $*" >>"$calls"
if [[ $1 == --build ]]; then
  if [[ -p $tools/building ]]; then
    echo >"$tools/building"
    read -r _ <"$tools/go_on"
  fi
  [[ ! -e $tools/build_fails ]] || exit 1
  mkdir -p "$2/bin"
  cp "$tools/bin/program" "$2/bin/besom"
  cp "$tools/bin/program" "$2/bin/besom-worker"
  : >"$2/bin/libbesom-engines.so"
else
  while [[ $1 != -B ]]; do shift; done
  mkdir -p "$2"
  touch "$2/build.ninja"
fi
END

cat >program <<'END'
#!/bin/bash
case $1 in
  settings) env | grep ^BESOM_; exit ;;
  cat) cat; exit ;;
esac
printf 'program:'
printf ' [%s]' "${@//$'\n'/ }"
echo
# Those of the demo succeed.
[[ " $* " == *' -w '* ]] && exit 0
exit 7
END

# The system's Python, and the one of the environment that it makes.
cat >python3 <<'END'
#!/bin/bash
echo "python $* PIP_TARGET=${PIP_TARGET-} PYTHONHOME=${PYTHONHOME-}" >>"$calls"
case "$*" in
  '-m venv '*)
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    cp "$0" "$3/bin/mpirun"
    ;;
  *check_packages.py*) cat "$tools/missing_python" ;;
  '-m pip '*)
    pin=${!#}
    if [[ -e $tools/pip_fails_on ]] && grep -qxF -- "$pin" "$tools/pip_fails_on"
    then
      echo 'no network' >&2
      exit 1
    fi
    grep -vxF -- "$pin" "$tools/missing_python" >"$tools/left"
    cat "$tools/left" >"$tools/missing_python"
    ;;
  *convert_weights.py*) echo weights >"${!#}" ;;
esac
END
chmod +x ./*
