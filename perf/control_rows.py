# SPDX-License-Identifier: BSD-3-Clause
"""The rows of perf/control: what is run, which figures are taken of it, and their targets."""

import dataclasses
import typing

import control_packets
from control_sluiced import Sluiced, run_json

GET_MS_MAX = 50
FLOWS_PER_SECOND = 200_000
GROWTH_MAX = 0.1
PUT_FLOWS = 1000  # of a txn.put: a quarter of a megabyte, as sluicectl sends them


@dataclasses.dataclass
class Target:
    text: str
    met: typing.Callable


def at_least(number):
    return Target(f"at least {number:,}", lambda value: value >= number)


def below(number, unit):
    return Target(f"below {number:g} {unit}".rstrip(), lambda value: value < number)


def none_at_all():
    return Target("0", lambda value: value == 0)


@dataclasses.dataclass
class Figure:
    """A number of a run's report, by its path."""
    name: str
    unit: str
    path: tuple
    target: Target = None

    def value(self, run):
        for key in self.path:
            run = run[key]
        return run


@dataclasses.dataclass
class Row:
    name: str
    run: typing.Callable  # (arguments, directory) -> report
    figures: list


def speed_figures(targets=None):
    """Of what installs and removes in batches."""
    return [
        Figure("installed", "flows/s", ("install", "flows_per_second"), targets),
        Figure("removed", "flows/s", ("remove", "flows_per_second")),
        Figure("install, p50", "us", ("install", "requests", "p50_us")),
        Figure("install, p99", "us", ("install", "requests", "p99_us")),
    ]


def api_row(batch, flows):
    def run(arguments, _):
        return run_json([arguments.build / "perf/control-api", "--flows", flows, "--batch", batch,
                         "--control-core", arguments.control_core,
                         "--worker-core", arguments.worker_core])
    return Row(f"data plane API, {batch} a transaction", run, speed_figures())


def load(arguments, sluiced, *options):
    """control-load's report, with the CPU time that the control thread took meanwhile."""
    before = sluiced.cpu_seconds()
    report = run_json([arguments.build / "perf/control-load", "--socket", sluiced.socket_path,
                       *options], arguments.control_core)
    report["control_cpu_seconds"] = sluiced.cpu_seconds() - before
    return report


def rpc_row(batch, flows, *, clients=1, durable=False, target=None):
    def run(arguments, directory):
        with Sluiced(arguments, directory, flows=flows + batch, durable=durable) as sluiced:
            report = load(arguments, sluiced, "--flows", flows, "--batch", batch,
                          "--clients", clients)
        report["control_cpu_us_per_flow"] = report["control_cpu_seconds"] / (2 * flows) * 1e6
        return report
    name = f"RPC, {batch} a request, {clients} client{'s' if clients > 1 else ''}"
    figures = [*speed_figures(target),
               Figure("control thread", "us of CPU a change", ("control_cpu_us_per_flow",))]
    return Row(name + (", durable" if durable else ""), run, figures)


def large_row(flows, *, durable):
    def run(arguments, directory):
        with Sluiced(arguments, directory, flows=flows + 16, durable=durable) as sluiced:
            return load(arguments, sluiced, "--large", "--flows", flows, "--batch", PUT_FLOWS)
    limit = below(GET_MS_MAX * 1000, "us")
    figures = [
        Figure("installed", "flows/s", ("flows_per_second",)),
        Figure("commit", "s", ("commit_seconds",)),
        Figure("flow.get while flows are put, p99", "us", ("get_while_put", "p99_us")),
        Figure("flow.get while flows are put, max", "us", ("get_while_put", "max_us"), limit),
        Figure("flow.get while it commits, p50", "us", ("get_while_commit", "p50_us")),
        Figure("flow.get while it commits, p99", "us", ("get_while_commit", "p99_us")),
        Figure("flow.get while it commits, max", "us", ("get_while_commit", "max_us"), limit),
    ]
    return Row(f"one transaction of {flows:,} flows{', durable' if durable else ''}", run, figures)


def loop_row(updates, seconds):
    """The closed loop ends with an error when a packet is missing."""
    def run(arguments, _):
        report = run_json([
            arguments.build / "perf/closed-loop", "--json", "--no-huge", "--flows", 100000,
            "--seconds", seconds, "--during-updates", updates,
            "--cores", f"{arguments.control_core},{arguments.worker_core}"])
        report["lost"] = 0 if report["conservation_ok"] else 1
        return report
    return Row(f"closed loop, {updates:,} flows/s come and go", run, [
        Figure("updates", "flows/s", ("updates_per_second",)),
        Figure("packets lost", "", ("lost",), none_at_all()),
        Figure("growth of cycles a packet", "share", ("growth_median",), below(GROWTH_MAX, "")),
    ])


def forwarding_row(flows, batch, windows):
    def run(arguments, directory):
        with control_packets.forwarding(arguments, directory, flows) as sluiced:
            return control_packets.disturb(sluiced, windows, lambda: load(
                arguments, sluiced, "--flows", flows, "--batch", batch))
    return Row(f"sluiced forwards while {batch} a request come and go", run, [
        Figure("updates", "flows/s", ("updates_per_second",)),
        Figure("packets lost", "", ("lost",), none_at_all()),
        Figure("packets", "", ("packets",)),
        Figure("growth of cycles a packet", "share", ("growth",), below(GROWTH_MAX, "")),
        Figure("longest round of the worker", "us", ("longest_round_us",)),
    ])


def rows(small):
    """All rows; small ones only show that they work."""
    n = 100 if small else 1
    fast = at_least(FLOWS_PER_SECOND)
    return [
        api_row(1, 20_000 // n), api_row(100, 500_000 // n), api_row(10_000, 1_000_000 // n),
        rpc_row(1, 10_000 // n), rpc_row(1, 10_000 // n, clients=32),
        rpc_row(100, 200_000 // n), rpc_row(10_000, 500_000 // n),
        rpc_row(1, 2_000 // n, durable=True), rpc_row(1, 10_000 // n, clients=32, durable=True),
        rpc_row(100, 100_000 // n, durable=True),
        rpc_row(10_000, 500_000 // n, durable=True, target=fast),
        large_row(1_000_000 // n, durable=True),
        loop_row(200_000 // n, 0.4 if small else 4),
        forwarding_row(100_000 // n, 10_000, 1 if small else 5),
    ]
