#!/usr/bin/env python3
"""The same readings into SQLite: sqlite_peer.py DATABASE VALUES WINDOW.

One row a reading, PRIMARY KEY (time, point) WITHOUT ROWID, synchronous FULL in WAL mode, a transaction
every WINDOW seconds. VALUES holds doubles, 500 for each second.
"""
import sqlite3
import struct
import sys

POINTS = 500
START_MS = 1_711_900_800_000


def main() -> None:
    database, values, window = sys.argv[1], sys.argv[2], int(sys.argv[3])
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE reading (time INTEGER, point INTEGER, value REAL, PRIMARY KEY (time, point)) WITHOUT ROWID"
    )
    second = 0
    connection.execute("BEGIN")
    with open(values, "rb") as file:
        while row := file.read(8 * POINTS):
            at = START_MS + second * 1_000
            rows = [(at, point, value) for point, value in enumerate(struct.unpack(f"<{POINTS}d", row))]
            connection.executemany("INSERT INTO reading VALUES (?, ?, ?)", rows)
            second += 1
            if second % window == 0:
                connection.execute("COMMIT")
                connection.execute("BEGIN")
    connection.execute("COMMIT")
    print("readings", second * POINTS)


main()
