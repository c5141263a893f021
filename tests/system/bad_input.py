#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sends sluiced what it must refuse, and checks code, name and pointer, and that nothing changed.

usage: bad_input.py SOCKET

sluiced must have the ports p0 and p1 without kernel interfaces, an IPv4 table of 64 flows, and the
limits below in its configuration.
"""

import copy
import json
import socket
import sys

MESSAGE_BYTES, DEPTH = 1 << 20, 16
CONNECTIONS = 4 + 2  # two more are kept for root
IPV4_FLOWS = 64
MAC = "02:00:00:00:00:10"

PARSE, INVALID_REQUEST, METHOD, PARAMS = -32700, -32600, -32601, -32602
VALUE, NOT_FOUND, CONFLICT, NO_ROOM, LIMIT = -32001, -32002, -32003, -32005, -32006
NAMES = {
    PARSE: "PARSE", INVALID_REQUEST: "INVALID_REQUEST", METHOD: "METHOD_NOT_FOUND",
    PARAMS: "INVALID_PARAMS", VALUE: "INVALID_VALUE", NOT_FOUND: "NOT_FOUND",
    CONFLICT: "CONFLICT", NO_ROOM: "NO_ROOM", LIMIT: "LIMIT",
}


class Connection:
    """A connection to sluiced, a JSON text a line."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.file = self.socket.makefile("r", encoding="utf-8")

    def exchange(self, text):
        """Send raw text, read one reply."""
        self.socket.sendall(text.encode())
        line = self.file.readline()
        if not line:
            sys.exit(f"hung up on: {text[:200]}")
        return json.loads(line)

    def call(self, method, params):
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self.exchange(json.dumps(request) + "\n")

    def result(self, method, params):
        reply = self.call(method, params)
        if "result" not in reply:
            sys.exit(f"{method} was refused: {reply}")
        return reply["result"]

    def close(self):
        self.file.close()
        self.socket.close()


def flow_make(port, flow_id=None, address="192.0.2.1"):
    """A flow that would be taken."""
    flow = {
        "match": {"port": "p0", "dst": address, "dst_port": port},
        "legs": [{"port": "p1", "src": "198.51.100.1", "src_port": port,
                  "dst": "198.51.100.10", "dst_port": port, "mac": MAC}],
    }
    return {"id": flow_id, **flow} if flow_id else flow


# Parts of a good flow that are there only to be changed.
PARTS = {
    "police": {"rate_bps": 64000},
    "classes": {},
    "allow": ["192.0.2.0/24"],
    "sources": [{"src": "192.0.2.10"}, {"src": "192.0.2.11", "src_port": 9}],
    "streams": [{"ssrc": 1, "action": "drop"}],
    "rule": {"priority": 5, "src": "192.0.2.0/24", "dst_ports": [1, 2]},
}


def changed(path, value):
    """A good flow with one field set, or taken away with None: "legs/0/ttl"."""
    flow = copy.deepcopy(flow_make(7000))
    part = path.partition("/")[0]
    if part != path and part in PARTS:
        flow[part] = copy.deepcopy(PARTS[part])
    if path.startswith("rule/"):
        del flow["match"]
    if path.startswith("legs/0/police"):
        flow["legs"][0]["police"] = copy.deepcopy(PARTS["police"])
    *way, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    target = flow
    for key in way:
        target = target[key]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return flow


def field_cases():
    """One field of a flow at fault: (what, flow, code, pointer within the flow)."""
    for path, value in (
        ("match/dst_port", 0), ("match/dst_port", 65536), ("match/dst_port", -1),
        ("match/vlan", 4095), ("legs/0/dscp", 64), ("legs/0/ttl", 0), ("legs/0/ttl", 256),
        ("legs/0/vlan", 5000), ("legs/0/dst_port", 1 << 40), ("match/outer_vlan", 4095),
        ("legs/0/outer_vlan", -1), ("legs/0/one_in", 0), ("latch_interval_ms", 3600001),
        ("idle_timeout_s", 0), ("police/rate_bps", 7999), ("police/burst_bytes", 0),
        ("legs/0/police/rate_bps", 400000000001), ("streams/0/payload_type", 128),
        ("streams/0/ssrc", 1 << 32), ("rule/priority", 0), ("rule/dst_ports/1", 65536),
    ):
        yield f"number out of range: {path} {value}", changed(path, value), PARAMS, path
    for path, value in (
        ("match/dst_port", "5004"), ("match/dst_port", 5004.5), ("match/dst", 1),
        ("legs", {}), ("match", []), ("id", 5), ("match/dst_port", True), ("latch", 1),
        ("allow", "192.0.2.0/24"), ("classes", []), ("police", 1000000), ("rule/src", 192),
    ):
        yield f"wrong type: {path} {value!r}", changed(path, value), PARAMS, path
    for path in ("mtach", "match/dest", "legs/0/dsp", "classes/quic", "police/rate", "rule/prio"):
        yield f"unknown field: {path}", changed(path, 1), PARAMS, path
    for path in ("match", "legs", "match/dst", "match/port", "legs/0/src_port", "rule/priority",
                 "police/rate_bps"):
        # The pointer names the object that lacks the field, or the field.
        yield (f"missing field: {path}", changed(path, None), (PARAMS, VALUE),
               (path.rpartition("/")[0], path))
    for path, value in (
        ("match/dst", "192.0.2.256"), ("match/dst", "example"), ("legs/0/mac", "02:00"),
        ("id", ""), ("id", "a b"), ("id", "x" * 65), ("legs", []), ("latch", "last"),
        ("action", "pass"), ("admin", "off"), ("classes/stun", "keep"), ("allow/0", "192.0.2.0"),
        ("allow/0", "192.0.2.1/24"), ("allow/0", "192.0.2.0/33"), ("rule/src", "192.0.2.0/x"),
        ("rule/dst_ports", [2, 1]), ("legs/0/admin", "off"),
    ):
        yield f"malformed: {path} {value!r}", changed(path, value), (PARAMS, VALUE), path
    yield "too many legs", changed("legs", flow_make(1)["legs"] * 4097), PARAMS, "legs"
    yield "family mismatch", changed("legs/0/dst", "2001:db8::1"), VALUE, "legs/0/dst"
    yield "family mismatch of src", changed("match/src", "2001:db8::1") | {
        "match": {**flow_make(7000)["match"], "src": "2001:db8::1", "src_port": 9}
    }, VALUE, "match/src"
    yield "src alone", changed("match/src", "192.0.2.10"), VALUE, ("match/src", "match/src_port")
    yield "src_port alone", changed("match/src_port", 9), VALUE, ("match/src", "match/src_port")
    yield "unknown port", changed("match/port", "p9"), NOT_FOUND, "match/port"
    yield "unknown port of a leg", changed("legs/0/port", "p9"), NOT_FOUND, "legs/0/port"
    yield "no next hop", changed("legs/0/mac", None), VALUE, "legs/0/mac"
    yield "mac and next_hop", changed("legs/0/next_hop", "198.51.100.10"), VALUE, "legs/0/mac"
    yield "multicast source", changed("legs/0/src", "224.0.0.1"), VALUE, "legs/0/src"
    yield from policy_cases()


def policy_cases():
    """Fields that do not go with each other."""
    exact = changed("match/src", "192.0.2.10")
    exact["match"]["src_port"] = 9
    both = {**changed("rule/priority", 5), "match": flow_make(7000)["match"]}
    leg = flow_make(7000)["legs"][0]
    yield "latch of an exact match", {**exact, "latch": "first"}, VALUE, "latch"
    yield ("interval without follow", changed("latch_interval_ms", 5), VALUE, "latch_interval_ms")
    yield "packets that open no latch", changed("latch_by", "ssrc"), VALUE, "latch_by"
    listed = {**flow_make(7000), "source_timeout_ms": 20, "sources": PARTS["sources"]}
    again = PARTS["sources"][:1] + [{"src": "192.0.2.10", "src_port": 9}]
    yield ("sources of an exact match", {**exact, **listed, "match": exact["match"]}, VALUE,
           "sources")
    yield ("sources of a rule", {key: value for key, value in
                                 {**listed, "rule": {"priority": 5, "dst": "192.0.2.1/32"}}.items()
                                 if key != "match"}, VALUE, "sources")
    yield "sources and latch", {**listed, "latch": "first"}, VALUE, "sources"
    yield "source twice", {**listed, "sources": PARTS["sources"] * 2}, VALUE, "sources/2"
    yield "source without port twice", {**listed, "sources": again}, VALUE, "sources/1"
    yield "one source", {**listed, "sources": again[:1]}, PARAMS, "sources"
    yield ("source of the other family", {**listed, "sources": [again[0], {"src": "2001:db8::1"}]},
           VALUE, "sources/1/src")
    yield ("multicast source to choose", {**listed, "sources": [again[0], {"src": "224.0.0.1"}]},
           VALUE, "sources/1/src")
    yield "sources without a time-out", changed("sources/0/src_port", 9), VALUE, "source_timeout_ms"
    for path, value in (("source_timeout_ms", 0), ("source_timeout_ms", 10001),
                        ("source_return_ms", 3600001), ("source_timeout_ms", 1.5)):
        yield f"{path} {value}", {**listed, path: value}, PARAMS, path
    for path in ("source_timeout_ms", "source_return_ms"):
        yield f"{path} without sources", changed(path, 9), VALUE, path
    yield "allow of the other family", changed("allow/0", "2001:db8::/32"), VALUE, "allow/0"
    yield "match and rule", both, VALUE, ("", "rule", "match")
    yield ("rule of no family", {"rule": {"priority": 5}, "action": "drop"}, VALUE,
           ("rule", "rule/family"))
    yield ("rule of both families", changed("rule/dst", "2001:db8::/32"), VALUE,
           ("rule/dst", "rule/src", "rule/family"))
    yield "forward without legs", {**changed("legs", []), "action": "forward"}, VALUE, "legs"
    yield "stream of nothing", changed("streams/0/ssrc", None), VALUE, "streams/0"
    yield ("stream without legs", {**flow_make(7000), "streams": [{"ssrc": 1}]}, VALUE,
           ("streams/0/legs", "streams/0"))
    yield ("stream twice", {**flow_make(7000), "streams": [{"ssrc": 1, "action": "drop"}] * 2},
           (VALUE, CONFLICT), ("streams/1", "streams/1/ssrc"))
    yield ("leg id twice", {**flow_make(7000), "legs": [{**leg, "id": "a"}] * 2},
           (VALUE, CONFLICT), "legs/1/id")
    yield ("leg with mark and next_hop", {**flow_make(7000), "legs": [
        {**leg, "mark": 7, "next_hop": "198.51.100.254"}]}, VALUE, "legs/0/mark")
    yield ("backup that is the leg's own way", {**flow_make(7000), "legs": [
        {**leg, "backup": leg["port"]}]}, VALUE, "legs/0/backup")
    yield ("leg to one place twice", {**flow_make(7000), "legs": [leg, {**leg, "dscp": 9}]},
           VALUE, "legs/1")


def install_cases():
    """Requests to flow.install: (what, params, code, pointer)."""
    good = flow_make(7001, "good")
    for what, flow, code, pointer in field_cases():
        pointers = pointer if isinstance(pointer, tuple) else (pointer,)
        full = tuple(f"/flows/1/{p}".rstrip("/") for p in pointers)
        yield what, {"flows": [good, flow]}, code, full
    yield "duplicate id", {"flows": [good, flow_make(7002, "kept")]}, CONFLICT, "/flows/1/id"
    yield "duplicate match", {"flows": [good, flow_make(5000)]}, CONFLICT, "/flows/1/match"
    yield ("duplicate match in one request", {"flows": [good, flow_make(7001)]}, CONFLICT,
           "/flows/1/match")
    yield "table full", {
        "flows": [flow_make(8000 + n) for n in range(IPV4_FLOWS)]
    }, NO_ROOM, None
    yield "no flows", {"flows": []}, PARAMS, "/flows"
    yield "flows are no array", {"flows": good}, PARAMS, "/flows"
    yield "unknown parameter", {"flows": [good], "dry": True}, PARAMS, "/dry"
    yield "missing parameter", {}, PARAMS, ("", "/flows")
    yield "parameters by position", [[good]], PARAMS, ""


def method_cases():
    """Requests to other methods: (what, method, params, code, pointer)."""
    yield "unknown method", "flow.instal", {}, METHOD, ""
    yield "forgets an unknown flow", "flow.forget", {"ids": ["none"]}, NOT_FOUND, "/ids/0"
    yield "forgets without a latch", "flow.forget", {"ids": ["kept"]}, VALUE, "/ids/0"
    yield "unknown id", "flow.remove", {"ids": ["kept", "none"]}, NOT_FOUND, "/ids/1"
    yield "id twice", "flow.remove", {"ids": ["kept", "kept"]}, VALUE, "/ids/1"
    yield "no ids", "flow.remove", {"ids": []}, PARAMS, "/ids"
    yield "unknown flow", "flow.get", {"id": "none"}, NOT_FOUND, "/id"
    yield "limit out of range", "flow.list", {"limit": 1001}, PARAMS, "/limit"
    yield "limit out of range", "event.list", {"limit": 0}, PARAMS, "/limit"
    yield "limit out of range", "punt.list", {"limit": 1001}, PARAMS, "/limit"
    yield "negative sequence", "event.list", {"after": -1}, PARAMS, "/after"
    kept, leg = flow_make(5000, "kept"), flow_make(5000)["legs"][0]
    yield ("unknown id", "flow.replace", {"flows": [kept, flow_make(5001, "none")]}, NOT_FOUND,
           "/flows/1/id")
    yield "no id", "flow.replace", {"flows": [flow_make(5000)]}, (PARAMS, VALUE), (
        "/flows/0", "/flows/0/id")
    yield ("another match", "flow.replace", {"flows": [flow_make(5002, "kept")]}, VALUE,
           "/flows/0/match")
    yield "id twice", "flow.replace", {"flows": [kept, kept]}, (VALUE, CONFLICT), "/flows/1/id"
    yield "unknown flow", "leg.join", {"flow": "none", "legs": [leg]}, NOT_FOUND, "/flow"
    yield ("id in use", "leg.join", {"flow": "kept", "legs": [{**leg, "id": "leg-1"}]}, CONFLICT,
           "/legs/0/id")
    yield ("wrong leg", "leg.join", {"flow": "kept", "legs": [leg, {**leg, "ttl": 0}]}, PARAMS,
           "/legs/1/ttl")
    yield "unknown flow", "leg.leave", {"flow": "none", "legs": ["leg-1"]}, NOT_FOUND, "/flow"
    yield ("unknown leg", "leg.leave", {"flow": "kept", "legs": ["leg-1", "none"]}, NOT_FOUND,
           "/legs/1")
    yield ("last leg", "leg.leave", {"flow": "kept", "legs": ["leg-1"]}, VALUE, "/legs")
    yield "unknown flow", "flow.admin", {"flow": "none", "admin": "up"}, NOT_FOUND, "/flow"
    yield ("unknown leg", "flow.admin", {"flow": "kept", "leg": "none", "admin": "up"}, NOT_FOUND,
           "/leg")
    yield "unknown state", "flow.admin", {"flow": "kept", "admin": "off"}, PARAMS, "/admin"
    yield "unknown field", "counters.get", {"flow": True}, PARAMS, "/flow"
    yield "unknown field", "system.info", {"x": 1}, PARAMS, "/x"
    yield "unknown field", "port.list", {"x": 1}, PARAMS, "/x"


def text_cases():
    """Raw texts: (what, text, code)."""
    yield "malformed JSON", '{"jsonrpc": "2.0", "id": 1, "method": }\n', PARSE
    yield "not JSON", "hello\n", PARSE
    yield "a word cut off", '{"jsonrpc": "2.0", "id": tru\n', PARSE
    yield "an id that is no integer", '{"jsonrpc": "2.0", "id": 1.5, "method": "x"}\n', \
        INVALID_REQUEST
    yield "an id of 65 bits", '{"jsonrpc": "2.0", "id": 18446744073709551616, "method": "x"}\n', \
        INVALID_REQUEST
    yield "a bracket too many", '{"jsonrpc": "2.0", "id": 1]\n', PARSE
    yield "a number", "1\n", (INVALID_REQUEST, PARSE)
    yield "no method", '{"jsonrpc": "2.0", "id": 1}\n', INVALID_REQUEST
    yield "no version", '{"id": 1, "method": "system.info"}\n', INVALID_REQUEST
    yield "wrong version", '{"jsonrpc": "1.0", "id": 1, "method": "system.info"}\n', INVALID_REQUEST
    yield "method is no string", '{"jsonrpc": "2.0", "id": 1, "method": 5}\n', INVALID_REQUEST
    yield "id is an object", '{"jsonrpc": "2.0", "id": {}, "method": "x"}\n', INVALID_REQUEST
    yield "params are a number", (
        '{"jsonrpc": "2.0", "id": 1, "method": "system.info", "params": 5}\n'
    ), (INVALID_REQUEST, PARAMS)
    yield "empty batch", "[]\n", INVALID_REQUEST
    yield "duplicate key", '{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "x"}\n', PARSE
    yield "too long", json.dumps("x" * (MESSAGE_BYTES + 1)) + "\n", LIMIT
    yield "too deep", "[" * (DEPTH + 1) + "]" * (DEPTH + 1) + "\n", LIMIT


class Checker:
    """Sends one bad request after another and remembers what went wrong."""

    def __init__(self, path):
        self.path = path
        self.connection = Connection(path)
        self.wrong = []
        self.state = None

    def snapshot(self):
        """All that a refused request must leave as it was."""
        info = self.connection.result("system.info", {})
        counters = self.connection.result("counters.get", {"flows": True})
        return (
            self.connection.result("flow.list", {"limit": 1000}), info["flows"],
            [(flow["id"], len(flow["legs"])) for flow in counters["flows"]],
        )

    def expect(self, what, reply, codes, pointers):
        """The reply must be an error of one of the codes, at one of the pointers."""
        codes = codes if isinstance(codes, tuple) else (codes,)
        error = reply.get("error", {})
        data = error.get("data", {})
        if error.get("code") not in codes:
            self.wrong.append(f"{what}: expected code {codes}, found {json.dumps(reply)[:300]}")
        elif data.get("name") != NAMES[error["code"]]:
            self.wrong.append(f"{what}: name {data.get('name')} does not go with {error['code']}")
        elif not error.get("message"):
            self.wrong.append(f"{what}: no message")
        elif pointers is not None:
            pointers = pointers if isinstance(pointers, tuple) else (pointers,)
            if data.get("pointer") not in pointers:
                self.wrong.append(
                    f"{what}: expected pointer {pointers}, found {data.get('pointer')!r}")
        if self.snapshot() != self.state:
            self.wrong.append(f"{what}: something changed")

    def run_cases(self):
        for what, params, codes, pointers in install_cases():
            reply = self.connection.call("flow.install", params)
            self.expect(what, reply, codes, pointers)
        for what, method, params, codes, pointers in method_cases():
            self.expect(f"{method}: {what}", self.connection.call(method, params), codes, pointers)
        for what, text, codes in text_cases():
            self.expect(what, self.connection.exchange(text), codes, None)

    def run_batch(self):
        """In a batch, each request is taken or refused by itself."""
        replies = self.connection.exchange(json.dumps([
            {"jsonrpc": "2.0", "id": 1, "method": "system.info"},
            {"jsonrpc": "2.0", "id": 2, "method": "no.such"},
            {"jsonrpc": "2.0", "method": "no.such"},
            5,
        ]) + "\n")
        found = sorted(str((r.get("id"), r.get("error", {}).get("code"))) for r in replies)
        expected = sorted(map(str, ((1, None), (2, METHOD), (None, INVALID_REQUEST))))
        if found != expected:
            self.wrong.append(f"batch: expected {expected}, found {found}")

    def run_connections(self):
        """One connection too many gets an error; the others stay open."""
        others = [Connection(self.path) for _ in range(CONNECTIONS - 1)]
        one_more = Connection(self.path)
        reply = json.loads(one_more.file.readline() or "{}")
        self.expect("too many connections", reply, LIMIT, None)
        for other in others:
            other.result("system.info", {})
            other.close()
        one_more.close()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    checker = Checker(sys.argv[1])
    kept = [flow_make(5000, "kept"), flow_make(5001)]
    checker.connection.result("flow.install", {"flows": kept})
    checker.state = checker.snapshot()
    checker.run_cases()
    checker.run_batch()
    checker.run_connections()
    for line in checker.wrong:
        print(line)
    sys.exit(bool(checker.wrong))


if __name__ == "__main__":
    main()
