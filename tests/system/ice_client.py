#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""An ICE agent that completes ICE with a lite one, and sends and receives media then.

usage: ice_client.py [--controlled] [--pwd TEXT] [--family 4|6] [--count N] DESCRIPTION

The agent is aioice, the ICE of aiortc. DESCRIPTION is a file of the lines of the peer's session
description. Prints "completed ADDRESS PORT" with the local end, or "failed"; then sends N RTP
packets, waits for as many from the peer, and prints "received N".
"""

import argparse
import asyncio
import pathlib
import re

import aioice

from media import rtp_make

TIMEOUT_S = 40
SSRC, PAYLOAD_TYPE, PAYLOAD_BYTES = 1, 96, 40


def description_read(path, connection):
    lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    values = dict(re.match(r"a=([a-z-]+):?(.*)", line).groups()
                  for line in lines if line.startswith("a="))
    connection.remote_is_lite = "ice-lite" in values
    connection.remote_username = values["ice-ufrag"]
    connection.remote_password = values["ice-pwd"]
    return aioice.Candidate.from_sdp(values["candidate"])


async def run(args):
    connection = aioice.Connection(
        ice_controlling=not args.controlled, use_ipv4=args.family == 4, use_ipv6=args.family == 6)
    candidate = description_read(args.description, connection)
    connection.remote_password = args.pwd or connection.remote_password
    await connection.gather_candidates()
    await connection.add_remote_candidate(candidate)
    await connection.add_remote_candidate(None)
    try:
        await asyncio.wait_for(connection.connect(), TIMEOUT_S)
    except (ConnectionError, asyncio.TimeoutError):
        print("failed", flush=True)
        return
    local = connection.local_candidates[0]
    print("completed", local.host, local.port, flush=True)
    for index in range(args.count):
        await connection.send(rtp_make(index, SSRC, PAYLOAD_TYPE, PAYLOAD_BYTES))
        await asyncio.sleep(0.01)
    for _ in range(args.count):
        await asyncio.wait_for(connection.recv(), TIMEOUT_S)
    print("received", args.count, flush=True)
    await connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--controlled", action="store_true", help="begin in the wrong role")
    parser.add_argument("--pwd", help="another password than the peer's")
    parser.add_argument("--family", type=int, choices=(4, 6), default=4)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("description")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
