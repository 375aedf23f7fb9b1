"""A device with every model that the gateway has a table of: `sunspec_data.py SEED TABLES > DATA.json`.

TABLES is src/sunspec/models. The values are random, in the form of pysunspec2's own test data; about one in
six points is left without a value, as a device does that has not implemented it.
"""

import json
import random
import struct
import sys
from pathlib import Path

import sunspec2.device

# How many of a group there are, whoever counts them.
COUNT = 2
MISSING_SHARE = 1 / 6
SIGNED = {"int16": 16, "int32": 32, "int64": 64}
UNSIGNED = {"uint16": 16, "uint32": 32, "acc32": 32, "enum16": 16, "bitfield16": 16, "bitfield32": 32}
# More bits than these a double does not hold.
EXACT_BITS = 53


def value_of(point):
    kind = point["type"]
    if kind == "pad":
        return None
    if point["name"].startswith(("NCrv", "NPt", "NCtl", "NPrt")):
        return COUNT
    if random.random() < MISSING_SHARE:
        return None
    if kind in SIGNED:
        bits = SIGNED[kind]
        return random.randrange(1 - 2 ** (bits - 1), 2 ** (bits - 1))
    if kind in UNSIGNED:
        return random.randrange(1, 2 ** UNSIGNED[kind] - 1)
    if kind == "uint64":
        return random.randrange(2**EXACT_BITS)
    if kind == "float32":
        return struct.unpack(">f", struct.pack(">f", random.uniform(-1e6, 1e6)))[0]
    if kind == "sunssf":
        return random.randint(-6, 6)
    if kind == "string":
        return "".join(random.choices("ABCdef 123-", k=point["size"])) + "."
    if kind == "count":
        return COUNT
    raise ValueError(f"no value of the type {kind}")


def group_of(definition):
    group = {point["name"]: value_of(point) for point in definition["points"]}
    for inner in definition.get("groups", []):
        repeats = "count" in inner
        group[inner["name"]] = [group_of(inner) for _ in range(COUNT)] if repeats else group_of(inner)
    return group


def model_of(model_id):
    definition = sunspec2.device.get_model_def(model_id)["group"]
    return {**group_of(definition), "ID": model_id, "L": None}


def main():
    random.seed(int(sys.argv[1]))
    model_ids = sorted(int(table.stem) for table in Path(sys.argv[2]).glob("*.csv"))
    print(json.dumps({"name": "every model", "models": [model_of(model_id) for model_id in model_ids]}))


main()
