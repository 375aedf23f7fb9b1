# The boot loader's script: which slot starts, and what if it does not. One for all boards.
#
# The boot state lies twice on the fifth partition, each copy as U-Boot's own environment with its checksum; docs/update.md
# tells what the variables say. The only write here takes one try off a slot that is on trial.
# Numbers are hexadecimal without 0x, as `setexpr` gives them.

setenv area @AREA@
setenv copy @COPY@
setenv names "cems_seq cems_slot cems_trial cems_tries cems_a cems_b cems_reason"

part start ${devtype} ${devnum} 5 at0
setexpr at1 ${at0} + 400

# Reads one copy. A copy that is damaged changes nothing.
setenv read_copy 'setenv cems_seq; ${devtype} read ${copy} ${at} 8 && env import -c ${copy} 1000 ${names}'
setenv seq0 0; setenv seq1 0
setenv at ${at0}; if run read_copy; then setenv seq0 ${cems_seq}; fi
setenv at ${at1}; if run read_copy; then setenv seq1 ${cems_seq}; fi

# The one with the greater sequence counts and is read once more; the other one is written over next.
if test 0x${seq0} -ge 0x${seq1}; then
  setenv at ${at0}; setenv older ${at1}
else
  setenv at ${at1}; setenv older ${at0}
fi
if run read_copy; then true; else
  echo "cems: no copy of the boot state can be read; slot a starts"
  setenv cems_seq 0; setenv cems_slot a; setenv cems_trial none; setenv cems_tries 0
  setenv cems_a good; setenv cems_b empty; setenv cems_reason none
fi

setenv chosen ${cems_slot}
if test ${cems_trial} != none; then
  if test 0x${cems_tries} -gt 0; then
    setexpr cems_tries ${cems_tries} - 1
    setexpr cems_seq ${cems_seq} + 1
    env export -c -s 1000 ${copy} ${names}
    # A slot whose tries cannot be counted is not tried.
    if ${devtype} write ${copy} ${older} 8; then setenv chosen ${cems_trial}; fi
    echo "cems: trial of slot ${cems_trial}, ${cems_tries} tries left"
  else
    echo "cems: slot ${cems_trial} was not confirmed"
  fi
fi

# The boot area of a slot starts 16 MiB into it and is one image of U-Boot's own kind (FIT), which tells its size. Its checksums are
# looked at before anything of it runs; where they are wrong, `bootm` comes back.
setenv start_slot '
  if test ${slot} = a; then setenv number 2; else setenv number 3; fi;
  part start ${devtype} ${devnum} ${number} begin;
  setexpr begin ${begin} + 8000;
  setenv size ffffffff;
  ${devtype} read ${area} ${begin} 8 && fdt addr ${area} && fdt header get size totalsize;
  if test 0x${size} -le 0x1000000; then
    setexpr blocks ${size} + 1ff;
    setexpr blocks ${blocks} / 200;
    ${devtype} read ${area} ${begin} ${blocks};
    echo "cems: slot ${slot}, sequence ${cems_seq}, confirmed ${cems_slot}, trial ${cems_trial}, tries ${cems_tries}";
    setenv bootargs "@COMMAND_LINE@ cems.slot=${slot}";
    @BOOTM@;
  fi'

setenv slot ${chosen}; run start_slot
echo "cems: slot ${chosen} does not start"
if test ${chosen} = a; then setenv slot b; setenv standing ${cems_b}; else setenv slot a; setenv standing ${cems_a}; fi
if test ${standing} = good; then run start_slot; fi
echo "cems: no slot starts; the card has to be written anew"
sleep 10
reset
