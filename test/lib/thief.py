#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: thief.py IMAGE ORIGINALS: looks in every file below IMAGE for a readable piece of any file of ORIGINALS: any run of 31 octets of it, at
whatever place. Prints each file that holds one and exits 1; exits 0 when none does, 2 when there was nothing to look at or to look for.
"""
import pathlib
import sys

PIECE = 16


def pieces(originals):
    found = set()
    for original in pathlib.Path(originals).iterdir():
        content = original.read_bytes()
        found.update(content[at:at + PIECE] for at in range(0, len(content) - PIECE + 1, PIECE))
    return found


def holds(content, wanted):
    return any(content[at:at + PIECE] in wanted for at in range(len(content) - PIECE + 1))


def main():
    wanted = pieces(sys.argv[2])
    files = [path for path in pathlib.Path(sys.argv[1]).rglob("*") if path.is_file() and not path.is_symlink()]
    if not wanted or not files:
        sys.exit(2)
    readable = [path for path in files if holds(path.read_bytes(), wanted)]
    for path in readable:
        print(f"readable: {path}")
    print(f"{len(files)} files, {sum(path.stat().st_size for path in files)} octets, {len(wanted)} pieces looked for")
    sys.exit(1 if readable else 0)


main()
