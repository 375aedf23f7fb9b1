# shellcheck shell=bash disable=SC2154,SC2034 # `measure/daemon.sh` sources this and gives what is not assigned here
# Node-RED with its Modbus nodes as a peer: each meter read at once every second, the words appended to a file.
# CEMS_BENCH_NODE_RED names a folder in which `npm install node-red node-red-contrib-modbus` was run.

node_red() {
  mkdir -p "$work/node-red"
  ln -s "$CEMS_BENCH_NODE_RED/node_modules" "$work/node-red/node_modules"
  echo "module.exports = {httpAdminRoot: false, httpNodeRoot: false, uiHost: '127.0.0.1', uiPort: 18800}" >"$work/node-red/settings.js"
  node_red_flows >"$work/node-red/flows.json"
  node "$CEMS_BENCH_NODE_RED/node_modules/node-red/red.js" --userDir "$work/node-red" flows.json >"$work/node-red.log" 2>&1 &
  pid[node-red]=$!
}

node_red_flows() {
  local meter
  cat <<END
[{"id": "t", "type": "tab", "label": "meters"},
 {"id": "file", "type": "file", "z": "t", "x": 1, "y": 1, "filename": "$work/node-red/words", "filenameType": "str", "appendNewline": true,
  "createDir": false, "overwriteFile": "false", "encoding": "none", "wires": [[]]}
END
  for ((meter = 1; meter <= meters; meter++)); do
    cat <<END
,{"id": "c$meter", "type": "modbus-client", "name": "m$meter", "clienttype": "tcp", "bufferCommands": true, "stateLogEnabled": false,
  "queueLogEnabled": false, "tcpHost": "127.0.0.$meter", "tcpPort": "$port", "tcpType": "DEFAULT", "unit_id": "1",
  "commandDelay": "1", "clientTimeout": "1000", "reconnectOnTimeout": true, "reconnectTimeout": "2000", "parallelUnitIdsAllowed": true},
 {"id": "r$meter", "type": "modbus-read", "z": "t", "x": 1, "y": 1, "name": "m$meter", "topic": "m$meter", "dataType": "HoldingRegister",
  "adr": "$first_register", "quantity": "$registers", "rate": "1", "rateUnit": "s", "server": "c$meter", "useIOFile": false,
  "ioFile": "", "useIOForPayload": false, "showStatusActivities": false, "showErrors": false, "wires": [["file"], []]}
END
  done
  echo "]"
}

# Readings in what was appended: one line a read.
node_red_kept() { echo $(($(wc -l <"$work/node-red/words") * registers)); }
