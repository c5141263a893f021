# SPDX-License-Identifier: BSD-3-Clause
"""sluiced under full load: its worker forwards as fast as it can while control commits.

A net_pcap device hands the same frames out for ever, as fast as they are taken, each for a flow
that stays. So a worker that is held up takes fewer, and the cycles of a packet show what commits
cost; each packet that is taken must be forwarded.
"""

import contextlib
import ipaddress
import statistics
import struct
import time

from control_sluiced import Sluiced

FRAMES = 64  # one a flow
CALM_S = 1.0
PCAP_MAGIC, PCAP_SNAPLEN, PCAP_ETHERNET = 0xa1b2c3d4, 65535, 1
SRC, DST, DST_PORT, SRC_PORT = "198.51.100.254", "192.0.2.254", 5004, 10000


def frame(number):
    """Ethernet, IPv4, UDP and an RTP header's worth of payload."""
    payload = b"\x80" + bytes(19)
    udp = struct.pack("!HHHH", SRC_PORT + number, DST_PORT, 8 + len(payload), 0)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp) + len(payload), 0, 0, 64, 17, 0,
                       ipaddress.ip_address(SRC).packed, ipaddress.ip_address(DST).packed)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    ethernet = b"\x02\0\0\0\0\x01" + b"\x02\0\0\0\0\x02" + b"\x08\0"
    return ethernet + head + udp + payload


def checksum(head):
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(head) // 2}H", head))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def pcap_write(path):
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", PCAP_MAGIC, 2, 4, 0, 0, PCAP_SNAPLEN, PCAP_ETHERNET))
        for number in range(FRAMES):
            data = frame(number)
            file.write(struct.pack("<IIII", 0, 0, len(data), len(data)) + data)


def flow(number):
    leg = {"port": "p1", "src": "192.0.2.254", "src_port": 6000, "dst": "203.0.113.254",
           "dst_port": 6000 + number, "mac": "02:00:5e:00:53:01"}
    return {"id": f"stays-{number}", "legs": [leg],
            "match": {"port": "p0", "src": SRC, "src_port": SRC_PORT + number, "dst": DST,
                      "dst_port": DST_PORT}}


@contextlib.contextmanager
def forwarding(arguments, directory, flows):
    """A sluiced that forwards, with room for so many flows beside."""
    path = directory / "frames.pcap"
    pcap_write(path)
    with Sluiced(arguments, directory, flows=flows + 20_000, durable=True,
                 port=f"net_pcap0,rx_pcap={path},infinite_rx=1") as sluiced:
        sluiced.call("flow.install", flows=[flow(number) for number in range(FRAMES)])
        yield sluiced


def worker_of(sluiced):
    return sluiced.call("system.info")["workers"][0]


def port_of(sluiced):
    return next(port for port in sluiced.call("counters.get")["ports"] if port["name"] == "p0")


def cycles_between(before, after):
    """Of a packet."""
    cycles = [worker["cycles_per_packet"] * worker["rx_packets"] for worker in (before, after)]
    return (cycles[1] - cycles[0]) / (after["rx_packets"] - before["rx_packets"])


def dropped(port):
    return sum(port["drops"].values()) + port["nic"]["missed"] + port["nic"]["no_buffer"]


def disturb(sluiced, windows, change):
    """Calm and disturbed windows by turns; change() makes flows come and go once."""
    start, ratios, updates, seconds = port_of(sluiced), [], 0, 0.0
    for _ in range(windows):
        first = worker_of(sluiced)
        time.sleep(CALM_S)
        second = worker_of(sluiced)
        begun = time.monotonic()
        updates += 2 * change()["flows"]
        seconds += time.monotonic() - begun
        third = worker_of(sluiced)
        ratios.append(cycles_between(second, third) / cycles_between(first, second))
    end = port_of(sluiced)
    return {
        "packets": end["rx_packets"] - start["rx_packets"],
        "lost": dropped(end) - dropped(start),
        "growth": statistics.median(ratios) - 1,
        "updates_per_second": updates / seconds,
        "longest_round_us": third["longest_round_us"],
    }
