#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Next hops over one connection to the control socket.

next_hops.py answer SOCKET CONTROL PID MS
    Call until the process PID has ended. No answer takes longer than so many ms, besides the
    time for which CONTROL and we wait for a CPU on a busy machine.
next_hops.py all_by SOCKET MAC
    Each flow's first leg is sent to this address.
next_hops.py macs SOCKET
    Print the addresses that the first legs are sent to, each once; "-": a leg has none.
"""
import sys
import time

from durable import Connection


def runs(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def cpu_wait_s(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as stat:
        return int(stat.read().split()[1]) / 1e9


def answer(connection, control, pid, limit_ms):
    took_ms, busy_ms = [], []
    while runs(pid) or len(took_ms) < 20:
        waited = [cpu_wait_s(each) for each in (control, "self")]
        begin = time.monotonic()
        connection.call("flow.get", {"id": "f1"})
        took = time.monotonic() - begin
        waited = [cpu_wait_s(each) - was for each, was in zip((control, "self"), waited)]
        took_ms.append(took * 1000)
        busy_ms.append((took - sum(waited)) * 1000)
        time.sleep(0.002)
    print(f"{len(took_ms)} calls: the longest took {max(busy_ms):.1f} ms, "
          f"{max(took_ms):.1f} ms with waiting for a CPU")
    if max(busy_ms) > limit_ms:
        sys.exit(f"expected {limit_ms} ms at most")


def all_by(connection, mac):
    found = {}
    for flow in flows(connection):
        hop = connection.call("flow.get", {"id": flow})["legs"][0]["next_hop"]
        if hop.get("mac") != mac:
            found[flow] = hop.get("mac")
    if found:
        flow, other = next(iter(found.items()))
        sys.exit(f"{len(found)} flows are not sent to {mac}, such as {flow}: {other}")


def macs(connection):
    hops = (connection.call("flow.get", {"id": flow})["legs"][0]["next_hop"]
            for flow in flows(connection))
    print(*sorted({hop.get("mac") or "-" for hop in hops}))


def flows(connection):
    cursor = {}
    while True:
        page = connection.call("flow.list", {"limit": 1000, **cursor})
        yield from (flow["id"] for flow in page["flows"])
        if not page.get("next_cursor"):
            return
        cursor = {"cursor": page["next_cursor"]}


def main():
    what, path, *more = sys.argv[1:]
    connection = Connection(path)
    if what == "answer":
        answer(connection, int(more[0]), int(more[1]), float(more[2]))
    elif what == "all_by":
        all_by(connection, more[0])
    else:
        macs(connection)


main()
