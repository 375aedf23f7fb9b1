# shellcheck shell=bash disable=SC2034,SC2154 # `run` sources this and gives what is not assigned here
# The whole gateway with its store beside collectd with its modbus and csv plugins: 10 meters over TCP, 100 registers
# each, once a second, every register a value of its own. Node-RED too, where it is: see `node-red.sh`.

warm_up=15
window=60
declare -A pid cpu pss kept

# shellcheck source=/dev/null
source ./thousand.sh
# shellcheck source=/dev/null
source ./node-red.sh

measure() {
  local who
  [[ -x /usr/sbin/collectd ]] || die "daemon needs collectd (Debian: collectd-core and libmodbus5)"
  (cd ../.. && cargo build --release --quiet)
  start server "$bench" server
  port=$(head -n 1 "$work/server")
  ours
  collectd
  [[ -z ${CEMS_BENCH_NODE_RED:-} ]] || node_red
  sleep "$warm_up"
  for who in "${!pid[@]}"; do cpu[$who]=$(cpu_s "${pid[$who]}"); done
  echo "daemon: $window s" >&2
  sleep "$window"
  for who in "${!pid[@]}"; do
    cpu[$who]=$(calc "100 * ($(cpu_s "${pid[$who]}") - ${cpu[$who]}) / $window" 3)
    pss[$who]=$(calc "$(awk '$1 == "Pss:" {print $2}' "/proc/${pid[$who]}/smaps_rollup") / 1024" 1)
  done
  kill "${pid[@]}"
  wait "${pid[@]}" || true
  stop
  kept[ours]=$("$gateway" export --data "$work/ours" 2>/dev/null | awk -F, 'NR > 1 && $4 != "" {count++} END {print count + 0}')
  kept[collectd]=$(find "$work/csv" -type f -exec cat {} + | grep -vc epoch)
  [[ -z ${pid[node-red]:-} ]] || kept[node-red]=$(node_red_kept)
  conditions
}

# cpu_s PID: what all its threads have run.
cpu_s() { cat "/proc/$1"/task/*/schedstat | awk '{sum += $1} END {printf "%.6f", sum / 1e9}'; }

ours() {
  gateway=$(cd ../.. && target)/release/cems-gateway
  site >"$work/site.toml"
  "$gateway" check "$work/site.toml" >/dev/null
  "$gateway" run --config "$work/site.toml" --data "$work/ours" --trust-clock 2>"$work/ours.log" &
  pid[ours]=$!
}

collectd() {
  collectd_configuration >"$work/collectd.conf"
  /usr/sbin/collectd -f -C "$work/collectd.conf" >"$work/collectd.log" 2>&1 &
  pid[collectd]=$!
}

conditions() {
  must "$(calc "${cpu[ours]} / ${cpu[collectd]}" 3)" "times the CPU of collectd" '<=' 0.333
  [[ -z ${pid[node-red]:-} ]] || must "$(calc "${pss[ours]} / ${pss[node-red]}" 3)" "times the memory of Node-RED" '<=' 0.2
  must "${kept[ours]}" "readings kept in $((warm_up + window)) s" '>=' $((meters * registers * (warm_up + window - 5)))
}

title() { echo "# What the whole gateway costs at 1,000 registers a second"; }

report() {
  cat <<END
$meters meters over TCP on this machine with $registers registers each, read every second, every register a value of its own that changes with
each read. All at the same time for $window s, after $warm_up s to settle. CPU is that of all threads in per cent of one
processor; memory is the proportional set size at the end, with one arena of glibc's allocator and a fixed threshold of 128 KiB
for what it gives back, as musl's has on a board.

| | CPU, % | memory, MiB | readings kept in $((warm_up + window)) s |
|---|---|---|---|
| the gateway: lines, mapping, store on disk, statistics, interface | ${cpu[ours]} | ${pss[ours]} | ${kept[ours]} |
| $(/usr/sbin/collectd -h | sed -nE 's/^(collectd [0-9.]*[0-9]).*/\1/p') with its modbus and csv plugins | ${cpu[collectd]} | ${pss[collectd]} | ${kept[collectd]} |
$(node_red_row)

collectd asks for one register at a time and hands its rows to the page cache; the gateway makes its readings durable.
END
}

node_red_row() {
  if [[ -n ${pid[node-red]:-} ]]; then
    echo "| Node-RED $(node_version node-red) with node-red-contrib-modbus $(node_version node-red-contrib-modbus), a read appended as one line" \
      "| ${cpu[node-red]} | ${pss[node-red]} | ${kept[node-red]} |"
  else
    echo "| Node-RED, which was not here | | | |"
  fi
}

node_version() { node -p 'require(process.argv[1]).version' "$CEMS_BENCH_NODE_RED/node_modules/$1/package.json"; }
