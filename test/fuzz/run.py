#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fuzzes every target for a while, as many at a time as there are cores, and prints a table.

usage: run.py BUILD MINUTES [TARGET...]      new inputs to BUILD/corpus/TARGET, what broke a promise to BUILD/crashes/TARGET; 1 if there is one
       run.py BUILD --minimise [TARGET...]   the smallest part of all corpora that reaches as much becomes test/fuzz/corpus/TARGET
From the project's root. Every crash becomes a file of test/fuzz/crashes/TARGET, named after what was broken.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

OURS = pathlib.Path("test/fuzz")
LARGEST_INPUT = 8192
OPTIONS = [f"-max_len={LARGEST_INPUT}", "-timeout=20", "-rss_limit_mb=2048"]


def scratch() -> dict[str, str]:
    """The registry's files are synced at each input: memory is the place for them."""
    return os.environ | {"TMPDIR": "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()}


def corpora(build: pathlib.Path, target: str) -> list[str]:
    own = build / "corpus" / target
    own.mkdir(parents=True, exist_ok=True)
    return [str(folder) for folder in (own, OURS / "corpus" / target, OURS / "crashes" / target) if folder.is_dir()]


def last_number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text, re.M)
    return int(found[-1]) if found else 0


def fuzz(build: pathlib.Path, target: str, seconds: int) -> dict:
    crashes = build / "crashes" / target
    crashes.mkdir(parents=True, exist_ok=True)
    before = set(crashes.iterdir())
    command = [build / "bin" / f"fuzz-{target}", f"-max_total_time={seconds}", f"-artifact_prefix={crashes}/", "-print_final_stats=1",
               "-use_value_profile=1", *OPTIONS, *corpora(build, target)]
    begin = time.monotonic()
    process = subprocess.Popen(command, env=scratch(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    found = sorted(set(crashes.iterdir()) - before)
    broken = status != 0 or bool(found)
    runs = last_number(r"number_of_executed_units: *(\d+)", said) or last_number(r"^#(\d+)\s", said)
    return {"target": target, "runs": runs, "rate": runs / max(time.monotonic() - begin, 1), "edges": last_number(r"cov: (\d+)", said),
            "cpu": usage.ru_utime + usage.ru_stime, "broken": broken, "found": found, "said": said}


def print_table(results: list[dict]) -> None:
    print(f"{'target':<18}{'runs':>12}{'runs/s':>10}{'edges':>8}{'CPU s':>8}{'crashes':>9}")
    for one in results:
        print(f"{one['target']:<18}{one['runs']:>12}{one['rate']:>10.0f}{one['edges']:>8}{one['cpu']:>8.0f}{len(one['found']):>9}")
    print(f"{'all':<18}{sum(one['runs'] for one in results):>12}{'':>18}{sum(one['cpu'] for one in results):>8.0f}")
    for one in results:
        if one["broken"]:
            print(f"\n{one['target']}: {', '.join(map(str, one['found']))}\n{one['said'][-4000:]}")


def minimise(build: pathlib.Path, target: str) -> None:
    ours = OURS / "corpus" / target
    ours.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as smallest:
        subprocess.run([build / "bin" / f"fuzz-{target}", "-set_cover_merge=1", "-use_counters=0", *OPTIONS, smallest, *corpora(build, target)],
                       env=scratch(), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(ours)
        shutil.copytree(smallest, ours)
    sizes = [file.stat().st_size for file in ours.iterdir()]
    print(f"{target}: {len(sizes)} inputs, {sum(sizes)} octets")


def main() -> int:
    build, what, *chosen = sys.argv[1:]
    build = pathlib.Path(build)
    targets = chosen or sorted(source.stem for source in (OURS / "target").glob("*.cc"))
    if what == "--minimise":
        for target in targets:
            minimise(build, target)
        return 0
    seconds = round(float(what) * 60)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda target: fuzz(build, target, seconds), targets))
    print_table(results)
    return 1 if any(one["broken"] for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
