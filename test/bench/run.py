#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""All figures: usage: run.py BUILD [FIGURE...]. Prints a table and writes BUILD/bench/figures.json. OLDER in the environment: the build folder
of an older version, for the figures that are held side by side with it.

Everything runs on this machine: a private sshd on loopback, one file system (BUILD must lie on ext4, xfs or btrfs), a delay proxy for slow lines.
A figure is a ratio inside one run, candidate and peer alternating, median of five (three where a round takes longer than ten seconds).
"""
import atexit
import os
import pathlib
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

from figures import Figures

BUILD = pathlib.Path(sys.argv[1]).resolve()
WANTED = set(sys.argv[2:])
PROJECT = pathlib.Path(__file__).resolve().parents[2]
WORK = BUILD / "bench" / "work"
WITHOUT_HEARTBEATS = "heartbeat = 0s\n"  # pictures are counted
figures = Figures(BUILD / "bench" / "figures.json")
figure = figures.add


def wanted(name):
    return not WANTED or name in WANTED


def sh(command, **more):
    done = subprocess.run(["sh", "-euc", command], capture_output=True, text=True, env=environment(), **more)
    if done.returncode != 0:
        raise SystemExit(f"gave {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def environment():
    return {**os.environ, "PATH": f"{BUILD}/bin:{os.environ['PATH']}"}


class World:
    """A server root, one camera, a private sshd, and a plain ssh identity for the peers."""

    def __init__(self, port_of_url=None):
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir(parents=True)
        self.passphrase = WORK / "passphrase"
        self.passphrase.write_text("correct horse battery\n")
        self.passphrase.chmod(0o600)
        self.sshd = subprocess.Popen(["sh", "-c", f'. "{PROJECT}/test/lib/private-sshd.sh"; trap stop_sshd EXIT; trap "exit 0" TERM; '
                                      f'start_sshd "{WORK}/sshd"; echo $SSHD_PORT; while :; do sleep 1; done'],
                                     stdout=subprocess.PIPE, text=True)
        self.daemon = None
        atexit.register(self.close)  # what fails must not leave an sshd behind
        self.port = int(self.sshd.stdout.readline())
        self.url_port = port_of_url or self.port
        user = os.environ.get("USER") or sh("id -un").strip()
        self.user = user
        sh(f'''cd "{WORK}"
shutterseal keys custodian --passphrase-file passphrase
shutterseal init --root server --authority custodian/authority.pem --custodian custodian/custodian.pem --url sftp://{user}@127.0.0.1:{self.url_port}/ --host-key sshd/host_key.pub
printf 'free-least = 0\n' > server/etc/shutterseal/ingestd.conf
shutterseal-upload enrol --root camera --camera 101 --passphrase-file passphrase
shutterseal camera add 101 --root "{WORK}/server" --request camera/var/lib/shutterseal-upload/keys/request.pem --authority-key custodian/authority.key --passphrase-file passphrase --out bundle
shutterseal-upload accept bundle --root camera --authority $(openssl x509 -in custodian/authority.pem -outform DER | sha256sum | cut -d' ' -f1)
ssh-keygen -q -t ed25519 -N '' -f peer
cat server/etc/shutterseal/cameras/cam-101/authorized_keys peer.pub >> sshd/authorized_keys
mkdir -p camera/etc/shutterseal camera/var/lib/motion pictures peer-target''')
        (WORK / "camera/etc/shutterseal/upload.conf").write_text(WITHOUT_HEARTBEATS)
        self.capture = WORK / "camera/var/lib/motion"
        self.spool = WORK / "camera/var/lib/shutterseal-upload/spool"
        self.evidence = WORK / "server/var/lib/shutterseal/evidence"
        self.incoming = WORK / "server/srv/shutterseal/drop/cam-101/incoming"
        self.ssh = (f"ssh -F none -i {WORK}/peer -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
                    f"-o LogLevel=ERROR -p {{port}}")

    def start_daemon(self):
        log = open(WORK / "ingestd.log", "a")
        self.daemon = subprocess.Popen([f"{BUILD}/bin/shutterseal-ingestd", "--root", str(WORK / "server"), "--foreground"], stderr=log)

    def stop_daemon(self):
        if self.daemon:
            self.daemon.terminate()
            self.daemon.wait()
            self.daemon = None

    def close(self):
        self.stop_daemon()
        self.sshd.terminate()
        self.sshd.wait()

    def make_pictures(self, count, size):
        target = WORK / f"pictures/{count}-{size}"
        target.mkdir(parents=True)
        for i in range(count):
            (target / f"p{i:05}.jpg").write_bytes(b"\xff\xd8\xff\xe0" + os.urandom(size - 6) + b"\xff\xd9")
        os.sync()
        return target

    def fill_capture(self, pictures):
        self.copy(pictures, self.capture)

    def stage(self, pictures):
        """On the capture directory's file system: a rename away from it."""
        staged = WORK / "staged"
        staged.mkdir(exist_ok=True)
        return self.copy(pictures, staged)

    @staticmethod
    def copy(pictures, target):
        for picture in pictures.iterdir():
            shutil.copy(picture, target / picture.name)
        os.sync()
        return target

    def upload(self, config="", build=BUILD):
        (WORK / "upload.conf").write_text(WITHOUT_HEARTBEATS + config)
        command = [f"{build}/bin/shutterseal-upload", "run", "--root", str(WORK / "camera"), "--passphrase-file", str(self.passphrase),
                   "--config", str(WORK / "upload.conf")]
        started = time.monotonic()
        process = subprocess.Popen(command)
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        left = len(list(self.spool.glob("*.p7m")))
        if process.returncode != 0 or left:
            raise SystemExit(f"upload gave {process.returncode}, {left} envelopes left")
        return elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024

    def peer_sftp(self, pictures, port):
        target = self.fresh_target()
        batch = "".join(f"put {p} {target}/.{p.name}.part\nrename {target}/.{p.name}.part {target}/{p.name}\n" for p in sorted(pictures.iterdir()))
        (WORK / "batch").write_text(batch)
        ssh = self.ssh.format(port=port).split()
        command = ["sftp", "-q", *ssh[1:-2], "-P", str(port), "-b", str(WORK / "batch"), f"{self.user}@127.0.0.1"]
        return timed(command)

    def peer_rsync(self, pictures, port):
        return timed(["rsync", "-a", "-e", self.ssh.format(port=port), f"{pictures}/", f"{self.user}@127.0.0.1:{self.fresh_target()}/"])

    def fresh_target(self):
        shutil.rmtree(WORK / "peer-target")
        (WORK / "peer-target").mkdir()
        return WORK / "peer-target"


def timed(command):
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]}: {done.stderr[-500:]}")
    return time.monotonic() - started


class Proxy:
    def __init__(self, listen, target, one_way_ms, rate):
        self.process = subprocess.Popen([f"{BUILD}/bench/delay_proxy", str(listen), str(target), str(one_way_ms), str(rate)],
                                        stdout=subprocess.PIPE, text=True)
        time.sleep(0.2)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return int(self.process.communicate()[0])


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def in_process():
    goals = {"seal-200k": 1.2, "seal-2m": 1.15, "seal-10m": 1.15, "verify-200k": 1.1,
             "seal-2m-memory": (1.2 * 2e6 + 4 * 2**20) / 2e6, "seal-10m-memory": (1.2 * 1e7 + 4 * 2**20) / 1e7}
    for line in subprocess.run([f"{BUILD}/bench/in_process"], check=True, capture_output=True, text=True).stdout.splitlines():
        name, ratio, detail = line.split(" ", 2)
        goal = goals.get(name)
        figure(name, float(ratio), f"<= {goal:.2f}" if goal else "-", not goal or float(ratio) <= goal, detail)


def digests():
    """What holding each envelope against its digest costs the uploader: one more SHA-256 of what it seals and sends."""
    older = os.environ.get("OLDER")
    if not older:
        print("digests-held-cpu: left out, OLDER names no older build")
        return
    world = World()
    pictures = world.make_pictures(500, 200_000)
    world.start_daemon()
    older = pathlib.Path(older).resolve()

    def cpu_of(build):
        idle = world.upload(build=build)[1]  # the keys' 600,000 rounds, and the start
        world.fill_capture(pictures)
        return (world.upload(build=build)[1] - idle) / 500 * 1000

    spans = [(cpu_of(BUILD), cpu_of(older)) for _ in range(5)]
    world.close()
    ours, theirs = (statistics.median(column) for column in zip(*spans))
    figure("digests-held-cpu", round(ours / theirs, 3), "<= 1.15", ours <= 1.15 * theirs, f"{ours:.2f} ms of CPU a picture of 200 KB, {theirs:.2f} ms by {older}")


def slow_line():
    port = free_port()
    world = World(port)
    proxy = Proxy(port, world.port, 20, 0)
    pictures = world.make_pictures(100, 200_000)
    world.start_daemon()
    ours, rsync, sftp, cpu = [], [], [], []
    for round_ in range(3):
        world.fill_capture(pictures)
        elapsed, used, _ = world.upload()
        ours.append(elapsed)
        cpu.append(used)
        rsync.append(world.peer_rsync(pictures, port))
        if round_ == 0:
            sftp.append(world.peer_sftp(pictures, port))
    proxy.stop()
    world.close()
    mine = statistics.median(ours)
    figure("40ms-backlog-to-rsync", round(mine / statistics.median(rsync), 3), "<= 2", mine <= 2 * statistics.median(rsync),
           f"{mine:.2f} s, rsync {statistics.median(rsync):.2f} s")
    figure("40ms-backlog-sftp-to-ours", round(sftp[0] / mine, 2), ">= 8", sftp[0] >= 8 * mine, f"sftp -b {sftp[0]:.2f} s")
    figure("40ms-backlog-cpu", round(statistics.median(cpu), 3), "<= 1.5 s", statistics.median(cpu) <= 1.5, "seconds of CPU of the uploader")


def narrow_line():
    port = free_port()
    world = World(port)
    proxy = Proxy(port, world.port, 20, 125_000)
    pictures = world.make_pictures(100, 200_000)
    world.start_daemon()
    world.fill_capture(pictures)
    elapsed, cpu, _ = world.upload()
    carried = proxy.stop()
    world.close()
    ratio = carried / (100 * 200_000)
    figure("1mbit-bytes", round(ratio, 4), "<= 1.03", ratio <= 1.03, f"{carried} octets sent for 100 JPEGs of 200000, {elapsed:.0f} s, one run")
    figure("1mbit-cpu", round(cpu, 3), "<= 3 s", cpu <= 3, "seconds of CPU of the uploader")


def memory_of(pids):
    total = 0
    for pid in pids:
        try:
            for line in open(f"/proc/{pid}/smaps_rollup"):
                if line.startswith("Rss:"):
                    total += int(line.split()[1])
        except OSError:
            pass
    return total / 1024


def family(pid):
    children = [task.read_text().split() for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children")]
    return [str(pid), *sum(children, [])]


class PeakOf:
    def __init__(self, pid):
        self.peak, self.pid, self.running = 0.0, pid, True
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while self.running:
            self.peak = max(self.peak, memory_of(family(self.pid)))
            time.sleep(0.1)

    def stop(self):
        self.running = False
        self.thread.join()
        return self.peak


class Watch:
    """shutterseal-upload watch, ready, with no connection yet: as the shipped service waits for pictures."""

    def __init__(self, world):
        self.world = world
        notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = f"\0{WORK}/{os.getpid()}"
        notices.bind(address)
        self.process = subprocess.Popen([f"{BUILD}/bin/shutterseal-upload", "watch", "--root", str(WORK / "camera"), "--passphrase-file", str(world.passphrase)],
                                        stderr=open(WORK / "watch.log", "a"), env={**os.environ, "NOTIFY_SOCKET": "@" + address[1:]})
        notices.settimeout(30)
        while b"READY=1" not in notices.recv(4096):
            pass
        notices.close()

    def nothing_waits(self):
        return not (holds(self.world.spool, ".p7m") or holds(self.world.capture, ".jpg") or holds(self.world.capture / ".claimed", ".jpg"))

    def take(self, staged, limit=120):
        """Seconds from the first picture's name in the capture directory to the last one's receipt applied."""
        started = time.monotonic()
        for picture in staged.iterdir():
            os.rename(picture, self.world.capture / picture.name)
        while not self.nothing_waits():
            time.sleep(0.01)
            if time.monotonic() - started > limit:
                raise SystemExit(f"pictures took more than {limit} s")
        return time.monotonic() - started

    def stop(self):
        self.process.terminate()
        self.process.wait()


def holds(directory, ending):
    with os.scandir(directory) as entries:
        return any(entry.name.endswith(ending) for entry in entries)


def loopback():
    world = World()
    pictures = world.make_pictures(500, 200_000)
    world.start_daemon()
    watched, ran, sftp, rss, daemon = [], [], [], [], []
    for _ in range(5):
        watch = Watch(world)
        watched.append(watch.take(world.stage(pictures)))
        watch.stop()
        sftp.append(world.peer_sftp(pictures, world.port))
        world.fill_capture(pictures)
        peak = PeakOf(world.daemon.pid)  # to look costs time, too: not where others are compared
        elapsed, _, resident = world.upload()
        daemon.append(peak.stop())
        ran.append(elapsed)
        rss.append(resident)
    world.close()
    theirs = statistics.median(sftp)
    for name, spans, how in (("loopback-speed-to-sftp", watched, "watch, not yet connected"), ("loopback-speed-to-sftp-run", ran, "run, with the unlocking of its two keys")):
        mine = statistics.median(spans)
        figure(name, round(theirs / mine, 3), ">= 0.8", theirs / mine >= 0.8, f"{500 / mine:.0f} pictures/s by {how}; sftp -b {500 / theirs:.0f}/s (not durable)")
    figure("uploader-rss", round(max(rss), 1), "<= 24 MiB", max(rss) <= 24, "peak, 500 pictures of 200 KB a run")
    figure("ingestd-and-workers-rss", round(max(daemon), 1), "<= 64 MiB", max(daemon) <= 64, "peak of the sum, 5000 pictures of 200 KB")


def flatness():
    """One watch and one daemon over 10,000 pictures: what they hold after 2,000 and at the end."""
    world = World()
    pictures = world.make_pictures(500, 200_000)
    world.start_daemon()
    watch = Watch(world)
    held = []
    for _ in range(20):
        watch.take(world.stage(pictures))
        held.append((memory_of([str(watch.process.pid)]), memory_of(family(world.daemon.pid))))
    watch.stop()
    stored = sum(1 for _ in world.evidence.rglob("*.p7m"))
    world.close()
    if stored != 10_000:
        raise SystemExit(f"{stored} of 10000 envelopes are in evidence")
    for name, index, limit in (("uploader-rss-10000", 0, 24), ("ingestd-rss-10000", 1, 64)):
        early, late = held[3][index], held[-1][index]
        figure(name, round(late, 1), f"<= {limit} MiB", late <= limit and late <= early * 1.1, f"MiB after 10,000 pictures; {early:.1f} after 2,000")


def latency():
    world = World()
    world.start_daemon()
    picture = b"\xff\xd8\xff\xe0" + os.urandom(200_000 - 6) + b"\xff\xd9"
    watch = Watch(world)
    spans = []
    for i in range(60):
        time.sleep(0.1)
        stored = state_of(world)
        (world.capture / f"p{i}.jpg").write_bytes(picture)
        started = time.monotonic()
        while state_of(world) == stored or any(world.spool.glob("*.p7m")):
            time.sleep(0.0005)
            if time.monotonic() - started > 30:
                raise SystemExit("a picture did not arrive in 30 s")
        spans.append((time.monotonic() - started) * 1000)
    watch.stop()
    world.close()
    spans = sorted(spans[5:])
    p50 = statistics.median(spans)
    figure("one-picture-latency-ms", round(p50, 1), "<= 60", p50 <= 60, f"p50; p95 {spans[int(len(spans) * 0.95)]:.1f} ms; JPEG closed to receipt applied, connection open")


def seal_in_tpm():
    """A software TPM on this machine: what the way to a chip costs. A real one's own time for two signatures comes on top."""
    tpm = BUILD / "bench" / "tpm"
    shutil.rmtree(tpm, ignore_errors=True)
    (tpm / "state").mkdir(parents=True)
    swtpm = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={tpm}/state", "--server", f"type=unixio,path={tpm}/socket",
                              "--ctrl", f"type=unixio,path={tpm}/socket.ctrl", "--flags", "not-need-init,startup-clear"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tpm / "socket").exists() or not (tpm / "socket.ctrl").exists():
        time.sleep(0.05)
    said = subprocess.run([f"{BUILD}/bench/seal_in_tpm", f"swtpm:path={tpm}/socket"], check=True, capture_output=True, text=True).stdout
    swtpm.terminate()
    swtpm.wait()
    shutil.rmtree(tpm)
    ours, plain = map(float, said.split())
    figure("seal-in-software-tpm-ms", round(ours, 2), "<= 5", ours <= 5, f"p50, 200 KB, two signatures by swtpm; {plain:.2f} ms with the key in memory")


def state_of(world):
    path = WORK / "camera/var/lib/shutterseal-upload/state/receipt"
    return path.stat().st_mtime_ns if path.exists() else 0


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    for name, run in (("in-process", in_process), ("tpm", seal_in_tpm), ("latency", latency), ("digests", digests), ("loopback", loopback), ("flat", flatness), ("slow", slow_line), ("narrow", narrow_line)):
        if wanted(name):
            run()
    figures.write()
    shutil.rmtree(WORK, ignore_errors=True)


main()
