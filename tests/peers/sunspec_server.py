"""A SunSpec device made with pymodbus: `sunspec_server.py DATA.json PORT BASE [WITHOUT]`.

DATA is a file of pysunspec2's own test data; its registers are made by pysunspec2. Unit 1 keeps them in its
holding registers from BASE on, between the mark and the end. WITHOUT are points like 701.A_SF that the
device says it does not have.
"""

import asyncio
import sys

import sunspec2.file.client
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

MARK = b"SunS"
END = b"\xff\xff\x00\x00"


def registers(path, without):
    """The registers of the device of a file, from its mark to its end."""
    device = sunspec2.file.client.FileClientDevice(path)
    device.scan()
    data = bytearray(MARK)
    for model in device.model_list:
        for point in without.get(model.model_id, []):
            model.points[point].value = None
        # The files leave out most lengths; that of the registers themselves counts.
        words = bytearray(model.get_mb())
        words[2:4] = (len(words) // 2 - 2).to_bytes(2, "big")
        data += words
    data += END
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def named(points):
    """Point names by model number."""
    models = {}
    for point in points:
        model_id, name = point.split(".")
        models.setdefault(int(model_id), []).append(name)
    return models


async def main():
    path, port, base = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    words = registers(path, named(sys.argv[4:]))
    held = [SimData(base, values=words, datatype=DataType.REGISTERS)]
    server = ModbusTcpServer([SimDevice(1, simdata=held)], address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    print("listening", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
