#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What holds after mixed_soak.py: nothing is lost but what was damaged, and all that is lost is stated.

usage: mixed_check.py WORLD KEY PASSPHRASE
  Files, receipts and index rows are one another's (invariant.py). Each hole in a chain is in a gap that the camera itself stated. Each picture of
  WORLD/fed is evidence once, but for those whose envelope was damaged in the spool; one with a damaged inode may be missing, if a gap counts it.
One line a breach; exit 1 when there is any."""
import collections
import contextlib
import pathlib
import re
import sqlite3
import sys

import invariant

HOLE = re.compile(r'gap (\d+)-(\d+) [a-z]+(?: of ([0-9a-f]{8}))?$')
UNSEALED = re.compile(r'gap (\d+) [a-z-]+ \d{4}-')


def statements(server):
    with contextlib.closing(sqlite3.connect(f'file:{server / invariant.STATE}/index.db?mode=ro', uri=True)) as index:
        rows = index.execute("SELECT camera, hex(chain), note FROM envelope WHERE note LIKE 'gap %'").fetchall()
    holes, unsealed = set(), collections.Counter()
    for camera, chain, note in rows:
        hole, count = HOLE.match(note), UNSEALED.match(note)
        if hole:
            holes.update((hole[3] or chain.lower()[:8], sequence) for sequence in range(int(hole[1]), int(hole[2]) + 1))
        elif count:
            unsealed[camera] += int(count[1])
    return holes, unsealed


def breaches_of_chains(envelopes, holes):
    for breach in invariant.breaches_of_chains(envelopes):
        found = re.match(r'a hole in a chain: ([0-9a-f]{8})[0-9a-f]*-(\d+)$', breach)
        if not found or (found[1], int(found[2])) not in holes:
            yield breach


def main():
    world, key, passphrase = pathlib.Path(sys.argv[1]), *sys.argv[2:4]
    server = world / 'server'
    envelopes = invariant.evidence_of(server)
    holes, unsealed = statements(server)
    known = invariant.opened(server, envelopes, key, passphrase, world / 'book.json')
    found = collections.Counter(known[one.digest] for one in envelopes if one.digest in known)
    stored = {one.digest for one in envelopes}
    breaches = [*invariant.breaches_of_receipts(world / 'receipts', envelopes), *invariant.breaches_of_index(server), *breaches_of_chains(envelopes, holes),
                *(f'does not open: {one.path}' for one in envelopes if one.digest not in known)]

    fed = (world / 'fed').read_text(encoding='ascii').split()
    damaged = [line.split() for line in (world / 'damaged').read_text(encoding='ascii').splitlines()]
    in_spool = [name.removesuffix('.p7m').split('-') for _, name, kind in damaged if kind == 'spool']
    gone = [(chain, int(sequence)) for chain, sequence, digest in in_spool if digest not in stored]
    breaches += [f'damaged in the spool, and not stated: {chain}-{sequence}' for chain, sequence in gone if (chain[:8], sequence) not in holes]
    lost = [digest for digest in fed if found[digest] == 0]
    if len(lost) > len(gone):
        breaches.append(f'{len(lost)} pictures are lost, {len(gone)} envelopes were damaged')
    breaches += [f'{found[digest]} times in evidence: {digest}' for digest in fed if found[digest] > 1]
    missing = collections.Counter(camera for camera, digest, kind in damaged if kind == 'inode' and found[digest] == 0)
    breaches += [f'camera {camera}: {count} pictures with a damaged inode, and {unsealed[camera]} stated' for camera, count in missing.items() if unsealed[camera] < count]

    for breach in breaches:
        print(f'breach: {breach}')
    print(f'{len(fed)} fed, {len(lost)} lost of {len(gone)} damaged in the spool, {sum(missing.values())} with a damaged inode, {len(holes)} holes stated')
    sys.exit(1 if breaches else 0)


if __name__ == '__main__':
    main()
