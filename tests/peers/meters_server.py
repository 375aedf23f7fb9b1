"""Meters made with pymodbus, for the gateway to read: `meters_server.py SPEC.json`.

SPEC lists the lines (TCP ports and serial ports) with their meters, and what each meter holds as values
of a type in an order of bytes. The words are made here, with Python's own `struct`, so that a mistake in
the gateway's decoding cannot hide. A line on standard input makes the file be read again.
"""

import asyncio
import json
import re
import struct
import sys

from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

TABLE_OF_FUNCTION = {1: "coil", 2: "discrete-input", 3: "holding", 4: "input"}
FLOATS = {16: ">e", 32: ">f", 64: ">d"}


def big_endian(kind, value):
    """The bytes of `value`, highest first."""
    name, bits = re.fullmatch(r"([a-z]+)(\d+)", kind).groups()
    bits = int(bits)
    if name == "f":
        return struct.pack(FLOATS[bits], float(value))
    if name == "bcd":
        return bytes.fromhex(value.rjust(bits // 4, "0"))
    return int(value).to_bytes(bits // 8, "big", signed=name == "i")


def wire_bytes(held):
    """The bytes of one value in the order in which its meter sends them."""
    kind, value, letters = held["type"], held["value"], held["letters"]
    if kind.startswith("text"):
        natural = value.encode().ljust(int(kind[4:]) * 2, b"\0")
        letters = letters[:2]
        pairs = [natural[at : at + 2] for at in range(0, len(natural), 2)]
        return b"".join(pair if letters == "AB" else pair[::-1] for pair in pairs)
    if kind.startswith("bits"):
        width, shift, _ = kind[4:].split(":")
        natural = (int(value) << int(shift)).to_bytes(int(width) // 8, "big")
    elif kind.endswith("-high"):
        natural = int(value).to_bytes(1, "big", signed=kind[0] == "i") + b"\x5a"
    elif kind.endswith("-low"):
        natural = b"\xa5" + int(value).to_bytes(1, "big", signed=kind[0] == "i")
    else:
        natural = big_endian(kind, value)
    # A letter is the place of a byte in the value, A the highest.
    return bytes(natural[ord(letter) - ord("A")] for letter in letters)


class Meter:
    """What one unit holds; the words of a counting value grow by one with every read of it."""

    def __init__(self, spec):
        self.words = {table: {} for table in TABLE_OF_FUNCTION.values()}
        self.counting = []
        self.hold(spec)

    def hold(self, spec):
        for held in spec["values"]:
            table, address = self.words[held["table"]], held["address"]
            if held["type"] == "bit":
                table[address] = int(held["value"])
                continue
            wire = wire_bytes(held)
            for at in range(0, len(wire), 2):
                table[address + at // 2] = int.from_bytes(wire[at : at + 2], "big")
            if held.get("counts"):
                self.counting.append((held["table"], address))

    def count(self, table, start, amount):
        for counting_table, address in self.counting:
            if counting_table == table and start <= address < start + amount:
                words = self.words[table]
                counted = (words[address] << 16 | words[address + 1]) + 1
                words[address], words[address + 1] = counted >> 16 & 0xFFFF, counted & 0xFFFF

    async def refresh(self, function, block_start, address, amount, registers, written):
        """Called by pymodbus before it answers: what is held now goes into its registers."""
        table = TABLE_OF_FUNCTION[function]
        self.count(table, address, amount)
        if function in (1, 2):
            for bit, value in self.words[table].items():
                word, place = bit // 16 - block_start, bit % 16
                registers[word] = registers[word] & ~(1 << place) | value << place
        else:
            for word_address, value in self.words[table].items():
                registers[word_address - block_start] = value

    def device(self, unit):
        """Addresses without a value stay undefined: a read that touches one is refused."""

        def words(table):
            return [
                SimData(address, values=value, datatype=DataType.REGISTERS)
                for address, value in sorted(self.words[table].items())
            ] or [SimData(0, values=0, datatype=DataType.REGISTERS)]

        def bits(table):
            last = max(self.words[table], default=0)
            return [SimData(0, values=[False] * (last // 16 + 1) * 16, datatype=DataType.BITS)]

        blocks = (bits("coil"), bits("discrete-input"), words("holding"), words("input"))
        return SimDevice(unit, simdata=blocks, action=self.refresh)


async def listen(line, meters):
    devices = [meter.device(unit) for unit, meter in meters.items()]
    if line["kind"] == "tcp":
        server = ModbusTcpServer(devices, address=("127.0.0.1", line["port"]))
    else:
        server = ModbusSerialServer(devices, framer=FramerType.RTU, port=line["port"], baudrate=line["baud"])
    await server.serve_forever(background=True)
    return server


def read_spec():
    with open(sys.argv[1], encoding="utf-8") as file:
        return json.load(file)["lines"]


async def main():
    lines = [
        (line, {meter["unit"]: Meter(meter) for meter in line["meters"]}) for line in read_spec()
    ]
    servers = [await listen(line, meters) for line, meters in lines]
    print(f"listening on {len(servers)} lines", flush=True)
    loop = asyncio.get_running_loop()
    while line_read := await loop.run_in_executor(None, sys.stdin.readline):
        for spec, (_, meters) in zip(read_spec(), lines, strict=True):
            for meter in spec["meters"]:
                meters[meter["unit"]].hold(meter)
        print(f"holding {line_read.strip()}", flush=True)


asyncio.run(main())
