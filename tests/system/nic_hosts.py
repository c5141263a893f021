#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hosts behind NICs that the guest's kernel has: they answer ARP and neighbour solicitations.

    nic_hosts.py DIRECTORY HOSTS

HOSTS is a file with a host in each line: NIC[/TAGS] MAC ADDRESS... where TAGS are as of
nic_peer.py. A host hears only what has its tags. UDP passes between qemu (DIRECTORY/nicN.qemu) and
nic_peer.py, whose directory is DIRECTORY/wires; other frames of the guest end here.
"""

import os
import select
import socket
import sys

from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.inet import UDP
from scapy.layers.l2 import ARP, Ether

from nic_peer import NICS_MAX, tagged, tags_of, wire


def end_open(path):
    """A socket there."""
    if os.path.exists(path):
        os.unlink(path)
    end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    end.bind(path)
    return end


def answer(nic, frame, hosts):
    """What a host says to the frame, if it asks for one: bytes, or None."""
    packet = Ether(frame)
    if ARP in packet and packet[ARP].op == 1:
        target = packet[ARP].pdst
    elif ICMPv6ND_NS in packet:
        target = packet[ICMPv6ND_NS].tgt
    else:
        return None
    for place, mac, *addresses in hosts:
        if wire(place) != (nic, tags_of(frame)) or target not in addresses:
            continue
        if ARP in packet:
            asks = packet[ARP]
            reply = ARP(op=2, hwsrc=mac, psrc=target, hwdst=asks.hwsrc, pdst=asks.psrc)
        else:
            reply = IPv6(src=target, dst=packet[IPv6].src) / \
                ICMPv6ND_NA(tgt=target, R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=mac)
        return tagged(bytes(Ether(src=mac, dst=packet.src) / reply), tags_of(frame))
    return None


def main():
    directory, hosts_file = sys.argv[1:]
    with open(hosts_file, encoding="utf-8") as file:
        hosts = [line.split() for line in file]
    os.makedirs(f"{directory}/wires", exist_ok=True)
    ways = {}  # a socket -> NIC, the other socket and where it sends to, whether it is the guest's
    for nic in range(NICS_MAX):
        if not os.path.exists(f"{directory}/nic{nic}.qemu"):
            continue
        guest = end_open(f"{directory}/nic{nic}.peer")
        test = end_open(f"{directory}/wires/nic{nic}.qemu")
        ways[guest] = (nic, test, f"{directory}/wires/nic{nic}.peer", True)
        ways[test] = (nic, guest, f"{directory}/nic{nic}.qemu", False)
    print("ready", flush=True)
    while True:
        for end in select.select(list(ways), [], [])[0]:
            nic, other, to, of_guest = ways[end]
            frame = end.recv(65536)
            if of_guest:
                reply = answer(nic, frame, hosts)
                if reply:
                    end.sendto(reply, f"{directory}/nic{nic}.qemu")
                if UDP not in Ether(frame):
                    continue
            try:
                other.sendto(frame, to)
            except (FileNotFoundError, ConnectionRefusedError):
                pass  # no nic_peer.py runs


if __name__ == "__main__":
    main()
