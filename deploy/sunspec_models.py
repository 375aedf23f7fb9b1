"""Writes the SunSpec model tables: `.cache/venv/bin/python deploy/sunspec_models.py FOLDER`.

Into FOLDER, which is src/sunspec/models, goes one CSV file for each model: its points with their places,
types, scale factors, units and labels, as the SunSpec Alliance defines them. The definitions come with
the Python package pysunspec2 of tests/requirements.txt. docs/decisions/0028 says why these are data.
"""

import csv
import io
import json
import sys
from importlib.metadata import version
from pathlib import Path

import sunspec2

MODELS = [
    1,
    *(101, 102, 103, 111, 112, 113, 124, 129, 160),
    *(201, 202, 203, 204, 211, 212, 213, 214),
    *range(701, 715),
    802,
]
HEAD = """\
# SunSpec model {id}, written by deploy/sunspec_models.py from pysunspec2 {version}; not to be edited.
# Facts of the model definitions of the SunSpec Alliance, github.com/sunspec/models, Apache-2.0.
"""
COLUMNS = ["path", "offset", "type", "size", "scale", "unit", "title"]
# A count of 0 in a definition: as many as the length of the model has room for.
AS_MANY_AS_FIT = "rest"


def rows_of(group, path):
    """The points of a group with their offsets in it, then the groups in it."""
    offset = 0
    for point in group["points"]:
        yield [
            f"{path}{point['name']}",
            offset,
            point["type"],
            point["size"],
            point.get("sf", ""),
            point.get("units", "").strip(),
            point.get("label", "").strip(),
        ]
        offset += point["size"]
    for inner in group.get("groups", []):
        count = inner.get("count", 1) or AS_MANY_AS_FIT
        inner_path = f"{path}{inner['name']}"
        yield [inner_path, "", "group", count, "", "", inner.get("label", "").strip()]
        yield from rows_of(inner, f"{inner_path}.")


def table_of(definition):
    """The CSV file of one model."""
    model_id, group = definition["id"], definition["group"]
    text = io.StringIO()
    text.write(HEAD.format(id=model_id, version=version("pysunspec2")))
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    title = group.get("label", "").strip() or group["name"]
    table.writerow([group["name"], "", "model", model_id, "", "", title])
    table.writerows(rows_of(group, ""))
    return text.getvalue()


def main():
    folder = Path(sys.argv[1])
    definitions = Path(sunspec2.__file__).parent / "models" / "json"
    for model_id in MODELS:
        definition = json.loads((definitions / f"model_{model_id}.json").read_text())
        (folder / f"{model_id}.csv").write_text(table_of(definition))


main()
