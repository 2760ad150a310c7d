#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the folder table of ARCHITECTURE.md against the include lines: who may use whom, and which folder alone may name a library.

usage: check-folders.py [SOURCE_DIR]; prints each line that breaks the table, exits 1 if there is one.
"""
import pathlib
import re
import sys

MAY_USE = {
    "base": set(),
    "config": {"base"},
    "report": {"base"},
    "envelope": {"base"},
    "keystore": {"base", "envelope"},
    "registry": {"base"},
    "evidence": {"base"},
    "ledger": {"base", "envelope"},
    "transport": {"base"},
    "sandbox": {"base"},
    "server": {"base", "envelope", "registry", "evidence", "ledger"},
    "uploader": {"base", "config", "report", "envelope", "keystore", "transport"},
    "ingestd": {"base", "config", "envelope", "registry", "evidence", "ledger", "sandbox", "server"},
    "pam": {"base", "registry"},
    "doctor": {"base", "envelope", "transport"},
    "custody": {"base", "config", "report", "envelope", "registry", "evidence", "ledger", "sandbox", "server", "transport", "doctor"},
}
LIBRARY_HOME = {
    "openssl/": {"envelope"},
    "curl/": {"transport"},
    "sqlite3.h": {"ledger"},
    "boost/": {"config"},
    "nlohmann/": {"report"},
    "seccomp.h": {"sandbox"},
    "security/": {"pam"},
    "tss2/": {"keystore"},
    "p11-kit/": {"keystore"},
    "libssh2": {"doctor"},
    "crypt.h": {"registry"},
    "fmt/": set(MAY_USE),
}
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def problem(folder: str, kind: str, target: str) -> str | None:
    if kind == '"':
        if not target.startswith("src/"):
            return "an own header is included from the root: \"src/…\""
        other = target.split("/")[1]
        if other != folder and other not in MAY_USE[folder]:
            return f"{folder} may not use {other}"
        return None
    for prefix, homes in LIBRARY_HOME.items():
        if target.startswith(prefix) and folder not in homes:
            return f"only {', '.join(sorted(homes))} may include <{prefix}…>"
    return None


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    failures = checked = 0
    for path in sorted((root / "src").rglob("*.*")):
        folder = path.relative_to(root / "src").parts[0]
        if folder not in MAY_USE:
            print(f"{path}: the table does not know the folder {folder}")
            failures += 1
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            checked += 1
            why = problem(folder, *match.groups())
            if why:
                print(f"{path}:{number}: {why}: {line.strip()}")
                failures += 1
    if checked == 0:
        print("no include line was seen: the check looks in the wrong place")
        failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
