# shellcheck shell=bash disable=SC2154 # `run` sources this and gives what is not assigned here
# What one read of 100 registers over Modbus TCP costs the client: CPU of its whole process, allocations.

rounds=9
seconds=1
cases=(line-1 wire-1 stock-1 queued-1 pymodbus-1 line-100 wire-100 stock-100 queued-100)
declare -A cpu_us allocations allocated_bytes per_second

measure() {
  local round case
  python=../../.cache/venv/bin/python
  "$python" -c 'import pymodbus' 2>/dev/null || python=python3
  "$python" -c 'import pymodbus' 2>/dev/null || die "tcp-cpu needs pymodbus, see tests/requirements.txt"
  # One processor for the server, another for the client that is measured.
  (($(nproc) >= 2)) && server_on=(taskset -c 1) client_on=(taskset -c 0) || server_on=() client_on=()
  start server "${server_on[@]}" "$bench" server
  port=$(head -n 1 "$work/server")
  for ((round = 1; round <= rounds; round++)); do
    echo "tcp-cpu: round $round of $rounds" >&2
    for case in "${cases[@]}"; do once "$case"; done
  done
  stop
  conditions
}

# once CLIENT-CONNECTIONS
once() {
  local client=${1%-*} connections=${1#*-} now
  if [[ $client == pymodbus ]]; then
    "${client_on[@]}" "$python" pymodbus_peer.py "$port" "$seconds" >"$work/client"
  else
    "${client_on[@]}" "$bench" "$client" "$port" "$connections" "$seconds" >"$work/client"
  fi
  now=$(of cpu_us "$work/client")
  if awk "BEGIN {exit !($now < ${cpu_us[$1]:-1e9})}"; then
    cpu_us[$1]=$now
    per_second[$1]=$(of per_second "$work/client")
    allocations[$1]=$(of allocations "$work/client")
    allocated_bytes[$1]=$(of allocated_bytes "$work/client")
  fi
}

times() { calc "${cpu_us[$1]} / ${cpu_us[$2]}" 3; }

conditions() {
  local connections
  for connections in 1 100; do
    must "$(times "wire-$connections" "stock-$connections")" \
      "times the CPU of tokio-modbus, each alone, connections: $connections" '<=' 1
    must "$(times "line-$connections" "queued-$connections")" \
      "times the CPU of tokio-modbus, each behind a queue, connections: $connections" '<=' 1
  done
  must "$(times line-1 pymodbus-1)" "times the CPU of pymodbus, 1 connection" '<=' 0.5
  must "${allocations[line-1]}" "allocations an exchange" '<=' 0
}

title() { echo "# What an exchange over TCP costs"; }

row() {
  echo "| $2 | $3 | ${cpu_us[$1-$3]} | ${per_second[$1-$3]} | ${allocations[$1-$3]:--} | ${allocated_bytes[$1-$3]:--} |"
}

report() {
  cat <<END
Reads of 100 holding registers, one after the other on each connection, from a server on this machine. CPU is that of the
client's whole process, the least of $rounds rounds of $seconds s, the clients in turn; allocations are counted after a warm-up.

| Client | connections | CPU of an exchange, us | exchanges a second then | allocations | bytes of them |
|---|---|---|---|---|---|
$(row wire "our wire alone" 1)
$(row stock "tokio-modbus alone" 1)
$(row line "our line: the wire behind a queue" 1)
$(row queued "tokio-modbus behind a queue" 1)
$(row pymodbus "pymodbus, synchronous" 1)
$(row wire "our wire alone" 100)
$(row stock "tokio-modbus alone" 100)
$(row line "our line: the wire behind a queue" 100)
$(row queued "tokio-modbus behind a queue" 100)

Alone, whoever asks owns the connection; behind a queue a task of its own does, and limits the time of every reply, as a
gateway needs it. Our line also counts what its units answer and how long they take, and watches for the end of the
connection between two reads. It takes $(times line-1 stock-1) times the CPU of tokio-modbus alone on 1 connection, $(times line-100 stock-100) times on 100.
On one connection nearly all of it is the kernel's share of one write, one wait and one read, the same for every client.
The words of a reply lie in memory that comes back to the line when whoever asked lets go of them.
END
}
