# SPDX-License-Identifier: BSD-3-Clause
"""One golden case: flows, a script of what happens, and all that must come of it. The counters that
a case states follow from what its author said of each frame, so nothing is typed twice."""

import copy
import json

from . import frames
from .table import frame_tables

# Where the parsed file is a list, each item gets a line of its own.
LISTS = ("flows", "script", "out", "punted")
# Datagrams up to this many bytes are copied whole to each leg (docs/dataplane.md). Cases keep away
# from it, for it is a matter of speed.
WHOLE_COPY_BYTES, WELL_BELOW, WELL_ABOVE = 256, 128, 600


class Case:
    """`step` sends frame by frame and checks each one's drop; `corrupt` says that frames leave with
    a wrong checksum on purpose. `tx_ring`, `packet_buffers`, `punt_ring` and `punt_rate` make a
    resource scarce; `punt_unmatched` names ports whose default is to punt, `down` those without
    a link, `kernel` those with a path to the kernel. `one_worker`: what is
    expected depends on how many workers there are. `compact` writes frames as tables."""

    def __init__(self, name, why, rfc, *, corrupt=False, step=False, one_worker=False, tx_ring=0,
                 packet_buffers=0, punt_ring=0, punt_rate=0, punt_unmatched=(), down=(),
                 kernel=(), compact=False):
        scarce = tx_ring or packet_buffers or punt_ring or punt_rate
        assert rfc, name
        self.name = name
        self.compact = compact
        self.head = {"name": name, "why": why, "rfc": rfc, "corrupt": corrupt, "step": step,
                     "clock": False, "one_worker": bool(one_worker or scarce), "tx_ring": tx_ring,
                     "packet_buffers": packet_buffers, "punt_ring": punt_ring,
                     "punt_rate": punt_rate, "punt_unmatched": list(punt_unmatched)}
        if down:
            self.head["down"] = list(down)
        if kernel: # the worker is the thread of the test, or another one would write to a TAP
            self.head |= {"kernel": list(kernel), "clock": True}
        self.flows = []
        self.live = {}
        self.counters = {}
        self.script = []
        self.frames_out = []
        self.frames_punted = []
        self.drops = {}
        self.ports = {}
        self.chained = 0

    # Flows.

    def flow(self, flow_id, match, legs=(), **settings):
        """A flow that is there from the start."""
        assert all("hex" in event for event in self.script), self.name
        spec = flow_spec(flow_id, match, legs, **settings)
        self.flows.append(spec)
        self._install(spec)
        return flow_id

    def change(self, *, remove=(), replace=(), add=()):
        """One transaction: ids to remove, and flow_spec()s to replace or to add."""
        ops = [{"remove": flow_id, "left": self._uninstall(flow_id)} for flow_id in remove]
        for spec in replace:
            ops.append({"replace": spec, "left": self._replace(spec)})
        for spec in add:
            ops.append({"add": spec})
            self._install(spec)
        self._event({"txn": ops})

    def _install(self, spec):
        assert spec["id"] not in self.live, self.name
        # What depends on time runs by a clock of its own.
        self.head["clock"] |= any(word in json.dumps(spec) for word in
                                  ('"police"', '"latch"', '"sources"'))
        self.live[spec["id"]] = spec
        self.counters[spec["id"]] = counters_of(spec)

    def _uninstall(self, flow_id):
        del self.live[flow_id]
        left = self.counters.pop(flow_id)
        return counters_text(left | {"streams": []})

    def _replace(self, spec):
        """Counters go on: of the flow, of legs with a name that it had; of streams and
        their legs as streams_carry() has it."""
        old, before = self.live[spec["id"]], self.counters[spec["id"]]
        after = counters_of(spec) | {key: before[key]
                                     for key in ("packets", "bytes", "forwarded", "punted")}
        after["drops"] = dict(before["drops"])
        names = [leg.get("id") for leg in legs_of(old)]
        for i, leg in enumerate(legs_of(spec)):
            if leg.get("id") in names and leg.get("id"):
                after["legs"][i] = copy.deepcopy(before["legs"][names.index(leg["id"])])
        streams_carry(old, spec, before["streams"], after["streams"])
        self.live[spec["id"]], self.counters[spec["id"]] = spec, after
        return counters_text(before | {"streams": []})

    # What happens besides frames.

    def at(self, ns):
        """The clock goes to this time; frames before it have been dealt with."""
        self._event({"at_ns": ns})

    def latched(self, flow_id, src=None, src_port=None, moves=None, **link):
        """By now the flow has learned this source, or none; `link` is where it came by (mac, port,
        vlan, outer_vlan), SENDER_MAC on p0 unless it is said, and the SSRC that moves it."""
        self._event({"latched": flow_id} | latched_members(src, src_port, moves, link))

    def forget(self, flow_id, src=None, src_port=None, moves=None, **link):
        """The flow forgets what it has learned: that."""
        self._event({"forget": flow_id} | latched_members(src, src_port, moves, link))

    def poll(self, n):
        """Control takes n punted packets."""
        self._event({"poll": n})

    def _event(self, event):
        self.head["clock"] = True
        self.script.append(event)

    # Frames, by what becomes of them.

    def refuse(self, frame, reason, port="p0", split=0):
        """No flow's: it gets a packet drop."""
        self._send(port, frame, reason, split)
        self._drop(port, reason)

    def flow_drop(self, frame, flow_id, reason, port="p0", stream=None):
        """A flow's, which drops it."""
        self._send(port, frame, reason)
        self._drop(port, reason)
        count(self._flow_counts(flow_id, frames.l3_bytes(frame), stream)["drops"], reason)

    def punt(self, frame, flow_id=None, port="p0", stream=None, given=None):
        """Control gets it, of a flow or by default of the port; `given` is what it gets where that
        is not the frame as it came."""
        given = frame if given is None else given
        self._send(port, frame)
        self._port(port)["punted"] += 1
        punted = {"port": port, "hex": given.hex()}
        if flow_id is not None:
            self._flow_counts(flow_id, frames.l3_bytes(given), stream)["punted"] += 1
            punted["flow"] = flow_id
        self.frames_punted.append(punted)

    def forward(self, frame, flow_id, leaves, port="p0", stream=None, skipped=0):
        """A flow's, or one of its stream's, which goes to the legs: `leaves` has a frame or a copy
        drop for each, or None for one that gets no copy; of a leg whose destination is learned, a
        pair of this and the port by which it leaves. `skipped` bytes of extension headers are
        taken out first."""
        legs = legs_of(self.live[flow_id])
        n_bytes = frames.l3_bytes(frame) - skipped
        reasons = [leaf for leaf in map(leaf_frame, leaves) if isinstance(leaf, str)]
        self._send(port, frame, reasons[0] if reasons else None)
        self._port(port)["forwarded"] += 1
        counters = self._flow_counts(flow_id, n_bytes, stream)
        counters["forwarded"] += 1
        if stream is not None:
            legs = legs_of(streams_of(self.live[flow_id])[stream])
            counters = counters["streams"][stream]
        self._copies(legs, counters["legs"], leaves, n_bytes, frames.l3_family(frame))

    def _copies(self, legs, counted, leaves, n_bytes, family):
        assert len(leaves) == len(legs) == len(counted), self.name
        wanted = [i for i, leaf in enumerate(leaves) if leaf is not None]
        assert len(wanted) < 2 or not WELL_BELOW < n_bytes < WELL_ABOVE, self.name
        for i in wanted:
            leaf = leaf_frame(leaves[i])
            leaf_port = leaves[i][1] if isinstance(leaves[i], tuple) else legs[i]["port"]
            self._port(leaf_port)["copies"] += 1
            counted[i]["copies"] += 1
            counted[i]["bytes"] += n_bytes + frames.growth(family, legs[i]["src"])
            if isinstance(leaf, str):
                count(counted[i]["drops"], leaf)
                self._drop(leaf_port, leaf)
                continue
            self.frames_out.append({"port": leaf_port, "hex": leaf.hex()})
            self.chained += n_bytes > WHOLE_COPY_BYTES and i != wanted[-1]

    def _flow_counts(self, flow_id, n_bytes, stream):
        counters = self.counters[flow_id]
        counters["packets"] += 1
        counters["bytes"] += n_bytes
        if stream is not None:
            counters["streams"][stream]["packets"] += 1
            counters["streams"][stream]["bytes"] += n_bytes
        return counters

    def _send(self, port, frame, reason=None, split=0):
        item = {"port": port, "hex": frame.hex()}
        if self.head["step"] and reason is not None:
            item["drop"] = reason
        if split:
            item["split"] = split
        self.script.append(item)

    def _port(self, port):
        return self.ports.setdefault(port, {"forwarded": 0, "punted": 0, "copies": 0})

    def _drop(self, port, reason):
        count(self.drops.setdefault(port, {}), reason)

    def text(self):
        """The case file."""
        out = frame_tables(self.frames_out) if self.compact else self.frames_out
        document = {
            "case": self.head, "flows": self.flows, "script": self.script, "out": out,
            "punted": self.frames_punted, "drops": self.drops, "ports": self.ports,
            "chained": self.chained,
            "flow_counters": {flow_id: counters_text(counters)
                              for flow_id, counters in self.counters.items()},
        }
        lines = [f"  {json.dumps(key)}: {member_text(key, value)}"
                 for key, value in document.items()]
        return "{\n" + ",\n".join(lines) + "\n}\n"


def member_text(key, value):
    if key not in LISTS or not value:
        return json.dumps(value)
    return "[\n" + ",\n".join("    " + json.dumps(item) for item in value) + "\n  ]"


def leaf_frame(leaf):
    """The frame or the drop of what Case.forward() takes for a leg."""
    return leaf[0] if isinstance(leaf, tuple) else leaf


def latched_members(src, src_port, moves, link):
    learned = {"mac": frames.SENDER_MAC, "port": "p0"} if src else {}
    return member_set(learned | link, {"src": src, "src_port": src_port, "moves": moves})


def count(counters, name):
    counters[name] = counters.get(name, 0) + 1


def counters_of(spec):
    """A new flow has counted nothing."""
    def legs(holder):
        return [{"copies": 0, "bytes": 0, "drops": {}} for _ in legs_of(holder)]

    return {"packets": 0, "bytes": 0, "forwarded": 0, "punted": 0, "drops": {}, "legs": legs(spec),
            "streams": [{"packets": 0, "bytes": 0, "legs": legs(stream)}
                        for stream in streams_of(spec)]}


def counters_text(counters):
    """As the file has them: what may be left out and is empty is left out, and neighbours that
    counted the same are one item with `times`."""
    if "legs" not in counters:
        return {key: value for key, value in counters.items() if value or key != "drops"}
    text = {key: value for key, value in counters.items()
            if value or key in ("packets", "bytes", "forwarded")}
    if "streams" in text:
        text["streams"] = [counters_text(stream) for stream in counters["streams"]]
    text["legs"] = []
    for leg in map(counters_text, counters["legs"]):
        last = text["legs"][-1] if text["legs"] else {}
        if {key: value for key, value in last.items() if key != "times"} == leg:
            last["times"] = last.get("times", 1) + 1
        else:
            text["legs"].append(leg)
    return copy.deepcopy(text)


def legs_of(holder):
    """Legs of a flow or stream; an item with `times` stands for so many, to ports that follow."""
    return [leg | ({"dst_port": leg["dst_port"] + i} if "dst_port" in leg else {})
            for leg in holder["legs"] for i in range(leg.get("times", 1))]


def streams_of(spec):
    return spec.get("streams", [])


def selector(stream):
    return stream.get("ssrc"), stream.get("payload_type")


def streams_carry(old, spec, before, after):
    """Counters of streams go on if all select what they selected before, and those of their legs
    that are the very same in the same place, up or down, whatever control knows."""
    if list(map(selector, streams_of(old))) != list(map(selector, streams_of(spec))):
        return
    for old_stream, new_stream, was, now in zip(streams_of(old), streams_of(spec), before, after):
        now.update(packets=was["packets"], bytes=was["bytes"])
        for i, (old_leg, leg) in enumerate(zip(legs_of(old_stream), legs_of(new_stream))):
            unlike = {"admin": 0, "known": 0}
            if old_leg | unlike == leg | unlike:
                now["legs"][i] = copy.deepcopy(was["legs"][i])


def flow_spec(flow_id, match, legs=(), **settings):
    """A flow; `match` is one of match4() and its kin, or a rule4() or rule6()."""
    kind = "rule" if "priority" in match else "match"
    return {"id": flow_id, kind: match} | settings | {"legs": list(legs)}


def stream(legs=(), **selectors):
    """A stream: ssrc, payload_type, action."""
    return selectors | {"legs": list(legs)}


def rule4(priority, **fields):
    return {"priority": priority, "family": 4} | fields


def rule6(priority, **fields):
    return {"priority": priority, "family": 6} | fields


def match4(**fields):
    """The usual IPv4 match; a field given as None goes."""
    return member_set({"port": "p0", "src": frames.SENDER4, "src_port": frames.SENDER_PORT,
                       "dst": frames.LOCAL4, "dst_port": frames.LOCAL_PORT}, fields)


def match6(**fields):
    return member_set(match4(src=frames.SENDER6, dst=frames.LOCAL6), fields)


def listener4(**fields):
    return match4(src=None, src_port=None, **fields)


def listener6(**fields):
    return match6(src=None, src_port=None, **fields)


def leg4(**fields):
    """The usual IPv4 leg; mac=None leaves it without a next hop."""
    return member_set({"port": "p1", "src": frames.EGRESS4, "src_port": frames.EGRESS_PORT,
                       "dst": frames.RECEIVER4, "dst_port": frames.RECEIVER_PORT,
                       "mac": frames.RECEIVER_MAC}, fields)


def leg6(**fields):
    return member_set(leg4(src=frames.EGRESS6, dst=frames.RECEIVER6), fields)


def answer4(flow_id, **fields):
    """A leg from the usual local address to what a flow has learned, or to what is signalled with
    dst, dst_port, port and mac."""
    return member_set({"src": frames.LOCAL4, "src_port": frames.LOCAL_PORT, "learned": flow_id},
                      fields)


def answer6(flow_id, **fields):
    return member_set(answer4(flow_id, src=frames.LOCAL6), fields)


def known(dst, dst_port, port, mac=None, **tags):
    """What control knows of a destination."""
    return member_set({"port": port, "dst": dst, "dst_port": dst_port, "mac": mac}, tags)


def member_set(members, fields):
    return {key: value for key, value in (members | fields).items() if value is not None}


def sent4(data=b"", ip=None, udp=None, **fields):
    """The IPv4 datagram that leg4() makes of udp4(): addresses and ports of the leg, TTL less 1."""
    return frames.udp4(**({"src": frames.EGRESS4, "dst": frames.RECEIVER4,
                           "sport": frames.EGRESS_PORT, "dport": frames.RECEIVER_PORT} | fields),
                       data=data, ip={"ttl": 63} | (ip or {}), udp=udp)


def sent6(data=b"", ip=None, udp=None, **fields):
    return frames.udp6(**({"src": frames.EGRESS6, "dst": frames.RECEIVER6,
                           "sport": frames.EGRESS_PORT, "dport": frames.RECEIVER_PORT} | fields),
                       data=data, ip={"hlim": 63} | (ip or {}), udp=udp)
