#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the order of system calls in strace's output against what a power cut may undo.

usage: order.py [--blind PATTERN] TRACE...      traces of 'strace -f -y', in order of time; what one left unsynced the next begins with
       --blind PATTERN    take syncs of paths that match for not done: the control
A file's octets are durable after a sync that succeeded after the last write; a name after a sync of its directory that succeeded. A sync that
failed leaves doubt that no later sync removes: only a new write, or a new name, is a new try. (Not so for claims: one that is undone puts its picture
back under its first name.)
One line a breach, exit 1; exit 2 when the traces do not show the steps that the rules speak of."""
import collections
import os.path
import re
import sys

LINE = re.compile(r'^(\d+) +(.*)$')
CALL = re.compile(r'^(\w+)\((.*)\) += (-?\d+|\?)(.*)$')
HANDLE = re.compile(r'^(-?\d+|AT_FDCWD)<(.*?)>(?:\(deleted\))?$')
SYNCS = ('fsync', 'fdatasync', 'syncfs')
EVIDENCE, SPOOL, CLAIMED, STATE = '/shutterseal/evidence', '/spool', '/.claimed', '/shutterseal-upload/state'
INDEX_LOG = '/index.db-wal'


def arguments(text):
    """Split at top-level commas; strace escapes quotes inside strings."""
    return re.findall(r'\s*((?:"(?:[^"\\]|\\.)*"(?:\.\.\.)?|<[^>]*>|\{[^}]*\}|\[[^]]*\]|[^,])+)', text)


def finished_calls(trace):
    """(process, name, arguments, result) of each call when it ends."""
    begun = {}
    with open(trace, encoding='utf-8', errors='replace') as lines:
        for line in lines:
            process, text = LINE.match(line.rstrip('\n')).groups()
            if text.endswith('<unfinished ...>'):
                begun[process] = text[:-len('<unfinished ...>')].rstrip()
                continue
            if text.startswith('<... '):
                text = begun.pop(process, '') + re.sub(r'^<\.\.\. \w+ resumed>', '', text)
            call = CALL.match(text)
            if call and call[3] != '?':
                yield process, call[1], arguments(call[2]), int(call[3]), call[4]


def path_of(handle):
    found = HANDLE.match(handle)
    return found[2] if found else ''


def joined(handle, name):
    name = name.strip('"')
    return name if name.startswith('/') else os.path.normpath(os.path.join(path_of(handle), name))


class Disk:
    """What a power cut now would take."""

    def __init__(self, blind):
        self.blind = re.compile(blind) if blind else None
        self.dirty = set()
        self.names = collections.defaultdict(set)    # directory: names not durable
        self.doubtful = set()                         # files and names of a failed sync
        self.handles = {}
        self.seen = collections.Counter()
        self.breaches = []

    def unsynced_below(self, part):
        return sorted(name for names in self.names.values() for name in names if part in os.path.dirname(name))

    def demand(self, bad, what):
        if bad:
            self.breaches.append(f'{what}: {", ".join(sorted(bad)[:3])}')

    # ---- what happens to the disk
    def write(self, path):
        if path.startswith('/memfd:') or not path.startswith('/'):
            return
        if path.endswith(INDEX_LOG):
            self.seen['row'] += 1
            self.demand(self.unsynced_below(EVIDENCE), 'a row before the names that it speaks of are durable')
        self.dirty.add(path)
        self.doubtful.discard(path)

    def sync(self, name, path, good):
        if self.blind and self.blind.search(path):
            return
        whole = name == 'syncfs'
        if not good:
            self.doubtful |= {path} | self.names[path] | (self.dirty if whole else set())
            return
        self.dirty = {file for file in self.dirty if file in self.doubtful or not (whole or file == path)}
        for directory in list(self.names) if whole else [path]:
            self.names[directory] &= set() if directory.endswith(CLAIMED) else self.doubtful

    def name(self, path, source):
        if source in self.dirty:
            self.demand({f'{source} as {path}'}, 'a name before its octets are durable')
        if f'{SPOOL}/' in path and path.endswith('.p7m'):
            self.seen['envelope'] += 1
            self.demand(self.unsynced_below(STATE), 'an envelope before the list that announces it is durable')
            self.demand(self.unsynced_below(CLAIMED), 'an envelope before the claim of its original is durable')
        if path.endswith('/receipt.p7m'):
            self.seen['receipt'] += 1
            self.demand({file for file in self.dirty if file.endswith(INDEX_LOG)}, 'a receipt before its rows are durable')
            self.demand(self.unsynced_below(EVIDENCE), 'a receipt before evidence is durable')
        self.names[os.path.dirname(path)].add(path)
        self.doubtful.discard(path)

    def unname(self, path):
        if '/incoming/' in path:
            self.seen['drop'] += 1
            self.demand(self.unsynced_below('/receipts'), 'a drop removed before the receipt is durable')
            self.demand(self.unsynced_below(EVIDENCE), 'a drop removed before evidence is durable')
        if f'{CLAIMED}/' in path:
            self.seen['original'] += 1
            self.demand(self.unsynced_below(SPOOL), 'an original removed before its envelope is durable')
        if f'{SPOOL}/' in path:
            self.seen['covered'] += 1
            # When the last heartbeat was is worth one heartbeat, not an envelope.
            unsynced = [name for name in self.unsynced_below(STATE) if 'heartbeat' not in os.path.basename(name)]
            self.demand(unsynced, 'an envelope removed before the receipt is remembered')
        self.names[os.path.dirname(path)].discard(path)
        self.doubtful.discard(path)

    # ---- strace's words for it
    def opened(self, process, words, result, rest):
        path = re.match(r'<(.*?)>', rest)
        if result < 0 or not path:
            return
        unnamed = 'O_TMPFILE' in words[2]
        # An unnamed file's inode number is used again: a new one is a new file.
        if unnamed:
            self.dirty.discard(path[1])
        self.handles[process, result] = path[1]
        if 'O_CREAT' in words[2]:
            self.names[os.path.dirname(path[1])].add(path[1])

    def linked(self, words):
        source = joined(words[0], words[1])
        number = re.match(r'/proc/self/fd/(\d+)$', source)
        if number:
            found = [path for (_, handle), path in self.handles.items() if handle == int(number[1])]
            source = found[-1] if found else source
        self.name(joined(words[2], words[3]), source)

    def renamed(self, words):
        source, target = joined(words[0], words[1]), joined(words[2], words[3])
        self.names[os.path.dirname(source)].discard(source)
        self.name(target, source)

    def call(self, process, name, words, result, rest):
        good = result >= 0
        if name in SYNCS:
            self.sync(name, path_of(words[0]), good)
        elif name == 'openat':
            self.opened(process, words, result, rest)
        elif not good:
            return
        elif name in ('write', 'pwrite64', 'ftruncate'):
            self.write(path_of(words[0]))
        elif name == 'linkat':
            self.linked(words)
        elif name in ('renameat', 'renameat2'):
            self.renamed(words)
        elif name == 'unlink':
            self.unname(words[0].strip('"'))
        elif name == 'unlinkat':
            self.unname(joined(words[0], words[1]))
        elif name == 'mkdirat':
            self.names[joined(words[0], '.')].add(joined(words[0], words[1]))


def main():
    words = sys.argv[1:]
    blind = words[1] if words[0] == '--blind' else None
    disk = Disk(blind)
    for trace in words[2:] if blind else words:
        for call in finished_calls(trace):
            disk.call(*call)
    for breach in sorted(set(disk.breaches)):
        print(f'breach: {breach}')
    if not (disk.seen.keys() >= {'row', 'receipt', 'drop'} or disk.seen.keys() >= {'envelope', 'original', 'covered'}):
        print(f'the traces show too little: {dict(disk.seen)}')
        sys.exit(2)
    sys.exit(1 if disk.breaches else 0)


if __name__ == '__main__':
    main()
