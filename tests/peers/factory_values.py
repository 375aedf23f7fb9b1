"""Tells what the simulated factory's meters show, by the formula in Python.

Reads lines of `POINT PARAMETER TIME` and answers each with the value at that second and the one before.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "it" / "data" / "sim"))

import factory  # noqa: E402

for line in sys.stdin:
    point, parameter, time = line.split()
    second = factory.at(time)
    print(factory.value(point, parameter, second), factory.value(point, parameter, second - 1))
