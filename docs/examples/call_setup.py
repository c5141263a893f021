#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Example of a call control: sets up and clears calls through Sluice, standard library only.

usage: call_setup.py --near PORT=ADDRESS --far PORT=ADDRESS --caller ADDRESS:PORT
                     --callee ADDRESS:PORT [--recorder ADDRESS:PORT] [--hold SECONDS] ...

A call uses two UDP ports of the host, one towards the caller and one towards the callee, and two
flows, one per direction. Both flows are installed in one request. A recorder is a leg that is added
to the caller's flow during the call, and removed again.

    caller --> near:A  [flow NAME-out ]  far:B  --> callee
    callee --> far:B   [flow NAME-back]  near:A --> caller

If a reply is lost, it is unknown whether the request was executed. The request is repeated. As
the client chooses the ids, CONFLICT for an added flow and NOT_FOUND for a removed one then mean
success.

Prints a line for each step, and the counters at the end of the call.
"""

import argparse
import json
import os
import signal
import socket
import sys
import time

RETRIES = 5  # of a request that was refused temporarily, or whose connection failed
FOR_NOW = ("BUSY",)  # temporary refusals
SOCKET = os.environ.get("SLUICE_SOCKET", "/run/sluice/rpc.sock")


class Refused(Exception):
    """An error reply: `name` of the error, `pointer` to the parameter."""

    def __init__(self, error):
        self.name = error.get("data", {}).get("name", str(error["code"]))
        self.pointer = error.get("data", {}).get("pointer", "")
        super().__init__(f"{self.name} {self.pointer}: {error['message']}")


class Sluice:
    """A connection to sluiced: one JSON text per line, one request at a time."""

    def __init__(self, path):
        self.path, self.stream, self.last_id = path, None, 0
        self.repeated = False  # the last request was repeated: it may have been executed before

    def connect(self):
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(10)
        try:
            link.connect(self.path)
        except OSError as why:  # which does not say where
            raise OSError(why.errno, why.strerror, self.path) from why
        self.stream = link.makefile("rw", encoding="utf-8", newline="\n")

    def ask(self, method, params):
        """Send one request and return its result. OSError if the connection fails."""
        if self.stream is None:
            self.connect()
        self.last_id += 1
        request = {"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}
        self.stream.write(json.dumps(request) + "\n")
        self.stream.flush()
        while True:
            line = self.stream.readline()
            if not line:
                raise ConnectionError("sluiced closed the connection")
            reply = json.loads(line)
            if "id" in reply:  # not a notification
                break
        if "error" in reply:
            raise Refused(reply["error"])
        return reply["result"]

    def call(self, method, **params):
        """As ask(), with retries."""
        self.repeated = False
        for attempt in range(RETRIES):
            try:
                return self.ask(method, params)
            except OSError:
                self.stream, self.repeated = None, True
                if attempt == RETRIES - 1:
                    raise
            except Refused as refusal:
                if refusal.name not in FOR_NOW or attempt == RETRIES - 1:
                    raise
            time.sleep(0.2 * 2**attempt)
        raise AssertionError("not reached")


class Ports:
    """Free UDP ports of the host. Even numbers only: RTCP uses the next odd one."""

    def __init__(self, sluice, first, last):
        self.free = set(range(first + first % 2, last + 1, 2))
        cursor = {}
        while True:  # exclude ports of flows that are already installed
            page = sluice.call("flow.list", limit=1000, **cursor)
            for flow in page["flows"]:
                self.free.discard(flow.get("match", {}).get("dst_port"))
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    def take(self):
        if not self.free:
            raise RuntimeError("no UDP port left: end calls, or give a wider --ports")
        return self.free.pop()

    def give(self, *ports):
        self.free.update(ports)


def direction(name, ingress, local, remote, egress, source, destination):
    """A flow that forwards packets from `remote` to `local` by `egress` to `destination`."""
    return {
        "id": name,
        "match": {
            "port": ingress, "src": remote[0], "src_port": remote[1],
            "dst": local[0], "dst_port": local[1],
        },
        "legs": [{
            "id": "peer", "port": egress, "src": source[0], "src_port": source[1],
            "dst": destination[0], "dst_port": destination[1],
        }],
    }


class Call:
    """The two flows of a call. A context manager: with Call(...) as call."""

    def __init__(self, sluice, ports, name, faces, caller, callee):
        """faces: (Sluice port, local address) towards the caller, and towards the callee."""
        self.sluice, self.ports, self.name = sluice, ports, name
        (self.caller_port, caller_side), (self.callee_port, callee_side) = faces
        self.taken = ports.take(), ports.take()
        near, far = (caller_side, self.taken[0]), (callee_side, self.taken[1])
        self.near, self.far = near, far
        flows = [
            direction(f"{name}-out", self.caller_port, near, caller,
                      self.callee_port, far, callee),
            direction(f"{name}-back", self.callee_port, far, callee,
                      self.caller_port, near, caller),
        ]
        try:
            result = sluice.call("flow.install", comment=f"call {name}", flows=flows)
        except Refused as refusal:
            if refusal.name != "CONFLICT" or not sluice.repeated or not self.is_there(flows):
                ports.give(*self.taken)
                if refusal.name == "NO_ROOM":
                    raise RuntimeError("Sluice is full: send the caller elsewhere") from refusal
                raise
            result = sluice.call("state.get")
        self.generation = result["generation"]

    def is_there(self, flows):
        """Whether these flows are installed."""
        try:
            there = [self.sluice.call("flow.get", id=flow["id"])["flow"] for flow in flows]
        except Refused:
            return False
        return all(flow["match"].items() <= found["match"].items()
                   and flow["legs"][0].items() <= found["legs"][0].items()
                   for flow, found in zip(flows, there))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def record(self, recorder):
        """Copy the caller's media to the recorder, if no flow was changed since.

        STALE means that a flow was changed: check that the call exists, and try again.
        """
        leg = {
            "id": "recorder", "port": self.callee_port, "src": self.far[0],
            "src_port": self.far[1] + 1, "dst": recorder[0], "dst_port": recorder[1],
        }
        while True:
            try:
                return self.sluice.call("leg.join", flow=f"{self.name}-out", legs=[leg],
                                        if_generation=self.generation)
            except Refused as refusal:
                if refusal.name != "STALE":
                    raise
                # NOT_FOUND: the call has ended.
                legs = self.sluice.call("flow.get", id=f"{self.name}-out")["flow"]["legs"]
                if any(leg.items() <= found.items() for found in legs):
                    return {"joined": [leg["id"]]}  # by this client; the reply was lost
                self.generation = self.sluice.call("state.get")["generation"]

    def stop_recording(self):
        try:
            return self.sluice.call("leg.leave", flow=f"{self.name}-out", legs=["recorder"])
        except Refused as refusal:
            if refusal.name != "NOT_FOUND" or not self.sluice.repeated:
                raise
            return {"left": []}  # the final counters were in the lost reply

    def end(self):
        """Remove both flows, and return their final counters unless the reply was lost."""
        ids, removed = [f"{self.name}-out", f"{self.name}-back"], []
        try:
            removed = self.sluice.call("flow.remove", ids=ids)["removed"]
        except Refused as refusal:
            if refusal.name != "NOT_FOUND":
                raise
            for flow in ids:  # one of them does not exist: none was removed, or both were
                try:
                    removed += self.sluice.call("flow.remove", ids=[flow])["removed"]
                except Refused as gone:
                    if gone.name != "NOT_FOUND":
                        raise
        self.ports.give(*self.taken)
        return removed


def endpoint(text):
    address, port = text.rsplit(":", 1)
    return address.strip("[]"), int(port)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--socket", default=SOCKET)
    parser.add_argument("--name", default="call-1")
    parser.add_argument("--near", required=True, metavar="PORT=ADDRESS",
                        help="Sluice's port and local address towards the caller")
    parser.add_argument("--far", required=True, metavar="PORT=ADDRESS",
                        help="the same towards the callee")
    parser.add_argument("--caller", required=True, type=endpoint, metavar="ADDRESS:PORT")
    parser.add_argument("--callee", required=True, type=endpoint, metavar="ADDRESS:PORT")
    parser.add_argument("--recorder", type=endpoint, metavar="ADDRESS:PORT")
    parser.add_argument("--ports", default="20000-29999", metavar="FIRST-LAST")
    parser.add_argument("--hold", type=float, default=5, metavar="SECONDS")
    return parser.parse_args()


def main():
    args = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("call_setup: terminated"))  # ends the call
    sluice = Sluice(args.socket)
    first, last = map(int, args.ports.split("-"))
    faces = tuple(tuple(face.split("=", 1)) for face in (args.near, args.far))
    try:
        ports = Ports(sluice, first, last)
        with Call(sluice, ports, args.name, faces, args.caller, args.callee) as call:
            print(f"up near={call.near[1]} far={call.far[1]}", flush=True)
            if args.recorder:
                call.record(args.recorder)
                print("recording", flush=True)
            time.sleep(args.hold)
            if args.recorder:
                print("recorded", json.dumps(call.stop_recording()), flush=True)
            print("over", json.dumps(sluice.call("flow.get", id=f"{args.name}-out")["counters"]))
    except (OSError, Refused, RuntimeError) as problem:
        sys.exit(f"call_setup: {problem}")


if __name__ == "__main__":
    main()
