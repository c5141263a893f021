# SPDX-License-Identifier: BSD-3-Clause
"""One golden case: flows, frames in, and all that must come of them. The counters that a case
states follow from what its author said of each frame, so nothing is typed twice."""

import json

from . import frames

# Where the parsed file is a list, each item gets a line of its own.
LISTS = ("flows", "in", "out")


class Case:
    """`step` sends frame by frame and checks each one's drop; `corrupt` says that frames leave
    with a wrong checksum on purpose. `tx_ring` and `packet_buffers` make a resource scarce."""

    def __init__(self, name, why, rfc=None, *, corrupt=False, step=False, tx_ring=0,
                 packet_buffers=0):
        self.name = name
        self.head = {"name": name, "why": why, "rfc": rfc, "corrupt": corrupt, "step": step,
                     "tx_ring": tx_ring, "packet_buffers": packet_buffers}
        self.flows = []
        self.counters = {}
        self.frames_in = []
        self.frames_out = []
        self.drops = {}
        self.chained = 0

    def flow(self, flow_id, match, legs):
        self.flows.append({"id": flow_id, "match": match, "legs": legs})
        self.counters[flow_id] = {
            "packets": 0, "bytes": 0,
            "legs": [{"copies": 0, "bytes": 0, "drops": {}} for _ in legs],
        }
        return flow_id

    def refuse(self, frame, reason, port="p0", split=0):
        """A frame that gets a packet drop."""
        self._send(port, frame, reason, split)
        self._drop(port, reason)

    def forward(self, frame, flow_id, leaves, port="p0"):
        """A frame that belongs to a flow; `leaves` has a frame or a copy drop for each leg."""
        legs = self._legs(flow_id)
        assert len(leaves) == len(legs), self.name
        reasons = [leaf for leaf in leaves if isinstance(leaf, str)]
        self._send(port, frame, reasons[0] if reasons else None, 0)
        counters = self.counters[flow_id]
        n_bytes = frames.l3_bytes(frame)
        counters["packets"] += 1
        counters["bytes"] += n_bytes
        shareable = n_bytes > frames.HEADER_BYTES[frames.l3_family(frame)]
        for i, (leg, leaf) in enumerate(zip(legs, leaves)):
            counted = counters["legs"][i]
            counted["copies"] += 1
            counted["bytes"] += n_bytes
            if isinstance(leaf, str):
                counted["drops"][leaf] = counted["drops"].get(leaf, 0) + 1
                self._drop(leg["port"], leaf)
            else:
                self.frames_out.append({"port": leg["port"], "hex": leaf.hex()})
                self.chained += shareable and i < len(legs) - 1

    def _legs(self, flow_id):
        return next(flow["legs"] for flow in self.flows if flow["id"] == flow_id)

    def _send(self, port, frame, reason, split):
        item = {"port": port, "hex": frame.hex()}
        if self.head["step"] and reason is not None:
            item["drop"] = reason
        if split:
            item["split"] = split
        self.frames_in.append(item)

    def _drop(self, port, reason):
        of_port = self.drops.setdefault(port, {})
        of_port[reason] = of_port.get(reason, 0) + 1

    def text(self):
        """The case file."""
        document = self.head | {
            "flows": self.flows, "in": self.frames_in, "out": self.frames_out,
            "drops": self.drops, "chained": self.chained, "flow_counters": self.counters,
        }
        lines = [f"  {json.dumps(key)}: {member_text(key, value)}"
                 for key, value in document.items()]
        return "{\n" + ",\n".join(lines) + "\n}\n"


def member_text(key, value):
    if key not in LISTS or not value:
        return json.dumps(value)
    return "[\n" + ",\n".join("    " + json.dumps(item) for item in value) + "\n  ]"


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
