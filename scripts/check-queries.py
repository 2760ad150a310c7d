#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the pipeline asks of the index it asks for each envelope: SQLite must find it by a key, or each picture of a camera costs more than the one
before. Prepares every statement of src/ledger/index.cc against its schema and reads the plan; what stands behind "questions of people" may scan.

usage: check-queries.py [FILE]; prints each statement that would read more than it must, exits 1 if there is one.
"""
import pathlib
import re
import sqlite3
import sys

SOURCE = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "src/ledger/index.cc")
PEOPLE = "// ---- questions of people"
LITERAL = r'"(?:[^"\\]|\\.)*"'


def expanded(text):
    """Macros of string literals put in their places, lines joined."""
    text = text.replace("\\\n", " ")
    for name, value in re.findall(rf"#define (SHUTTERSEAL_\w+)\s+({LITERAL}(?:\s*{LITERAL})*)", text):
        text = re.sub(rf"#define {name}\b[^\n]*|#undef {name}\b", "", text)
        text = re.sub(rf"\b{name}\b", lambda _, value=value: value, text)
    return text


def statements(text):
    for run in re.findall(rf"{LITERAL}(?:\s*{LITERAL})*", text):
        sql = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', run))
        if re.match(r"(SELECT|INSERT|UPDATE|DELETE|WITH)\b", sql):
            yield sql


def plan(database, sql):
    numbers = [int(n) for n in re.findall(r"\?(\d+)", sql)]
    count = max(numbers) if numbers else sql.count("?")
    return [row[3] for row in database.execute("EXPLAIN QUERY PLAN " + sql, [None] * count)]


def reads_too_much(step):
    whole = step.startswith("SCAN ") and step != "SCAN CONSTANT ROW" or "USING" in step and "(" not in step
    return whole or step.startswith("SEARCH envelope") and "USING PRIMARY KEY (camera=?)" in step


def main():
    text = SOURCE.read_text(encoding="utf-8")
    database = sqlite3.connect(":memory:")
    for schema in re.findall(r'R"\((.*?)\)"', text, re.S):
        database.executescript(schema)
    bad = asked = 0
    pipeline, _, people = expanded(text).partition(PEOPLE)
    for sql in statements(re.sub(r'R"\(.*?\)"', "", pipeline, flags=re.S)):
        asked += 1
        for step in plan(database, sql):
            if reads_too_much(step):
                print(f"{SOURCE}: {step}: {sql}")
                bad += 1
    for sql in statements(people):
        plan(database, sql)
    if asked < 8:
        print(f"{SOURCE}: only {asked} statements were found")
        bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
