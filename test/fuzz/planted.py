#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The control of the fuzzing itself: takes one check out of a copy of the readers at a time, and the targets must find it.

usage: planted.py BUILD [WORD]; from the project's root, after `make fuzz-build`. One line a weakness (whose name has WORD), 'ok …' or 'not ok …'. A
weakness that nobody finds is a promise that the targets do not hold, or a change that the mutator does not make.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

# What is missing, in which file, the words and what stands in their place, and the target that must notice.
RUNS = 300_000  # not a time: what is found must not depend on how busy a machine is
PLANTED = [
    ("a length that is not minimal", "src/envelope/der.cc", "if (length < 0x80) return false;", "", "verify_resigned"),
    ("a length with a leading zero", "src/envelope/der.cc", " || bytes[2] == 0", "", "der verify_resigned"),
    ("an INTEGER with padding", "src/envelope/der.cc", "negative || padded ||", "negative ||", "verify_resigned"),
    ("something behind the last field", "src/envelope/layers.cc", "passage.note = take_text(reader, kNote, kLongestNote);\n  reader.end();",
     "passage.note = take_text(reader, kNote, kLongestNote);", "verify_resigned"),
    ("attributes out of order", "src/envelope/signed_data.cc", "bad || !std::lexicographical_compare(last.begin(), last.end(), whole.begin(), whole.end())",
     "bad", "verify_resigned"),
    ("the larger s of a signature", "src/envelope/signed_data.cc", "!view.low_s || ", "", "verify"),
    ("a content that was not signed", "src/envelope/signed_data.cc", " || content_digest != view.message_digest", "", "verify"),
    ("a certificate that is not the enrolled one", "src/envelope/verify.cc", " && one.certificate == view.certificate_digest", "", "verify"),
    ("a tag of fewer octets", "src/envelope/layers.cc", "body.take(der::kOctetString, kTag, kTag)", "body.take(der::kOctetString, 1, kTag)", "middle"),
    ("a file name with a slash", "src/envelope/layers.cc", " || name.find('/') != std::string::npos", "", "inner"),
    ("another place in the chain inside", "src/envelope/open.cc", " && capture.sequence == outer.passage.sequence", "", "inner"),
    ("a receipt by anybody", "src/envelope/receipt.cc", "if (std::find(pins.begin(), pins.end(), fingerprint) == pins.end())", "if (pins.empty())", "receipt"),
    ("a custodian that nobody certified", "src/envelope/bundle.cc", "if (!certificate.is_signed_by(authority))", "if (certificate.der.empty())", "bundle"),
    ("a request that nobody signed", "src/envelope/request.cc", "if (!verify_signature(key.get(), parts.info, parts.signature.subspan(1)))",
     "if (parts.signature.empty())", "request"),
    ("a control octet in a value", "src/base/key_value.cc", "has_control(value) || ", "", "registry configuration"),
    ("a quotation mark in a log line", "src/base/text.cc", "octet < 0x7f && octet != '\"' && ", "octet < 0x7f && ", "escaping"),
    ("one octet too many of a list", "src/doctor/octets.cc", "*size > rest.size()", "*size > rest.size() + 1", "kexinit"),
]


def copy_project(build: pathlib.Path, to: pathlib.Path) -> None:
    """With the objects and their times: only what is changed is compiled again."""
    for name in ("Makefile", "configure", "configure.ac", "config.mk", "config.mk.in", "src", "test", "scripts"):
        (shutil.copytree if pathlib.Path(name).is_dir() else shutil.copy2)(name, to / name)
    for name in ("obj", "lib", "bin", "flags"):
        source = build / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, to / "build" / "fuzz" / name)


def first_word(place: pathlib.Path, target: str) -> str:
    """What the target says of the first input that breaks a promise; nothing when so many runs found none."""
    command = [place / f"build/fuzz/bin/fuzz-{target}", f"-runs={RUNS}", "-seed=1", "-max_len=8192", f"-artifact_prefix={place}/",
               place / "corpus", place / "test/fuzz/corpus" / target]
    (place / "corpus").mkdir(exist_ok=True)
    said = subprocess.run(command, cwd=place, capture_output=True, text=True, errors="replace", env=os.environ | {"TMPDIR": str(place)}).stderr
    found = re.search(r"broken promise: .*|ERROR: AddressSanitizer: \S+|runtime error: .*|what\(\): .*", said)
    shutil.rmtree(place / "corpus")
    return found.group(0) if found else ""


def try_one(place: pathlib.Path, name: str, file: str, words: str, instead: str, targets: str) -> bool:
    path = place / file
    before = path.read_text()
    if before.count(words) != 1:
        print(f"not ok fuzz: finds {name}: {file} no longer says '{words}'")
        return False
    path.write_text(before.replace(words, instead))
    subprocess.run(["make", "-s", "fuzz-build", "BUILD=build"], cwd=place, check=True, capture_output=True)
    path.write_text(before)
    begin = time.monotonic()
    for target in targets.split():
        said = first_word(place, target)
        if said:
            print(f"ok fuzz: {target} finds {name} ({time.monotonic() - begin:.0f} s): {said}", flush=True)
            return True
    print(f"not ok fuzz: {targets} found {name} in {RUNS} runs")
    return False


def main() -> int:
    build = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        (place / "build" / "fuzz").mkdir(parents=True)
        copy_project(build, place)
        chosen = [one for one in PLANTED if sys.argv[2:] == [] or sys.argv[2] in one[0]]
        return 0 if chosen and all([try_one(place, *one) for one in chosen]) else 1


if __name__ == "__main__":
    sys.exit(main())
