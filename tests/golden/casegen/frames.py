# SPDX-License-Identifier: BSD-3-Clause
"""Frames as scapy builds them: every length and checksum is computed in full, from the fields of
the very frame. Nothing here updates a checksum from an older one, which is what the data plane
does: that is the point of the comparison."""

import struct

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

PORTS = ("p0", "p1", "p2")
# The runner gives its ports these addresses; the hosts beyond are the generator's.
PORT_MAC = {"p0": "02:00:00:00:10:00", "p1": "02:00:00:00:10:01", "p2": "02:00:00:00:10:02"}
SENDER_MAC = "02:00:00:00:20:00"
RECEIVER_MAC = "02:00:00:00:30:00"

# An IPv4 stream: the sender, the address it was given, the address we send from, a receiver.
SENDER4, LOCAL4, EGRESS4, RECEIVER4 = "192.0.2.10", "192.0.2.1", "198.51.100.1", "198.51.100.20"
SENDER6, LOCAL6 = "2001:db8:1::10", "2001:db8:1::1"
EGRESS6, RECEIVER6 = "2001:db8:2::1", "2001:db8:2::20"
SENDER_PORT, LOCAL_PORT, EGRESS_PORT, RECEIVER_PORT = 5004, 30000, 40000, 6000

ETHER_BYTES, TAG_BYTES = 14, 4
IP_HEADER_BYTES = {4: 20, 6: 40}


def payload(n_bytes, seed=0):
    """Bytes that differ from their neighbours and, by seed, from another payload's."""
    return bytes((seed * 37 + i * 7 + i // 256) & 0xFF for i in range(n_bytes))


def udp4(src=SENDER4, dst=LOCAL4, sport=SENDER_PORT, dport=LOCAL_PORT, data=b"", ip=None,
         udp=None):
    """An IPv4 datagram; `ip` and `udp` override header fields by scapy's names."""
    fields = {"src": src, "dst": dst, "ttl": 64, "id": 0x1234, "flags": "DF"} | (ip or {})
    return IP(**fields) / UDP(**({"sport": sport, "dport": dport} | (udp or {}))) / Raw(data)


def udp6(src=SENDER6, dst=LOCAL6, sport=SENDER_PORT, dport=LOCAL_PORT, data=b"", ip=None,
         udp=None):
    """The same for IPv6."""
    fields = {"src": src, "dst": dst, "hlim": 64} | (ip or {})
    return IPv6(**fields) / UDP(**({"sport": sport, "dport": dport} | (udp or {}))) / Raw(data)


def translated(datagram):
    """An IPv4 datagram that came as one of IPv6: it may be fragmented if it has 1,260 bytes or less
    (RFC 7915, 5.1), and is identified by its UDP checksum."""
    built = IP(bytes(datagram))
    datagram.id = built[UDP].chksum
    datagram.flags = "DF" if len(built) > 1260 else 0
    return datagram


def arriving(datagram, port="p0", vlan=None, prio=0, outer=None):
    """The frame that reaches `port`; vlan None is untagged, 0 a priority tag. `outer` is the id of
    an 802.1ad tag before that."""
    return link(datagram, SENDER_MAC, PORT_MAC[port], vlan, prio, outer)


def leaving(datagram, port="p1", mac=RECEIVER_MAC, vlan=None, outer=None):
    """The frame that leaves `port` for the neighbour `mac`."""
    return link(datagram, PORT_MAC[port], mac, vlan, 0, outer)


def link(datagram, src, dst, vlan, prio, outer):
    frame = Ether(src=src, dst=dst)
    if outer is not None:
        frame = frame / Dot1AD(vlan=outer, prio=prio)
    if vlan is not None:
        frame = frame / Dot1Q(vlan=vlan, prio=prio)
    return bytes(frame / datagram)


def padded(frame, n_bytes=60):
    """Ethernet's shortest frame, FCS aside."""
    return frame + b"\xee" * max(0, n_bytes - len(frame))


def with_byte(frame, offset, value):
    """One byte written over; checksums stay as they are, right or not."""
    return frame[:offset] + bytes([value]) + frame[offset + 1:]


def l3_offset(frame):
    offset = ETHER_BYTES
    while frame[offset - 2:offset] in (b"\x81\x00", b"\x88\xa8"):
        offset += TAG_BYTES
    return offset


def l3_family(frame):
    return frame[l3_offset(frame)] >> 4


def l3_bytes(frame):
    """Length of the datagram by its own header, padding not counted."""
    start = l3_offset(frame)
    if l3_family(frame) == 4:
        return struct.unpack_from("!H", frame, start + 2)[0]
    return 40 + struct.unpack_from("!H", frame, start + 4)[0]


def growth(family, leg_src):
    """How much longer a datagram of `family` is when it leaves from this address (RFC 7915)."""
    return IP_HEADER_BYTES[6 if ":" in leg_src else 4] - IP_HEADER_BYTES[family]
