# shellcheck shell=bash disable=SC2154 # `run` sources this and gives what is not assigned here
# What nine meters lose when a tenth on their line does not answer.

loads=(5 35 80)
timeouts_ms=(300 1000)

measure() {
  local load timeout_ms
  "$bench" dead-meter >"$work/dead-meter"
  for load in "${loads[@]}"; do
    for timeout_ms in "${timeouts_ms[@]}"; do
      must "$(value "lost_percent-$load-$timeout_ms")" \
        "% of their scans, $load registers a meter, response timeout $timeout_ms ms" '<=' 5
    done
  done
}

value() { of "$1" "$work/dead-meter"; }

title() { echo "# What a dead meter takes from the others"; }

report() {
  local load timeout_ms case
  cat <<END
Nine meters on a line of 9600 baud, each asked every second, for an hour of virtual time; then the same with a tenth that never
answers. Everything is the gateway's own but the meters: schedule, plan, line, store. The tenth costs most in the minutes
after it fell silent, which the hour begins with.

| Registers of a meter | response timeout, ms | line taken by the nine, % | scans of the nine alone | with a dead tenth | lost, % |
|---|---|---|---|---|---|
END
  for load in "${loads[@]}"; do
    for timeout_ms in "${timeouts_ms[@]}"; do
      case=$load-$timeout_ms
      echo "| $load | $timeout_ms | $(value "busy_percent-$case") | $(value "alone-$case") | $(value "with_dead-$case")" \
        "| $(value "lost_percent-$case") |"
    done
  done
}
