"""One meter made with pymodbus that keeps what is written to it: `set_point_server.py PORT ADDRESS WORD`.

Unit 1 has one holding register, which shows WORD until somebody writes another one.
"""

import asyncio
import sys

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


async def main():
    port, address, word = (int(argument) for argument in sys.argv[1:])
    held = [SimData(address, values=word, datatype=DataType.REGISTERS)]
    server = ModbusTcpServer([SimDevice(1, simdata=held)], address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    print("listening", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
