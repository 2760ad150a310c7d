#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the shipped fail2ban filters over their samples, through fail2ban's own code, and holds each line against the failJSON above it.

usage: check-failjson.py FILTERS_DIR SAMPLES_DIR; one line a mistake; exits 1 if there is one, or a filter has no sample of both kinds.
"""
import datetime
import json
import pathlib
import sys

from fail2ban.client.filterreader import FilterReader
from fail2ban.server.filter import Filter
from fail2ban.server.mytime import MyTime

NOW = datetime.datetime(2026, 11, 26, 13, 5, 30, tzinfo=datetime.timezone.utc)  # of the samples: an old line is no failure


def load(name: str, base: str) -> Filter:
    reader = FilterReader(name, "jail", {}, basedir=base)
    reader.read()
    reader.getOptions({})
    made = Filter(None)
    made.inOperation = False  # a sample's time is not now
    for _, _, what, value, *_ in reader.convert():
        if what == "prefregex":
            made.prefRegex = value
        elif what == "addfailregex":
            for expression in value if isinstance(value, list) else [value]:
                made.addFailRegex(expression)
        elif what == "datepattern":
            made.setDatePattern(value)
    made.setUseDns("no")
    return made


def mistakes(name: str, base: str, sample: pathlib.Path):
    made = load(name, base)
    wanted, kinds = None, set()
    if not made.getFailRegex():
        yield "no expression was read"
    for number, line in enumerate(sample.read_text().splitlines(), 1):
        if line.startswith("# failJSON:"):
            wanted = json.loads(line.split(":", 1)[1])
            continue
        if line.startswith("#") or not line:
            continue
        if wanted is None:
            yield f"{sample}:{number}: no failJSON stands above"
            continue
        kinds.add(wanted["match"])
        found = list(made.processLine(line))
        if bool(found) != wanted["match"]:
            yield f"{sample}:{number}: {'no match' if not found else 'matches'}: {line}"
        elif found:
            yield from compare(f"{sample}:{number}", found, wanted)
        wanted = None
    if kinds != {True, False}:
        yield f"{sample}: needs lines that must match and lines that must not"


def compare(where: str, found: list, wanted: dict):
    if len(found) != 1:
        yield f"{where}: {len(found)} failures in one line"
    _, identity, when, _ = found[0][:4]
    expected = wanted.get("host", wanted.get("id"))
    if str(identity) != expected:
        yield f"{where}: {identity} and not {expected}"
    time = datetime.datetime.fromtimestamp(when, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    if time != wanted["time"]:
        yield f"{where}: time {time} and not {wanted['time']}"


def main() -> int:
    filters, samples = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    failures = checked = 0
    MyTime.setTime(NOW.timestamp())
    for path in sorted((filters / "filter.d").glob("*.conf")):
        checked += 1
        sample = samples / path.stem
        if not sample.exists():
            print(f"{path.stem}: no samples")
            failures += 1
            continue
        for mistake in mistakes(path.stem, str(filters), sample):
            print(mistake)
            failures += 1
    return 1 if failures or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
