# shellcheck shell=bash disable=SC2034,SC2154 # who sources this has the port and the folder, and uses the numbers
# A thousand registers, as the gateway and collectd are told of them.

meters=10
registers=100
# Registers from here on change with every read.
first_register=1000

site() {
  local meter register
  cat <<END
[cems]
id = "C"
name = "c"
user_name = "u"
utc_offset = "+08:00"
[api]
listen = "127.0.0.1:0"
[[category]]
id = "K"
name = "k"
code = "K"
END
  for ((meter = 1; meter <= meters; meter++)); do
    cat <<END
[[line]]
id = "l$meter"
kind = "tcp"
host = "127.0.0.$meter"
port = $port
[[meter]]
id = "m$meter"
line = "l$meter"
unit = 1
interval = "PT1S"
[[point]]
id = "p$meter"
name = "p"
category = "K"
role = "branch"
meter = "m$meter"
END
    for ((register = 0; register < registers; register++)); do
      cat <<END
[[point.parameter]]
id = "V$register"
name = "v"
register = { table = "holding", address = $((first_register + register)), type = "u16" }
unit = "kW"
reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
END
    done
  done
}

collectd_configuration() {
  local meter register
  cat <<END
Hostname "bench"
FQDNLookup false
BaseDir "$work"
PIDFile "$work/collectd.pid"
TypesDB "/usr/share/collectd/types.db"
Interval 1
LoadPlugin modbus
LoadPlugin csv
<Plugin csv>
  DataDir "$work/csv"
</Plugin>
<Plugin modbus>
END
  for ((register = 0; register < registers; register++)); do
    cat <<END
  <Data "V$register">
    RegisterBase $((first_register + register))
    RegisterType uint16
    RegisterCmd ReadHolding
    Type gauge
    Instance "V$register"
  </Data>
END
  done
  for ((meter = 1; meter <= meters; meter++)); do
    echo "  <Host \"m$meter\">"
    echo "    Address \"127.0.0.$meter\""
    echo "    Port \"$port\""
    echo "    Interval 1"
    echo "    <Slave 1>"
    echo "      Instance \"m$meter\""
    for ((register = 0; register < registers; register++)); do echo "      Collect \"V$register\""; done
    echo "    </Slave>"
    echo "  </Host>"
  done
  echo "</Plugin>"
}
