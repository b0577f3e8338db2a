#!/bin/bash
# Simulated hosts on one machine, without Slurm: each has its own network
# address, host name, shared memory and, where asked, its own disks.
#
#   hosts.sh run N FOLDER [--own PATH]... COMMAND...
#       makes h1 to hN, runs COMMAND on h1, and ends with its exit code. FOLDER
#       is for files of this script; in COMMAND $HOSTS_FILE is a hostfile of one
#       slot a host and $HOSTS_AGENT what mpirun starts its daemons with
#       (--prtemca plm_ssh_agent). PATH is an empty folder of its own on all
#       hosts but h1.
#   hosts.sh enter HOST COMMAND...
#       runs COMMAND on HOST; only from within `run`.
#
# Needs root. All of it lives in namespaces of its own (network, mounts,
# processes), so the kernel removes everything when `run` ends, however it does.
set -euo pipefail

net=10.77.0
script=$(readlink -f "${BASH_SOURCE[0]}")

make_host() {  # NUMBER
  local name=h$1
  mkdir -p "$HOSTS_FOLDER/$name/tmp"
  ip netns add "$name"
  ip link add "v$1" type veth peer name eth0 netns "$name"
  ip link set "v$1" master bridge up
  ip -n "$name" link set lo up
  ip -n "$name" addr add "$net.$((10 + $1))/24" dev eth0
  ip -n "$name" link set eth0 up
  echo "$net.$((10 + $1)) $name" >>"$HOSTS_FOLDER/hosts"
  echo "$name slots=1" >>"$HOSTS_FILE"
}

run() {  # N COMMAND...; in namespaces of its own
  local count=$1 i
  shift
  mount -t tmpfs tmpfs /run/netns
  ip link set lo up
  ip link add bridge type bridge
  ip addr add "$net.1/24" dev bridge
  ip link set bridge up
  echo "127.0.0.1 localhost" >"$HOSTS_FOLDER/hosts"
  : >"$HOSTS_FILE"
  for ((i = 1; i <= count; ++i)); do make_host "$i"; done
  cat >"$HOSTS_AGENT" <<END
#!/bin/bash
while [[ \$1 == -* ]]; do shift; done
host=\$1
shift
exec '$script' enter "\$host" bash -c "\$*"
END
  chmod +x "$HOSTS_AGENT"
  "$script" enter h1 "$@"
}

become() {  # HOST COMMAND...; in namespaces of its own
  local name=$1 path i=0
  shift
  hostname "$name"
  mount --bind "$HOSTS_FOLDER/hosts" /etc/hosts
  mount -t tmpfs -o size=1g tmpfs /dev/shm
  export TMPDIR=$HOSTS_FOLDER/$name/tmp
  if [[ $name != h1 ]]; then
    while IFS= read -r path; do
      mkdir -p "$HOSTS_FOLDER/$name/own$i"
      mount --bind "$HOSTS_FOLDER/$name/own$i" "$path"
      i=$((i + 1))
    done <"$HOSTS_FOLDER/own"
  fi
  exec "$@"
}

verb=$1
shift
case $verb in
  run)
    count=$1
    HOSTS_FOLDER=$(readlink -f "$2")
    shift 2
    export HOSTS_FOLDER HOSTS_FILE=$HOSTS_FOLDER/hostfile \
      HOSTS_AGENT=$HOSTS_FOLDER/agent
    : >"$HOSTS_FOLDER/own"
    while [[ ${1:-} == --own ]]; do
      mkdir -p "$2"
      readlink -f "$2" >>"$HOSTS_FOLDER/own"
      shift 2
    done
    mkdir -p /run/netns
    exec unshare --net --mount --pid --fork --mount-proc --kill-child \
      "$script" inside "$count" "$@"
    ;;
  inside) run "$@" ;;
  enter)
    name=$1
    shift
    exec nsenter --net="/run/netns/$name" unshare --uts --mount --ipc \
      "$script" become "$name" "$@"
    ;;
  become) become "$@" ;;
  *)
    echo "hosts.sh: run or enter" >&2
    exit 2
    ;;
esac
