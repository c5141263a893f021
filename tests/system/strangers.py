#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sends UDP datagrams of sources that are all different, as fast as it can.

usage: strangers.py INTERFACE SOURCE DESTINATION:PORT DST_MAC COUNT

SOURCE is the first address; after 65,000 ports of an address comes the next one. Prints how many
were sent a second.
"""

import ipaddress
import socket
import struct
import sys
import time

from udp import checksum, endpoint_parse

PORTS = 65000


def head_make(source, destination, dst_mac, src_mac, payload_bytes):
    """Ethernet and IP of all frames of a source."""
    udp_bytes = 8 + payload_bytes
    if source.version == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + udp_bytes, 1, 0, 64, socket.IPPROTO_UDP, 0)
        addresses = source.packed + destination.packed
        head = head[:10] + struct.pack("!H", checksum(head + addresses)) + addresses
        ether_type = 0x0800
    else:
        head = struct.pack("!IHBB", 6 << 28, udp_bytes, socket.IPPROTO_UDP, 64)
        head += source.packed + destination.packed
        ether_type = 0x86DD
    return dst_mac + src_mac + struct.pack("!H", ether_type) + head


def main():
    interface, source, target, dst_mac, count = sys.argv[1:]
    source = ipaddress.ip_address(source)
    address, port = endpoint_parse(target)
    payload = bytes(18)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as packets:
        packets.bind((interface, 0))
        src_mac = packets.getsockname()[4]
        begun = time.monotonic()
        for index in range(int(count)):
            if index % PORTS == 0:
                head = head_make(source + index // PORTS, ipaddress.ip_address(address),
                                 bytes.fromhex(dst_mac.replace(":", "")), src_mac, len(payload))
            # No receiver looks at the checksum; in IPv6 it must not be 0.
            udp = struct.pack("!HHHH", 500 + index % PORTS, port, 8 + len(payload), 0xFFFF)
            packets.send(head + udp + payload)
    print(f"sent {count}, {int(count) / (time.monotonic() - begun):.0f} a second")


if __name__ == "__main__":
    main()
