#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures without end, and SIGKILL for everybody. usage: soak.py WORLD SSHD_PID PICTURES SEED CAMERA...

Feeds pictures of 2 to 20 kB to the cameras' capture directories, keeps one uploader a camera and the daemon running, and kills one of uploaders, daemon,
verifiers and sshd's sessions at random moments, until everything was fed and nothing waits any more. WORLD/fed gets the SHA-256 of each picture.
"""
import collections
import contextlib
import hashlib
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import time

MOST_UNSEALED = 400  # of a camera: what a flash card would hold back, and what a directory listing should not be made of
SHORTEST, LONGEST = 0.05, 0.6  # between two kills
REPORT = 10


def children_of(pid):
    out = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(line) for line in out.split()]


class Program:
    """One that is started again whenever it is dead."""

    def __init__(self, name, command, log):
        self.name, self.command, self.log, self.process = name, command, log, None

    def keep_alive(self):
        if self.process is None or self.process.poll() is not None:
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait() > 0:  # one that was killed, or started, a moment ago ends by a signal
            raise SystemExit(f"{self.name} ended with {self.process.returncode}, see {self.log}")


class Soak:
    def __init__(self, world, sshd, pictures, seed, cameras):
        self.world, self.sshd, self.left, self.cameras = world, sshd, pictures, cameras
        self.dice = random.Random(seed)
        self.fed = open(world / "fed", "w", encoding="ascii")
        self.number = self.stored = 0
        self.largest_lot = max(8, pictures // 1000)  # a short soak must last for some kills, too
        self.kills = collections.Counter()
        self.daemon = Program("the daemon", ["shutterseal-ingestd", "--root", str(world / "server"), "--foreground"], world / "ingestd.log")
        self.uploaders = [Program(f"the uploader of {c}", ["shutterseal-upload", "watch", "--root", str(self.root(c)), "--passphrase-file", str(world / "passphrase")],
                                  world / f"watch-{c}.log") for c in cameras]

    def root(self, camera):
        return self.world / f"camera-{camera}"

    def capture(self, camera):
        return self.root(camera) / "var/lib/motion"

    def feed(self):
        for camera in self.cameras:
            room = MOST_UNSEALED - len(os.listdir(self.capture(camera)))
            for _ in range(min(room, self.left, self.dice.randint(1, self.largest_lot))):
                self.take_picture(camera)

    def take_picture(self, camera):
        name, content = self.picture(f"shot-{self.number}.jpg")
        self.fed.write(self.digest(content) + "\n")
        self.put(camera, name, content)
        self.left -= 1

    def picture(self, name):
        self.number += 1
        return name, b"\xff\xd8\xff\xe0" + self.dice.randbytes(self.dice.randint(2_000, 20_000)) + b"\xff\xd9"

    @staticmethod
    def digest(content):
        return hashlib.sha256(content).hexdigest()

    def put(self, camera, name, content):
        hidden = self.capture(camera) / f".{name}"
        hidden.write_bytes(content)
        hidden.rename(self.capture(camera) / name)

    def waiting(self):
        count = 0
        for camera in self.cameras:
            count += len([name for name in os.listdir(self.capture(camera)) if name.endswith(".jpg")]) + len(os.listdir(self.capture(camera) / ".claimed"))
            count += len([name for name in os.listdir(self.root(camera) / "var/lib/shutterseal-upload/spool") if name.endswith(".p7m")])
        return count

    def victims(self, kind):
        if kind == "uploader":
            return [uploader.process.pid for uploader in self.uploaders]
        if kind == "daemon":
            return [self.daemon.process.pid]
        return children_of(self.daemon.process.pid if kind == "verifier" else self.sshd)

    def kill_if_something_was_stored(self):
        """A start costs a look at the last hour of evidence: who is killed faster than that gets nothing done, which shows nothing."""
        rows = self.rows()
        if rows != self.stored:
            self.kill_one()
        self.stored = rows

    def kill_one(self):
        kind = self.dice.choice(["uploader", "daemon", "verifier", "session"])
        pids = self.victims(kind)
        if not pids:
            return
        try:
            os.kill(self.dice.choice(pids), signal.SIGKILL)
            self.kills[kind] += 1
        except ProcessLookupError:
            pass

    def run(self):
        started = reported = time.monotonic()
        while True:
            for program in [self.daemon, *self.uploaders]:
                program.keep_alive()
            self.feed()
            time.sleep(self.dice.uniform(SHORTEST, LONGEST))
            self.kill_if_something_was_stored()
            waiting = self.waiting() if self.left == 0 else None
            if time.monotonic() - reported >= REPORT or waiting == 0:
                reported = time.monotonic()
                self.report(reported - started)
            if waiting == 0:
                break
        self.fed.close()
        for program in [self.daemon, *self.uploaders]:
            program.keep_alive()
        for program in [*self.uploaders, self.daemon]:
            program.end()

    def report(self, seconds):
        kills = " ".join(f"{kind}={self.kills[kind]}" for kind in sorted(self.kills))
        print(f"{seconds:6.0f} s: {self.number} fed, {self.rows()} stored, killed {kills}", flush=True)

    def rows(self):
        path = self.world / "server/var/lib/shutterseal/index.db"
        try:
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as index:
                return index.execute("SELECT count(*) FROM envelope").fetchone()[0]
        except sqlite3.OperationalError:
            return self.stored  # it is not made yet


def main():
    world, sshd, pictures, seed = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:5])
    soak = Soak(world, sshd, pictures, seed, sys.argv[5:])
    try:
        soak.run()
    finally:
        for program in [soak.daemon, *soak.uploaders]:
            if program.process and program.process.poll() is None:
                program.process.kill()


if __name__ == "__main__":
    main()
