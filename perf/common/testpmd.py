# SPDX-License-Identifier: BSD-3-Clause
"""dpdk-testpmd with 5tswap, which swaps addresses and ports in place: the cheapest forwarding of
DPDK that rewrites what we rewrite."""

import os
import re
import subprocess
import sys
import time

import slices

BURST = 32
MBUFS = 8192
PROMPT = "testpmd> "
SHOW = "show fwd stats all"
RECEIVED = re.compile(r"RX-packets: (\d+)")
COUNT = re.compile(r"\(total cycles=(\d+) / total \S+ packets=(\d+)\)")


class Testpmd(slices.Program):
    """One worker that forwards from now on."""

    def __init__(self, cores, eal, options, commands=("start",)):
        control, worker = cores
        super().__init__(
            ["stdbuf", "--output=L",  # so that a reply is complete when the prompt comes
             "dpdk-testpmd", f"--lcores=0@{control},1@{worker}", "--no-pci", "--no-telemetry",
             *eal, "--", "--interactive", "--forward-mode=5tswap", "--nb-cores=1", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reply()
        for command in commands:
            self.command(command)

    def reply(self):
        """All that it says until it waits for a command; the end of this program if it ends."""
        said = b""
        while not said.endswith(PROMPT.encode()):
            some = os.read(self.process.stdout.fileno(), 1 << 16)
            if not some:
                sys.exit(f"testpmd does not start: {said[-500:].decode(errors='replace')}")
            said += some
        return said.decode(errors="replace")

    def command(self, text):
        self.process.stdin.write(f"{text}\n".encode())
        self.process.stdin.flush()
        return self.reply()

    def packets(self):
        """Received since it started."""
        return max(map(int, RECEIVED.findall(self.command(SHOW))))

    def window(self, seconds):
        """Cycles, without those of polls that found nothing, and packets."""
        cycles, packets = map(int, COUNT.search(self.command(SHOW)).groups())
        time.sleep(seconds)
        cycles_after, packets_after = map(int, COUNT.search(self.command(SHOW)).groups())
        return {"cycles": cycles_after - cycles, "packets": packets_after - packets}


def pages(hugepages, memory_mb):
    """EAL's options for pages of such a kind."""
    return ["--in-memory"] if hugepages else ["--no-huge", "--no-shconf", f"-m{memory_mb}"]


def on_ring(setting):
    """On a net_ring device that loops to itself as the closed loop's does, with the same load, on
    the same lcores and kind of pages."""
    inflight = setting["inflight"]
    return Testpmd(
        (setting["control_core"], setting["worker_cores"][0]),
        ["--vdev=net_ring0", *pages(setting["hugepages"], 512 + setting["flows"] // 2048)],
        ["--record-core-cycles", f"--burst={min(BURST, inflight)}",
         f"--total-num-mbufs={MBUFS}"],
        [f"set txpkts {setting['size']}", f"start tx_first {max(1, inflight // BURST)}"])
