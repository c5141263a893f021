#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures how long sluiced keeps one user waiting while another asks for all it can.

usage: hostile.py SOCKET PID UID FLOWS [SECONDS]

FLOWS is how many are installed first, by us. Then processes of user UID open connections: some
send rpc.discover, pages, rates and batches of them without a pause and read the answers, others
read nothing, and others begin requests that never end. Meanwhile we call flow.get a hundred times
a second. Writes a line of JSON: percentiles of our waiting in milliseconds, sluiced's memory
before and at the most in MiB, and what the limit on waiting bytes said.
"""

import json
import multiprocessing
import os
import resource
import select
import signal
import socket
import sys
import time

BATCH = 1000  # flows a request
DISCOVER = {"jsonrpc": "2.0", "id": 1, "method": "rpc.discover"}
COUNTERS = {"jsonrpc": "2.0", "id": 1, "method": "counters.get", "params": {"flows": True}}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "flow.list", "params": {"limit": 1000}}
TOP = {"jsonrpc": "2.0", "id": 1, "method": "counters.top", "params": {"limit": 1000}}


def connect(path):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(300)
    connection.connect(path)
    return connection


class Client:
    """One call at a time."""

    def __init__(self, path):
        self.socket = connect(path)
        self.file = self.socket.makefile("r", encoding="utf-8")

    def call(self, method, params):
        request = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        reply = json.loads(self.file.readline())
        if "result" not in reply:
            sys.exit(f"{method} was refused: {reply}")
        return reply["result"]


def flow(number):
    port = 1024 + number % 60000
    return {"id": f"f{number}",
            "match": {"port": "p0", "dst": f"10.{number // 60000}.0.1", "dst_port": port},
            "legs": [{"port": "p1", "src": "198.51.100.1", "src_port": port,
                      "dst": "198.51.100.10", "dst_port": port, "mac": "02:00:00:00:00:10"}]}


def install(path, n_flows):
    client = Client(path)
    for first in range(0, n_flows, BATCH):
        client.call("flow.install",
                    {"flows": [flow(i) for i in range(first, min(first + BATCH, n_flows))]})


def become(uid):
    os.setpriority(os.PRIO_PROCESS, 0, 10)
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def read_all(connections, text, uid):
    """Keep so many bytes of requests under way on each connection, and read what comes."""
    become(uid)
    poll = select.poll()
    left = {}
    by_fd = {}
    for connection in connections:
        connection.setblocking(False)
        left[connection.fileno()] = b""
        by_fd[connection.fileno()] = connection
        poll.register(connection, select.POLLIN | select.POLLOUT)
    while True:
        for fd, events in poll.poll():
            if events & select.POLLIN:
                by_fd[fd].recv(1 << 20)
            if events & select.POLLOUT:
                left[fd] = left[fd] or text
                try:
                    left[fd] = left[fd][by_fd[fd].send(left[fd]):]
                except BlockingIOError:
                    pass


def read_nothing(connections, text, uid):
    """Send as much as is taken."""
    become(uid)
    for connection in connections:
        connection.setblocking(False)
    while True:
        for connection in connections:
            try:
                connection.send(text)
            except BlockingIOError:
                pass
        time.sleep(0.05)


def hang_on(connections, text, uid):
    """Begin a request of many megabytes, and end it never; at the end, show what was answered."""
    become(uid)
    for connection in connections:
        connection.setblocking(False)
        left = text
        try:
            while left:
                left = left[connection.send(left):]
        except BlockingIOError:
            pass
    signal.pause()


def memory_mib(pid, what):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith(what))


def attacks(path, uid):
    """How many connections, what they send, and what they do with it."""
    def line(*requests):
        return b"".join(json.dumps(request).encode() + b"\n" for request in requests)

    everything = line([COUNTERS] * 100, DISCOVER, [TOP, LIST] * 20, LIST, COUNTERS, TOP)
    unfinished = b'{"jsonrpc": "2.0", "method": "flow.get", "params": {"id": "' + b"x" * (4 << 20)
    for n, target, text in ((200, read_all, line(DISCOVER) * 100), (100, read_all, everything),
                            (100, read_nothing, everything),
                            (100, read_nothing, line({**TOP, "method": "no"}) * 1000),
                            (100, hang_on, unfinished)):
        group = os.fork()
        if group == 0:
            os.setegid(uid)
            os.seteuid(uid)
            connections = [connect(path) for _ in range(n)]
            os.seteuid(0)
            os.setegid(0)
            target(connections, text, uid)
        yield group


def limit_shown(path, uid):
    """How a request of that user is refused, once enough of its other answers wait."""
    os.setegid(uid)
    os.seteuid(uid)
    connection = connect(path)
    os.seteuid(0)
    os.setegid(0)
    end = time.monotonic() + 60
    with connection.makefile("rb") as stream:
        while time.monotonic() < end:
            connection.sendall(json.dumps(DISCOVER).encode() + b"\n")
            reply = json.loads(stream.readline())
            if "error" in reply:
                return reply["error"]
            time.sleep(0.1)
    return {}


def percentile(values, share):
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000, 2)


def main():
    path, pid, uid, n_flows = sys.argv[1], *map(int, sys.argv[2:5])
    seconds = float(sys.argv[5]) if len(sys.argv) > 5 else 10
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    install(path, n_flows)
    client = Client(path)
    before = most = memory_mib(pid, "VmRSS")
    processes = list(attacks(path, uid))
    waits = []
    try:
        time.sleep(2)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begun = time.monotonic()
            client.call("flow.get", {"id": "f0"})
            waits.append(time.monotonic() - begun)
            most = max(most, memory_mib(pid, "VmRSS"))
            time.sleep(0.01)
        error = limit_shown(path, uid)
    finally:
        for process in processes:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
    print(json.dumps({
        "calls": len(waits), "p50_ms": percentile(waits, 0.5), "p99_ms": percentile(waits, 0.99),
        "max_ms": percentile(waits, 1), "before_mib": before, "most_mib": most,
        "limit": error.get("message"),
    }))


if __name__ == "__main__":
    main()
