# shellcheck shell=bash disable=SC2154 # `run` sources this and gives what is not assigned here
# How long a cycle takes as planned, by the formula of the line.

cases=(9600-0 9600-20 19200-0 19200-20 115200-0 115200-20)

measure() {
  "$bench" planner >"$work/planner"
  must "$(value times_best)" "times the best of all plans on the worst of $(value maps) maps" '<=' 1.01
  must "$(value times_faster-9600-0)" "times faster than runs alone at 9600 baud, fastest meter" '>=' 1.25
  must "$(value times_faster-19200-20)" "times faster than runs alone at 19200 baud, 20 ms turnaround" '>=' 1.7
}

value() { of "$1" "$work/planner"; }

title() { echo "# How fast a cycle is as planned"; }

report() {
  local case
  cat <<END
Times are those of the formula: (13 + 2n) characters of 11 bits for a read of n registers, the turnaround of the meter and a
silence of 3.5 characters.

$(value maps) random maps of up to 16 values, at four baud rates and any turnaround below 60 ms, each also cut into reads in every way
there is: the plan takes $(value times_best) times the best of them at worst.

One cycle of 32 meters of the kind SDM630 on one line: 86 floats in 15 runs, 80 registers a read at most. Runs alone are what
a client reads that never reads over a hole.

| Baud | turnaround, ms | each value alone, s | each run alone, s | as planned, s | reads of a meter | faster than runs alone | planning, us |
|---|---|---|---|---|---|---|---|
END
  for case in "${cases[@]}"; do
    echo "| ${case%-*} | $(turnaround "${case#*-}") | $(value "alone_s-$case") | $(value "contiguous_s-$case")" \
      "| $(value "planned_s-$case") | $(value "reads-$case") | $(value "times_faster-$case") | $(value "planning_us-$case") |"
  done
}

turnaround() { if (($1 == 0)); then echo "3.5 characters"; else echo "$1"; fi; }
