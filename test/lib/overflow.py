#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fills the inotify queue of everybody who watches NOISE, then moves the files of FROM into QUIET.

usage: overflow.py NOISE QUIET FROM. A queue of its own on both directories is the witness: exit code 0 only when that one overflowed and heard
nothing of what came to QUIET.
"""
import ctypes
import os
import pathlib
import struct
import sys

IN_CREATE, IN_MOVED_TO, IN_Q_OVERFLOW, IN_NONBLOCK = 0x100, 0x80, 0x4000, os.O_NONBLOCK
LIBC = ctypes.CDLL(None, use_errno=True)


def watch(*directories: str) -> int:
    queue = LIBC.inotify_init1(IN_NONBLOCK)
    for directory in directories:
        if LIBC.inotify_add_watch(queue, directory.encode(), IN_CREATE | IN_MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch", directory)
    return queue


def heard(queue: int) -> tuple[bool, list[str]]:
    overflowed, names = False, []
    while True:
        try:
            octets = os.read(queue, 1 << 20)
        except BlockingIOError:
            return overflowed, names
        while octets:
            _, mask, _, length = struct.unpack_from("iIII", octets)
            names.append(octets[16:16 + length].rstrip(b"\0").decode())
            overflowed = overflowed or bool(mask & IN_Q_OVERFLOW)
            octets = octets[16 + length:]


def main() -> int:
    noise, quiet, source = (pathlib.Path(a) for a in sys.argv[1:])
    witness = watch(str(noise), str(quiet))
    for number in range(int(pathlib.Path("/proc/sys/fs/inotify/max_queued_events").read_text()) + 100):
        name = noise / f"{number}.parcel"
        name.touch()
        name.unlink()
    wanted = [path.name for path in source.iterdir()]
    for path in source.iterdir():
        path.rename(quiet / path.name)
    overflowed, names = heard(witness)
    if not wanted or not overflowed or set(wanted) & set(names):
        print(f"overflowed: {overflowed}, heard of {sorted(set(wanted) & set(names))} of {wanted}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
