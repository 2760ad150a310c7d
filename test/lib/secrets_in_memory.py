#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: secrets_in_memory.py PID FILE...: looks for the content of each FILE in the memory of PID (root alone may). Prints a line a find, with
the flags of its mapping (proc(5), smaps: lo locked, dd never dumped). Exits 0 when all finds are in mappings that have both and there is one of
each FILE, 1 when one lies elsewhere, 2 when one was not found at all: then the search is wrong.
"""
import pathlib
import re
import sys

RANGE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$")


def mappings(pid):
    found = []
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if match := RANGE.match(line):
            begin, end, access, name = match.groups()
            found.append([int(begin, 16), int(end, 16), access, name, set()])
        elif line.startswith("VmFlags:"):
            found[-1][4] = set(line.split()[1:])
    return found


def main():
    pid, needles = sys.argv[1], {name: pathlib.Path(name).read_bytes() for name in sys.argv[2:]}
    seen, loose = set(), 0
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for begin, end, access, name, flags in mappings(pid):
            if not access.startswith("r") or name.startswith("[v"):
                continue
            memory.seek(begin)
            try:
                content = memory.read(end - begin)
            except OSError:
                continue
            for file, needle in needles.items():
                at = content.find(needle)
                while at >= 0:
                    seen.add(file)
                    good = {"lo", "dd"} <= flags
                    loose += not good
                    print(f"{file}: {begin + at:x} in {name or 'anonymous'} {access} {' '.join(sorted(flags))}{'' if good else ': LOOSE'}")
                    at = content.find(needle, at + 1)
    missing = set(needles) - seen
    for file in missing:
        print(f"{file}: not found")
    sys.exit(1 if loose else 2 if missing else 0)


main()
