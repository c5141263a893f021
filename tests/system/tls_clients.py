#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Clients of the TLS listener that are refused, or must not affect others.

usage: tls_clients.py ADDRESS PORT DIRECTORY

DIRECTORY has ca.pem, ana.pem/.key (an operator), guest.pem/.key (no role), other.pem/.key of
another authority, and old.pem/.key, which has expired. Prints what is wrong, a line each; the exit
code is 1 if anything is.
"""
import contextlib
import json
import pathlib
import socket
import ssl
import sys
import time

PATIENCE_S = 20
HANDSHAKES = 80  # more than are let be under way


class Checker:
    def __init__(self, address, port, directory):
        self.where = (address, int(port))
        self.directory = pathlib.Path(directory)
        self.wrong = []

    def expect(self, what, found, expected):
        if found != expected:
            self.wrong.append(f"{what}: found {found!r}, expected {expected!r}")

    def context(self, name=None):
        context = ssl.create_default_context(cafile=self.directory / "ca.pem")
        if name:
            context.load_cert_chain(self.directory / f"{name}.pem", self.directory / f"{name}.key")
        return context

    def tcp(self):
        return socket.create_connection(self.where, timeout=PATIENCE_S)

    def client(self, name, version=None):
        context = self.context(name)
        if version:
            context.minimum_version = context.maximum_version = version
        return context.wrap_socket(self.tcp(), server_hostname=self.where[0])

    def call(self, client, method, params=None, raw=None):
        text = raw or json.dumps(
            {"jsonrpc": "2.0", "method": method, "params": params or {}, "id": 1})
        client.sendall(text.encode() + b"\n")
        return json.loads(self.line(client))

    @staticmethod
    def line(client):
        text = b""
        while not text.endswith(b"\n"):
            piece = client.recv(65536)
            if not piece:
                break
            text += piece
        return text or b"null"

    def is_turned_away(self, what, name, version=None):
        """With TLS 1.3 a client learns it when it reads for the first time."""
        try:
            with self.client(name, version) as client:
                reply = self.call(client, "system.info")
            self.wrong.append(f"{what}: was answered {str(reply)[:80]}")
        except OSError:  # as ssl.SSLError is
            pass

    def works(self, what, version=None):
        with self.client("ana", version) as client:
            reply = self.call(client, "system.info")
            self.expect(what, (reply or {}).get("result", {}).get("name"), "sluice")

    def run_certificates(self):
        self.works("operator")
        self.works("TLS 1.2", ssl.TLSVersion.TLSv1_2)
        self.is_turned_away("no certificate", None)
        self.is_turned_away("another authority", "other")
        self.is_turned_away("expired certificate", "old")
        self.works("after those")

    def run_roles(self):
        with self.client("guest") as client:
            error = self.call(client, "system.info")["error"]
            self.expect("no role", error["data"]["name"], "FORBIDDEN")
            wanted = "system.info requires role viewer, guest has none; add an entry for the " \
                     "certificate under tls.roles in sluice.yaml"
            self.expect("no role, message", error["message"], wanted)
        with self.client("ana") as client:
            reply = self.call(client, "flow.remove", {"ids": ["nobody"]})
            self.expect("operator may", reply["error"]["data"]["name"], "NOT_FOUND")

    def run_garbage(self):
        for garbage in (b"GET / HTTP/1.0\r\n\r\n", b"\0" * 1000, b"\x16\x03\x01\xff\xff" + b"x" * 9,
                        b'{"jsonrpc": "2.0", "method": "system.info", "id": 1}\n'):
            with self.tcp() as client:
                client.sendall(garbage)
                with contextlib.suppress(OSError):  # it may have hung up on us already
                    client.shutdown(socket.SHUT_WR)
                reply = b""
                try:
                    while piece := client.recv(4096):
                        reply += piece
                except OSError:
                    pass
                self.expect(f"no JSON in the clear for {garbage[:8]}", b"jsonrpc" in reply, False)
        self.works("after garbage")

    def run_frames(self):
        """Texts in pieces, many in a record, and what is no JSON: as over the local socket."""
        with self.client("ana") as client:
            request = b'{"jsonrpc":"2.0","method":"port.list","id":1}'
            client.sendall(request * 300)
            for i in range(300):
                if b'"result"' not in self.line_of(client):
                    self.wrong.append(f"reply {i} of 300 is no result")
                    break
            for piece in (request[:9], request[9:20], request[20:]):
                client.sendall(piece)
                time.sleep(0.01)
            self.expect("in pieces", b'"result"' in self.line_of(client), True)
            error = self.call(client, None, raw="{]")["error"]
            self.expect("no JSON", error["data"]["name"], "PARSE")
            self.expect("then", "result" in self.call(client, "port.list"), True)

    kept = b""

    def line_of(self, client):
        """The next line, where more than one may come at a time."""
        while b"\n" not in self.kept:
            piece = client.recv(65536)
            if not piece:
                return b""
            self.kept += piece
        line, self.kept = self.kept.split(b"\n", 1)
        return line

    def run_slow(self):
        """Half-open handshakes and clients that do not read delay no other."""
        half_open = [self.tcp() for _ in range(HANDSHAKES)]
        half_open[-1].sendall(b"\x16\x03\x01\x02")
        stuck = self.client("ana")
        stuck.settimeout(0.5)
        request = b'{"jsonrpc":"2.0","method":"rpc.discover","id":1}\n'
        try:
            for _ in range(2000):
                stuck.sendall(request * 10)
        except OSError:
            pass
        start = time.monotonic()
        self.works("beside the slow ones")
        took_s = time.monotonic() - start
        if took_s > 5:
            self.wrong.append(f"beside the slow ones an answer took {took_s:.1f} s")
        stuck.close()
        half_open[-1].settimeout(PATIENCE_S)
        try:
            end = half_open[-1].recv(1)
        except OSError:
            end = b""
        self.expect("a handshake has an end", end, b"")
        for client in half_open:
            client.close()
        self.works("after the slow ones")


def main():
    checker = Checker(*sys.argv[1:])
    checker.run_certificates()
    checker.run_roles()
    checker.run_garbage()
    checker.run_frames()
    checker.run_slow()
    for line in checker.wrong:
        print(line)
    sys.exit(bool(checker.wrong))


if __name__ == "__main__":
    main()
