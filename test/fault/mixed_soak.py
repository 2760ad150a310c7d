#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The soak with faults mixed in, a round each. usage: mixed_soak.py WORLD SSHD_PID ROUNDS SEED CAMERA...

Each round one camera, the victim, or the server has a fault, while all are fed and programs are killed as in soak.py:
  damaged-inode     a picture of the victim that no call can open
  replaced-place    its capture directory is removed and made again; or its inner folders are
  clock             the victim's clock, or the server's, steps by hours or days
  partial-index     the index is yesterday's: a copy of some rounds ago
  spool-file        an octet of an envelope that waits in its spool is another one
  folder-in-the-way a file lies where its evidence, or a folder where its heard file should be
A round ends when the others' pictures of this round are evidence: all but the few that a kill delayed (FLOOR). A camera that waits for the victim's
fault to end is a breach. Then the fault ends, where it is one that somebody mends.

FAULTS, of the environment, names some of them for a closer look. WORLD/fed gets the SHA-256 of each picture that must arrive, WORLD/damaged "CAMERA SHA-256 KIND" of each that need not, if its loss is stated.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

from soak import LONGEST, SHORTEST, Program, Soak

STATE = "server/var/lib/shutterseal"
PICTURES = 6        # a round and camera
FLOOR = 0.75        # of the others' pictures of a round
LIMIT = int(os.environ.get("LIMIT", "120"))  # seconds that a round may take on a loaded machine: no measure
BACKUP_EACH = 3     # rounds
KILLS = float(os.environ.get("KILLS", "0.3"))  # a turn
STEPS = (-2 * 3600, 2 * 3600, -90, 26 * 3600, -26 * 3600)  # seconds; a certificate begins when it is made, so no clock goes far back
FAULTS = "damaged_inode replaced_place clock_steps partial_index spool_file folder_in_the_way"
DAMAGED = "damaged-inode"  # test/fault/bad_file.cc cannot open what has this in its name, with EUCLEAN


class MixedSoak(Soak):
    def __init__(self, world, sshd, rounds, seed, cameras):
        super().__init__(world, sshd, 0, seed, cameras)
        self.rounds = rounds
        self.damaged = open(world / "damaged", "w", encoding="ascii")
        self.backup = None
        self.clocks = {}
        for camera, uploader in zip(self.cameras, self.uploaders):
            uploader.command = self.under(self.clock(camera), os.environ["UPLOADER_PRELOAD"], uploader.command)
        self.daemon.command = self.under(self.clock("server"), os.environ["DAEMON_PRELOAD"], self.daemon.command)

    # ---- programs ------------------------------------------------------------------------------------------------------------------

    def clock(self, who):
        path = self.world / f"clock-{who}"
        self.clocks[who] = 0
        self.set_clock(who, 0)
        return path

    def set_clock(self, who, seconds):
        self.clocks[who] = seconds
        subprocess.run([sys.executable, pathlib.Path(__file__).parent / "set_clock.py", self.world / f"clock-{who}", str(seconds * 1000)], check=True)

    @staticmethod
    def under(clock, libraries, command):
        return ["env", f"LD_PRELOAD={libraries}", f"CLOCK_FILE={clock}", f"BAD_FILES={DAMAGED}:117:o", *command]

    def uploader_of(self, camera):
        return self.uploaders[self.cameras.index(camera)]

    def kill(self, program):
        if program.process and program.process.poll() is None:
            program.process.kill()
            program.process.wait()

    # ---- what is there ---------------------------------------------------------------------------------------------------------------

    def capture_is_empty(self, camera):
        place = self.capture(camera)
        names = [path for folder in (place, place / ".claimed") if folder.is_dir() for path in folder.iterdir()]
        return not any(path.suffix == ".jpg" and DAMAGED not in path.name for path in names)

    def spooled(self, camera):
        return sorted(path for path in (self.root(camera) / "var/lib/shutterseal-upload/spool").iterdir() if path.name.endswith(".p7m"))

    def images(self, camera):
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.world / STATE}/index.db?mode=ro", uri=True, timeout=30)) as index:
                return index.execute("SELECT count(*) FROM envelope WHERE camera = ? AND kind = 0", (camera,)).fetchone()[0]
        except sqlite3.OperationalError:
            return 0

    # ---- waiting: programs are kept alive, and killed now and then ----------------------------------------------------------------------

    def turn(self, kills=True, without=()):
        for program in [self.daemon, *self.uploaders]:
            if program not in without:
                program.keep_alive()
        time.sleep(self.dice.uniform(SHORTEST, LONGEST))
        if kills and self.dice.random() < KILLS:
            self.kill_if_something_was_stored()

    def wait_for(self, what, condition, kills=True, without=()):
        limit = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > limit:
                raise SystemExit(f"round {self.round}: {what}")
            self.turn(kills, without)

    def victims(self, kind):
        # The clock's wrapper is replaced by the program, so its pid is the program's.
        return [pid for pid in super().victims(kind) if pid]

    # ---- pictures -------------------------------------------------------------------------------------------------------------------

    def feed_round(self, camera):
        for _ in range(PICTURES):
            self.take_picture(camera)

    # ---- faults: each begins, and gives what ends it ---------------------------------------------------------------------------------

    def damaged_inode(self, victim):
        name, content = self.picture(f"{DAMAGED}-{self.number}.jpg")
        self.damaged.write(f"{victim} {self.digest(content)} inode\n")
        self.put(victim, name, content)
        return None

    def replaced_place(self, victim):
        place = self.capture(victim)
        if self.dice.random() < 0.5:
            for folder in (place / ".claimed", place / "rejected"):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            return None
        self.wait_for(f"the pictures of {victim} are not sealed", lambda: self.capture_is_empty(victim))
        shutil.rmtree(place, ignore_errors=True)  # the uploader may make a folder again meanwhile
        place.mkdir(exist_ok=True)
        return None

    def clock_steps(self, victim):
        who = self.dice.choice([victim, "server"])
        self.set_clock(who, self.dice.choice(STEPS))
        return lambda: self.set_clock(who, 0)

    def partial_index(self, _):
        if self.backup is None:
            return None
        self.kill(self.daemon)
        index = self.world / STATE / "index.db"
        for suffix in ("-wal", "-shm"):
            pathlib.Path(f"{index}{suffix}").unlink(missing_ok=True)
        shutil.copy(self.backup, index)
        return None

    def spool_file(self, victim):
        incoming = self.world / f"server/srv/shutterseal/drop/cam-{victim}/incoming"
        away = incoming.with_name("away")
        incoming.rename(away)
        self.feed_round(victim)
        self.wait_for(f"nothing of {victim} comes to the spool", lambda: self.spooled(victim) and self.capture_is_empty(victim), kills=False)
        uploader = self.uploader_of(victim)
        self.kill(uploader)
        path = self.dice.choice(self.spooled(victim))
        with open(path, "r+b") as file:
            at = self.dice.randrange(path.stat().st_size)
            octet = os.pread(file.fileno(), 1, at)
            os.pwrite(file.fileno(), bytes([octet[0] ^ 0x20]), at)
        self.damaged.write(f"{victim} {path.name} spool\n")

        def end():
            away.rename(incoming)
            self.kill(uploader)  # its pauses have grown meanwhile
        return end

    def in_the_way(self, path, make):
        aside = path.with_name(path.name + ".aside")
        with contextlib.suppress(FileNotFoundError):
            path.rename(aside)
        make(path)

        def end():
            (path.rmdir if path.is_dir() else path.unlink)()
            with contextlib.suppress(FileNotFoundError):
                aside.rename(path)
        return end

    def folder_in_the_way(self, victim):
        state = self.world / STATE
        if self.dice.random() < 0.5:
            path = state / "heard" / victim
            if path.parent.is_dir():
                return self.in_the_way(path, lambda it: it.mkdir())
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + self.clocks["server"]))
        (state / f"evidence/cam-{victim}").mkdir(exist_ok=True)
        # What is moved away is out of the camera's folder: a store that finds it under another name would call it a stranger.
        folder, aside = state / f"evidence/cam-{victim}/{day}", self.world / f"aside-{victim}"
        was_there = folder.exists()
        if was_there:
            folder.rename(aside)
        folder.write_bytes(b"in the way")

        def end():
            folder.unlink()
            if was_there:
                aside.rename(folder)
        return end

    # ---- a round -----------------------------------------------------------------------------------------------------------------------

    def make_backup(self):
        if self.round % BACKUP_EACH != 0 or not (self.world / STATE / "index.db").exists():
            return
        self.backup = self.world / "yesterday.db"
        self.backup.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(self.world / STATE / "index.db", timeout=30)) as index:
            index.execute("VACUUM INTO ?", (str(self.backup),))

    def run_round(self):
        faults = [getattr(self, name) for name in os.environ.get("FAULTS", FAULTS).split()]
        # Each once in so many rounds, in an order that the seed decides.
        if not getattr(self, "order", None):
            self.order = self.dice.sample(faults, len(faults))
        fault, victim = self.order.pop(), self.dice.choice(self.cameras)
        others = [camera for camera in self.cameras if camera != victim]
        self.make_backup()
        end = fault(victim)
        before = sum(self.images(camera) for camera in others)
        if fault == self.partial_index:
            before = 0  # rows of before come back, too
        for camera in self.cameras:
            self.feed_round(camera)
        floor = before + int(FLOOR * PICTURES * len(others))
        self.wait_for(f"{fault.__name__} of {victim} keeps the others waiting", lambda: sum(self.images(camera) for camera in others) >= floor)
        if end:
            end()
        print(f"round {self.round}: {fault.__name__} of {victim}, {self.number} fed, {self.rows()} stored", flush=True)

    def run(self):
        for self.round in range(1, self.rounds + 1):
            self.run_round()
        self.wait_for("something waits for ever", lambda: self.left_over() == 0, kills=False)
        self.fed.close()
        self.damaged.close()
        for program in [*self.uploaders, self.daemon]:
            program.end()

    def left_over(self):
        return sum(len(self.spooled(camera)) + (not self.capture_is_empty(camera)) for camera in self.cameras)


def main():
    world, sshd, rounds, seed = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:5])
    soak = MixedSoak(world, sshd, rounds, seed, sys.argv[5:])
    try:
        soak.run()
    finally:
        for program in [soak.daemon, *soak.uploaders]:
            soak.kill(program)


if __name__ == "__main__":
    main()
