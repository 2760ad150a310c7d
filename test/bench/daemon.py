#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Figures of the daemon, under load and under attack: how many pictures a second it takes in; how long one picture takes from its name in incoming/ until its drop is gone, which is after
its receipt; alone, at a steady rate, and beside a camera that floods; memory and start-up with thousands of cameras.

usage: daemon.py BUILD [PART...]; parts: ingest steady flood fleet resent failing. OLDER in the environment: the build folder of an older version, which
`resent` is held against. Envelopes are sealed beforehand by test/fleet/make_fleet.cc.
"""
import ctypes
import os
import pathlib
import selectors
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import threading
import time

from figures import Figures

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1]).resolve()
WANTED = sys.argv[2:]
WORK = BUILD / "bench" / "daemon"
ROUNDS = 5
LIBC = ctypes.CDLL(None, use_errno=True)
IN_DELETE, IN_NONBLOCK = 0x200, os.O_NONBLOCK
figures = Figures(BUILD / "bench" / "figures-daemon.json")
figure = figures.add


def run(*command):
    subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)


class Server:
    def __init__(self, *settings):
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir(parents=True)
        (WORK / "passphrase").touch(0o600)
        (WORK / "passphrase").write_text("correct horse battery\n", encoding="ascii")
        self.root = WORK / "server"
        custodian = WORK / "custodian"
        run("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", WORK / "host_key")
        run(BUILD / "bin/shutterseal", "keys", custodian, "--passphrase-file", WORK / "passphrase")
        run(BUILD / "bin/shutterseal", "init", "--root", self.root, "--authority", custodian / "authority.pem", "--custodian", custodian / "custodian.pem",
            "--url", "sftp://x@127.0.0.1:1/", "--host-key", WORK / "host_key.pub")
        (self.root / "etc/shutterseal/ingestd.conf").write_text("\n".join(["free-least = 0", *settings, ""]), encoding="ascii")
        self.drop = self.root / "srv/shutterseal/drop"
        self.evidence = self.root / "var/lib/shutterseal/evidence"
        self.daemon = None

    def fleet(self, prefix, cameras, parcels, size, target="-"):
        run(BUILD / "test/make-fleet", self.root, prefix, cameras, parcels, 1, size, target, WORK / "custodian", WORK / "passphrase")

    def incoming(self, camera):
        return self.drop / f"cam-{camera}" / "incoming"

    def start(self):
        self.daemon = subprocess.Popen([BUILD / "bin/shutterseal-ingestd", "--root", self.root, "--foreground"],
                                       stderr=open(WORK / "ingestd.log", "w", encoding="utf-8"))

    def start_warm(self):
        """With a first picture through: how long starting takes is another figure's."""
        self.fleet("w", 1, 1, 20_000, WORK / "first")
        self.start()
        send_all(self, by_round(WORK / "first"), 1)

    def stop(self, troubled=False):
        self.daemon.terminate()
        if self.daemon.wait() != 0:
            raise SystemExit("the daemon failed")
        if troubled:
            return
        log = (WORK / "ingestd.log").read_text(encoding="utf-8")
        if "trouble" in log:
            raise SystemExit("the daemon was in trouble: " + next(line for line in log.splitlines() if "trouble" in line))

    def rss(self):
        children = subprocess.run(["pgrep", "-P", str(self.daemon.pid)], capture_output=True, text=True, check=False).stdout.split()
        return sum(rss_of(pid) for pid in [str(self.daemon.pid), *children])

    def cpu(self):
        """Seconds of the daemon and of the verifiers that it has now."""
        children = subprocess.run(["pgrep", "-P", str(self.daemon.pid)], capture_output=True, text=True, check=False).stdout.split()
        return sum(cpu_of(pid) for pid in [str(self.daemon.pid), *children])

    def stored(self, prefix):
        return sum(1 for folder in self.evidence.glob(f"cam-{prefix}*") for _ in folder.rglob("*.p7m"))


def rss_of(pid):
    try:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(") ", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")  # itself and the children it waited for


class Departures:
    """When each drop of some cameras went: the kernel's own notice of its removal, read in a thread."""

    def __init__(self, directories):
        self.queue = LIBC.inotify_init1(IN_NONBLOCK)
        for directory in directories:
            if LIBC.inotify_add_watch(self.queue, os.fsencode(directory), IN_DELETE) < 0:
                raise OSError(ctypes.get_errno(), "inotify_add_watch", str(directory))
        self.gone = {}
        self.running = True
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self):
        selector = selectors.DefaultSelector()
        selector.register(self.queue, selectors.EVENT_READ)
        while self.running:
            if not selector.select(0.2):
                continue
            now = time.monotonic()
            octets = os.read(self.queue, 1 << 20)
            while octets:
                length = struct.unpack_from("iIII", octets)[3]
                self.gone[octets[16:16 + length].rstrip(b"\0").decode()] = now
                octets = octets[16 + length:]

    def stop(self):
        self.running = False
        self.thread.join()
        os.close(self.queue)


def send_all(server, parcels, rate):
    """Each parcel gets its name in incoming/ at its time; milliseconds until its drop is gone, in order."""
    cameras = {parcel.parent.name.removeprefix("cam-") for parcel in parcels}
    departures = Departures([server.incoming(camera) for camera in cameras])
    arrived = {}
    begin = time.monotonic()
    for number, parcel in enumerate(parcels):
        time.sleep(max(0.0, begin + number / rate - time.monotonic()))
        arrived[parcel.name] = time.monotonic()
        os.rename(parcel, server.drop / parcel.parent.name / "incoming" / parcel.name)
    deadline = time.monotonic() + 120
    while any(name not in departures.gone for name in arrived):
        time.sleep(0.02)
        if time.monotonic() > deadline:
            raise SystemExit(f"{sum(name not in departures.gone for name in arrived)} of {len(arrived)} pictures did not arrive")
    departures.stop()
    return sorted((departures.gone[name] - at) * 1000 for name, at in arrived.items())


def p99(spans): return spans[min(len(spans) - 1, int(len(spans) * 0.99))]


def by_round(folder):
    """The parcels of a fleet, one of each camera after the other."""
    lines = [sorted(camera.iterdir(), key=lambda path: int(path.name.split("-")[0])) for camera in sorted(folder.iterdir())]
    return [parcel for turn in zip(*lines) for parcel in turn]


def ingest():
    """A backlog of one camera, durable and receipted, beside a bare loop that makes as many files durable; alternating, medians of five. The round
    before these is not counted: it is the one that gets its memory from the host."""
    server = Server()
    count, ours, bare = 2000, [], []
    for _ in range(ROUNDS + 1):
        server.fleet("a", 1, count, 200_000)
        os.sync()
        begin = time.monotonic()
        run(BUILD / "bin/shutterseal-ingestd", "--root", server.root, "--once", "--foreground")
        ours.append(time.monotonic() - begin)
        target = WORK / "bare"
        target.mkdir()
        bare.append(float(subprocess.run([BUILD / "bench/bare_loop", target, str(count), "200000"], check=True, capture_output=True, text=True).stdout))
        shutil.rmtree(target)
    if server.stored("a") != (ROUNDS + 1) * count:
        raise SystemExit(f"{server.stored('a')} of {(ROUNDS + 1) * count} envelopes are in evidence")
    ratio = statistics.median(theirs / mine for mine, theirs in zip(ours[1:], bare[1:]))
    mine, floor = statistics.median(ours[1:]), statistics.median(bare[1:])
    figure("ingest-to-bare-loop", round(ratio, 3), ">= 0.75", ratio >= 0.75,
           f"{count / mine:.0f} pictures/s with start and stop, bare loop {count / floor:.0f}/s")


def steady():
    server = Server()
    server.fleet("s", 100, 20 * ROUNDS, 200_000, WORK / "away")
    os.sync()
    server.start_warm()
    parcels = by_round(WORK / "away")
    spans = [send_all(server, parcels[turn * 2000:(turn + 1) * 2000], 200) for turn in range(ROUNDS)]
    cpu = server.cpu() / len(parcels) * 1000
    server.stop()
    worst = [p99(one) for one in spans]
    typical = statistics.median(worst)
    figure("p99-at-200-a-second-ms", round(typical, 1), "<= 250", typical <= 250,
           f"median of {ROUNDS} rounds of 2,000 pictures of 200 KB of 100 cameras, from {min(worst):.0f} to {max(worst):.0f}; p50 {statistics.median(one[1000] for one in spans):.1f} ms, "
           f"{cpu:.2f} ms of CPU a picture")


def feed(server, parcels, stop):
    """Keeps a hundred good parcels waiting."""
    incoming = server.incoming("aa1")
    for parcel in parcels:
        while len(os.listdir(incoming)) >= 100:
            if stop.is_set():
                return
            time.sleep(0.01)
        os.rename(parcel, incoming / parcel.name)


def with_good_flood(server, parcels, supply):
    stop = threading.Event()
    feeder = threading.Thread(target=feed, args=(server, supply, stop))
    feeder.start()
    time.sleep(1)
    spans = send_all(server, parcels, 20)
    went_on = feeder.is_alive()
    stop.set()
    feeder.join()
    if not went_on:
        raise SystemExit("the flood ended before the others' pictures were through")
    return spans


def with_bad_flood(server, parcels, _supply):
    process = subprocess.Popen(["/usr/bin/python3", PROJECT / "test/lib/endless_flood.py", server.incoming("aa1"), "200"])
    time.sleep(1)
    spans = send_all(server, parcels, 20)
    process.send_signal(signal.SIGTERM)
    process.wait()
    return spans


def flood():
    """Fifty cameras, five pictures each a round, alone, beside a camera that floods with good parcels, and beside one that floods with rubbish. What is
    compared was measured in one round; medians of five."""
    server = Server("quarantine-quota = 1M")
    trials = {"alone": lambda server, parcels, _supply: send_all(server, parcels, 20), "good": with_good_flood, "bad": with_bad_flood}
    for kind in trials:
        server.fleet(f"{kind}-", 50, 5 * ROUNDS, 200_000, WORK / kind)
    server.fleet("aa", 1, 60_000, 20_000, WORK / "flood")
    os.sync()
    supply = iter(by_round(WORK / "flood"))
    parcels = {kind: by_round(WORK / kind) for kind in trials}
    server.start_warm()
    spans = {kind: [] for kind in trials}
    for turn in range(ROUNDS):
        for kind, trial in trials.items():
            spans[kind].append(p99(trial(server, parcels[kind][turn * 250:(turn + 1) * 250], supply)))
    for kind in ("good", "bad"):
        ratios = [beside / alone for beside, alone in zip(spans[kind], spans["alone"])]
        ratio = statistics.median(ratios)
        figure(f"p99-beside-a-{kind}-flood", round(ratio, 2), "< 2", ratio < 2,
               f"rounds from {min(ratios):.2f} to {max(ratios):.2f}; medians {statistics.median(spans[kind]):.1f} ms, alone {statistics.median(spans['alone']):.1f} ms; "
               f"{server.stored('aa')} of the flood stored by then")
    server.stop()


def resent():
    """A backlog of 10,000 that is stored already and comes again, beside an older build that looks for no file before it receipts; alternating, median of
    three. Each has a tree of its own, copied before either ran."""
    older = os.environ.get("OLDER")
    if not older:
        print("resent-backlog-to-older: left out, OLDER names no older build")
        return
    server = Server()
    server.fleet("d", 1, 10_000, 6_000, WORK / "away")
    trees = {"ours": (BUILD, server.root), "older": (pathlib.Path(older).resolve(), WORK / "older")}
    shutil.copytree(server.root, trees["older"][1], symlinks=True)
    spans = {"ours": [], "older": []}
    for turn in range(4):  # the first stores it
        for kind, (build, root) in trees.items():
            incoming = root / "srv/shutterseal/drop/cam-d1/incoming"
            for parcel in (WORK / "away/cam-d1").iterdir():
                shutil.copy(parcel, incoming)
            os.sync()
            begin = time.monotonic()
            run(build / "bin/shutterseal-ingestd", "--root", root, "--once", "--foreground")
            if turn:
                spans[kind].append(time.monotonic() - begin)
            if any(incoming.iterdir()):
                raise SystemExit(f"{kind}: not all were taken")
    stored = server.stored("d")
    if stored != 10_000:
        raise SystemExit(f"{stored} files of 10,000 envelopes")
    ratios = [mine / theirs for mine, theirs in zip(spans["ours"], spans["older"])]
    ratio = statistics.median(ratios)
    figure("resent-backlog-to-older", round(ratio, 3), "<= 1.1", ratio <= 1.1,
           f"10,000 duplicates of 6 kB: {statistics.median(spans['ours']):.2f} s, older {statistics.median(spans['older']):.2f} s; rounds from {min(ratios):.2f} to {max(ratios):.2f}")


def failing():
    """Fifty cameras, five pictures each a round, alone, and beside a camera that goes on sending and whose evidence folder is a file; medians of five."""
    server = Server()
    for kind in ("alone", "beside"):
        server.fleet(f"{kind}-", 50, 5 * ROUNDS, 200_000, WORK / kind)
    server.fleet("bb", 1, 5_000, 20_000, WORK / "failing")
    os.sync()
    supply = iter(by_round(WORK / "failing"))
    parcels = {kind: by_round(WORK / kind) for kind in ("alone", "beside")}
    server.start_warm()
    (server.evidence / "cam-bb1").write_bytes(b"in the way")
    held = server.incoming("bb1").with_name("held")

    def send_on(stop):
        while not stop.wait(0.02):
            parcel = next(supply)
            os.rename(parcel, server.incoming("bb1") / parcel.name)

    spans = {"alone": [], "beside": []}
    for turn in range(ROUNDS):
        for kind, all_spans in spans.items():
            stop = threading.Event()
            sender = threading.Thread(target=send_on, args=(stop,))
            if kind == "beside":
                sender.start()
                time.sleep(1)
            all_spans.append(p99(send_all(server, parcels[kind][turn * 250:(turn + 1) * 250], 20)))
            stop.set()
            if kind == "beside":
                sender.join()
            time.sleep(1)
            for folder in (server.incoming("bb1"), held):
                for path in folder.glob("*"):  # a fleet has no held/
                    path.unlink(missing_ok=True)
    if "camera=bb1" not in (WORK / "ingestd.log").read_text(encoding="utf-8"):
        raise SystemExit("the camera that should fail is not in trouble")
    ratios = [beside / alone for beside, alone in zip(spans["beside"], spans["alone"])]
    ratio = statistics.median(ratios)
    figure("p99-beside-a-failing-camera", round(ratio, 2), "<= 1.2", ratio <= 1.2,
           f"rounds from {min(ratios):.2f} to {max(ratios):.2f}; medians {statistics.median(spans['beside']):.1f} ms, alone {statistics.median(spans['alone']):.1f} ms")
    server.stop(troubled=True)


def fleet():
    """Five thousand cameras, a hundred thousand small parcels waiting."""
    server = Server()
    server.fleet("f", 5000, 20, 600)
    os.sync()
    begin = time.monotonic()
    server.start()
    log = WORK / "ingestd.log"
    while " accepted " not in log.read_text(encoding="utf-8") or not next(server.evidence.rglob("*.p7m"), None):
        time.sleep(0.01)
        if time.monotonic() - begin > 120 or server.daemon.poll() is not None:
            raise SystemExit("nothing was committed")
    first = time.monotonic() - begin
    figure("first-commit-of-100000-s", round(first, 2), "<= 5", first <= 5, "5,000 cameras, 100,000 parcels waiting, caches as they are after writing")
    held = []
    while not held or server.stored("f1") < sum(1 for _ in server.drop.glob("cam-f1*")) * 20:
        held.append(server.rss())
        time.sleep(2)
        if time.monotonic() - begin > 900:
            raise SystemExit("the backlog did not drain")
    elapsed = time.monotonic() - begin
    peak = max(held)
    figure("rss-of-5000-cameras-mib", round(peak, 1), "<= 64", peak <= 64, f"peak of daemon and verifiers while 100,000 drained in {elapsed:.0f} s; after the first {held[0]:.1f}")
    server.stop()


def main():
    for name, part in (("ingest", ingest), ("steady", steady), ("flood", flood), ("fleet", fleet), ("resent", resent), ("failing", failing)):
        if not WANTED or name in WANTED:
            part()
    figures.write()
    shutil.rmtree(WORK, ignore_errors=True)


main()
