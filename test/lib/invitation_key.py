# SPDX-License-Identifier: Apache-2.0
# usage: invitation_key.py TOKEN: the private key that an invitation's token makes, in PEM (shutterseal-envelope(5), INVITATIONS), by another implementation.
import hashlib, sys
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
scalar = int.from_bytes(hashlib.sha256(b"shutterseal key\n" + sys.argv[1].encode() + b"\0").digest(), "big")
key = ec.derive_private_key(scalar, ec.SECP256R1())
print(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode(), end="")
