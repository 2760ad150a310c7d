#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Until it is ended: keeps DIR filled with COUNT small files that are no envelopes, so that whoever works DIR off never comes to an end.

usage: endless_flood.py DIR [COUNT]
"""
import itertools
import os
import sys
import time


def main() -> None:
    os.chdir(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    numbers = itertools.count()
    while True:
        for _ in range(count - len(os.listdir("."))):
            name = f"{next(numbers)}-flood.parcel"
            with open(".part", "w", encoding="ascii") as file:
                file.write(name)
            os.rename(".part", name)
        time.sleep(0.005)  # the flood, not this process, is what the others share the machine with


if __name__ == "__main__":
    main()
