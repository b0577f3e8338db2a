# shellcheck shell=bash disable=SC2154
# Sourced by `besom`: the verb `demo`.

demo_usage() {
  cat <<'END'
besom demo [-n RANKS] [-w DIR] [-o FILE] [run options]

Runs sweeps/examples/demo.yaml (drawn images, no download) under mpirun, prints
the leaderboard and the best model's report, and writes a page about it.
  -n, --ranks N      ranks to start (2)
  -w, --workspace D  where results go ($BESOM_WORKSPACE or ./besom-runs)
  -o, --output FILE  the page (report.html)
END
}

# Splits the arguments into the demo's own and those that `run` takes.
demo_arguments() {
  ranks=2
  page=report.html
  workspace=()
  run_options=()
  while (($#)); do
    case $1 in
      -h | --help) demo_usage && exit 0 ;;
      -n | --ranks | -w | --workspace | -o | --output)
        (($# > 1)) || die 2 "demo: $1 needs a value"
        case $1 in
          -n | --ranks) ranks=$2 ;;
          -w | --workspace) workspace=(-w "$2") ;;
          *) page=$2 ;;
        esac
        shift
        ;;
      --ranks=*) ranks=${1#*=} ;;
      --workspace=*) workspace=(-w "${1#*=}") ;;
      --output=*) page=${1#*=} ;;
      demo) ;;
      *) run_options+=("$1") ;;
    esac
    shift
  done
}

run_demo() {
  local ranks page workspace run_options
  demo_arguments "$@"
  ensure_ready
  export_settings
  local spec=$root/sweeps/examples/demo.yaml program=$build/bin/besom name code
  name=$(sed -n 's/^name: *\([^ #]*\).*/\1/p' "$spec")
  "$program" "${workspace[@]}" run -n "$ranks" "$spec" "${run_options[@]}"
  code=$?
  ((code <= 1)) || exit "$code"  # 1: some trials failed, the rest can be shown.
  set -e
  printf 'Leaderboard\n'
  "$program" "${workspace[@]}" query "
    SELECT rank, trial, backbone, head, dropout, metric,
           round(value, 4) AS value, round(accuracy, 4) AS accuracy,
           round(test_value, 4) AS test_value
    FROM leaderboard WHERE sweep = '$name' ORDER BY rank LIMIT 10"
  printf '\nBest model\n'
  "$program" "${workspace[@]}" show best --sweep "$name"
  "$program" "${workspace[@]}" report --sweep "$name" -o "$page"
  say "wrote $page; ask for more with: $(printf %q "$launcher") query" \
    "\"SELECT * FROM leaderboard\""
  exit "$code"
}
