#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The promise that every trial of test/fault checks, read from the files alone, with none of the code under test but 'shutterseal open'.

usage: invariant.py covered SERVER RECEIPTS
       invariant.py kept SERVER RECEIPTS
       invariant.py settled SERVER RECEIPTS CAMERA ORIGINALS KEY PASSPHRASE BOOK
  covered  each envelope that a receipt in the folder RECEIPTS covers is in evidence, once, with the digest that the receipt names. No program
           has run since the crash: what start-up adopts must not hide a loss.
  kept     covered; and files and index rows, of evidence and of what is void after a theft, are one to one; each file is named after its octets, and no
           other of its store has the same.
  settled  kept; and the camera has nothing left, every picture in ORIGINALS opens from evidence byte-identical and once, chains have no hole. BOOK notes what was opened once, so that a long trial opens only what is new.
An original named *.maybe was cut while the camera took it: it may have arrived, once, or not.
One line a breach; exit 1 when there is any."""
import collections
import hashlib
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

STATE = 'var/lib/shutterseal'
TAIL = 2048  # the passage lies in the last octets of an envelope
PASSAGE = re.compile(rb'\x04\x10(.{16})\x02(.)(.{1,8}?)\x04\x20(.{32})', re.DOTALL)
RUN = re.compile(rb'^run ([0-9a-f]{32}) (\d+) (\d+) ([0-9a-f]{64})$', re.MULTILINE)
Envelope = collections.namedtuple('Envelope', 'path digest chain sequence previous')


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_envelope(path):
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    for found in reversed(list(PASSAGE.finditer(content[-TAIL:]))):
        if found[2][0] == len(found[3]):
            return Envelope(path, digest, found[1].hex(), int.from_bytes(found[3], 'big'), found[4].hex())
    return Envelope(path, digest, None, 0, None)  # torn: no receipt can lead to it


def stored_in(server, *stores):
    return [read_envelope(path) for store in stores for path in sorted((server / STATE / store).rglob('*.p7m'))]


def evidence_of(server):
    return stored_in(server, 'evidence')


def kept_of(server):
    """What was acquitted after a theft lies in void/, and receipts lead to it."""
    return stored_in(server, 'evidence', 'void')


def breaches_of_receipt(content, by_digest):
    for chain, first, last, tip in RUN.findall(content):
        digest = tip.decode()
        for sequence in range(int(last), int(first) - 1, -1):
            stored = by_digest.get(digest, [])
            if len(stored) != 1:
                yield f'receipted, and {len(stored)} times in evidence: {chain.decode()[:8]}-{sequence} {digest[:16]}'
            if not stored:
                break  # what lies below is known from this one alone
            if (stored[0].chain, stored[0].sequence) != (chain.decode(), sequence):
                yield f'receipted as {chain.decode()[:8]}-{sequence}, and says otherwise: {stored[0].path}'
            digest = stored[0].previous


def breaches_of_receipts(receipts, envelopes):
    by_digest = collections.defaultdict(list)
    for one in envelopes:
        by_digest[one.digest].append(one)
    found = {breach for receipt in receipts.iterdir() for breach in breaches_of_receipt(receipt.read_bytes(), by_digest)}
    return sorted(found)


def rows_of(server):
    """From a copy, because reading a write-ahead log may write."""
    with tempfile.TemporaryDirectory() as copy:
        for suffix in ('', '-wal'):
            if (server / STATE / f'index.db{suffix}').exists():
                shutil.copy(server / STATE / f'index.db{suffix}', copy)
        with sqlite3.connect(f'{copy}/index.db') as index:
            return index.execute("SELECT iif(place = 0, 'evidence/', 'void/') || location, digest FROM envelope").fetchall()


def breaches_of_names(envelopes):
    """A name holds its file's whole digest, or as older versions wrote it the first 16 digits; and in each store one digest is one file."""
    homes = collections.defaultdict(list)
    for one in envelopes:
        said = one.path.name.removesuffix('.p7m').split('-')[3]
        if len(said) not in (16, 64) or not one.digest.startswith(said):
            yield f'named after other octets: {one.path}'
        homes[one.digest].append(one.path)
    for digest, paths in homes.items():
        if len(paths) > 1:
            yield f'{len(paths)} files of the same octets: {digest[:16]}'


def breaches_of_index(server):
    yield from breaches_of_names(evidence_of(server))
    yield from breaches_of_names(stored_in(server, 'void'))
    stored = {str(one.path.relative_to(server / STATE)): one.digest for one in kept_of(server)}
    indexed = {}
    for location, digest in rows_of(server):
        if location in indexed:
            yield f'indexed twice: {location}'
        indexed[location] = digest.hex()
    for location in sorted(stored.keys() | indexed.keys()):
        if location not in stored:
            yield f'indexed, and not there: {location}'
        elif location not in indexed:
            yield f'there, and not indexed: {location}'
        elif stored[location] != indexed[location]:
            yield f'not the octets that were indexed: {location}'


def breaches_of_chains(envelopes):
    chains = collections.defaultdict(dict)
    for one in envelopes:
        if one.sequence in chains[one.chain]:
            yield f'stored twice, or a fork: {one.chain}-{one.sequence}'
        chains[one.chain][one.sequence] = one
    for chain, members in chains.items():
        for sequence in range(1, max(members) + 1):
            if sequence not in members:
                yield f'a hole in a chain: {chain}-{sequence}'
            elif sequence - 1 in members and members[sequence].previous != members[sequence - 1].digest:
                yield f'a broken link in a chain: {chain}-{sequence}'


def files_left(camera):
    places = [camera / 'var/lib/motion', camera / 'var/lib/motion/.claimed', camera / 'var/lib/shutterseal-upload/spool']
    return [path for place in places if place.exists() for path in place.iterdir() if path.is_file() and not path.name.endswith('.part')]


def opened(server, envelopes, key, passphrase, book):
    """Digest of the picture, for each envelope that opens."""
    known = json.loads(book.read_text()) if book.exists() else {}
    fresh = {str(one.path): one.digest for one in envelopes if one.digest not in known}
    with tempfile.TemporaryDirectory() as out:
        command = ['shutterseal', 'open', '--root', str(server), '--key', key, '--passphrase-file', passphrase, '--json', '--out', out, *fresh]
        answers = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout if fresh else b''
        for answer in map(json.loads, answers.splitlines()):
            if 'picture' in answer:
                known[fresh[answer['file']]] = sha256(pathlib.Path(answer['picture']))
    book.write_text(json.dumps(known))
    return known


def breaches_of_pictures(originals, envelopes, known):
    found = collections.Counter()
    for one in envelopes:
        if one.digest not in known:
            yield f'does not open: {one.path}'
        else:
            found[known[one.digest]] += 1
    taken = {sha256(path): path for path in originals.iterdir()}
    for digest, path in sorted(taken.items(), key=lambda item: item[1]):
        if found[digest] == 0 and path.suffix != '.maybe':
            yield f'a lost picture: {path.name}'
        if found[digest] > 1:
            yield f'{found[digest]} times in evidence: {path.name}'
    for digest in found.keys() - taken.keys():
        yield f'a picture that no camera took: {digest}'


def covered(server, receipts):
    return breaches_of_receipts(pathlib.Path(receipts), kept_of(pathlib.Path(server)))


def kept(server, receipts):
    return [*covered(server, receipts), *breaches_of_index(pathlib.Path(server))]


def settled(server, receipts, camera, originals, key, passphrase, book):
    server = pathlib.Path(server)
    envelopes = evidence_of(server)
    known = opened(server, envelopes, key, passphrase, pathlib.Path(book))
    return [*breaches_of_receipts(pathlib.Path(receipts), envelopes), *breaches_of_index(server), *breaches_of_chains(envelopes),
            *(f'left on the camera: {path}' for path in files_left(pathlib.Path(camera))),
            *breaches_of_pictures(pathlib.Path(originals), envelopes, known)]


def main():
    breaches = {'covered': covered, 'kept': kept, 'settled': settled}[sys.argv[1]](*sys.argv[2:])
    for breach in breaches:
        print(f'breach: {breach}')
    sys.exit(1 if breaches else 0)


if __name__ == '__main__':
    os.umask(0o077)
    main()
