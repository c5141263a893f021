#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""One peer of a WebRTC session (aiortc): audio both ways (DTLS-SRTP), and a data channel.

usage: webrtc_party.py offer|answer --to ADDRESS:PORT DIRECTORY

Session descriptions are exchanged by files in the directory. Of the peer's one, the candidates are
replaced by the address: that is the only one that this peer knows. Prints "done: " and a JSON
object with the number of messages that were echoed by, or for, the peer, and of audio frames.
"""

import argparse
import asyncio
import json
import pathlib
import re

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack

TIMEOUT_S = 60
MESSAGES, FRAMES = 50, 100


def relayed(sdp, address, port):
    """The description with one candidate, for each medium, in place of its own."""
    lines = [line for line in sdp.splitlines() if not line.startswith("a=candidate:")]
    candidate = f"a=candidate:1 1 udp 2130706431 {address} {port} typ host"
    text = "\r\n".join(lines) + "\r\n"
    return re.sub("(?m)^a=end-of-candidates", candidate + "\r\na=end-of-candidates", text)


class Party:
    """A peer connection, and what it received."""

    def __init__(self, arguments):
        self.role, self.directory = arguments.role, pathlib.Path(arguments.directory)
        address, _, port = arguments.to.rpartition(":")
        self.to = (address.strip("[]"), port)
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.messages, self.frames = 0, 0
        self.all_messages, self.all_frames = asyncio.Event(), asyncio.Event()
        self.peer.on("track", lambda track: asyncio.ensure_future(self.hear(track)))
        self.peer.on("datachannel", self.echo)

    async def hear(self, track):
        while self.frames < FRAMES:
            await track.recv()
            self.frames += 1
        self.all_frames.set()

    def counted(self):
        self.messages += 1
        if self.messages == MESSAGES:
            self.all_messages.set()

    def echo(self, channel):
        """Answer: send back each message."""
        @channel.on("message")
        def on_message(message):
            channel.send(message)
            self.counted()

    def ask(self):
        """Offer: send messages, and expect each of them back."""
        channel = self.peer.createDataChannel("data")
        expected = [f"{number} " + "x" * 20 * number for number in range(MESSAGES)]

        @channel.on("open")
        def on_open():
            for message in expected:
                channel.send(message)

        @channel.on("message")
        def on_message(message):
            if message == expected[self.messages]:
                self.counted()

    async def write(self, role):
        text = json.dumps({"sdp": self.peer.localDescription.sdp, "type": role})
        temporary = self.directory / f"{role}.tmp"
        temporary.write_text(text, encoding="utf-8")
        temporary.rename(self.directory / role)

    async def read(self, role):
        path = self.directory / role
        while not path.exists():
            await asyncio.sleep(0.1)
        told = json.loads(path.read_text(encoding="utf-8"))
        await self.peer.setRemoteDescription(
            RTCSessionDescription(relayed(told["sdp"], *self.to), told["type"]))

    async def run(self):
        if self.role == "answer":
            await self.read("offer")
        self.peer.addTrack(AudioStreamTrack())
        if self.role == "offer":
            self.ask()
            await self.peer.setLocalDescription(await self.peer.createOffer())
            await self.write("offer")
            await self.read("answer")
        else:
            await self.peer.setLocalDescription(await self.peer.createAnswer())
            await self.write("answer")
        try:
            await asyncio.wait_for(
                asyncio.gather(self.all_messages.wait(), self.all_frames.wait()), TIMEOUT_S)
            await asyncio.sleep(2)  # the peer is to get the last ones, too
        except asyncio.TimeoutError:
            pass
        print("done: " + json.dumps({"messages": self.messages, "frames": self.frames}), flush=True)
        await self.peer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("offer", "answer"))
    parser.add_argument("--to", required=True)
    parser.add_argument("directory")
    await Party(parser.parse_args()).run()


if __name__ == "__main__":
    asyncio.run(main())
