#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A TCP relay that fails where it is told. usage: cutting_proxy.py TARGET_PORT ORDER LOG; prints its own port.

ORDER is a file that holds what becomes of the next connection; it is read when a connection comes and says 'pass' from then on:
  pass           relays
  record         relays, and writes to LOG 'step UP DOWN': the octets so far in each direction, whenever the client begins to speak after the server
  up N           cuts once N octets went to the server
  down N         cuts once N octets went to the client
  deaf N         N octets go to the server, its answer is swallowed, then it cuts: what was asked is done and nobody is told
  silent N       N octets go to the server, then neither side hears anything more: no reset, no end, as on a dead mobile line
A cut is a reset on both sides. LOG gets 'connection' for each one that came, 'fired ORDER' for each fault that took place.
"""
import os
import select
import socket
import struct
import sys
import threading

RESET = struct.pack("ii", 1, 0)  # struct linger: close at once, with RST


class Relay:
    def __init__(self, client, server, order, log):
        self.client, self.server, self.log = client, server, log
        self.kind, self.limit = order[0], int(order[1]) if len(order) > 1 else 0
        self.name = " ".join(order)
        self.up = self.down = 0
        self.server_spoke = False

    def run(self):
        try:
            while self.forward_one():
                pass
        except OSError:
            pass  # an end that resets is an end
        finally:
            for end in (self.client, self.server):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.close()

    def forward_one(self):
        for source in select.select([self.client, self.server], [], [])[0]:
            octets = source.recv(65536)
            if not octets:
                return False
            if not (self.to_server(octets) if source is self.client else self.to_client(octets)):
                return False
        return True

    def to_server(self, octets):
        if self.kind == "record" and self.server_spoke:
            self.log(f"step {self.up} {self.down}")
        self.server_spoke = False
        if self.kind not in ("up", "deaf", "silent"):
            self.server.sendall(octets)
            self.up += len(octets)
            return True
        room = self.limit - self.up
        self.server.sendall(octets[:room])
        self.up += min(room, len(octets))
        return self.up < self.limit or self.fire()

    def to_client(self, octets):
        self.server_spoke = True
        room = self.limit - self.down if self.kind == "down" else len(octets)
        self.client.sendall(octets[:room])
        self.down += min(room, len(octets))
        return self.kind != "down" or self.down < self.limit or self.fire()

    def fire(self):
        self.log(f"fired {self.name}")
        if self.kind == "deaf":
            self.swallow(stop_at_answer=True)
        elif self.kind == "silent":
            self.swallow(stop_at_answer=False)
        return False

    def swallow(self, stop_at_answer):
        """Until the client gives up; for 'deaf' only until the server has answered."""
        while True:
            for source in select.select([self.client, self.server], [], [])[0]:
                if not source.recv(65536) or (stop_at_answer and source is self.server):
                    return


def take_order(path):
    """One fault, one connection."""
    with open(path, encoding="ascii") as file:
        order = file.read().split()
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write("pass\n")
    os.rename(path + ".new", path)
    return order


def main():
    target, order_path, log_path = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    log_file = open(log_path, "a", buffering=1, encoding="ascii")
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        log_file.write("connection\n")
        order = take_order(order_path)
        server = socket.create_connection(("127.0.0.1", target))
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        relay = Relay(client, server, order, lambda line: log_file.write(line + "\n"))
        threading.Thread(target=relay.run, daemon=True).start()


main()
