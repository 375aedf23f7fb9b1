# shellcheck shell=bash disable=SC2034,SC2154 # `run` sources this and gives what is not assigned here
# What a start costs before the first request goes out: instructions until a site file is read and its read plan made, beside collectd
# with the same thousand registers, and the bytes of the program. Counted by valgrind, so the same on a busy machine.

declare -A instructions

# shellcheck source=/dev/null
source ./thousand.sh

measure() {
  [[ -x /usr/sbin/collectd ]] || die "start needs collectd (Debian: collectd-core and libmodbus5)"
  command -v valgrind >/dev/null || die "start needs valgrind"
  (cd ../.. && cargo build --release --quiet)
  gateway=$(cd ../.. && target)/release/cems-gateway
  port=502
  site >"$work/site.toml"
  sed '/^\[\[line\]\]/,$d' "$work/site.toml" >"$work/bare.toml"
  collectd_configuration >"$work/collectd.conf"
  instructions[help]=$(counted "$gateway" --help)
  instructions[bare]=$(counted "$gateway" check "$work/bare.toml")
  instructions[ours]=$(counted "$gateway" check "$work/site.toml")
  instructions[collectd]=$(counted /usr/sbin/collectd -t -C "$work/collectd.conf")
  bytes=$(stat --format %s "$gateway")
  conditions
}

# counted COMMAND...: millions of instructions that it takes from its start to its end.
counted() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" >/dev/null 2>"$work/counted" ||
    die "this failed: $* ($(tail -n 1 "$work/counted"))"
  calc "$(sed -nE 's/^.*Collected : ([0-9]+).*/\1/p' "$work/counted") / 1000000" 1
}

conditions() {
  must "$(calc "${instructions[ours]} / ${instructions[collectd]}" 2)" "times the instructions of collectd" '<=' 3
  must "${instructions[bare]}" "million instructions for a site without meters" '<=' 20
}

title() { echo "# What a start costs"; }

report() {
  cat <<END
Instructions of the whole process, counted by valgrind. \`check\` reads the site file and makes the read plan, as \`run\` does before
it opens a line; collectd reads its file and its plugins (\`-t\`). $meters meters with $registers registers each.

| | million instructions |
|---|---|
| the gateway, \`--help\` | ${instructions[help]} |
| the gateway, a site without meters | ${instructions[bare]} |
| the gateway, $((meters * registers)) parameters | ${instructions[ours]} |
| $(/usr/sbin/collectd -h | sed -nE 's/^(collectd [0-9.]*[0-9]).*/\1/p'), $((meters * registers)) registers | ${instructions[collectd]} |

The program has $bytes bytes here; \`deploy/cross-build\` tells and limits those of the ARM ones.
END
}
