#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Scrapes 100,000 flows, and is a thousand slow clients, beside calls on the control socket.

usage: metrics_clients.py SOCKET TOKEN FLOWS

FLOWS flows, cam0 to cam99999, have series. Prints what was measured; the exit code is 1 if a series
is missing, or if somebody had to wait longer than a busy machine explains.
"""

import json
import re
import socket
import statistics
import sys
import threading
import time

ADDRESS = ("127.0.0.1", 9464)
SLOW_CLIENTS = 1000
SLOW_SECONDS = 5
CALL_MS_MAX = 500  # the machine may have nothing left for this process
SCRAPE_S_MAX = 20  # on a quiet machine, well below 2


class Caller(threading.Thread):
    """Calls system.info again and again, and notes how long each took, in milliseconds."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.ms, self.stop = path, [], False

    def run(self):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(self.path)
            reader = control.makefile("rb")
            while not self.stop:
                begun = time.monotonic()
                control.sendall(b'{"jsonrpc": "2.0", "id": 1, "method": "system.info"}\n')
                assert "result" in json.loads(reader.readline())
                self.ms.append((time.monotonic() - begun) * 1000)
                time.sleep(0.002)

    def end(self, what):
        self.stop = True
        self.join()
        print(f"{what}: {len(self.ms)} calls, median {statistics.median(self.ms):.2f} ms, "
              f"longest {max(self.ms):.1f} ms")
        if max(self.ms) > CALL_MS_MAX:
            sys.exit(f"a call took longer than {CALL_MS_MAX} ms")


def caller_start(path):
    caller = Caller(path)
    caller.start()
    return caller


def request(token):
    return (f"GET /metrics HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n"
            "Connection: close\r\n\r\n").encode()


def scrape(token):
    """The body, with its chunks' lengths."""
    with socket.create_connection(ADDRESS, timeout=SCRAPE_S_MAX) as client:
        client.sendall(request(token))
        pieces = iter(lambda: client.recv(1 << 20), b"")
        return b"".join(pieces).decode()


def slow_client(number):
    """One of another address than ADDRESS, which is connected or waits to be."""
    client = socket.socket()
    client.setblocking(False)
    client.bind(("127.0.0.2", 0))
    try:
        client.connect(ADDRESS)
    except BlockingIOError:
        pass
    return client


def drip(clients, data, position):
    """The next byte of the request from each client; what is closed is left alone."""
    for client in clients:
        try:
            client.send(data[position:position + 1])
        except (BlockingIOError, ConnectionError, OSError):
            pass


def main():
    path, token, flows = sys.argv[1], sys.argv[2], int(sys.argv[3])

    caller = caller_start(path)
    begun = time.monotonic()
    text = scrape(token)
    seconds = time.monotonic() - begun
    caller.end(f"{flows} flows scraped in {seconds:.2f} s, {len(text) / 1e6:.0f} MB")
    found = len(set(re.findall(r'^sluice_flow_packets_total\{flow="(cam\d+)"\} \d', text, re.M)))
    # A line may be cut by the length of a chunk.
    if found < flows * 0.99 or seconds > SCRAPE_S_MAX:
        sys.exit(f"found {found} flows in {seconds:.1f} s")

    caller = caller_start(path)
    clients = [slow_client(number) for number in range(SLOW_CLIENTS)]
    data = request(token)
    for position in range(SLOW_SECONDS):
        drip(clients, data, position)
        time.sleep(1)
    if "sluice_build_info" not in scrape(token):
        sys.exit("no scrape beside slow clients")
    caller.end(f"{SLOW_CLIENTS} clients that send a byte a second")
    for client in clients:
        client.close()

    caller = caller_start(path)
    readers = [socket.create_connection(ADDRESS, source_address=("127.0.0.2", 0)) for _ in range(8)]
    for reader in readers:
        reader.sendall(request(token))
    for _ in range(SLOW_SECONDS):
        for reader in readers:
            reader.recv(1)
        time.sleep(1)
    if "sluice_build_info" not in scrape(token):
        sys.exit("no scrape beside slow readers")
    caller.end("8 clients that read a byte a second")

    for nonsense in (b"\0" * 4096, b"GET\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n",
                     b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\n\r\n",
                     b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 20000 + b"\r\n"):
        with socket.create_connection(ADDRESS, timeout=10) as client:
            try:
                client.sendall(nonsense)
                client.recv(4096)
            except (ConnectionError, socket.timeout):
                pass
    if "sluice_build_info" not in scrape(token):
        sys.exit("no scrape after nonsense")


if __name__ == "__main__":
    main()
