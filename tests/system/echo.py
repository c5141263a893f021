#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""An echo server, and a client that asks from ports that nobody knows before.

usage: echo.py ADDRESS:PORT...
       echo.py --client ADDRESS:PORT --count N [--rebind]

The server is ready when it prints "ready"; it answers each datagram to where that came from. The
client sends N datagrams, each when it has the answer to the one before, and fails if one does not
come, or comes from elsewhere. With --rebind each is sent from another port.
"""

import argparse
import os
import select
import socket
import sys

ANSWER_S = 5


def endpoint_parse(text):
    address, _, port = text.rpartition(":")
    return address.strip("[]"), int(port)


def socket_make(endpoint):
    family = socket.AF_INET6 if ":" in endpoint[0] else socket.AF_INET
    return socket.socket(family, socket.SOCK_DGRAM)


def serve(endpoints):
    sockets = [socket_make(endpoint) for endpoint in endpoints]
    for server, endpoint in zip(sockets, endpoints):
        server.bind(endpoint)
    print("ready", flush=True)
    while True:
        for server in select.select(sockets, [], [])[0]:
            payload, source = server.recvfrom(65536)
            server.sendto(payload, source)


def ask(client, endpoint, number):
    payload = f"{number} ".encode() + os.urandom(160)
    client.sendto(payload, endpoint)
    try:
        answer, source = client.recvfrom(65536)
    except TimeoutError:
        sys.exit(f"no answer to datagram {number} from port {client.getsockname()[1]}")
    if answer != payload or source[:2] != endpoint:
        sys.exit(f"found {answer[:12]} from {source} for an answer to datagram {number}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("endpoints", nargs="+", type=endpoint_parse)
    parser.add_argument("--client", action="store_true")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--rebind", action="store_true")
    args = parser.parse_args()
    if not args.client:
        serve(args.endpoints)
    client = None
    for number in range(args.count):
        if client is None or args.rebind:
            client = socket_make(args.endpoints[0])
            client.settimeout(ANSWER_S)
        ask(client, args.endpoints[0], number)


if __name__ == "__main__":
    main()
