#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the envelope vectors from shutterseal-envelope(5) alone: a second implementation, with its own DER writer.

usage: make.py DIR. Writes camera.pem, other.pem, authority.pem, custodian.pem, custodian.key, picture.jpg and one file a vector, named
VERDICT__WHAT.p7m after the verdict that it must get: verify/ from `shutterseal verify` and from the daemon as drops of camera 102, open/ from
`shutterseal open`, dropped/ from the daemon as drops of camera 103. Keys are fresh at each run; the forms are always the same.
"""
import datetime
import hashlib
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ARC = "1.2.840.113556.1.8000.2554.31836.3594.27215.19326.40204.3107389.2001748"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


# ---- DER -----------------------------------------------------------------------------------------------------------------------
def der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def seq(*parts): return der(0x30, *parts)
def set_of(*parts): return der(0x31, *sorted(parts))
def octets(value): return der(0x04, value)
def utf8(text): return der(0x0C, text.encode())
def integer(value): return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    numbers = [int(n) for n in dotted.split(".")]
    out = bytearray()
    for n in [numbers[0] * 40 + numbers[1]] + numbers[2:]:
        septets = [n & 127]
        while n := n >> 7:
            septets.insert(0, n & 127 | 128)
        out += bytes(septets)
    return der(0x06, bytes(out))


DATA, SIGNED, AUTH_ENVELOPED = (oid("1.2.840.113549.1." + x) for x in ("7.1", "7.2", "9.16.1.23"))
SHA256 = seq(oid("2.16.840.1.101.3.4.2.1"))
ECDSA_SHA256 = seq(oid("1.2.840.10045.4.3.2"))
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (oid("1.2.840.113549.1.9." + x) for x in "345")
SIGNING_CERTIFICATE_V2 = oid("1.2.840.113549.1.9.16.2.47")


# ---- keys ------------------------------------------------------------------------------------------------------------------------
def point(key) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def ski(key) -> bytes: return hashlib.sha256(point(key)).digest()[:20]
def new_key(): return ec.generate_private_key(ec.SECP256R1())


def certificate(name, key, issuer_name, issuer_key, kind, days=3650.0):
    now = datetime.datetime.utcnow()
    usage = {"authority": "ca", "camera": "sign", "custodian": "agree"}[kind]
    build = (x509.CertificateBuilder()
             .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
             .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer_name)]))
             .public_key(key.public_key()).serial_number(x509.random_serial_number())
             .not_valid_before(now - datetime.timedelta(days=1 if days > 0 else 30)).not_valid_after(now + datetime.timedelta(days=days))
             .add_extension(x509.BasicConstraints(ca=usage == "ca", path_length=None), critical=True)
             .add_extension(x509.KeyUsage(usage == "sign", usage == "sign", False, False, usage == "agree",
                                          usage == "ca", usage == "ca", False, False), critical=True)
             .add_extension(x509.SubjectKeyIdentifier(ski(key)), critical=False))
    if usage == "sign":
        build = build.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    if usage != "ca":
        build = build.add_extension(x509.AuthorityKeyIdentifier(ski(issuer_key), None, None), critical=False)
    return build.sign(issuer_key, hashes.SHA256())


def to_der(cert): return cert.public_bytes(serialization.Encoding.DER)


# ---- the three layers -------------------------------------------------------------------------------------------------------------
def attribute(kind, *values): return seq(kind, der(0x31, *values))


def sign(key, data, high_s=False) -> bytes:
    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    low = min(s, ORDER - s)
    return utils.encode_dss_signature(r, ORDER - low if high_s else low)


def utc_time(ms): return der(0x17, datetime.datetime.utcfromtimestamp(ms // 1000).strftime("%y%m%d%H%M%SZ").encode())


def signed_attributes(content, cert, extra, ms):
    return sorted([attribute(CONTENT_TYPE, DATA), attribute(MESSAGE_DIGEST, octets(hashlib.sha256(content).digest())),
                   attribute(SIGNING_TIME, utc_time(ms)),
                   attribute(SIGNING_CERTIFICATE_V2, seq(seq(seq(octets(hashlib.sha256(to_der(cert)).digest()))))), extra])


def signer_info(attributes, key, *, high_s=False, version=3, unsigned=b"", algorithm=ECDSA_SHA256, name=None, signature=None):
    if signature is None:
        signature = sign(key, der(0x31, *attributes), high_s)
    return seq(integer(version), der(0x80, name or ski(key)), SHA256, der(0xA0, *attributes) if attributes else b"", algorithm,
               octets(signature), unsigned)


# `shown` stands in the place of the content that was signed, `wrapped` in the place of its OCTET STRING.
def signed_data(content, key, cert, extra, ms, *, include=False, version=3, content_type=DATA, attributes=None, digest_algorithms=None,
                extra_signer=b"", shown=None, wrapped=None, **signer):
    if attributes is None:
        attributes = signed_attributes(content, cert, extra, ms)
    certificates = der(0xA0, to_der(cert)) if include else b""
    encapsulated = seq(content_type, der(0xA0, wrapped or octets(content if shown is None else shown)))
    return seq(SIGNED, der(0xA0, seq(integer(version), digest_algorithms or der(0x31, SHA256), encapsulated, certificates,
                                     der(0x31, signer_info(attributes, key, **signer), extra_signer))))


ECDH_SHA256, ECDH_SHA1 = oid("1.3.132.1.11.1"), oid("1.3.133.16.840.63.0.2")


def recipient_info(content_key, custodian, *, recipient_ski=None, ukm=b"", kdf=ECDH_SHA256, compressed=False):
    ephemeral = new_key()
    wrap = seq(oid("2.16.840.1.101.3.4.1.45"))
    shared = ephemeral.exchange(ec.ECDH(), custodian.public_key())
    info = seq(wrap, der(0xA2, octets((256).to_bytes(4, "big"))))
    kek = X963KDF(hashes.SHA256(), 32, info).derive(shared)
    form = serialization.PublicFormat.CompressedPoint if compressed else serialization.PublicFormat.UncompressedPoint
    sender = ephemeral.public_key().public_bytes(serialization.Encoding.X962, form)
    return der(0xA1, integer(3), der(0xA0, der(0xA1, seq(oid("1.2.840.10045.2.1")), der(0x03, b"\0" + sender))), ukm, seq(kdf, wrap),
               seq(seq(der(0xA0, octets(recipient_ski or ski(custodian))), octets(aes_key_wrap(kek, content_key)))))


def middle(inner, custodian, *, tag_length=16, nonce_length=12, recipients=1, version=0, originator=b"", attributes=b"", **recipient):
    content_key, nonce = AESGCM.generate_key(256), hashlib.sha256(inner).digest()[:nonce_length]
    sealed = AESGCM(content_key).encrypt(nonce, inner, None)
    body, tag = sealed[:-16], sealed[-16:]
    return seq(AUTH_ENVELOPED, der(0xA0, seq(
        integer(version), originator, set_of(*(recipient_info(content_key, custodian, **recipient) for _ in range(recipients))),
        seq(DATA, seq(oid("2.16.840.1.101.3.4.1.46"), seq(octets(nonce), integer(tag_length))), der(0x80, body)),
        attributes, octets(tag[:tag_length]))))


CHAIN, TIME = bytes(range(16)), 1_795_000_000_123


def passage(camera="102", sequence=42, version=1, kind=0, time=TIME, tail=b"", chain=CHAIN):
    return attribute(oid(ARC + ".1"), seq(integer(version), utf8(camera), octets(chain), integer(sequence), octets(bytes(32)),
                                          der(0x0A, bytes([kind])), integer(time), tail))


def capture(camera="102", sequence=42, name="102_2026_11_23_10_11_12.jpg"):
    return attribute(oid(ARC + ".2"), seq(integer(1), utf8(camera), octets(CHAIN), integer(sequence), utf8(name), integer(TIME - 5),
                                          utf8("image/jpeg")))


class Keys:
    """Who there is: an authority, two cameras and a custodian that it certified, and a stranger."""

    def __init__(self) -> None:
        self.authority, self.camera, self.other, self.custodian, self.stranger = (new_key() for _ in range(5))
        self.authority_certificate = certificate("authority", self.authority, "authority", self.authority, "authority")
        self.camera_certificate = certificate("cam-102", self.camera, "authority", self.authority, "camera")
        self.other_certificate = certificate("cam-103", self.other, "authority", self.authority, "camera")
        self.custodian_certificate = certificate("custodian", self.custodian, "authority", self.authority, "custodian")

    def write(self, out: pathlib.Path) -> None:
        for name in ("authority", "camera", "other", "custodian"):
            (out / f"{name}.pem").write_bytes(getattr(self, f"{name}_certificate").public_bytes(serialization.Encoding.PEM))
        write_key(out / "custodian.key", self.custodian)


def write_key(path: pathlib.Path, key) -> None:
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def vectors(keys: Keys, picture: bytes) -> dict[str, dict[str, bytes]]:
    """By folder; in open/ is what only the holder of a custodian's key can see."""
    authority, camera, other, custodian, stranger = keys.authority, keys.camera, keys.other, keys.custodian, keys.stranger
    ca, cam, cam_other = keys.authority_certificate, keys.camera_certificate, keys.other_certificate

    def inner(**change): return signed_data(picture, camera, cam, change.pop("extra", capture()), TIME, include=True, **change)
    def outer(content=None, **change):
        return signed_data(content or middle(inner(), custodian), change.pop("key", camera), change.pop("cert", cam),
                           change.pop("extra", passage()), TIME, **change)

    good = outer()
    unknown = new_key()
    content = middle(inner(), custodian)
    attributes = signed_attributes(content, cam, passage(), TIME)
    signer_version_1 = seq(SIGNED, der(0xA0, seq(integer(3), der(0x31, SHA256), seq(DATA, der(0xA0, octets(content))),
                                                 der(0x31, signer_info(attributes, camera, version=1)))))
    verified = {
        "accepted__plain": good,
        "accepted__event-with-note": outer(extra=passage(kind=1, tail=der(0x81, b"tamper"))),
        "accepted__with-anchor": outer(extra=passage(tail=der(0xA0, integer(7), octets(bytes(32))))),
        "accepted__two-in-a-parcel": good + outer(extra=passage(sequence=43)),
        "malformed__trailing-octet": good + b"\0",
        "malformed__cut-short": good[:-1],
        "malformed__empty": b"",
        "malformed__version-77": outer(version=77),
        "malformed__version-1": outer(version=1),
        "malformed__signer-version-1": signer_version_1,
        "malformed__foreign-certificate-added": outer(include=True),
        "malformed__unsigned-attribute": outer(unsigned=der(0xA1, attribute(oid("1.2.3.4"), octets(b"x")))),
        "malformed__second-digest-algorithm": outer(digest_algorithms=der(0x31, SHA256, seq(oid("2.16.840.1.101.3.4.2.2")))),
        "malformed__second-signer": outer(extra_signer=signer_info(attributes, other)),
        "malformed__same-signer-twice": outer(extra_signer=signer_info(attributes, camera)),
        "malformed__content-type-changed": outer(content_type=oid("1.2.840.113549.1.9.16.1.6")),
        "malformed__signature-algorithm-sha512": outer(algorithm=seq(oid("1.2.840.10045.4.3.4"))),
        "malformed__signature-algorithm-rsa": outer(algorithm=seq(oid("1.2.840.113549.1.1.1"), b"\5\0")),
        "malformed__octet-string-in-pieces": outer(content, wrapped=der(0x24, octets(content[:700]), octets(content[700:]))),
        "malformed__attributes-in-another-order": outer(content, attributes=attributes[::-1]),
        "malformed__attribute-twice": outer(content, attributes=sorted(attributes + attributes[:1])),
        "malformed__attribute-with-two-values": outer(content, attributes=sorted(
            [a for a in attributes if MESSAGE_DIGEST not in a] + [attribute(MESSAGE_DIGEST, *[octets(hashlib.sha256(content).digest())] * 2)])),
        "malformed__attribute-missing": outer(content, attributes=[a for a in attributes if SIGNING_CERTIFICATE_V2 not in a]),
        "malformed__signed-attributes-as-content": outer(content, attributes=[], shown=der(0x31, *attributes),
                                                         signature=sign(camera, der(0x31, *attributes))),
        "malformed__signed-attributes-as-content-of-another-type": outer(
            content, attributes=[], shown=der(0x31, *attributes), content_type=oid("1.2.840.113549.1.9.16.1.6"),
            signature=sign(camera, der(0x31, *attributes))),
        "malformed__signature-of-zeros": outer(signature=seq(integer(0), integer(0))),
        "malformed__signature-padded": outer(signature=seq(der(2, b"\0\0" + bytes([1] * 31)), integer(1))),
        "malformed__signature-negative": outer(signature=seq(der(2, b"\x81" + bytes(31)), integer(1))),
        "malformed__parcel-in-a-sequence": seq(good, good),
        "malformed__parcel-in-place-of-the-middle": outer(good + good),
        "malformed__envelope-in-place-of-the-middle": outer(good),
        "malformed__no-recipient": outer(middle(inner(), custodian, recipients=0)),
        "malformed__seventeen-recipients": outer(middle(inner(), custodian, recipients=17)),
        "malformed__middle-version-2": outer(middle(inner(), custodian, version=2)),
        "malformed__middle-with-originator": outer(middle(inner(), custodian, originator=der(0xA0, der(0xA0, to_der(cam))))),
        "malformed__middle-with-attributes": outer(middle(inner(), custodian, attributes=der(0xA1, attribute(oid("1.2.3.4"), octets(b"x"))))),
        "malformed__nonce-of-8-octets": outer(middle(inner(), custodian, nonce_length=8)),
        "malformed__keying-material": outer(middle(inner(), custodian, ukm=der(0xA1, octets(b"x" * 16)))),
        "malformed__key-derivation-sha1": outer(middle(inner(), custodian, kdf=ECDH_SHA1)),
        "malformed__point-compressed": outer(middle(inner(), custodian, compressed=True)),
        "malformed__no-signed-attributes": seq(SIGNED, der(0xA0, seq(integer(3), der(0x31, SHA256), seq(DATA, der(0xA0, octets(b"x" * 600))),
                                               der(0x31, seq(integer(3), der(0x80, ski(camera)), SHA256, ECDSA_SHA256,
                                                             octets(sign(camera, b"x" * 600))))))),
        "malformed__indefinite-length": b"\x30\x80" + good[4:] + b"\0\0",
        "malformed__length-not-minimal": b"\x30\x83\x00" + good[2:],
        "malformed__passage-version-2": outer(extra=passage(version=2)),
        "malformed__sequence-0": outer(extra=passage(sequence=0)),
        "malformed__sequence-2-to-the-53": outer(extra=passage(sequence=2**53)),
        "malformed__kind-2": outer(extra=passage(kind=2)),
        "malformed__camera-name-not-allowed": outer(extra=passage(camera="../102")),
        "malformed__chain-of-15-octets": outer(extra=passage(chain=CHAIN[:15])),
        "malformed__passage-with-unknown-field": outer(extra=passage(tail=der(0x85, b"x"))),
        "malformed__passage-missing": outer(extra=attribute(oid(ARC + ".9"), octets(b"x"))),
        "malformed__capture-in-place-of-passage": outer(extra=capture()),
        "malformed__time-differs-from-signing-time": outer(extra=passage(time=TIME + 5000)),
        "malformed__tag-of-12-octets": outer(content=middle(inner(), custodian, tag_length=12)),
        "malformed__tag-of-4-octets": outer(content=middle(inner(), custodian, tag_length=4)),
        "malformed__no-middle-layer": outer(content=b"x" * 600),
        "malformed__inner-in-clear": outer(content=inner()),
        "bad-signature__high-s": outer(high_s=True),
        "bad-signature__swapped-middle": outer(content, shown=middle(inner(extra=capture(sequence=43)), custodian)),
        "bad-signature__right-names-wrong-key": outer(key=unknown, name=ski(camera)),
        "bad-signature__beyond-the-order": outer(signature=seq(integer(ORDER + 1), integer(1))),
        "bad-signature__of-another-envelope": outer(content, signature=sign(camera, der(0x31, *signed_attributes(content, cam, passage(sequence=41), TIME)))),
        "bad-signature__content-changed": good.replace(good[900:910], bytes(10), 1),
        "unknown-signer__key-not-enrolled": outer(key=unknown, cert=certificate("cam-102", unknown, "authority", authority, "camera")),
        "unknown-signer__right-key-other-certificate": outer(cert=certificate("cam-102", camera, "authority", authority, "camera")),
        "unknown-signer__authority-as-camera": outer(key=authority, cert=ca),
    }
    opened = {
        "accepted__plain": good,
        "inner-mismatch__another-cameras-inner": outer(content=middle(
            signed_data(picture, other, cam_other, capture("103"), TIME, include=True), custodian)),
        "inner-mismatch__other-sequence": outer(content=middle(inner(extra=capture(sequence=41)), custodian)),
        "inner-mismatch__other-camera-name": outer(content=middle(inner(extra=capture("103")), custodian)),
        "not-decryptable__other-recipient": outer(content=middle(inner(), stranger)),
        "not-decryptable__recipient-name-right-key-wrong": outer(content=middle(inner(), stranger, recipient_ski=ski(custodian))),
        "malformed__path-in-file-name": outer(content=middle(inner(extra=capture(name="../../etc/passwd")), custodian)),
        "malformed__inner-without-certificate": outer(content=middle(signed_data(picture, camera, cam, capture(), TIME), custodian)),
        "malformed__nested-envelope": outer(content=middle(good, custodian)),
    }
    # What camera 103 drops; it may sign, but not for camera 102.
    dropped = {
        "accepted__own": outer(key=other, cert=cam_other, extra=passage(camera="103")),
        "unknown-signer__another-cameras-envelope": good,
        "unknown-signer__another-cameras-key": outer(extra=passage(camera="103")),
        "wrong-camera__in-another-cameras-name": outer(key=other, cert=cam_other),
    }
    return {"verify": verified, "open": opened, "dropped": dropped}


def main() -> None:
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    keys = Keys()
    keys.write(out)
    picture = b"\xff\xd8\xff\xe0" + hashlib.shake_128(b"picture").digest(3000) + b"\xff\xd9"
    (out / "picture.jpg").write_bytes(picture)
    for folder, files in vectors(keys, picture).items():
        (out / folder).mkdir(exist_ok=True)
        for name, content in files.items():
            (out / folder / f"{name}.p7m").write_bytes(content)


if __name__ == "__main__":
    main()
