#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: hostile_camera.py DIR: what the holder of an enrolled camera's key can sign, by the second implementation of the format (test/vectors/make.py).
Writes its keys and certificates, names/NN.p7m (file names and contents that are aimed at the custodian's desktop and terminal), and clock/: what
cameras with a wrong clock seal, behind.p7m under a certificate that has ended (ended.pem), ahead.p7m under one that has not (camera.pem).
"""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "vectors"))
import make  # noqa: E402

JPEG = b"\xff\xd8\xff\xe0picture\xff\xd9"
DAY = 86_400_000
# The kind (0 a picture, 1 an event), the name, the content.
SENT = [(0, "Desktop.ini", b"[.ShellClassInfo]\r\nIconFile=\\\\198.51.100.1\\x.ico\r\n"), (0, "run me.desktop", b"[Desktop Entry]\nExec=sh\n"),
        (0, "page.html", b"<script>alert(1)</script>"), (0, "x.sh", b"#!/bin/sh\nid\n"), (1, "x.sh", b"#!/bin/sh\nid\n"),
        (0, "gpj.\u202egnp.exe", JPEG), (0, "\u009b31mred.jpg", JPEG), (1, "note.txt", b"\x1b]0;title\x07"), (1, "note.txt", "\u202eelcihev".encode()),
        (1, "note.txt", b"\xff\xfe"), (1, "plain.txt", "T\u00fcr offen\n".encode()), (0, ".bashrc", JPEG), (0, "-rf.jpg", JPEG), (0, "CON.jpg", JPEG + b"2"),
        (0, "con.jpg", JPEG + b"3"), (0, "lpt1", JPEG), (0, "trailing. ", JPEG), (0, "a" * 251 + ".jpg", JPEG), (0, "\u56f3.jpg", JPEG + b"4"),
        (0, "$(id).jpg", JPEG), (0, "same.jpg", JPEG + b"5"), (0, "SAME.JPG", JPEG + b"6"), (0, "same.jpg", JPEG + b"5"), (0, "a;b|c&d.jpg", JPEG)]


def sealed(keys, key, certificate, sequence, content, *, kind=0, name="x.jpg", at=None):
    at = at or make.TIME
    inner = make.signed_data(content, key, certificate, make.capture(sequence=sequence, name=name), at, include=True)
    extra = make.passage(sequence=sequence, kind=kind, time=at, tail=make.der(0x81, "\u202enote\u009b".encode()))
    return make.signed_data(make.middle(inner, keys.custodian), key, certificate, extra, at)


def main():
    out = pathlib.Path(sys.argv[1])
    for folder in ("names", "clock"):
        (out / folder).mkdir(parents=True)
    keys = make.Keys()
    keys.write(out)
    for number, (kind, name, content) in enumerate(SENT, 1):
        (out / "names" / f"{number:02}.p7m").write_bytes(sealed(keys, keys.camera, keys.camera_certificate, number, content, kind=kind, name=name))
    now = int(time.time() * 1000)
    key = make.new_key()
    ended = make.certificate("cam-102", key, "authority", keys.authority, "camera", days=-1)
    (out / "ended.pem").write_bytes(ended.public_bytes(make.serialization.Encoding.PEM))
    (out / "clock" / "behind.p7m").write_bytes(sealed(keys, key, ended, 101, JPEG, at=now - 2 * DAY))
    (out / "clock" / "ahead.p7m").write_bytes(sealed(keys, keys.camera, keys.camera_certificate, 201, JPEG, at=now + 4000 * DAY))


main()
