"""Tells what the simulated factory shows, by its formula in Python: `factory_values.py formula|value`.

Reads lines of `POINT PARAMETER TIME`. Answers each with the number at that second and at the one before:
what flows (`formula`), or what the factory's own meters make of it (`value`).
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "it" / "data" / "sim"))

import factory  # noqa: E402

tell = {"formula": factory.formula, "value": factory.value}[sys.argv[1]]
for line in sys.stdin:
    point, parameter, time = line.split()
    second = factory.at(time)
    print(tell(point, parameter, second), tell(point, parameter, second - 1))
