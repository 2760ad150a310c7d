#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of the fuzzing targets: the vectors with a small picture, signed with the keys of test/fuzz/keys, and one of each text.

usage: seeds.py DIR [--unlisted]. Writes DIR/TARGET/NAME. Keys that are missing are made; what is signed is added to test/fuzz/keys/genuine (SHA-256,
one a line): the list of all that these keys ever signed, by which a target knows a forgery. With --unlisted a few inputs are signed and
not listed: the controls in test/fuzz/control, at which a target must cry out. Run from the project's root.
"""
import base64
import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "vectors"))
import make  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: E402

KEYS = pathlib.Path("test/fuzz/keys")
PICTURE = b"\xff\xd8\xff\xe0 a very small picture \xff\xd9"
NAMES = ("authority", "camera", "other", "custodian", "receipt")
CHAIN, DIGEST = make.CHAIN.hex(), hashlib.sha256(b"x").hexdigest()


# ---- keys and what they signed ----------------------------------------------------------------------------------------------------
def make_keys() -> None:
    keys = make.Keys()
    keys.receipt = make.new_key()
    keys.receipt_certificate = make.certificate("receipts", keys.receipt, "receipts", keys.receipt, "camera")
    for name in NAMES:
        make.write_key(KEYS / f"{name}.key", getattr(keys, name))
        (KEYS / f"{name}.pem").write_bytes(getattr(keys, f"{name}_certificate").public_bytes(serialization.Encoding.PEM))


def load_keys() -> make.Keys:
    if not (KEYS / "camera.key").exists():
        KEYS.mkdir(parents=True, exist_ok=True)
        make_keys()
    keys = make.Keys()
    for name in NAMES:
        setattr(keys, name, serialization.load_pem_private_key((KEYS / f"{name}.key").read_bytes(), None))
        setattr(keys, f"{name}_certificate", x509.load_pem_x509_certificate((KEYS / f"{name}.pem").read_bytes()))
    return keys


class Record:
    """Stands before the vectors' own functions and notes what was signed by the keys that are believed, and which inner layers there were."""

    def __init__(self, believed) -> None:
        self.believed = believed
        self.genuine, self.middles, self.inners = {hashlib.sha256(PICTURE).hexdigest()}, [], []
        self.sign, self.middle = make.sign, make.middle
        make.sign, make.middle = self.noted_sign, self.noted_middle

    def noted_sign(self, key, data, *rest):
        if key in self.believed:
            self.genuine.add(hashlib.sha256(data).hexdigest())
        return self.sign(key, data, *rest)

    def noted_middle(self, inner, *rest, **change):
        self.inners.append(inner)
        self.middles.append(self.middle(inner, *rest, **change))
        return self.middles[-1]

    def write(self) -> None:
        file = KEYS / "genuine"
        before = set(file.read_text().split()) if file.exists() else set()
        file.write_text("\n".join(sorted(before | self.genuine)) + "\n")


# ---- signed texts -----------------------------------------------------------------------------------------------------------------
def signed_text(text: str, key, cert) -> bytes:
    content = text.encode()
    digest = hashlib.sha256(make.to_der(cert)).digest()
    attributes = sorted([make.attribute(make.CONTENT_TYPE, make.DATA),
                         make.attribute(make.MESSAGE_DIGEST, make.octets(hashlib.sha256(content).digest())),
                         make.attribute(make.SIGNING_TIME, make.utc_time(make.TIME)),
                         make.attribute(make.SIGNING_CERTIFICATE_V2, make.seq(make.seq(make.seq(make.octets(digest)))))])
    return make.signed_data(content, key, cert, None, make.TIME, include=True, attributes=attributes)


def receipt_text() -> str:
    return (f"shutterseal-receipt 1\ncamera 102\ntime 2026-11-23T10:11:12.345Z\nnumber 7\nrun {CHAIN} 1 41 {DIGEST}\n"
            f"run {CHAIN} 43 9007199254740991 {DIGEST}\nrefused 1-2-{DIGEST[:16]}.parcel {DIGEST} bad-signature\nrefused - {DIGEST} not-a-file\n")


def bundle_text(keys) -> str:
    def line(word, cert): return f"{word} {base64.b64encode(make.to_der(cert)).decode()}\n"
    receipt = hashlib.sha256(make.to_der(keys.receipt_certificate)).hexdigest()
    return ("shutterseal-bundle 1\nserial 3\ncamera 102\nurl sftp://drop.example.org/\nurl ftps://192.0.2.1:990/x\n"
            f"host-key-pin SHA256:{'A' * 43}\n" + line("tls-authority", keys.authority_certificate) + f"receipt-pin {receipt}\n" +
            line("custodian", keys.custodian_certificate) + line("certificate", keys.camera_certificate))


def ssh_lines(key) -> list[str]:
    stranger = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    return [k.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode() for k in (key, stranger)]


def request(key, ssh: str, signer=None) -> bytes:
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    name = make.seq(make.der(0x31, make.seq(make.oid("2.5.4.3"), make.utf8("cam-102"))))
    attribute = make.der(0xA0, make.attribute(make.oid(make.ARC + ".3"), make.utf8(ssh)))
    info = make.seq(make.integer(0), name, public, attribute)
    return make.seq(info, make.ECDSA_SHA256, make.der(0x03, b"\0" + make.sign(signer or key, info)))


def request_pem(der: bytes) -> bytes:
    body = base64.b64encode(der).decode()
    lines = "".join(body[at:at + 64] + "\n" for at in range(0, len(body), 64))
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{lines}-----END CERTIFICATE REQUEST-----\n".encode()


# ---- plain texts ------------------------------------------------------------------------------------------------------------------
REGISTRY = [
    "format = 1\nstate = active\nuid = 12345\nenrolled = 2026-11-23T10:11:12.345Z\nbundle-serial = 2\n",
    "# by hand\nformat = 1\n\nstate = revoked\nuid = 4294967294\nenrolled = 2026-11-23\nbundle-serial = 0\nreason = stolen from the pole – twice\n"
    "revoked-at = 2026-11-24T00:00:00Z\nstolen-at = 2026-11-23T23:59:59.9Z\nexpires = 9999-12-31T23:59:59.999Z\n"
    "networks = 198.51.100.0/24 2001:db8::/32 ::ffff:192.0.2.1 0.0.0.0/0\nservices = shutterseal-sshd shutterseal-ftp\n",
    "format = 1\nurl = sftp://drop.example.org/\nurl = ftps://[2001:db8::1]:990/x/\nhost-key-pin = SHA256:abc\nhost-key-pin = SHA256:def\n",
]
CONFIGURATION = [
    "camera = 102\ncapture-dir = /srv/pictures\npassphrase-file = /etc/x\nftp-certificate = /c\nftp-key = /k\nkeep = 7d\nspool-limit = 2G\nbandwidth = 64k\n",
    "keep = 1G\nparcel-least = 1024\nparcel-most = 64M\nconnect-timeout = 1s\nstall-timeout = 1h\ntotal-timeout = 1d\nidle-close = 0\n"
    "receipt-timeout = 250ms\nresend-after = 30d\nlog-level = debug\npicture-limit = 1k\nftp-password-file = /p\n",
    "picture-limit = 16M\ndrop-limit = 256M\nquarantine-quota = 0\nfree-least = 1T\nworkers = 64\ngroup-files = 1\n",
    "group-bytes = 8M\ngroup-wait = 10ms\nrescan = 10s\npart-age = 365d\nlog-level = warning\n",
]
STATE = [
    f"format = 1\nchain = {CHAIN}\nnext = 5\nprevious = {DIGEST}\npending = 5 {DIGEST} {b'x.jpg'.hex()}\npending = 6 {DIGEST} -\n",
    f"format = 1\nchain = {CHAIN}\nnext = 9007199254740990\nprevious = {DIGEST}\npending = 9007199254740990 {DIGEST} -\n",
    f"format = 1\nnumber = 7\ntime = {make.TIME}\nsent = {CHAIN} 1 5 {DIGEST} {DIGEST}\nsent = {CHAIN} 6 9 {DIGEST} {DIGEST}\n",
    f"{CHAIN}-42-{DIGEST}.p7m",
]
WORDS = ["0", "9007199254740991", "18446744073709551615", "64k", "8M", "1G", "9223372036854775807B", "250ms", "90s", "10m", "2h", "7d",
         "2026-11-23", "2026-11-23T10:11:12Z", "2026-11-23T10:11:12.345Z", "1969-12-31T23:59:59Z", "2000-02-29T00:00:00.5Z", "102", "a-b", DIGEST,
         "198.51.100.7", "198.51.100.0/24", "2001:db8::/32", "::ffff:192.0.2.0/120", "::/0", "sftp://cam@drop.example.org:2222/in-coming",
         "ftps://[2001:db8::1]:990/", "sftp://h", "aGVsbG8=", "aGVsbG8h"]
ESCAPING = ["42-42-aa.parcel", "a\" verdict=accepted file=\"b", "line\nfeed\r\x1b[31m\x7f\\x41", "ä€😀", "'" * 40, "x" * 130]


def kexinit() -> bytes:
    lists = ["curve25519-sha256,diffie-hellman-group1-sha1", "ssh-ed25519,ssh-rsa", "aes256-ctr", "3des-cbc", "hmac-sha2-256", "hmac-md5", "none", "none", "", ""]
    return b"\x14" + bytes(16) + b"".join(len(x).to_bytes(4, "big") + x.encode() for x in lists) + bytes(5)


def texts(strings) -> dict[str, bytes]: return {f"text-{i}": s.encode() for i, s in enumerate(strings)}
def numbered(kind, items) -> dict[str, bytes]: return {f"{kind}-{i}": content for i, content in enumerate(items)}


def shipped_configuration() -> dict[str, bytes]:
    """The shipped files say every key with its default, commented out: as they are, and as values."""
    files = {path.name: path.read_text() for path in sorted(pathlib.Path("etc").glob("*.conf")) if path.name in ("ingestd.conf", "upload.conf")}
    active = {f"active-{name}": "\n".join(line.lstrip("#") for line in text.splitlines() if " = " in line) for name, text in files.items()}
    return {name: text.encode() for name, text in (files | active).items()}


def seeds(keys, record) -> dict[str, dict[str, bytes]]:
    vectors = make.vectors(keys, PICTURE)
    envelopes = vectors["verify"] | {f"open-{name}": content for name, content in vectors["open"].items()}
    lines = ssh_lines(keys.camera)
    requests = [request(keys.camera, line) for line in lines]
    receipt, bundle = receipt_text(), bundle_text(keys)
    custodian, receipts = (base64.b64encode(make.to_der(one)).decode() for one in (keys.custodian_certificate, keys.receipt_certificate))
    uncertified = bundle.replace(custodian, receipts)
    stranger = (keys.stranger, make.certificate("stranger", keys.stranger, "stranger", keys.stranger, "authority"))
    return {
        "verify": envelopes, "verify_resigned": envelopes, "splitter": envelopes, "der": envelopes,
        "middle": numbered("middle", record.middles), "inner": numbered("inner", record.inners),
        "receipt": texts([receipt]) | {"message": signed_text(receipt, keys.receipt, keys.receipt_certificate),
                                       "of-a-stranger": signed_text(receipt.replace("number 7", "number 9"), *stranger)},
        "bundle": texts([bundle, uncertified]) | {"message": signed_text(bundle, keys.authority, keys.authority_certificate),
                                                  "of-a-stranger": signed_text(bundle.replace("serial 3", "serial 5"), *stranger)},
        "request": {"forged": request(keys.camera, ssh_lines(keys.other)[1] + " forged", keys.stranger)} | numbered("der", requests) | numbered("pem", [request_pem(one) for one in requests]),
        "registry": texts(REGISTRY), "configuration": texts(CONFIGURATION) | shipped_configuration(), "state": texts(STATE),
        "words": texts(WORDS + lines), "escaping": texts(ESCAPING), "kexinit": {"kexinit": kexinit()},
    }


def unlisted(keys, record) -> dict[str, dict[str, bytes]]:
    verified = make.vectors(keys, PICTURE + b"?")["verify"]
    receipt, bundle = (text.replace("\nnumber 7", "\nnumber 8").replace("\nserial 3", "\nserial 4") for text in (receipt_text(), bundle_text(keys)))
    return {
        "verify": {"envelope": verified["accepted__plain"]}, "middle": {"middle": record.middles[0]}, "inner": {"inner": record.inners[0]},
        "receipt": {"receipt": signed_text(receipt, keys.receipt, keys.receipt_certificate)},
        "bundle": {"bundle": signed_text(bundle, keys.authority, keys.authority_certificate)},
        "request": {"request": request(keys.camera, ssh_lines(keys.other)[0])},
    }


def main() -> None:
    out = pathlib.Path(sys.argv[1])
    keys = load_keys()
    record = Record([keys.camera, keys.other, keys.receipt, keys.authority])
    listed = sys.argv[2:] != ["--unlisted"]
    for target, inputs in (seeds if listed else unlisted)(keys, record).items():
        (out / target).mkdir(parents=True, exist_ok=True)
        for name, content in inputs.items():
            (out / target / name).write_bytes(content)
    if listed:
        record.write()


if __name__ == "__main__":
    main()
