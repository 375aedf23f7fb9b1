# shellcheck shell=bash disable=SC2034,SC2154 # `run` sources this and gives what is not assigned here
# What a start costs before the first request goes out: instructions until a site file of a thousand registers is read and its read plan
# made, beside what Python's tomllib takes to read the same file and do nothing with it. Counted by valgrind, so the same on a busy machine.

declare -A instructions

# shellcheck source=/dev/null
source ./thousand.sh

measure() {
  python3 -c 'import tomllib' 2>/dev/null || die "start needs python3 of 3.11 or newer"
  command -v valgrind >/dev/null || die "start needs valgrind"
  (cd ../.. && cargo build --release --quiet)
  gateway=$(cd ../.. && target)/release/cems-gateway
  port=502
  site >"$work/site.toml"
  sed '/^\[\[line\]\]/,$d' "$work/site.toml" >"$work/bare.toml"
  instructions[help]=$(counted "$gateway" --help)
  instructions[bare]=$(counted "$gateway" check "$work/bare.toml")
  instructions[ours]=$(counted "$gateway" check "$work/site.toml")
  # Itself, and not what a version manager puts in front of it.
  python=$(python3 -c 'import sys; print(sys.executable)')
  instructions[python]=$(counted "$python" -c 'import sys, tomllib; tomllib.load(open(sys.argv[1], "rb"))' "$work/site.toml")
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
  must "$(calc "${instructions[ours]} / ${instructions[python]}" 2)" "times the instructions of tomllib" '<=' 1
  must "${instructions[bare]}" "million instructions for a site without meters" '<=' 20
}

title() { echo "# What a start costs"; }

report() {
  cat <<END
Instructions of the whole process, counted by valgrind. \`check\` reads the site file and makes the read plan, as \`run\` does before
it opens a line; Python's tomllib only reads the same file. $meters meters with $registers registers each.

| | million instructions |
|---|---|
| the gateway, \`--help\` | ${instructions[help]} |
| the gateway, a site without meters | ${instructions[bare]} |
| the gateway, $((meters * registers)) parameters | ${instructions[ours]} |
| tomllib of $(python3 --version), the same file | ${instructions[python]} |

The program has $bytes bytes here; \`deploy/cross-build\` tells and limits those of the ARM ones.
END
}
