#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks what sluicectl asks for and what it shows, against a server with canned answers.

Usage: check_output.py SLUICECTL CONTRACT

Each case is a command line, the request that it must send, the result that it gets back, and the
lines that it must print. Then every view is shown the examples of the contract (sluice-rpc.json)
with what acts on a terminal in their texts, and at terminals of several widths. Prints TAP.
"""

import fcntl
import json
import os
import pathlib
import pty
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

LEG = "port=p1,src=203.0.113.1:5004,dst=203.0.113.9:5004"
LEG_JSON = {"port": "p1", "src": "203.0.113.1", "src_port": 5004,
            "dst": "203.0.113.9", "dst_port": 5004}
HOP = {"address": "203.0.113.9", "mac": "02:00:5e:00:53:01", "state": "resolved", "netdev": "p1",
       "mtu": 1000, "mtu_from": "route"}
COUNTS = {"copies": 9, "bytes": 1800, "sent": 8, "drops": {"tx_full": 1}}
FLOW = {"id": "cam", "match": {"port": "p0", "dst": "192.0.2.1", "dst_port": 5004},
        "legs": [LEG_JSON]}

SIDE = {"port": "p0", "vlan": 0, "local": "192.0.2.1", "local_port": 6000, "latch": "first"}
DIRECTION = {"latched": None, "received": {"packets": 3, "bytes": 300, "drops": {}},
             "sent": {**COUNTS, "next_hop": HOP}}

TRACED = {"src": "192.0.2.9", "src_port": 7, "dst": "192.0.2.1", "dst_port": 5004, "ttl": 9,
          "dscp": 46, "vlan": 20, "outer_vlan": 300, "ip_bytes": 29, "payload_bytes": 1,
          "extension_bytes": 0, "mtu": 1500}
FRAME = ("02005e00532002005e005302080045000028000040003f11e748c6336401c633641417"
         "70138c0014ffeb8060000100000000000000ff")

CASES = [
    ("add by rule", ["flow", "add", "--rule", "priority=9,family=4", "--action", "punt"],
     ("flow.install", {"flows": [{"rule": {"priority": 9, "family": 4}, "action": "punt"}]}),
     {"installed": ["flow-1"]}, "installed flow-1\n"),
    ("add from JSON", ["flow", "add", "--file", "{flow.json}"],
     ("flow.install", {"flows": [FLOW]}), {"installed": ["cam"]}, "installed cam\n"),
    ("add from YAML", ["flow", "add", "--file", "{flow.yaml}"],
     ("flow.install", {"flows": [FLOW]}), {"installed": ["cam"]}, "installed cam\n"),
    ("add from JSON with a byte order mark", ["flow", "add", "--file", "{bom.json}"],
     ("flow.install", {"flows": [FLOW]}), {"installed": ["cam"]}, "installed cam\n"),
    ("add from a word", ["flow", "add", "{flow.yaml}"],
     ("flow.install", {"flows": [FLOW]}), {"installed": ["cam"]}, "installed cam\n"),
    ("replace by option", ["flow", "replace", "--file", "{list.json}"],
     ("flow.replace", {"flows": [FLOW]}), {"replaced": ["cam"]}, "replaced cam\n"),
    ("join from a word", ["leg", "join", "cam", "{legs.yaml}"],
     ("leg.join", {"flow": "cam", "legs": [LEG_JSON]}), {"joined": ["leg-2"]}, "joined leg-2\n"),
    ("replace", ["flow", "replace", "{list.json}"],
     ("flow.replace", {"flows": [FLOW]}), {"replaced": ["cam"]}, "replaced cam\n"),
    ("join", ["leg", "join", "cam", "--leg", "id=wall," + LEG],
     ("leg.join", {"flow": "cam", "legs": [{"id": "wall", **LEG_JSON}]}),
     {"joined": ["wall"]}, "joined wall\n"),
    ("join from YAML", ["leg", "join", "cam", "--file", "{legs.yaml}"],
     ("leg.join", {"flow": "cam", "legs": [LEG_JSON]}), {"joined": ["leg-2"]}, "joined leg-2\n"),
    ("leave", ["leg", "leave", "cam", "wall", "leg-2"],
     ("leg.leave", {"flow": "cam", "legs": ["wall", "leg-2"]}),
     {"left": [{"id": "wall", "counters": COUNTS}]},
     "LEG   COPIES  BYTES  SENT  DROPS\nwall       9   1800     8  tx_full=1\n"),
    ("down", ["flow", "down", "cam"],
     ("flow.admin", {"flow": "cam", "admin": "down"}), {}, "down cam\n"),
    ("leg up", ["flow", "up", "cam", "--leg", "wall"],
     ("flow.admin", {"flow": "cam", "leg": "wall", "admin": "up"}), {}, "up cam wall\n"),
    ("del of what dropped and punted", ["flow", "del", "cam"],
     ("flow.remove", {"ids": ["cam"]}),
     {"removed": [{"id": "cam", "counters": {"packets": 12, "bytes": 2400, "forwarded": 9,
                                             "punted": 1, "drops": {"policed": 2}},
                   "legs": [{"id": "leg-1", **COUNTS}]}]},
     "FLOW  PACKETS  BYTES  PUNTED  LEG    SENT  DROPS\n"
     "cam        12   2400       1  -         -  policed=2\n"
     "                              leg-1     8  tx_full=1\n"),
    ("forget", ["flow", "forget", "cam", "mic", "--comment", "he called again"],
     ("flow.forget", {"ids": ["cam", "mic"], "comment": "he called again"}),
     {"forgotten": [{"id": "cam", "latched": {"src": "2001:db8::7", "src_port": 5004, "moves": 2}},
                    {"id": "mic", "latched": None}]},
     "forgot [2001:db8::7]:5004 of cam\nnothing learned by mic\n"),
    ("list", ["flow", "list"],
     ("flow.list", {"health": True, "limit": 1000}),
     {"flows": [FLOW, {"id": "off", "rule": {"priority": 9, "dst_ports": [1, 2]},
                       "admin": "down", "action": "drop", "legs": []},
                {**FLOW, "id": "st", "action": "punt", "legs": [],
                 "streams": [{"ssrc": 1, "legs": [LEG_JSON, LEG_JSON]}]}],
      "total": 3, "next_cursor": None,
      "health": [{"states": []}, {"states": ["down"]}, {"states": ["pending", "silent"]}]},
     "FLOW  MATCH                    HEALTH           LEGS  TO\n"
     "cam   p0 any > 192.0.2.1:5004  ok                  1  p1 203.0.113.9:5004\n"
     "off   rule 9 any > any:1-2     down                0  down: drop\n"
     "st    p0 any > 192.0.2.1:5004  pending, silent     2  punt, p1 203.0.113.9:5004 ...\n"),
    ("list what is the matter", ["flow", "list", "--pending", "--dropping", "--within", "5s"],
     ("flow.list", {"only": ["pending", "dropping"], "health": True, "within_s": 5,
                    "limit": 1000}),
     {"flows": [], "total": 3, "next_cursor": None, "health": []}, "none of 3 flows\n"),
    ("list of what leaves by a port without a link", ["flow", "list", "--limit", "2"],
     ("flow.list", {"health": True, "limit": 2}),
     {"flows": [FLOW, {**FLOW, "id": "st", "legs": [], "streams": [
         {"ssrc": 1, "legs": [{**LEG_JSON, "port": "p2"}, LEG_JSON]}]}],
      "total": 2, "next_cursor": None,
      "health": [{"states": ["port_down"]}, {"states": []}],
      "ports": [{"name": "p1", "link_up": False}, {"name": "p2", "link_up": True}]},
     "FLOW  MATCH                    HEALTH     LEGS  TO\n"
     "cam   p0 any > 192.0.2.1:5004  port_down     1  p1 203.0.113.9:5004, port p1 down\n"
     "st    p0 any > 192.0.2.1:5004  ok            2  p2 203.0.113.9:5004 ..., port p1 down\n"),
    ("list of what comes by a port without a link", ["flow", "list", "--limit", "2"],
     ("flow.list", {"health": True, "limit": 2}),
     {"flows": [FLOW], "total": 1, "next_cursor": None,
      "health": [{"states": ["port_down"]}],
      "ports": [{"name": "p0", "link_up": False}, {"name": "p1", "link_up": True}]},
     "FLOW  MATCH                    HEALTH     LEGS  TO\n"
     "cam   p0 any > 192.0.2.1:5004  port_down     1  p1 203.0.113.9:5004, port p0 down\n"),
    ("show everything", ["flow", "show", "cam"], ("flow.get", {"id": "cam"}),
     {"flow": {**FLOW, "admin": "down", "action": "drop", "latch": "follow",
               "latch_interval_ms": 500, "latch_by": "ssrc",
               "allow": ["192.0.2.0/24", "203.0.113.0/24"],
               "classes": {"stun": "punt", "rtp": "forward"}, "idle_timeout_s": 60,
               "media_timeout_s": 30, "reopen": True,
               "max_datagram_bytes": 1200,
               "police": {"rate_bps": 4000000, "burst_bytes": 3000},
               "streams": [{"ssrc": 3735928559, "payload_type": 96, "legs": [LEG_JSON]},
                           {"payload_type": 0, "action": "drop", "legs": []}],
               "legs": [{**LEG_JSON, "id": "wall", "vlan": 7, "outer_vlan": 300, "dscp": 46,
                         "ttl": 9, "one_in": 10, "admin": "down",
                         "police": {"rate_bps": 64000}}]},
      "counters": {"packets": 12, "bytes": 2400, "forwarded": 9, "punted": 1,
                   "drops": {"policed": 2}},
      "latched": {"src": "192.0.2.9", "src_port": 7, "moves": 2, "ssrc": 3735928559},
      "membership": {"state": "pending", "netdev": "p0", "reason": "No such device"},
      "last_packet": {"time_ns": 1700000000123456789, "within_ms": 750}, "media": "timed_out",
      "legs": [{"id": "wall", **COUNTS, "next_hop": HOP}],
      "streams": [{"packets": 3, "bytes": 300, "legs": [{**COUNTS, "next_hop": HOP,
                                                             "link_up": False}]},
                  {"packets": 4, "bytes": 400, "legs": []}]},
     """flow      cam
match     p0 any > 192.0.2.1:5004
admin     down
action    drop
sources   follow by ssrc, 500 ms between changes of 192.0.2.0/24 203.0.113.0/24
latched   192.0.2.9:7, learned 2 times, SSRC 0xdeadbeef
classes   stun=punt rtp=forward
policed   to 4 Mbit/s, burst 3000 bytes
removed   when idle for 60 s
carries   datagrams of up to 1200 bytes
times out after 30 s without a packet, and its latch opens
group     pending on p0: No such device
media     none since 2023-11-14 22:13:20
latest    packet seen at 2023-11-14 22:13:20
received  12 packets, 2400 bytes
          9 forwarded, 1 punted, drops: policed=2

STREAM  SSRC        TYPE  ACTION   LEGS  PACKETS  BYTES
     1  0xdeadbeef    96  forward     1        3    300
     2  any            0  drop        0        4    400

LEG   PORT   VLAN  FROM              TO                DSCP     TTL  STATE
wall  p1    300.7  203.0.113.1:5004  203.0.113.9:5004    46       9  down, 1 in 10, 64 kbit/s
1/1   p1        -  203.0.113.1:5004  203.0.113.9:5004  keep  less 1  port down

LEG   NEXT HOP     MAC                STATE     NETDEV  MTU
wall  203.0.113.9  02:00:5e:00:53:01  resolved  p1      1000 by route
1/1   203.0.113.9  02:00:5e:00:53:01  resolved  p1      1000 by route

LEG   COPIES  BYTES  SENT  DROPS
wall       9   1800     8  tx_full=1
1/1        9   1800     8  tx_full=1
"""),
    ("show little", ["flow", "show", "cam"], ("flow.get", {"id": "cam"}),
     {"flow": {"id": "cam", "match": FLOW["match"], "latch": "first", "admin": "up",
               "action": "forward", "legs": []},
      "counters": {"packets": 0, "bytes": 0, "forwarded": 0, "punted": 0, "drops": {}},
      "latched": None, "legs": [], "streams": []},
     """flow      cam
match     p0 any > 192.0.2.1:5004
sources   first
latched   no source yet
received  0 packets, 0 bytes
          0 forwarded, 0 punted, drops: -
"""),
    ("relay with media time-outs", ["relay", "show", "r"], ("relay.get", {"id": "r"}),
     {"relay": {"id": "r", "rtcp": "next",
                "a": {**SIDE, "media_timeout_s": 30, "reopen": True},
                "b": {**SIDE, "port": "p1", "media_timeout_s": 5}},
      "declared": False,
      "a": {**DIRECTION, "last_packet": {"time_ns": 1700000000123456789, "within_ms": 750},
            "media": "timed_out"},
      "b": {**DIRECTION, "last_packet": None, "media": "waiting"},
      "a_rtcp": DIRECTION, "b_rtcp": DIRECTION},
     """relay     r
rtcp      next

SIDE    PORT  VLAN  LOCAL           SIGNALLED  SOURCE  LATCH
a       p0       -  192.0.2.1:6000  -          -       first
b       p1       -  192.0.2.1:6000  -          -       first
a rtcp  p0       -  192.0.2.1:6001  -          -       first
b rtcp  p1       -  192.0.2.1:6001  -          -       first

SIDE    RECEIVED  BYTES  DROPS  COPIES  BYTES  SENT  DROPS
a              3    300  -           9   1800     8  tx_full=1
b              3    300  -           9   1800     8  tx_full=1
a rtcp         3    300  -           9   1800     8  tx_full=1
b rtcp         3    300  -           9   1800     8  tx_full=1

SIDE  MEDIA                           LAST PACKET          TIME-OUT
a     none since 2023-11-14 22:13:20  2023-11-14 22:13:20  30 s, opens
b     waiting                         -                    5 s

SIDE    NEXT HOP     MAC                STATE     NETDEV  MTU
a       203.0.113.9  02:00:5e:00:53:01  resolved  p1      1000 by route
b       203.0.113.9  02:00:5e:00:53:01  resolved  p1      1000 by route
a rtcp  203.0.113.9  02:00:5e:00:53:01  resolved  p1      1000 by route
b rtcp  203.0.113.9  02:00:5e:00:53:01  resolved  p1      1000 by route
"""),
    ("relays with media time-outs", ["relay", "list", "--limit", "9"],
     ("relay.list", {"limit": 9}),
     {"relays": [{"relay": {"id": "r", "a": SIDE, "b": SIDE}, "declared": False,
                  "a": {**DIRECTION, "last_packet": None, "media": "timed_out"},
                  "b": {**DIRECTION, "last_packet": None}}], "next_cursor": None},
     "RELAY  SIDE  PORT  VLAN  LOCAL           SOURCE  RECEIVED  SENT  MEDIA\n"
     "r      a     p0       -  192.0.2.1:6000  -              3     8  none yet\n"
     "       b     p0       -  192.0.2.1:6000  -              3     8  -\n"),
    ("a relay that was removed", ["relay", "del", "r"], ("relay.remove", {"ids": ["r"]}),
     {"removed": [{"id": "r", "a": {**DIRECTION, "last_packet": None}, "b": {
         **DIRECTION, "last_packet": {"time_ns": 1700000000123456789, "within_ms": 750}}}],
      "generation": 3},
     "RELAY  SIDE  SOURCE  RECEIVED  BYTES  DROPS  COPIES  BYTES  SENT  DROPS      LAST PACKET\n"
     "r      a     -              3    300  -           9   1800     8  tx_full=1  -\n"
     "       b     -              3    300  -           9   1800     8  tx_full=1  "
     "2023-11-14 22:13:20\n"),
    ("info", ["info"], ("system.info", {}),
     {"name": "sluice", "version": "0.1.0", "dpdk": "DPDK 22.11.11", "pid": 42,
      "uptime_s": 90061, "control_core": 0, "log_lines_lost": 0, "flow_legs": 0, "workers": [],
      "limits": {"message_bytes": 4096, "depth": 32, "connections": 8},
      "flows": {
          "ipv4": {"installed": 12, "capacity": 65536,
                   "memory": {"bytes": 6291456, "page_bytes": 2097152, "pages": 5,
                              "hugepages": True, "tlb_reach_percent": 100, "socket": 0}},
          "ipv6": {"installed": 0, "capacity": 0,
                   "memory": {"bytes": 19200000, "page_bytes": 4096, "pages": 4688,
                              "hugepages": False, "tlb_reach_percent": 21, "socket": 0}}},
      "legs": {"installed": 24, "capacity": 65536,
               "memory": {"bytes": 64, "page_bytes": 1073741824, "pages": 1,
                          "hugepages": True, "tlb_reach_percent": 100, "socket": 0}}},
     """version  sluice 0.1.0, DPDK 22.11.11
process  pid 42, control on CPU 0, up 1d 01:01:01
flows    IPv4 12 of 65536, IPv6 0 of 0, legs in sets 24 of 65536
memory   IPv4 6.29MB on 5 hugepages of 2 MiB, TLB reach 100%
         IPv6 19.2MB on 4688 ordinary pages of 4 KiB, TLB reach 21%
         legs 64B on 1 hugepage of 1024 MiB, TLB reach 100%
limits   4096 bytes a message, depth 32, 8 connections
"""),
    ("workers", ["workers"], ("system.info", {}),
     {"workers": [{"worker": 0, "core": 3, "cpu_level": "v4", "rx_queues": 2,
                   "rx_packets": 1000, "tx_packets": 900,
                   "busy_share": 0.1234, "cycles_per_packet": 410.4, "longest_round_us": 85.2,
                   "bursts": [0, 80, 20, 0, 10] + [0] * 27 + [1],
                   "residence_ns": [{"from_ns": 512, "packets": 5},
                                    {"from_ns": 65536, "packets": 15}]},
                  {"worker": 1, "core": 4, "cpu_level": "v2", "rx_queues": 1,
                   "rx_packets": 0, "tx_packets": 0,
                   "busy_share": 0, "cycles_per_packet": 0, "longest_round_us": 7,
                   "bursts": [0] * 33, "residence_ns": []}]},
     """worker 0  on CPU 3, level v4, 2 queues, 1000 packets in, 900 out
          busy 12.3% of the time, 410 cycles a packet, longest round 85 us
IN A BURST  BURSTS  SHARE
         1      80  72.1%  ########################
         2      20  18.0%  ######
       3-4      10   9.0%  ###
       5-8       0   0.0%
      9-16       0   0.0%
     17-32       1   0.9%  #
INSIDE FOR  PACKETS  SHARE
    512 ns        5  25.0%  ########
   65.5 us       15  75.0%  ########################

worker 1  on CPU 4, level v2, 1 queue, 0 packets in, 0 out
          busy 0.0% of the time, 0 cycles a packet, longest round 7 us
"""),
    ("events", ["events", "--after", "4"], ("event.list", {"after": 4, "limit": 1000}),
     {"events": [{"sequence": 5, "time_ns": 1700000000123456789, "event": "flow_latched",
                  "flow": "cam", "src": "192.0.2.9", "src_port": 7, "moves": 1},
                 {"sequence": 6, "time_ns": 1700000001000000000, "event": "flow_expired",
                  "flow": "cam", "packets": 12, "drops": {"policed": 2}, "legs": []},
                 {"sequence": 7, "time_ns": 1700000002000000000, "event": "flow_changed",
                  "flow": "cam", "actor": {"name": "ana", "via": "unix"}, "legs_joined": 1,
                  "leg": "late", "fields": ["admin", "police"]},
                 {"sequence": 8, "time_ns": 1700000003000000000, "event": "media_timeout",
                  "flow": "r:a", "relay": "r", "side": "a", "packets": 12}],
      "lost": 0},
     "SEQUENCE  TIME                     EVENT\n"
     "       5  2023-11-14 22:13:20.123  flow_latched       cam src=192.0.2.9 src_port=7 moves=1\n"
     "       6  2023-11-14 22:13:21.000  flow_expired       cam packets=12 policed=2\n"
     "       7  2023-11-14 22:13:22.000  flow_changed       cam by ana legs_joined=1 leg=late"
     " fields=admin,police\n"
     "       8  2023-11-14 22:13:23.000  media_timeout      r:a relay=r side=a packets=12\n"),
    ("events as JSON", ["events", "--json"], ("event.list", {"after": 0, "limit": 1000}),
     {"events": [{"sequence": 1, "event": "x"}], "lost": 0}, '{"sequence":1,"event":"x"}\n'),
    ("punted", ["punted"], ("punt.list", {"after": 0, "limit": 1000}),
     {"packets": [{"sequence": 1, "time_ns": 1700000000123456789, "port": "p0", "flow": None,
                   "frame_bytes": 60, "frame": "0011"}], "lost": 0},
     "SEQUENCE  TIME                     PORT      BYTES  FLOW\n"
     "       1  2023-11-14 22:13:20.123  p0           60  -\n"),
    ("punted in hex", ["punted", "--hex"], ("punt.list", {"after": 0, "limit": 1000}),
     {"packets": [{"sequence": 1, "time_ns": 1700000000123456789, "port": "p0", "flow": "cam",
                   "frame_bytes": 60, "frame": "00112233445566778899aabbccddeeff" "77"}],
      "lost": 0},
     "#       1  2023-11-14 22:13:20.123  p0           60  cam\n"
     "000000 00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff\n000010 77\n"),
    ("answer a punted packet", ["inject", "--punted", "7", "--payload", "0101"],
     ("packet.inject", {"punted": 7, "payload": "0101"}),
     {"port": "p0", "flow": None, "src": "192.0.2.1", "src_port": 5004, "dst": "192.0.2.9",
      "dst_port": 7, "worker": 0, "frame": "00"},
     "sent 192.0.2.1:5004 > 192.0.2.9:7 by p0\n"),
    ("inject to an address",
     ["inject", "cam", "--to", "[2001:db8::9]:7", "--payload", "", "--dscp", "EF",
      "--comment", "keepalive"],
     ("packet.inject", {"flow": "cam", "dst": "2001:db8::9", "dst_port": 7, "payload": "",
                        "dscp": 46, "comment": "keepalive"}),
     {"port": "p0", "flow": "cam", "src": "2001:db8::1", "src_port": 5004, "dst": "2001:db8::9",
      "dst_port": 7, "worker": 0, "frame": "00"},
     "sent [2001:db8::1]:5004 > [2001:db8::9]:7 by p0\n"),
    ("trace through every step",
     ["trace", "p0", "--from", "192.0.2.9:7", "--to", "[2001:db8::1]:5004", "--vlan", "20",
      "--outer-vlan", "300", "--ttl", "9", "--dscp", "46", "--payload", "rtp", "--legs", "3"],
     ("packet.trace",
      {"port": "p0", "limit": 3,
       "fields": {"src": "192.0.2.9", "src_port": 7, "dst": "2001:db8::1", "dst_port": 5004,
                  "vlan": 20, "outer_vlan": 300, "ttl": 9, "dscp": 46,
                  "payload": "800000010000000000000001"}}),
     {"port": "p0", "frame": "00", "verdict": "forward", "flow": "cam", "worker": 0,
      "workers": 2, "n_legs": 4, "next": 3,
      "stages": [
          {**TRACED, "stage": "parse", "outcome": "pass", "ip_bytes": 1600,
           "extension_bytes": 8},
          {"stage": "exact", "outcome": "miss"}, {"stage": "listener", "outcome": "miss"},
          {"stage": "rules", "outcome": "match"},
          {"stage": "allow", "outcome": "pass", "prefixes": 2},
          {"stage": "class", "outcome": "pass", "class": "rtp"},
          {"stage": "latch", "outcome": "pass", "mode": "follow", "source": "moves",
           "latched": {"src": "192.0.2.8", "src_port": 8, "moves": 1}},
          {"stage": "stream", "outcome": "pass", "stream": None},
          {"stage": "police", "outcome": "pass", "rate_bps": 64000, "burst_bytes": 3000,
           "left_bytes": 2000},
          {"stage": "action", "outcome": "forward"}],
      "legs": [
          {"index": 0, "id": "wall", "outcome": "sent", "port": "p1", "link_up": False,
           "next_hop": {"mac": "02:00:5e:00:53:20"}, "frame_bytes": 54, "frame": FRAME},
          {"index": 1, "id": "down", "outcome": "down", "port": "p1", "link_up": True},
          {"index": 2, "outcome": "sampled_out", "port": "p2", "link_up": True, "one_in": 10,
           "nth": 4}]},
     """p0         192.0.2.9:7 > 192.0.2.1:5004
parse      pass: ttl 9, dscp 46, vlan 300.20, 1 byte of payload, extension
           headers removed; exceeds the port's MTU of 1500 and would not be
           received
exact      miss
listener   miss
rules      match: flow cam
allow      pass: 2 source prefixes
class      pass: rtp
latch      pass: follow, would change to this source from 192.0.2.8:8
stream     pass: no stream
police     pass: 64 kbit/s, burst 3000 bytes, 2000 bytes left
action     forward: 4 legs

wall       out of p1: 54 bytes to 02:00:5e:00:53:20
           p1 has no link now
  198.51.100.1:6000 > 198.51.100.20:5004
  ttl 63, dscp 0, 12 bytes of payload
  000000 02 00 5e 00 53 20 02 00 5e 00 53 02 08 00 45 00
  000010 00 28 00 00 40 00 3f 11 e7 48 c6 33 64 01 c6 33
  000020 64 14 17 70 13 8c 00 14 ff eb 80 60 00 01 00 00
  000030 00 00 00 00 00 ff

down       out of p1: down

leg 3      out of p2: not sent, packet 4, the leg samples 1 in 10
next       more legs, with --legs-after 3
note       as worker 0 would; 2 poll the port, and each samples separately
"""),
    ("trace of what is dropped", ["trace", "p0", "--hex", "00:11 22\n33"],
     ("packet.trace", {"port": "p0", "frame": "00112233"}),
     {"port": "p0", "frame": "00112233", "verdict": "drop", "flow": None, "worker": 0,
      "workers": 1, "n_legs": 0, "legs": [],
      "stages": [{**TRACED, "stage": "parse", "outcome": "pass"},
                 {"stage": "exact", "outcome": "miss"},
                 {"stage": "unmatched", "outcome": "drop", "reason": "no_flow",
                  "help": "no flow matches", "kernel_beside": True}],
      "nearest": {"flow": "cam", "looked_at": 8192, "flows": 10000, "differs": [
          {"field": "src_port", "packet": "7", "flow": "8"},
          {"field": "vlan", "packet": "20", "flow": "none"}]}},
     """p0         192.0.2.9:7 > 192.0.2.1:5004
parse      pass: ttl 9, dscp 46, vlan 300.20, 1 byte of payload
exact      miss
unmatched  drop
           no_flow: no flow matches
           such packets do not reach this port: they pass to the kernel or, if
           all flows at the address accept other sources only, are dropped; see
           STEERING in 'sluicectl counters'
nearest    flow cam matches source port 8, not 7; VLAN none, not 20 (the newest
           8192 of 10000 flows were compared)
next       compare port and addresses with 'sluicectl flow list'
"""),
]

CAPTURED = [bytes([n]) * 20 for n in (1, 2, 3)]


def classic(link, cut, frames=CAPTURED):
    """A capture as tcpdump writes it, of frames that lack so many bytes."""
    return struct.pack("<6I", 0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, link) + b"".join(
        struct.pack("<4I", 1, 0, 20, 20 + cut) + frame for frame in frames)


# Section, interface and enhanced packet blocks.
NEXT_GENERATION = struct.pack(
    "<12I", 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28, 1, 20, 1, 65535, 20,
) + b"".join(struct.pack("<7I", 6, 52, 0, 0, 1, 20, 20) + frame + struct.pack("<I", 52)
             for frame in CAPTURED)

CASES += [(f"trace of {name}", ["--json", "trace", "p0", "--pcap", f"{{{name}}}", *words],
           ("packet.trace", {"port": "p0", "frame": CAPTURED[last - 1].hex()}), {}, shown)
          for name in ("classic.pcap", "next.pcapng")
          for words, last, shown in (
              (["--packet", "2"], 2, '{\n  "packet": 2\n}\n'),
              (["--packet", "2", "--count", "9"], 3,
               '{\n  "packets": [\n    {\n      "packet": 2\n    },\n    {\n'
               '      "packet": 3\n    }\n  ]\n}\n'))]

# Command lines that must be refused before anybody is asked, and what must be said.
REFUSED = [
    (["flow", "add"], "expected one of --match, --rule and a FILE"),
    (["flow", "add", "--match", "port=p0,dst=192.0.2.1:1", "--rule", "priority=1"],
     "expected one of --match, --rule and a FILE"),
    (["flow", "add", "--file", "{flow.json}", "--police", "1M"],
     "--police cannot be combined with a FILE"),
    (["flow", "replace"], "the FILE with the flows is missing"),
    (["relay", "joyn"], 'unknown command "joyn", expected one of: add, update, del, list, show, '
                        "join, leave, receivers\nTry 'sluicectl relay --help'."),
    (["relai"], "unknown command \"relai\"\nTry 'sluicectl --help'."),
    (["flow", "add", "--file", "{bad.yaml}"], "bad.yaml:2:"),
    (["flow", "add", "--file", "{none.yaml}"], "none.yaml"),
    (["flow", "add", "--file", "{none.json}"], "none.json: No such file or directory"),
    (["flow", "add", "--file", "{utf16.json}"], "found UTF-16 or UTF-32, expected UTF-8"),
    (["flow", "add", "{flow.json}", "--file", "{flow.json}"], "expected one of them"),
    (["flow", "replace", "{flow.json}", "--file", "{flow.json}"], "expected one of them"),
    (["plan", "{none.yaml}"], "none.yaml"),
    (["plan", "--limit", "x"], '--limit: "x" is not a number'),
    (["leg", "join"], "the FLOW is missing"),
    (["leg", "join", "cam"], "expected --leg or a FILE"),
    (["leg", "join", "cam", "--leg", "port=p1"], "--leg number 1: src= is missing"),
    (["leg", "leave", "cam"], "the LEG is missing"),
    (["flow", "up"], "the ID is missing"),
    (["trace"], "the PORT is missing"),
    (["trace", "p0"], "no --from; a packet is"),
    (["trace", "p0", "--from", "192.0.2.1:1"], "no --to; a packet is"),
    (["trace", "p0", "--from", "192.0.2.1:1", "--hex", "00"], "exclude each other"),
    (["trace", "p0", "--hex", "0g"], "expected two hexadecimal digits a byte"),
    (["trace", "p0", "--hex", "-"], "standard input is empty"),
    (["trace", "p0", "--from", "192.0.2.1:1", "--to", "192.0.2.2:2", "--ttl", "256"],
     'at --ttl: found 256, expected an integer from 0 to 255'),
    (["trace", "p0", "--pcap", "{none.pcap}"], "none.pcap: No such file"),
    (["trace", "p0", "--pcap", "{flow.json}"], "flow.json: unknown file format"),
    (["trace", "p0", "--pcap", "{classic.pcap}", "--packet", "4"],
     "classic.pcap: found 3 packets, expected 4 at least"),
    (["trace", "p0", "--pcap", "{cooked.pcap}"], "expected Ethernet"),
    (["trace", "p0", "--pcap", "{cut.pcap}", "--packet", "2"],
     "cut.pcap: packet 2 was cut to 20 of its 120 bytes"),
    (["trace", "p0", "--pcap", "{short.pcap}"], "short.pcap: after packet 0: "),
    (["trace", "p0", "--pcap", "{flow.json}", "--packet", "0"],
     '--packet: "0" is not a number from 1'),
    (["events", "--after", "x"], 'at --after: found "x", expected an integer'),
    (["events", "--kinds", "port_up,x"], 'at --kinds 2: found "x", expected one of'),
]

# What must not reach a terminal: C0, DEL and C1, and what changes the direction or ends a line.
HOSTILE = {*map(chr, [*range(0x20), *range(0x7f, 0xa0), 0x61c, 0x200e, 0x200f,
                      *range(0x2028, 0x202f), *range(0x2066, 0x206a)])} - {"\0"}
HOSTILE_ROUNDS = 4
VIEWS = [
    ["flow", "list"], ["flow", "show", "cam"], ["flow", "add", "--file", "{flow.json}"],
    ["flow", "del", "cam"], ["flow", "down", "cam"], ["leg", "leave", "cam", "wall"],
    ["leg", "join", "cam", "--leg", LEG], ["plan", "{declared.yaml}"],
    ["apply", "{declared.yaml}", "--limit", "9"], ["validate", "{declared.yaml}"], ["confirm"],
    ["rollback", "1"], ["rollback", "1", "--plan"], ["history"], ["history", "2"], ["export"],
    ["port", "list"], ["port", "show", "p0"], ["counters"], ["counters", "--flows"], ["events"],
    ["punted"], ["punted", "--hex"], ["trace", "p0", "--hex", "00"], ["workers"], ["info"],
    ["watch", "--count", "1", "--interval", "0.1"], ["rpc", "--list"],
    *[["top", "--once", "--interval", "0.1", "--view", view]
      for view in ("flows", "legs", "ports", "workers")],
]

ADD = ["flow", "add", "--match", "port=p0,dst=192.0.2.1:5004", "--leg", LEG, "--leg", LEG]

# What the daemon has against a command line, by pointer, and how the person who typed it reads it.
TOLD = [
    (ADD, "/flows/0/match/port", "as port.list gives it",
     "at --match port=: as 'sluicectl port list' gives it"),
    (ADD, "/flows/0/match/dst_port", "no", "at --match dst=: no"),
    (ADD, "/flows/0/legs/1/dst", "no", "at --leg 2 dst=: no"),
    (ADD, "/flows/0/legs/0/src_port", "no", "at --leg 1 src=: no"),
    (ADD, "/flows/0/legs/1/police/rate_bps", "no", "at --leg 2 police=: no"),
    (ADD, "/flows/0/legs/1/next_hop", "no", "at --leg 2 next-hop=: no"),
    (ADD, "/flows/0/legs", "no", "at --leg: no"),
    (ADD, "/flows/0/rule/dst_ports/1", "no", "at --rule dst-ports=: no"),
    (ADD, "/flows/0/police/burst_bytes", "no", "at --police: no"),
    (ADD, "/flows/0/idle_timeout_s", "no", "at --idle-timeout: no"),
    (ADD, "/flows/0/latch_interval_ms", "no", "at --latch-interval-ms: no"),
    (ADD, "/flows/0/max_datagram_bytes", "no", "at --max-datagram: no"),
    (ADD, "/flows/0/allow/1", "no", "at --allow 2: no"),
    (["flow", "show", "cam"], "/id", "no", "at ID: no"),
    (["flow", "del", "cam", "mic"], "/ids/1", "no", "at ID 2: no"),
    (["leg", "leave", "cam", "a", "b"], "/legs/1", "no", "at LEG 2: no"),
    (["leg", "leave", "cam", "a", "b"], "/flow", "no", "at FLOW: no"),
    (["relay", "show", "call"], "/id", "no", "at RELAY: no"),
    (ADD, "/flows/0", "no", "CONFLICT: no"),
    (["leg", "join", "cam", "--leg", LEG], "/legs/0/vlan", "no", "at --leg 1 vlan=: no"),
    (["leg", "leave", "cam", "wall"], "/legs/0", "flow.get", "at LEG 1: 'sluicectl flow show'"),
    (["flow", "del", "cam"], "/ids/0", "no", "at ID 1: no"),
    (["flow", "del", "cam", "--if-generation", "3"], "/if_generation", "no",
     "at --if-generation: no"),
    (["flow", "up", "cam", "--leg", "wall"], "/leg", "no", "at --leg: no"),
    (["rollback", "3"], "/generation", "history.list names them",
     "CONFLICT: 'sluicectl history' names them"),
    (["rpc", "flow.get", "{}"], "/id", "as flow.list", "CONFLICT at /id: as flow.list"),
    (["flow", "add", "{flow.yaml}"], "/flows/0/match/port", "no",
     "flow.yaml:3: /match/port: no"),
    (["flow", "replace", "{list.json}"], "/flows/0/match/port", "no",
     "list.json:1: /flows/0/match/port: no"),
    (["leg", "join", "cam", "{legs.yaml}"], "/legs/0/dst", "no", "legs.yaml:2: /legs/0/dst: no"),
]

# Every verb that asks the daemon: what it exits with does not depend on which verb it is.
VERBS = [
    ADD, ["flow", "add", "{flow.json}"], ["flow", "replace", "{list.json}"], ["flow", "del", "cam"],
    ["flow", "up", "cam"], ["flow", "down", "cam"], ["flow", "list"], ["flow", "show", "cam"],
    ["leg", "join", "cam", "--leg", LEG], ["leg", "leave", "cam", "wall"],
    ["plan", "{flows.yaml}"], ["apply", "{flows.yaml}", "--yes"], ["confirm"], ["rollback", "3"],
    ["rollback", "3", "--plan"], ["history"], ["history", "3"], ["export"], ["port", "list"],
    ["counters"], ["top", "--once"], ["watch", "--count", "1"], ["events"], ["punted"],
    ["trace", "p0", "--hex", "00"], ["workers"], ["info"], ["rpc", "flow.get"],
]
ANSWERS = [
    ("NOT_FOUND", -32002, 1), ("CONFLICT", -32003, 1), ("NO_ROOM", -32005, 1),
    ("FORBIDDEN", -32007, 1), ("STALE", -32008, 1), ("BUSY", -32010, 1),
    ("INVALID_PARAMS", -32602, 2), ("INVALID_VALUE", -32001, 2), ("METHOD_NOT_FOUND", -32601, 2),
]
# Replies whose next page is never behind the one before.
REPEATS = [
    (["flow", "list"], {"flows": [FLOW], "total": 9, "next_cursor": "7"}),
    (["flow", "list"], {"flows": [FLOW], "total": 9, "next_cursor": "x"}),
    (["counters", "--flows"], {"ports": [], "flows": [], "total": 9, "next_cursor": "7"}),
    (["export"], {"flows": [FLOW], "total": 9, "next_cursor": "7"}),
    (["history", "3"], {"generation": 3, "changes": [], "next": 7}),
    (["plan", "{flows.yaml}"], {"txn": "1", "changes": [], "flows": {}, "next": 7}),
    (["rollback", "3", "--plan"], {"changes": [], "flows": {}, "next": 7}),
    (["events"], {"events": [{"sequence": 7, "time_ns": 0, "event": "x"}] * 1000}),
    (["punted"], {"packets": [{"sequence": 7, "time_ns": 0}] * 1000}),
]
# What is not UTF-8 cannot be a part of JSON, but a path.
NOT_TEXT = [
    (["flow", "show", b"caf\xe9"], "flow show: argument: found \"caf\\xe9\""),
    (["flow", "add", "--id", b"caf\xe9"], "flow add: --id: found \"caf\\xe9\""),
    (["apply", "{flows.yaml}", b"--comment=\xff"], "apply: --comment: found"),
    (["history", b"--by=\xff"], "history: --by: found"),
    (["watch", "--flow", b"\xff"], "watch: --flow: found"),
    ([b"caf\xe9"], "argument: found"),
]
# Commands that an interrupt undoes: their output when it comes before a reply.
CHANGES = [ADD, ["flow", "replace", "{list.json}"], ["flow", "del", "cam"], ["flow", "up", "cam"],
           ["leg", "join", "cam", "--leg", LEG], ["leg", "leave", "cam", "wall"], ["confirm"],
           ["rollback", "3"]]

FILES = {
    "flows.yaml": "flows:\n- {id: cam, match: {port: p0, dst: 192.0.2.1, dst_port: 5004}, "
                  "action: drop}\n",
    "flow.json": json.dumps(FLOW),
    "bom.json": "\ufeff" + json.dumps(FLOW),
    "utf16.json": "\0" + json.dumps(FLOW),
    "list.json": json.dumps({"flows": [FLOW], "total": 1, "next_cursor": None}),
    "flow.yaml": """
        id: cam
        match: {port: p0, dst: 192.0.2.1, dst_port: 5004}
        legs:
          - {port: p1, src: 203.0.113.1, src_port: 5004, dst: 203.0.113.9, dst_port: 5004}
        """,
    "legs.yaml": "legs:\n- " + json.dumps(LEG_JSON) + "\n",
    "bad.yaml": "id: cam\nid: dog\n",
    "declared.yaml": "flows:\n- " + json.dumps(FLOW) + "\n",
}
CAPTURES = {
    "classic.pcap": classic(1, 0), "next.pcapng": NEXT_GENERATION, "cooked.pcap": classic(113, 0),
    "cut.pcap": classic(1, 100), "short.pcap": classic(1, 0, [b""]),
}

# Files that others wrote, and what quotes them.
HOSTILE_TEXT = "".join(sorted(HOSTILE - {"\n", "\r", "\x85", "\u2028", "\u2029"}))
HOSTILE_FILES = {
    "key.yaml": f"flows: []\n'{HOSTILE_TEXT[-12:]}': 1\n",
    "twice.yaml": f"'{HOSTILE_TEXT[-12:]}': 1\n'{HOSTILE_TEXT[-12:]}': 1\n",
    "id.yaml": f"flows:\n- {{id: '{HOSTILE_TEXT[-12:]}'}}\n",
    "text.json": "{\"a\": \x1b]0;owned\x07\x9b2J}",
    "\x1b]0;\u202eowned.yml": "flows: []\n",
}


class Server(threading.Thread):
    """Answers every request with the same result, and keeps what was asked last, but for a
    look at the flows that a command has changed, and at the ports of those that it lists."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen()
        self.result, self.asked, self.error, self.silent = {}, None, None, False
        self.by_method = None  # instead of the one result: what answers each method

    def answer(self, method):
        if self.error:
            return {"error": self.error}
        if self.by_method is None:
            return {"result": self.result}
        answer = self.by_method.get(method, {"error": {"code": -32601, "message": "none"}})
        if "monotonic_ns" in answer.get("result", {}):  # rates take two looks
            answer["result"]["monotonic_ns"] += 10 ** 9
        return answer

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            with connection, connection.makefile("rw") as lines:
                for line in lines:
                    request = json.loads(line)
                    if not self.asked or request["method"] not in ("flow.get", "port.list"):
                        self.asked = (request["method"], request["params"])
                    if self.silent:
                        continue
                    print(json.dumps({"jsonrpc": "2.0", "id": request["id"],
                                      **self.answer(request["method"])}),
                          file=lines, flush=True)


def with_paths(folder, words):
    """{NAME} stands for the path of one of our files."""
    return [f"{folder}/{word[1:-1]}" if word[:1] == "{" and word != "{}" else word
            for word in words]


def command_of(sluicectl, folder, words):
    return [sluicectl, "--socket", f"{folder}/socket", *with_paths(folder, words)]


def run(sluicectl, folder, words, text=True):
    """The command's result, in a pipe."""
    return subprocess.run(
        command_of(sluicectl, folder, words), check=False, capture_output=True,
        text=text, timeout=20, stdin=subprocess.DEVNULL, env={**os.environ, "TZ": "UTC"},
    )


def faults_of(sluicectl, folder, server, case):
    _, words, asked, server.result, printed = case
    server.asked = None
    done = run(sluicectl, folder, words)
    if done.returncode != 0 or done.stderr:
        yield f"exit code {done.returncode}: {done.stderr}"
    if server.asked != asked:
        yield f"asked for {server.asked}\nexpected {asked}"
    if done.stdout != printed:
        yield f"printed\n{done.stdout}expected\n{printed}"


def faults_of_refusal(sluicectl, folder, server, words, said):
    server.asked = None
    done = run(sluicectl, folder, words)
    if done.returncode != 2 or said not in done.stderr or server.asked is not None:
        yield f"exit code {done.returncode}, asked for {server.asked}, said: {done.stderr}"


def made_hostile(value, choice):
    """The value with hostile characters in some of its texts and names."""
    if isinstance(value, dict):
        result = {name: made_hostile(inner, choice) for name, inner in value.items()}
        return {**result, "".join(choice.sample(sorted(HOSTILE), 3)): choice.randrange(1, 9)}
    if isinstance(value, list):
        return [made_hostile(inner, choice) for inner in value]
    if isinstance(value, str) and choice.random() < 0.5:
        return value + "".join(choice.sample(sorted(HOSTILE), 3)) + "\x1b]0;owned\x07"
    return value


def answers_of(contract, choice):
    """An answer for each method, some of them refusals."""
    refusal = {"code": -32001, "message": "found x", "data": {"name": "NAME", "pointer": "/flows"}}
    answers = {}
    for method in contract["methods"]:
        examples = [example["result"]["value"] for example in method.get("examples", [])
                    if "result" in example]
        if choice.random() < 0.2 or not examples:
            answers[method["name"]] = {"error": made_hostile(refusal, choice)}
        else:
            result = made_hostile(choice.choice(examples), choice)
            result.pop("next", None)
            result.pop("next_cursor", None)
            answers[method["name"]] = {"result": result}
    return answers


def with_ones(value):
    """The value with 1 for each of its numbers."""
    if isinstance(value, dict):
        return {name: with_ones(inner) for name, inner in value.items()
                if name not in ("next", "next_cursor")}
    if isinstance(value, list):
        return [with_ones(inner) for inner in value]
    return 1 if isinstance(value, int) and not isinstance(value, bool) else value


def faults_of_plurals(sluicectl, folder, server, contract, words):
    """No view says "1 flows"; a member's name, as packets=1, may follow a number."""
    server.by_method = {
        method["name"]: {"result": with_ones(example["result"]["value"])}
        for method in contract["methods"] for example in method.get("examples", [])[:1]
        if "result" in example}
    shown = run(sluicectl, folder, words).stdout
    server.by_method = None
    if found := re.findall(r"(?<![\d.,])1 (?:flow|leg|packet|byte|queue|connection|port|worker|"
                           r"time|change|file|second)s\b(?!=)", shown):
        yield f"shown {found} in {shown}"


def faults_of_hostile(sluicectl, folder, words):
    done = run(sluicectl, folder, words, text=False)
    shown = done.stdout + done.stderr
    found = HOSTILE & set(shown.decode(errors="replace")) - {"\n"}
    if found or done.returncode < 0:
        yield f"exit code {done.returncode}, shown {sorted(found)} of {shown}"
    try:
        shown.decode()
    except UnicodeDecodeError as error:
        yield f"{error}: {shown}"


def faults_of_view(sluicectl, folder, server, contract, words):
    for seed in range(HOSTILE_ROUNDS):
        choice = random.Random(f"{seed} {words}")
        server.by_method = answers_of(contract, choice)
        yield from faults_of_hostile(sluicectl, folder, words)
    server.by_method = None


def refusal(name, code, pointer="", message="no"):
    return {"code": code, "message": message, "data": {"name": name, "pointer": pointer}}


def faults_of_words(sluicectl, folder, server, case):
    words, pointer, message, said = case
    server.error = refusal("CONFLICT", -32003, pointer, message)
    done = run(sluicectl, folder, words)
    server.error = None
    if done.returncode != 1 or said not in done.stderr:
        yield f"exit code {done.returncode}: {done.stderr}expected {said}"


def faults_of_exits(sluicectl, folder, server, answer):
    name, code, wanted = answer
    server.error = refusal(name, code)
    for words in VERBS:
        done = run(sluicectl, folder, words)
        if done.returncode != wanted or name not in done.stderr:
            yield f"{' '.join(words)}: exit code {done.returncode}: {done.stderr}"
    server.error = None


def faults_of_unreachable(sluicectl, folder):
    for words in VERBS:
        done = run(sluicectl, folder, ["--socket", f"{folder}/none", *words])
        if done.returncode != 3 or "cannot reach sluiced" not in done.stderr:
            yield f"{' '.join(words)}: exit code {done.returncode}: {done.stderr}"
        done = run(sluicectl, folder, [*words, "--nope"])
        if done.returncode != 2 or "unknown option --nope" not in done.stderr:
            yield f"{' '.join(words)} --nope: exit code {done.returncode}: {done.stderr}"


def faults_of_repeats(sluicectl, folder, server, words, result):
    server.result, server.asked = result, None
    done = run(sluicectl, folder, words)
    if done.returncode != 4 or "is wrong: found" not in done.stderr:
        yield f"exit code {done.returncode}: {done.stderr}"


def faults_of_watch(sluicectl, folder, server, contract):
    """A flow that is not there is refused, as by other verbs; one that goes later is waited for."""
    server.by_method = {method["name"]: {"result": method["examples"][0]["result"]["value"]}
                        for method in contract["methods"]
                        if method["name"] in ("counters.get", "flow.list", "flow.get")}
    there = server.by_method["flow.get"]
    gone = {"error": refusal("NOT_FOUND", -32002, "/id", "no flow cam")}
    server.by_method["flow.get"] = gone
    words = ["watch", "--flow", "cam", "--count", "2", "--interval", "0.2"]
    done = run(sluicectl, folder, words)
    if done.returncode != 1 or "NOT_FOUND: no flow cam" not in done.stderr or done.stdout:
        yield f"exit code {done.returncode}: {done.stdout}{done.stderr}"
    server.by_method["flow.get"] = there
    with subprocess.Popen(command_of(sluicectl, folder, words), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as child:
        child.stdout.readline()
        server.by_method["flow.get"] = gone
        said = child.communicate(timeout=20)[0]
    if child.returncode != 0 or "cam" not in said.splitlines()[-1]:
        yield f"exit code {child.returncode}: {said}"
    server.by_method = None


def faults_of_files_not_text(sluicectl, folder):
    """A file may have any name."""
    path = os.fsencode(folder) + b"/caf\xe9.yaml"
    pathlib.Path(os.fsdecode(path)).write_text("flows: []\n", encoding="utf-8")
    done = run(sluicectl, folder, ["validate", "--offline", path])
    if done.returncode != 0:
        yield f"exit code {done.returncode}: {done.stderr}"


def faults_of_interrupts(sluicectl, folder, server, words):
    """An interrupt while the reply is waited for."""
    server.silent, server.asked = True, None
    words = with_paths(folder, words)
    child = subprocess.Popen([sluicectl, "--socket", f"{folder}/socket", *words],
                             stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while server.asked is None and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=20)[1]
    server.silent = False
    if child.returncode != 130 or "it is unknown whether the change was made" not in said:
        yield f"exit code {child.returncode}: {said}"


def shown_at(sluicectl, folder, words, columns):
    """What the command prints at a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
            command_of(sluicectl, folder, words), stdin=subprocess.DEVNULL, stdout=theirs,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TZ": "UTC", "TERM": "xterm", "NO_COLOR": "1"}):
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 4096):
                shown += chunk
        except OSError:  # the command has closed its side
            pass
        os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def faults_of_width(sluicectl, folder, server, contract, words):
    """No line is longer than the terminal, but for a word, and no word is cut without a sign."""
    for columns in (60, 80, 200):
        answers = {method["name"]: [example["result"]["value"] for example in method["examples"]
                                    if "result" in example] for method in contract["methods"]}
        server.by_method = {name: {"result": max(examples, key=lambda value: len(str(value)))}
                            for name, examples in answers.items() if examples}
        for answer in server.by_method.values():
            answer["result"].pop("next", None)
            answer["result"].pop("next_cursor", None)
        shown = shown_at(sluicectl, folder, words, columns)
        for line in shown.splitlines():
            if len(line) > columns and len(line.split()) > 1:
                yield f"longer than {columns} columns: {line}"
        if words[0] in ("top", "watch"):  # rates differ
            continue
        whole = run(sluicectl, folder, words).stdout.split()
        for word in shown.split():
            if word.strip("#") and word not in whole and not word.endswith("..."):
                yield f"at {columns} columns, not a word of its own: {word}"
    server.by_method = None


def main():
    sluicectl, contract = sys.argv[1], json.loads(pathlib.Path(sys.argv[2]).read_text("utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for file_name, text in FILES.items():
            (folder / file_name).write_text(text, encoding="utf-8")
        for file_name, capture in CAPTURES.items():
            (folder / file_name).write_bytes(capture)
        server = Server(folder / "socket")
        server.start()
        checks = [(case[0], faults_of(sluicectl, folder, server, case)) for case in CASES]
        checks += [(f"refused: {' '.join(words)}",
                    faults_of_refusal(sluicectl, folder, server, words, said))
                   for words, said in REFUSED]
        checks += [(f"safe to be shown: {' '.join(words)}",
                    faults_of_view(sluicectl, folder, server, contract, words)) for words in VIEWS]
        checks += [(f"fits the terminal: {' '.join(words)}",
                    faults_of_width(sluicectl, folder, server, contract, words))
                   for words in VIEWS if words[0] != "export"]  # which writes data
        checks += [(f"one of each: {' '.join(words)}",
                    faults_of_plurals(sluicectl, folder, server, contract, words))
                   for words in VIEWS]
        (folder / "hostile.d").mkdir()
        for file_name, text in HOSTILE_FILES.items():
            (folder / "hostile.d" / file_name).write_text(text, encoding="utf-8")
        checks += [(f"safe to be shown: the faults of {file_name!a}", faults_of_hostile(
            sluicectl, folder, ["validate", "--offline", f"{folder}/hostile.d/{file_name}"]))
                   for file_name in HOSTILE_FILES]
        checks += [("safe to be shown: the faults of a folder", faults_of_hostile(
            sluicectl, folder, ["validate", "--offline", f"{folder}/hostile.d"])),
                   ("safe to be shown: the faults of JSON", faults_of_hostile(
                       sluicectl, folder, ["flow", "add", "--file",
                                           f"{folder}/hostile.d/text.json"]))]
        checks += [(f"said of {case[1]}: {' '.join(case[0])}",
                    faults_of_words(sluicectl, folder, server, case)) for case in TOLD]
        checks += [(f"every verb: {answer[0]}", faults_of_exits(sluicectl, folder, server, answer))
                   for answer in ANSWERS]
        checks += [(f"pages that repeat: {' '.join(words)}",
                    faults_of_repeats(sluicectl, folder, server, words, result))
                   for words, result in REPEATS]
        checks += [(f"not UTF-8: {words}",
                    faults_of_refusal(sluicectl, folder, server, words, said))
                   for words, said in NOT_TEXT]
        checks += [("watch of a flow that is not there",
                    faults_of_watch(sluicectl, folder, server, contract))]
        checks += [("a file whose name is not UTF-8", faults_of_files_not_text(sluicectl, folder))]
        checks += [("every verb: no daemon, bad usage", faults_of_unreachable(sluicectl, folder))]
        checks += [(f"interrupted: {' '.join(words)}",
                    faults_of_interrupts(sluicectl, folder, server, words)) for words in CHANGES]
        print(f"1..{len(checks)}")
        for number, (title, faults) in enumerate(checks, start=1):
            faults = list(faults)
            print(f"{'not ' if faults else ''}ok {number} - {title}")
            for line in "\n".join(faults).splitlines():
                print(f"# {line}")


main()
