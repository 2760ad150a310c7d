#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Until it is ended: files in DIR come, go, change places, are rewritten, truncated and replaced by links, as fast as it can.

usage: rename_storm.py DIR. It touches names of its own alone, so whatever else is dropped in DIR must arrive unharmed.
"""
import contextlib
import itertools
import os
import sys

SIZES = (0, 1, 600, 5000, 200_000)


def write(name: str, octets: bytes) -> None:
    with open(name, "wb") as file:
        file.write(octets)


def one_round(number: int) -> None:
    """The daemon takes names away in between: any step may find nothing to act on, and the next one goes on."""
    a, b, hidden = "storm-a.parcel", "storm-b.parcel", ".storm.part"
    size = SIZES[number % len(SIZES)]
    steps = (
        lambda: write(hidden, os.urandom(size)),
        lambda: os.rename(hidden, a),
        lambda: os.truncate(a, size // 2),
        lambda: write(a, b"\x30" * size),
        lambda: os.rename(a, b),
        lambda: os.symlink("/etc/passwd", a),
        lambda: os.rename(b, a),
        lambda: os.link(a, b),
        lambda: os.unlink(a),
        lambda: os.mkfifo(a),
        lambda: os.rename(b, a),
        lambda: os.mkdir(b),
        lambda: os.rmdir(b),
    )
    for step in steps:
        with contextlib.suppress(OSError):
            step()


def main() -> None:
    os.chdir(sys.argv[1])
    for number in itertools.count():
        one_round(number)


if __name__ == "__main__":
    main()
