"""Holds some threads of a process, as a driver that hangs would: hold_threads.py PROCESS THREAD...

Prints "held" once they stand, and lets them go when its own standard input ends (ptrace(2): PTRACE_SEIZE stops
nothing, PTRACE_INTERRUPT stops that thread alone).
"""

import ctypes
import os
import sys

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WAIT_FOR_THREADS = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, thread):
    if libc.ptrace(request, thread, None, None) != 0:
        sys.exit(f"ptrace: {os.strerror(ctypes.get_errno())}; this needs root")


def thread_named(process, name):
    for thread in os.listdir(f"/proc/{process}/task"):
        with open(f"/proc/{process}/task/{thread}/comm", encoding="utf-8") as comm:
            if comm.read().strip() == name:
                return int(thread)
    sys.exit(f"process {process} has no thread '{name}'")


def main():
    threads = [thread_named(sys.argv[1], name) for name in sys.argv[2:]]
    for thread in threads:
        ptrace(PTRACE_SEIZE, thread)
        ptrace(PTRACE_INTERRUPT, thread)
        os.waitpid(thread, WAIT_FOR_THREADS)
    print("held", flush=True)
    sys.stdin.read()
    for thread in threads:
        ptrace(PTRACE_DETACH, thread)


main()
