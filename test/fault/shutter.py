#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A camera's software under load: takes pictures until it is killed or its disk is gone.  usage: shutter.py CAPTURE ORIGINALS SEED
A picture counts as taken once it is durable where the camera keeps it: then, and not before, its copy in ORIGINALS loses its '.maybe'."""
import os
import pathlib
import random
import sys
import time


def write_durably(directory, name, content):
    part = directory / f'.{name}.part'
    with open(part, 'xb') as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(directory / name)
    handle = os.open(directory, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def take(capture, originals, name, content):
    maybe = originals / f'{name}.maybe'
    maybe.write_bytes(content)
    write_durably(capture, name, content)
    maybe.rename(originals / name)


def main():
    capture, originals, seed = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    chance = random.Random(seed)
    number = 0
    try:
        while True:
            content = b'\xff\xd8\xff\xe0' + chance.randbytes(chance.randrange(4_000, 60_000)) + b'\xff\xd9'
            take(capture, originals, f'{seed}-{number}.jpg', content)
            number += 1
            time.sleep(chance.uniform(0, 0.04))
    except OSError:
        sys.exit(0)  # the power is gone


if __name__ == '__main__':
    main()
