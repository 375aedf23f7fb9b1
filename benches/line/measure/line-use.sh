# shellcheck shell=bash disable=SC2154 # `run` sources this and gives what is not assigned here
# How many exchanges a second a client gets out of a serial line, in per cent of what its formula allows.
# The line is `line bus`: bytes take their time, the meter answers 3.5 characters after a request.

rounds=7
# A client may rest for half a second before its first request.
seconds=2
bauds=(9600 19200 115200)
counts=(80 10 5)
clients=(ours libmodbus mbpoll)
declare -A best early middle_gap

measure() {
  local round baud count client
  read -ra flags < <(pkg-config --cflags --libs libmodbus)
  cc -O2 -o "$work/libmodbus" libmodbus.c "${flags[@]}"
  # The line is a piece of hardware, which nothing holds up; and what else this machine does is not the clients'.
  first=(chrt -f 50) second=(chrt -f 40)
  "${first[@]}" true 2>/dev/null || first=() second=()
  for ((round = 1; round <= rounds; round++)); do
    echo "line-use: round $round of $rounds" >&2
    for baud in "${bauds[@]}"; do
      for count in "${counts[@]}"; do
        for client in "${clients[@]}"; do once "$client" "$baud" "$count"; done
      done
    done
  done
  conditions
}

# once CLIENT BAUD COUNT
once() {
  local cell="$1-$2-$3" port rate
  start bus "${first[@]}" "$bench" bus "$2"
  port=$(head -n 1 "$work/bus")
  "ask_by_$1" "$port" "$2" "$3" >"$work/client" 2>&1 || { cat "$work/client" >&2 && die "$1 failed"; }
  stop || { tail "$work/client" >&2 && die "$1 was not served"; }
  rate=$(calc "100 * $(of per_second "$work/bus") / $(limit "$2" "$3")")
  if awk "BEGIN {exit !($rate > ${best[$cell]:-0})}"; then
    best[$cell]=$rate
    middle_gap[$cell]=$(of middle_gap_us "$work/bus")
  fi
  early[$cell]=$((${early[$cell]:-0} + $(of early "$work/bus")))
}

ask_by_ours() { "${second[@]}" "$bench" serial "$1" "$2" "$3" "$seconds"; }
ask_by_libmodbus() { "${second[@]}" "$work/libmodbus" "$1" "$2" "$3" "$seconds"; }

# Its shortest pause between two reads is 11 ms.
ask_by_mbpoll() {
  local status=0
  "${second[@]}" timeout "$seconds" mbpoll -m rtu -b "$2" -P even -a 1 -0 -r 0 -c "$3" -l 11 "$1" || status=$?
  ((status == 124))
}

# limit BAUD COUNT: exchanges a second, (13 + 2n) characters, a turnaround and a silence of 3.5 characters each.
limit() {
  awk -v baud="$1" -v count="$2" 'BEGIN {
    character = 11 / baud
    gap = baud > 19200 ? 0.00175 : 3.5 * character
    printf "%.4f", 1 / ((13 + 2 * count) * character + 2 * gap)
  }'
}

conditions() {
  local baud count least total=0 cell against=''
  for baud in "${bauds[@]}"; do
    least=$((baud > 19200 ? 95 : 98))
    must "${best[ours-$baud-80]}" "% of the limit at $baud baud with 80 registers" '>=' "$least"
    for count in "${counts[@]}"; do
      cell=$baud-$count
      must "$(times mbpoll "$cell")" "times mbpoll at $baud baud with $count registers" '>=' 1
      against+=" $(times libmodbus "$cell")"
      total=$((total + early[ours-$cell]))
    done
  done
  # Both are near the limit, and what the machine does besides moves a single case by a hundredth.
  must "$(mean "$against")" "times libmodbus, all cases together" '>=' 1
  must "$total" "requests that came early" '<=' 0
}

# times CLIENT BAUD-REGISTERS: how much faster ours is.
times() { calc "${best[ours-$2]} / ${best[$1-$2]}" 3; }

# mean RATIOS: the geometric one.
mean() { awk '{for (i = 1; i <= NF; i++) sum += log($i)} END {printf "%.4f", exp(sum / NF)}' <<<"$1"; }

title() { echo "# How much of a serial line is used"; }

report() {
  local baud count client line
  cat <<END
Exchanges a second in per cent of what the formula of the line allows: (13 + 2n) characters of 11 bits for a read of n
registers, a turnaround of 3.5 characters and a silence of 3.5 characters. Best of $rounds rounds of $seconds s, the clients in turn.
libmodbus and mbpoll are Debian's; libmodbus, which keeps no silence by itself, is made to wait 3.5 characters before each
request, and mbpoll polls as often as it can (\`-l 11\`).

| Baud | registers | limit, a second | ours, % | libmodbus, % | mbpoll, % | silence kept by ours, us | by libmodbus |
|---|---|---|---|---|---|---|---|
END
  for baud in "${bauds[@]}"; do
    for count in "${counts[@]}"; do
      line="| $baud | $count | $(limit "$baud" "$count")"
      for client in "${clients[@]}"; do line+=" | ${best[$client-$baud-$count]}"; done
      echo "$line | ${middle_gap[ours-$baud-$count]} | ${middle_gap[libmodbus-$baud-$count]} |"
    done
  done
  cat <<END

Requests of ours that came before the silence was over: $(sum_early ours) in all rounds; of libmodbus: $(sum_early libmodbus).
The line is a pseudo terminal that hands over one character after the other; a request counts from when the line hears
of it. The silence is the middle one of the best round. $(told_realtime)
END
}

sum_early() {
  local cell sum=0
  for cell in "${!early[@]}"; do [[ $cell != "$1"-* ]] || sum=$((sum + early[$cell])); done
  echo "$sum"
}

told_realtime() {
  if ((${#first[@]})); then
    echo "The line and the clients ran with real-time priority."
  else
    echo "The line and the clients ran without real-time priority, which this machine does not give."
  fi
}
