#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""One party of an audio call with GStreamer's rtpbin: RTP and RTCP, both ways.

usage: rtp_party.py --ssrc N --peer-ssrc N --to ADDRESS:PORT [--rtcp-next] [--seconds N]

Sends PCMU and RTCP from an ephemeral port to the address, or with --rtcp-next RTCP from another one
to the next port. It ends some seconds after the peer has reported on it, or after --seconds, and
prints a line "done: " with a JSON object: what rtpbin knows of the peer.
"""

import argparse
import ipaddress
import json

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gio, GLib, Gst  # noqa: E402  (after require_version)

PACKETS_AT_LEAST = 100
LINGER_S = 4
RTCP_INTERVAL_NS = 500 * 1000 * 1000
# Of packets received and of the last report about this party, in GStreamer's RTPSource.
FIGURES = ("packets-received", "packets-lost", "rtp-from", "rtcp-from", "have-sr", "have-rb",
           "rb-exthighestseq", "rb-packetslost", "rb-round-trip")


class Party:
    """A pipeline on one socket, or on two."""

    def __init__(self, arguments):
        host, _, port = arguments.to.rpartition(":")
        self.to = (str(ipaddress.ip_address(host.strip("[]"))), int(port))
        self.peer_ssrc = arguments.peer_ssrc
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.parse_launch(
            f"rtpbin name=bin "
            f"audiotestsrc is-live=true samplesperbuffer=160 ! audio/x-raw,rate=8000,channels=1 "
            f"! mulawenc ! rtppcmupay ssrc={arguments.ssrc} ! bin.send_rtp_sink_0 "
            f"bin.send_rtp_src_0 ! udpsink name=rtp-out "
            f"bin.send_rtcp_src_0 ! udpsink name=rtcp-out sync=false async=false "
            f"udpsrc name=rtp-in caps=\"application/x-rtp,media=audio,clock-rate=8000,"
            f"encoding-name=PCMU,payload=0\" ! bin.recv_rtp_sink_0 "
            f"{'udpsrc' if arguments.rtcp_next else 'appsrc'} name=rtcp-in ! bin.recv_rtcp_sink_0")
        self.pipeline.get_by_name("bin").connect("pad-added", self.play)
        rtp = self.socket_open("rtp-in")
        self.aim("rtp-out", rtp, self.to[1])
        if arguments.rtcp_next:
            self.aim("rtcp-out", self.socket_open("rtcp-in"), self.to[1] + 1)
        else:
            self.aim("rtcp-out", rtp, self.to[1])
            self.pipeline.get_by_name("rtp-in").get_static_pad("src").add_probe(
                Gst.PadProbeType.BUFFER, self.demultiplex)

    def socket_open(self, source):
        family = Gio.SocketFamily.IPV6 if ":" in self.to[0] else Gio.SocketFamily.IPV4
        sock = Gio.Socket.new(family, Gio.SocketType.DATAGRAM, Gio.SocketProtocol.UDP)
        sock.bind(Gio.InetSocketAddress.new(Gio.InetAddress.new_any(family), 0), False)
        self.set(source, socket=sock, close_socket=False)
        return sock

    def aim(self, sink, sock, port):
        unused = "socket" if ":" in self.to[0] else "socket_v6"
        used = "socket_v6" if ":" in self.to[0] else "socket"
        self.set(sink, host=self.to[0], port=port, close_socket=False, **{used: sock, unused: None})

    def set(self, name, **properties):
        element = self.pipeline.get_by_name(name)
        for key, value in properties.items():
            element.set_property(key.replace("_", "-"), value)

    def demultiplex(self, _, info):
        """RTCP on the port of RTP: RFC 5761, section 4."""
        packet = info.get_buffer()
        if not 192 <= packet.extract_dup(1, 1)[0] <= 223:
            return Gst.PadProbeReturn.OK
        self.pipeline.get_by_name("rtcp-in").emit("push-buffer", packet.copy_deep())
        return Gst.PadProbeReturn.DROP

    def play(self, _, pad):
        if pad.get_direction() != Gst.PadDirection.SRC or "recv_rtp_src" not in pad.get_name():
            return
        sink = Gst.ElementFactory.make("fakesink")
        sink.set_property("sync", False)
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    def session(self):
        return self.pipeline.get_by_name("bin").emit("get-internal-session", 0)

    def figures(self):
        source = self.session().emit("get-source-by-ssrc", self.peer_ssrc)
        if not source:
            return {}
        stats = source.get_property("stats")
        return {name: stats.get_value(name) for name in FIGURES if stats.has_field(name)}

    def look(self):
        figures = self.figures()
        if figures.get("have-sr") and figures.get("have-rb") and figures["rb-exthighestseq"] and \
                figures["packets-received"] >= PACKETS_AT_LEAST:
            GLib.timeout_add_seconds(LINGER_S, self.loop.quit)
            return False
        return True

    def give_up(self, _, message):
        print(*message.parse_error(), flush=True)
        self.loop.quit()

    def run(self, seconds):
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.give_up)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.session().set_property("rtcp-min-interval", RTCP_INTERVAL_NS)
        GLib.timeout_add(200, self.look)
        GLib.timeout_add_seconds(seconds, self.loop.quit)
        print("sending", flush=True)
        self.loop.run()
        print("done: " + json.dumps(self.figures()), flush=True)
        self.pipeline.set_state(Gst.State.NULL)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ssrc", type=int, required=True)
    parser.add_argument("--peer-ssrc", type=int, required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--rtcp-next", action="store_true")
    parser.add_argument("--seconds", type=int, default=50)
    arguments = parser.parse_args()
    Gst.init(None)
    Party(arguments).run(arguments.seconds)


if __name__ == "__main__":
    main()
