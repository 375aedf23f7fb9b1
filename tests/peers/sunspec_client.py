"""What pysunspec2 reads of a SunSpec device: `sunspec_client.py PORT`.

Prints a JSON object a line for each point of unit 1: its model, its address, its name with those of its
groups, its value after scaling and how near that comes, and whether it has a scale factor that the device
does not have.
"""

import json
import sys

import sunspec2.modbus.client

# How near two ways to the nearest number come to each other, as a share of it.
DOUBLE_PRECISION = 2**-52
FLOAT_PRECISION = 2**-24
# These say how others are to be read, or nothing at all.
NOT_TOLD = {"sunssf", "pad"}


def points_of(group, path):
    """Every point of a group and of those in it, with its path."""
    for name, point in group.points.items():
        yield f"{path}{name}", point
    for name, inner in group.groups.items():
        if isinstance(inner, list):
            for number, one in enumerate(inner, start=1):
                yield from points_of(one, f"{path}{name}.{number}.")
        else:
            yield from points_of(inner, f"{path}{name}.")


def scale_factor_is_missing(point):
    """pysunspec2 then gives the raw value, which means nothing."""
    if point.sf is None:
        return False
    scale_factor = point.group.points.get(point.sf) or point.model.points[point.sf]
    return scale_factor.value is None


def main():
    device = sunspec2.modbus.client.SunSpecModbusClientDeviceTCP(1, "127.0.0.1", int(sys.argv[1]))
    device.scan()
    for model in device.model_list:
        for path, point in points_of(model, ""):
            if path in ("ID", "L") or point.pdef["type"] in NOT_TOLD:
                continue
            line = {
                "model": model.model_id,
                "address": model.model_addr + point.offset,
                "point": path,
                "value": point.cvalue,
                "precision": FLOAT_PRECISION if point.pdef["type"] == "float32" else DOUBLE_PRECISION,
                "scale_factor_is_missing": scale_factor_is_missing(point),
            }
            print(json.dumps(line))
    device.close()


main()
