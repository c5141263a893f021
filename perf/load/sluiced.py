# SPDX-License-Identifier: BSD-3-Clause
"""A sluiced of one's own, for as long as a with block, and a client of it; or one under full load.

A net_pcap device hands the same frames out for ever, as fast as they are taken, each for a flow
that stays. So a worker that is held up takes fewer, and the cycles of a packet show what commits
cost; each packet that is taken must be forwarded.
"""

import contextlib
import ipaddress
import json
import os
import pathlib
import socket
import statistics
import struct
import subprocess
import time

import slices

START_S = 60
STOP_S = 60
MESSAGE_BYTES = 16 << 20
FLOW_BYTES = 512  # of table memory, at most
BASE_MB = 512
FRAMES = 64  # one a flow, where nothing is said
FRAME_BYTES = 64
FLOWS_A_REQUEST = 1000
CALM_S = 1.0
PCAP_MAGIC, PCAP_SNAPLEN, PCAP_ETHERNET = 0xa1b2c3d4, 65535, 1
SRC, DST = ipaddress.ip_address("198.18.0.0"), ipaddress.ip_address("192.0.2.254")
SRC_PORT, DST_PORT = 10000, 5004


class Sluiced(slices.Program):
    """Process, configuration and socket in a directory."""

    def __init__(self, arguments, directory, *, flows, durable, port="net_null0", more="",
                 hugepages=False, flow_bytes=FLOW_BYTES):
        self.binary = arguments.build / "ctrl/sluiced"
        self.directory = directory
        self.socket_path = directory / "rpc.sock"
        state = directory / "state.db" if durable else ""
        self.configuration = f"""\
rpc: {{socket: {self.socket_path}, max_message_bytes: {MESSAGE_BYTES}}}
state: {{path: "{state}"}}
access: {{audit_log: ""}}
control: {{core: {arguments.control_core}}}
workers: [{arguments.worker_core}]
file_prefix: sluice-control-{os.getpid()}
hugepages: {str(hugepages).lower()}
{"" if hugepages else f"memory_mb: {BASE_MB + (flows * flow_bytes >> 20)}"}
{more}
tables: {{ipv4_flows: {flows}, ipv6_flows: 0}}
ports:
  - {{name: p0, devargs: "{port}", rx_queues: 1}}
  - {{name: p1, devargs: "net_null1,no-rx=1", rx_queues: 1}}
"""
        self.log = None

    def __enter__(self):
        path = self.directory / "sluice.yaml"
        path.write_text(self.configuration, encoding="utf-8")
        self.log = (self.directory / "log").open("w+", encoding="utf-8")
        super().__init__([self.binary, "--config", path], stdout=self.log, stderr=self.log)
        try:
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def wait(self):
        """Until it answers."""
        end = time.monotonic() + START_S
        while True:
            try:
                return self.call("system.info")
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.log.seek(0)
                    raise RuntimeError(f"sluiced does not start: {self.log.read()[-500:]}")
                time.sleep(0.05)

    def call(self, method, **params):
        """The result of a method."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.socket_path))
            client.sendall(json.dumps(request).encode() + b"\n")
            with client.makefile("rb") as replies:
                reply = json.loads(replies.readline())
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']}")
        return reply["result"]

    def cpu_seconds(self):
        """Of the control thread, which is the process's first."""
        path = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/schedstat")
        return int(path.read_text(encoding="ascii").split()[0]) / 1e9


def frame(number):
    """Ethernet, IPv4, UDP, and a payload that begins like RTP."""
    payload = b"\x80" + bytes(FRAME_BYTES - 42 - 1)
    udp = struct.pack("!HHHH", SRC_PORT, DST_PORT, 8 + len(payload), 0)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp) + len(payload), 0, 0, 64, 17, 0,
                       (SRC + number).packed, DST.packed)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    ethernet = b"\x02\0\0\0\0\x01" + b"\x02\0\0\0\0\x02" + b"\x08\0"
    return ethernet + head + udp + payload


def checksum(head):
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(head) // 2}H", head))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def pcap_write(path, frames):
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", PCAP_MAGIC, 2, 4, 0, 0, PCAP_SNAPLEN, PCAP_ETHERNET))
        for number in range(frames):
            data = frame(number)
            file.write(struct.pack("<IIII", 0, 0, len(data), len(data)) + data)


def flow(number):
    leg = {"port": "p1", "src": "192.0.2.254", "src_port": 6000, "dst": "203.0.113.254",
           "dst_port": 6000 + number % 50000, "mac": "02:00:5e:00:53:01"}
    return {"id": f"stays-{number}", "legs": [leg],
            "match": {"port": "p0", "src": str(SRC + number), "src_port": SRC_PORT,
                      "dst": str(DST), "dst_port": DST_PORT}}


def source(path):
    """The device that hands out the frames of a file for ever."""
    return f"net_pcap0,rx_pcap={path},infinite_rx=1"


def install(sluiced, frames):
    """A flow for each frame."""
    for first in range(0, frames, FLOWS_A_REQUEST):
        last = min(first + FLOWS_A_REQUEST, frames)
        sluiced.call("flow.install", flows=[flow(number) for number in range(first, last)])


@contextlib.contextmanager
def forwarding(arguments, directory, flows, *, flow_bytes=FLOW_BYTES):
    """A sluiced that forwards, with room for so many flows beside."""
    path = directory / "frames.pcap"
    pcap_write(path, FRAMES)
    with Sluiced(arguments, directory, flows=flows + 20_000, durable=True,
                 port=source(path), flow_bytes=flow_bytes) as sluiced:
        install(sluiced, FRAMES)
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
    """Calm and disturbed windows, alternated; change() makes flows come and go once."""
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
