#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: steal_token_key.py MODULE LABEL, the PIN on stdin. Asks the first token of MODULE for the private value of the key LABEL. Prints it in
hexadecimal and exits 0, or prints the token's refusal and exits 1.
"""
import ctypes
import sys

ULONG = ctypes.c_ulong
CKA_CLASS, CKA_LABEL, CKA_VALUE, CKO_PRIVATE_KEY, CKU_USER, CKF_SERIAL_SESSION = 0, 3, 0x11, 3, 1, 4


class Attribute(ctypes.Structure):
    _fields_ = [("type", ULONG), ("value", ctypes.c_void_p), ("size", ULONG)]


def attribute(kind, octets):
    return Attribute(kind, ctypes.cast(ctypes.create_string_buffer(octets, len(octets)), ctypes.c_void_p), len(octets))


def call(function, *arguments):
    code = function(*arguments)
    if code != 0:
        sys.exit(f"{function.__name__} gave {code:#x}")


def main():
    module, label, pin = sys.argv[1], sys.argv[2].encode(), sys.stdin.readline().strip().encode()
    p11 = ctypes.CDLL(module)
    call(p11.C_Initialize, None)
    slots, count = (ULONG * 8)(), ULONG(8)
    call(p11.C_GetSlotList, ctypes.c_ubyte(1), slots, ctypes.byref(count))
    session = ULONG()
    call(p11.C_OpenSession, ULONG(slots[0]), ULONG(CKF_SERIAL_SESSION), None, None, ctypes.byref(session))
    call(p11.C_Login, session, ULONG(CKU_USER), pin, ULONG(len(pin)))
    wanted = (Attribute * 2)(attribute(CKA_CLASS, bytes(ULONG(CKO_PRIVATE_KEY))), attribute(CKA_LABEL, label))
    call(p11.C_FindObjectsInit, session, wanted, ULONG(2))
    key = ULONG()
    call(p11.C_FindObjects, session, ctypes.byref(key), ULONG(1), ctypes.byref(count))
    if count.value != 1:
        sys.exit(f"{count.value} keys have that label")
    room = ctypes.create_string_buffer(256)
    answer = Attribute(CKA_VALUE, ctypes.cast(room, ctypes.c_void_p), 256)
    call(p11.C_GetAttributeValue, session, key, ctypes.byref(answer), ULONG(1))
    print(room.raw[:answer.size].hex())


main()
