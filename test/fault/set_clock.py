#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: set_clock.py FILE SHIFT_MS [RATE]: what programs under test/fault/clock.cc see from now on.

SHIFT_MS: added to the time of day; '@SECONDS' makes the time of day SECONDS since 1970 now. RATE: of the monotonic clock, from the file's making on.
"""
import os
import struct
import sys
import time


def shift_of(text):
    return int(text[1:]) * 1000 - int(time.time() * 1000) if text.startswith("@") else int(text)


def main():
    path, shift = sys.argv[1], shift_of(sys.argv[2])
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    old = os.pread(fd, 24, 0)
    origin, rate = struct.unpack("qq", old[8:]) if len(old) == 24 else (int(time.monotonic() * 1000), 1)
    os.pwrite(fd, struct.pack("qqq", shift, origin, int(sys.argv[3]) if len(sys.argv) > 3 else rate), 0)


main()
