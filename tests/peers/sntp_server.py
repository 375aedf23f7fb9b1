"""A time server (SNTP, RFC 4330) that has the time of this machine."""

import socket
import struct
import time

# Seconds between 1900, where NTP counts from, and 1970.
EPOCH_1900 = 2_208_988_800
# No leap second, version 4, a server's answer; a clock that was set from a better one.
HEAD = struct.pack("!BBbb", 0x24, 2, 6, -20) + bytes(8) + b"TEST"


def timestamp():
    now = time.time()
    return struct.pack("!II", int(now) + EPOCH_1900, int(now % 1 * 2**32))


server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 123))
print("listening", flush=True)
while True:
    question, asker = server.recvfrom(512)
    received = timestamp()
    server.sendto(HEAD + received + question[40:48] + received + timestamp(), asker)
