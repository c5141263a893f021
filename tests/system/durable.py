#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Kills sluiced under load, again and again, and holds what is back against what was acknowledged.

usage: durable.py SLUICED CONFIG SOCKET [--rounds N] [--clients N] [--seed N]

Each client has flows of its own and keeps a record of what was acknowledged. A change that was
under way when sluiced was killed may be there or not, as a whole; all others must be there exactly.
Each change has a generation, and none may come back lower than one that was acknowledged.
"""

import argparse
import ctypes
import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time

MAC = "02:00:00:00:00:10"
FLOWS_A_CLIENT = 120
BATCH_MAX = 20
START_S = 30
PR_SET_PDEATHSIG = 1


class Gone(Exception):
    """sluiced hung up: it was killed."""


class Connection:
    """A connection to sluiced, a JSON text a line."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(30)
        try:
            self.socket.connect(path)
        except OSError as error:
            self.socket.close()
            raise Gone from error
        self.file = self.socket.makefile("r", encoding="utf-8")

    def call(self, method, params):
        """The result; Gone when the connection breaks; a refusal ends the test."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            self.socket.sendall((json.dumps(request) + "\n").encode())
            line = self.file.readline()
        except OSError as error:
            raise Gone from error
        if not line.endswith("\n"):
            raise Gone
        reply = json.loads(line)
        if "result" not in reply:
            raise AssertionError(f"{method} was refused: {reply['error']}")
        return reply["result"]

    def close(self):
        """Both ends of it."""
        self.file.close()
        self.socket.close()


def leg_make(name, port):
    """A leg that needs no neighbour; no two of a flow send to one place."""
    return {"id": name, "port": "p1", "src": "198.51.100.1", "src_port": port,
            "dst": f"198.51.100.1{name[-1]}", "dst_port": port, "mac": MAC}


class Client:
    """Changes its own flows; `flows` has the legs of each by name, as acknowledged."""

    def __init__(self, number, seed):
        self.number = number
        self.random = random.Random(seed)
        self.flows = {}
        self.pending = None  # flows as they are if the change under way was made
        self.generation = 0
        self.acknowledged = 0
        self.error = None

    def flow(self, name):
        """The flow as JSON, with the legs that it is to have."""
        index = int(name.split("-")[1])
        return {"id": name,
                "match": {"port": "p0", "dst": f"192.0.2.{self.number + 1}",
                          "dst_port": 1000 + index},
                "legs": [leg_make(leg, port) for leg, port in self.pending[name].items()]}

    def port(self):
        """Any port: versions of a leg differ in it."""
        return self.random.randint(1, 65535)

    def some(self, names):
        """A few of them, in any order."""
        names = sorted(names)
        return self.random.sample(names, self.random.randint(1, min(BATCH_MAX, len(names))))

    def change(self):
        """A random change as (method, params); self.pending is what it leads to."""
        self.pending = {name: dict(legs) for name, legs in self.flows.items()}
        free = {f"c{self.number}-{i}" for i in range(FLOWS_A_CLIENT)} - self.flows.keys()
        kind = self.random.choice(["install", "install", "replace", "remove", "join", "leave"])
        if free and (kind == "install" or not self.flows):
            names = self.some(free)
            for name in names:
                self.pending[name] = {"leg-1": self.port()}
            return "flow.install", {"flows": [self.flow(name) for name in names]}
        if kind == "remove":
            names = self.some(self.flows)
            for name in names:
                del self.pending[name]
            return "flow.remove", {"ids": names}
        name = self.random.choice(sorted(self.flows))
        legs = self.pending[name]
        if kind == "join" and "leg-2" not in legs:
            legs["leg-2"] = self.port()
            return "leg.join", {"flow": name, "legs": [leg_make("leg-2", legs["leg-2"])]}
        if kind == "leave" and "leg-2" in legs:
            del legs["leg-2"]
            return "leg.leave", {"flow": name, "legs": ["leg-2"]}
        names = self.some(self.flows)
        for name in names:
            self.pending[name]["leg-1"] = self.port()
        return "flow.replace", {"flows": [self.flow(name) for name in names]}

    def run(self, path):
        """Change after change until sluiced is gone."""
        try:
            connection = Connection(path)
            while True:
                result = connection.call(*self.change())
                self.flows, self.pending = self.pending, None
                self.acknowledged += 1
                if result["generation"] <= self.generation:
                    raise AssertionError(f"generation {result['generation']} was acknowledged "
                                         f"after {self.generation}")
                self.generation = result["generation"]
        except Gone:
            pass
        except Exception as error:  # pylint: disable=broad-except # reported by the main thread
            self.error = error

    def compare(self, back):
        """What is back must be one of the two; it is the truth from here on."""
        if back not in (self.flows, self.pending):
            lost = self.flows.keys() - back.keys()
            raise AssertionError(
                f"client {self.number}: acknowledged {len(self.flows)} flows, {len(back)} are back "
                f"(lost: {sorted(lost)[:5]}), and they are not those of the change under way")
        self.flows, self.pending = back, None


class Daemon:
    """sluiced, killed when this process ends, whatever ends it."""

    def __init__(self, argv, path):
        self.path = path
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        self.log = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        """Keep the log, and the pipe empty."""
        for line in self.process.stderr:
            self.log.append(line)

    def wait_ready(self):
        """Until it says so in its log."""
        deadline = time.monotonic() + START_S
        while not any("ready" in line for line in self.log):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("sluiced did not start: " + "".join(self.log[-10:]))
            time.sleep(0.005)
        for line in self.log:
            if "damaged" in line or "left out" in line and " 0 left out" not in line:
                raise AssertionError(line)

    def kill(self):
        """Without warning."""
        self.process.kill()
        self.process.wait()
        self.reader.join()


def flows_back(connection):
    """All flows that sluiced has, as names of clients to their flows."""
    back, cursor = {}, None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = connection.call("flow.list", {"limit": 1000, **more})
        for flow in page["flows"]:
            legs = {leg["id"]: leg["dst_port"] for leg in flow["legs"]}
            back.setdefault(int(flow["id"][1:].split("-")[0]), {})[flow["id"]] = legs
        cursor = page["next_cursor"]
        if cursor is None:
            return back


def check(path, clients):
    """What is back against the record of every client."""
    connection = Connection(path)
    generation = connection.call("state.get", {})["generation"]
    acknowledged = max(client.generation for client in clients)
    if generation < acknowledged:
        raise AssertionError(f"generation {generation} is back, {acknowledged} was acknowledged")
    back = flows_back(connection)
    connection.close()
    for client in clients:
        client.compare(back.pop(client.number, {}))
    if back:
        raise AssertionError(f"flows are back that were not requested: {back}")


def kill_round(options, clients, chance):
    """One life of sluiced."""
    argv = [options.sluiced, "--config", options.config]
    if chance.random() < 0.1:
        # Die on the way up, which must not matter.
        daemon = Daemon(argv, options.socket)
        time.sleep(chance.uniform(0.0, 0.4))
        daemon.kill()
    daemon = Daemon(argv, options.socket)
    try:
        daemon.wait_ready()
        check(options.socket, clients)
        threads = [threading.Thread(target=client.run, args=(options.socket,))
                   for client in clients]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.01, 0.25))
    finally:
        daemon.kill()
    for thread in threads:
        thread.join()
    for client in clients:
        if client.error:
            raise client.error


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sluiced")
    parser.add_argument("config")
    parser.add_argument("socket")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    chance = random.Random(options.seed)
    clients = [Client(i, options.seed + i) for i in range(options.clients)]
    for number in range(options.rounds + 1):
        try:
            kill_round(options, clients, chance)
        except AssertionError as error:
            sys.exit(f"round {number}: {error}")
    acknowledged = sum(client.acknowledged for client in clients)
    print(f"{options.rounds} rounds, {acknowledged} changes acknowledged, none lost, none halved")
    if acknowledged < 2 * options.rounds:
        sys.exit("that was no load")


if __name__ == "__main__":
    main()
