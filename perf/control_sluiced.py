# SPDX-License-Identifier: BSD-3-Clause
"""A sluiced of one's own, for as long as a with block, and a client of it."""

import json
import os
import pathlib
import socket
import subprocess
import time

START_S = 60
STOP_S = 60
MESSAGE_BYTES = 16 << 20
FLOW_BYTES = 512  # of table memory, at most
BASE_MB = 512


class Sluiced:
    """Process, configuration and socket in a directory."""

    def __init__(self, arguments, directory, *, flows, durable, port="net_null0"):
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
hugepages: false
memory_mb: {BASE_MB + (flows * FLOW_BYTES >> 20)}
tables: {{ipv4_flows: {flows}, ipv6_flows: 0}}
ports:
  - {{name: p0, devargs: "{port}", rx_queues: 1}}
  - {{name: p1, devargs: "net_null1,no-rx=1", rx_queues: 1}}
"""
        self.process = None
        self.log = None

    def __enter__(self):
        path = self.directory / "sluice.yaml"
        path.write_text(self.configuration, encoding="utf-8")
        self.log = (self.directory / "log").open("w+", encoding="utf-8")
        self.process = subprocess.Popen([self.binary, "--config", path], stdout=self.log,
                                        stderr=self.log)
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


def run_json(argv, cpu=None):
    """What a program prints, as JSON; it stays on that CPU."""
    pinned = [] if cpu is None else ["taskset", "--cpu-list", str(cpu)]
    done = subprocess.run([*pinned, *map(str, argv)], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"{argv[0]} ended with {done.returncode}")
    return json.loads(done.stdout)
