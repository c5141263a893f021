#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Replays the examples of the contract against a sluiced, and holds its answers against them.

usage: rpc_examples.py SOCKET INTERFACE CONTRACT.json

Each chapter starts with the flows that it names and no others; its examples are then sent in
order. An answer must obey the schema of its method, have exactly the members of the example, and
the same values except those that vary (VARIES). Generations, transactions and
sequence numbers are others than in the example, but the same ones where the example has the same.
Frames of packets are sent on INTERFACE, which is a neighbour of port p0.
"""

import copy
import json
import socket
import sys
import time

from contract import Wrong, obey

WAIT_S = 10
# Values of which only the type is compared.
VARIES = set(
    "dpdk pid uptime_s control_core core socket loops busy_loops rx_packets tx_packets busy_ns"
    " total_ns busy_cycles busy_share cycles_per_packet longest_round_us bursts residence_ns"
    " installed capacity devargs netdev link_mbps packets bytes forwarded punted copies sent drops"
    " rx_bytes tx_bytes nic steering time_ns monotonic_ns deadline_ns confirm_by_ns oldest path"
    " pps bps drops_ps period_ms total next_cursor cpu_level page_bytes pages"
    " hugepages tlb_reach_percent quarantined free used_share profile".split()
)
# Lists of which the example shows the first members.
BEGINNINGS = {"ports", "methods", "settings"}
# Values that are others, but consistently so, under the name that they have in parameters.
BOUND = {"generation": "generation", "previous": "generation", "returns_to": "generation",
         "txn": "txn", "sequence": "sequence", "after": "sequence", "punted": "sequence"}
LEG = {"port": "p1", "src": "198.51.100.1", "src_port": 6000, "dst": "198.51.100.20",
       "dst_port": 5004}
LISTENER = {"id": "flow-1", "match": {"port": "p0", "dst": "192.0.2.1", "dst_port": 6000},
            "legs": [LEG]}
# Of a source that sends nothing: what others send there reaches the port, and matches no flow.
ELSEWHERE = {"id": "elsewhere", "action": "drop",
             "match": {"port": "p0", "src": "192.0.2.99", "src_port": 1, "dst": "192.0.2.1",
                       "dst_port": 6000}}


class Client:
    """A connection to sluiced."""

    def __init__(self, path):
        self.link = socket.socket(socket.AF_UNIX)
        self.link.settimeout(WAIT_S)
        self.link.connect(path)
        self.lines = self.link.makefile(encoding="utf-8")
        self.id = 0

    def call(self, method, **params):
        self.id += 1
        request = {"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}
        self.link.sendall(json.dumps(request).encode() + b"\n")
        reply = json.loads(self.lines.readline())
        while "method" in reply:  # an event
            reply = json.loads(self.lines.readline())
        if reply.get("id") != self.id or "result" not in reply:
            raise Wrong(f"{method} is answered with {json.dumps(reply)}")
        return reply["result"]


def wait_until(true):
    deadline = time.monotonic() + WAIT_S
    while not true():
        if time.monotonic() > deadline:
            raise Wrong(f"not within {WAIT_S} s: {true.__name__}")
        time.sleep(0.05)


def differ(path, expected, found):
    return f"{path}: found {json.dumps(found)}, the example has {json.dumps(expected)}"


class Chapter:
    """What stands for the numbers and names of a chapter's examples."""

    def __init__(self, client):
        self.client = client
        self.bound = {}

    def params(self, example):
        """The example's parameters, as this instance has to be asked."""
        params = {param["name"]: param["value"] for param in example["params"]}
        for name, value in params.items():
            kind = BOUND.get(name)
            if kind == "txn" and (kind, value) not in self.bound:
                self.bound[kind, value] = self.client.call("txn.begin")["txn"]
            if kind:
                params[name] = self.bound[kind, value]
        return params

    def compare(self, expected, found, path="", name=""):
        """Raise Wrong unless what was found is what the example says."""
        if name in VARIES:
            if type(found) is not type(expected):
                raise Wrong(differ(path, expected, found))
        elif name in BOUND and isinstance(expected, (int, str)):
            known = self.bound.setdefault((BOUND[name], expected), found)
            if known != found:
                raise Wrong(f"{path}: found {found!r}, {expected!r} was {known!r} before")
        elif isinstance(expected, dict) and isinstance(found, dict):
            self.compare_members(expected, found, path)
        elif isinstance(expected, list) and isinstance(found, list):
            longer = len(found) - len(expected)
            if longer and (longer < 0 or name not in BEGINNINGS):
                raise Wrong(differ(path, expected, found))
            for i, (one, other) in enumerate(zip(expected, found)):
                self.compare(one, other, f"{path}/{i}")
        elif expected != found:
            raise Wrong(differ(path, expected, found))

    def compare_members(self, expected, found, path):
        if expected.keys() != found.keys():
            raise Wrong(differ(path, expected, found))
        for name, value in expected.items():
            self.compare(value, found[name], f"{path}/{name}", name)


def shortened(expected, found):
    """Of what was found, the members that the example has."""
    if not isinstance(expected, dict):
        return found
    kept = expected.keys() & found.keys()
    return {name: shortened(expected[name], found[name]) for name in kept}


class Replay:
    """The examples of a contract, an instance to replay them on, and a wire to it."""

    def __init__(self, path, interface, contract):
        self.contract = contract
        self.client = Client(path)
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.wire.bind((interface, 0))
        self.methods = {method["name"]: method for method in contract["methods"]}
        self.left = {(method["name"], i) for method in contract["methods"]
                     for i in range(len(method["examples"]))}
        self.wrong = []

    def example(self, method, number=0):
        return self.methods[method]["examples"][number]

    def begin(self, *flows):
        """A new chapter, with these flows and no others."""
        relays = [entry["relay"]["id"]
                  for entry in self.client.call("relay.list", limit=1000)["relays"]]
        if relays:
            self.client.call("relay.remove", ids=relays)
        old = [flow["id"] for flow in self.client.call("flow.list", limit=1000)["flows"]]
        if old:
            self.client.call("flow.remove", ids=old)
        if flows:
            self.client.call("flow.install", flows=list(flows))
        return Chapter(self.client)

    def replay(self, chapter, name, number=0):
        method = self.methods[name]
        example = method["examples"][number]
        self.left.remove((name, number))
        try:
            found = self.client.call(name, **chapter.params(example))
            obey(self.contract, method["result"]["schema"], found)
            expected = example["result"]["value"]
            if name == "rpc.discover":
                found = shortened(expected, found)
            chapter.compare(expected, found)
        except Wrong as wrong:
            self.wrong.append(f"{name}, {example['name']}: {wrong}")

    def last_sequence(self):
        events = self.client.call("event.list", limit=1000)["events"]
        return events[-1]["sequence"]

    def resolved(self):
        """The next hop of flow-1 is known."""
        legs = self.client.call("flow.get", id="flow-1")["legs"]
        return all(leg["next_hop"]["state"] == "resolved" for leg in legs)


def flows_told(replay):
    """Flows and legs that come, change and go."""
    video = replay.example("flow.install")["params"][0]["value"][0]
    legs = [{"id": f"leg-{i + 1}", **leg} for i, leg in enumerate(video["legs"])]
    for number in range(len(replay.methods["flow.install"]["examples"])):
        replay.replay(replay.begin(), "flow.install", number)
    for name in ("leg.join", "flow.admin", "flow.replace", "flow.remove"):
        replay.replay(replay.begin(video), name)
    third = {"id": "leg-3", **LEG, "dst_port": 5006}
    replay.replay(replay.begin({**video, "legs": [*legs, third]}), "leg.leave")


def relays_told(replay):
    """Relays that come, change and go."""
    chapter = replay.begin()
    for number in range(len(replay.methods["relay.add"]["examples"])):
        replay.replay(chapter, "relay.add", number)

    def resolved():
        """The next hop to the signalled address is known."""
        sent = replay.client.call("relay.get", id="call-1")["b"]["sent"]
        return sent["next_hop"]["state"] == "resolved"

    wait_until(resolved)
    for name in ("relay.get", "relay.list", "relay.update", "relay.remove"):
        replay.replay(chapter, name)


def receivers_told(replay):
    """Who watches a camera."""
    chapter = replay.begin()
    replay.client.call("relay.add", relays=[{
        "id": "cam-1", "a": {"port": "p0", "local": "192.0.2.1", "local_port": 5004},
        "b": {"port": "p1", "local": "198.51.100.1", "local_port": 6004}}])
    for name in ("relay.receivers", "relay.join", "relay.leave"):
        replay.replay(chapter, name)


def state_told(replay):
    """A declaration on trial, which is confirmed and undone later."""
    chapter = replay.begin(replay.example("flow.install")["params"][0]["value"][0])
    for name in ("txn.begin", "txn.put", "txn.plan", "txn.commit", "state.get", "state.confirm",
                 "state.rollback", "history.list", "history.get", "history.tag", "txn.abort"):
        replay.replay(chapter, name)


def looks_told(replay):
    """What only looks."""
    replay.replay(replay.begin(LISTENER, ELSEWHERE), "flow.list")
    chapter = replay.begin(LISTENER)
    wait_until(replay.resolved)
    replay.replay(chapter, "flow.list", 1)
    for name in ("rpc.discover", "system.info", "port.list", "flow.get", "counters.get",
                 "counters.top", "packet.trace"):
        replay.replay(chapter, name)
    install = next(example for example in replay.methods["flow.install"]["examples"]
                   if "relay" in example["name"])
    replay.replay(replay.begin(*install["params"][0]["value"]), "flow.get", 1)


def packets_told(replay):
    """What comes of packets."""
    example = replay.example("punt.list")["result"]["value"]["packets"][0]
    frame = bytes.fromhex(example["frame"])
    chapter = replay.begin(ELSEWHERE)

    def punted():
        replay.wire.send(frame)
        return replay.client.call("punt.list")["packets"]

    wait_until(punted)
    replay.replay(chapter, "punt.list")
    found = replay.client.call("punt.list")["packets"][0]
    chapter.bound["sequence", example["sequence"]] = found["sequence"]
    replay.replay(chapter, "packet.inject")

    chapter = replay.begin(LISTENER)
    keepalive = chapter.params(replay.example("packet.inject", 1))

    def neighbour_answers():
        try:
            return replay.client.call("packet.inject", **keepalive)
        except Wrong:  # it is being resolved
            return False

    wait_until(neighbour_answers)
    replay.replay(chapter, "packet.inject", 1)

    chapter = replay.begin({**LISTENER, "latch": "first", "idle_timeout_s": 1})
    example = replay.example("event.list")
    chapter.bound["sequence", example["params"][0]["value"]] = before = replay.last_sequence()
    replay.wire.send(frame)

    def expired():
        return replay.last_sequence() >= before + len(example["result"]["value"]["events"])

    wait_until(expired)
    replay.replay(chapter, "event.list")

    chapter = replay.begin({**LISTENER, "latch": "first"})
    replay.wire.send(frame)
    wait_until(lambda: replay.client.call("flow.get", id="flow-1")["latched"])
    replay.replay(chapter, "flow.forget")

    chapter = replay.begin(LISTENER)
    example = replay.example("event.list", 1)
    chapter.bound["sequence", example["params"][0]["value"]] = replay.last_sequence()
    replay.client.call("leg.join", flow="flow-1", legs=[{**LEG, "dst_port": 5008}])
    replay.client.call("flow.admin", flow="flow-1", admin="down")
    replay.replay(chapter, "event.list", 1)

    chapter = replay.begin()
    example = replay.example("event.list", 2)
    relay = copy.deepcopy(replay.example("relay.get")["result"]["value"]["relay"])
    relay["a"]["media_timeout_s"] = 1
    del relay["b"]["remote"], relay["b"]["remote_port"]  # no neighbour is resolved meanwhile
    replay.client.call("relay.add", relays=[relay])
    chapter.bound["sequence", example["params"][0]["value"]] = before = replay.last_sequence()
    wait_until(lambda: replay.last_sequence() > before)
    replay.replay(chapter, "event.list", 2)

    chapter = replay.begin()
    replay.replay(chapter, "events.subscribe")
    replay.replay(chapter, "events.unsubscribe")


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    with open(sys.argv[3], encoding="utf-8") as file:
        replay = Replay(sys.argv[1], sys.argv[2], json.load(file))
    for tell in (flows_told, relays_told, receivers_told, state_told, looks_told, packets_told):
        try:
            tell(replay)
        except Wrong as wrong:
            sys.exit("\n".join([*replay.wrong, f"in {tell.__name__}: {wrong}"]))
    left = [f"{name}, example {number}: not replayed" for name, number in sorted(replay.left)]
    if replay.wrong or left:
        sys.exit("\n".join(replay.wrong + left))


if __name__ == "__main__":
    main()
