# shellcheck shell=bash disable=SC2154 # `run` sources this and gives what is not assigned here
# How soon there is a value again after an adapter is back, and after a connection was reset.

measure() {
  "$bench" recovery >"$work/recovery"
  must "$(value serial_worst_ms)" "ms from the return of a serial adapter to the first value, at worst" '<=' 1000
  must "$(value tcp_worst_ms)" "ms from the reset of a connection to the first value, at worst" '<=' 1000
}

value() { of "$1" "$work/recovery"; }

title() { echo "# How soon there is a value again"; }

report() {
  cat <<END
A meter is asked every 100 ms, the shortest interval of a site, until it answers. The serial adapter is a pseudo terminal that
goes, and comes back as another one behind the same name after 0.02 to 3 s; the connection is reset by the server, which listens on.

| | rounds | middle, ms | worst, ms |
|---|---|---|---|
| from the return of the adapter's name to the first value | $(value serial_rounds) | $(value serial_median_ms) | $(value serial_worst_ms) |
| from the reset of the connection to the first value | $(value tcp_rounds) | $(value tcp_median_ms) | $(value tcp_worst_ms) |

Whole milliseconds: 0 is less than one. Between two attempts to open a port the line pauses 0.2 s, then 0.4 s, and then 0.5 s
to 0.625 s for as long as it is away.
END
}
