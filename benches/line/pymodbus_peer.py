"""Reads of 100 holding registers by pymodbus, as fast as they go: `pymodbus_peer.py PORT SECONDS`."""

import sys
import time

from pymodbus.client import ModbusTcpClient

REGISTERS = 100
WARM_UP_S = 0.15


def exchanges(client, seconds):
    count = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        registers = client.read_holding_registers(0, count=REGISTERS, device_id=1).registers
        assert len(registers) == REGISTERS and registers[-1] == REGISTERS - 1
        count += 1
    return count


def main():
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    client = ModbusTcpClient("127.0.0.1", port=port)
    assert client.connect()
    exchanges(client, WARM_UP_S)
    cpu_before = time.process_time()
    count = exchanges(client, seconds)
    print(f"per_second {count / seconds:.0f}")
    print(f"cpu_us {(time.process_time() - cpu_before) * 1e6 / count:.3f}")
    client.close()


main()
