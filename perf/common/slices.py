# SPDX-License-Identifier: BSD-3-Clause
"""Programs that take turns on the same CPUs, in short slices, and whether they had these CPUs.

The programs run at the same time and all are stopped but one. So whatever slows the machine down
meets them all alike. A slice begins with a pause that is not measured, in which the program finds
its memory in the caches again.
"""

import dataclasses
import os
import pathlib
import signal
import statistics
import subprocess
import time

SLICE_S = 0.04
WARM_UP_S = 0.005
FIRST_WARM_UP_S = 0.2
SHARE_MIN = 0.98  # of a slice that the workers have to be on their CPUs
LEFT_OUT_MAX = 1 / 3  # of all turns; with more, the run is no result
LEFT_OUT_MAX_BUSY = 0.9  # where any share is allowed
EXIT_BUSY = 3  # of a program that has no result for that reason
STOP_S = 30


class Program:
    """A process with EAL's workers, which poll for ever; for as long as a with block."""

    def __init__(self, argv, **more):
        self.process = subprocess.Popen(list(map(str, argv)), **more)
        self.stopped = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self):
        """When this returns, none of its threads runs."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        self.stopped = True

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
        self.stopped = False

    def workers(self):
        """[(ns that a worker ran, ns that it was ready to run and did not)]; the kernel counts the
        first at its ticks, the second when the worker runs again."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
        return [tuple(map(int, (task / "schedstat").read_text(encoding="ascii").split()[:2]))
                for task in tasks if "-worker-" in (task / "comm").read_text(encoding="ascii")]

    def settle(self):
        """Until the kernel has counted what a worker waits for just now."""
        before = self.workers()
        while any(ran == ran_before for (ran, _), (ran_before, _) in zip(self.workers(), before)):
            time.sleep(0.001)

    def waited(self):
        """Seconds that its workers were ready to run and did not."""
        return sum(waited for _, waited in self.workers()) / 1e9


@dataclasses.dataclass
class Side:
    """What is measured by turns: window(seconds) runs so long and returns the figures of it."""

    program: Program
    window: callable
    workers: int = 1


@dataclasses.dataclass
class Slice:
    """The figures of a window, and the share of it that the workers had of their CPUs."""

    figures: dict
    share: float

    def counts(self, allow_busy):
        return self.figures["packets"] > 0 and (allow_busy or self.share >= SHARE_MIN)


def slice_of(side, seconds, alone):
    if side.program.stopped:
        side.program.resume()
    time.sleep(WARM_UP_S)
    waited = side.program.waited()
    start = time.monotonic()
    figures = side.window(seconds)
    duration = time.monotonic() - start
    if alone:
        side.program.settle()
    else:
        side.program.stop()
    share = 1 - (side.program.waited() - waited) / duration / side.workers
    return Slice(figures, max(share, 0.0))


class Busy(RuntimeError):
    """Other work had the CPUs for too long."""


@dataclasses.dataclass
class Turns:
    """Tuples of figures, one a side. Left out is where one had no CPUs or no packets."""

    measured: list
    left_out: int
    share: float  # of their CPUs that the workers had in all slices
    left_out_max: float

    def about(self):
        return {"turns": len(self.measured), "turns_left_out": self.left_out,
                "worker_cpu_share": self.share}

    def check(self):
        """Raises Busy."""
        if self.left_out > self.left_out_max * (len(self.measured) + self.left_out):
            raise Busy(f"no result: the worker had {self.share:.0%} of its CPU, too little in"
                       f" {self.left_out} of {len(self.measured) + self.left_out} turns")


def take_turns(sides, seconds, *, slice_s=SLICE_S, allow_busy=False):
    """Measures each side for so many seconds in all; the first comes first every other time."""
    programs = {id(side.program): side.program for side in sides}.values()
    alone = len(programs) == 1
    for program in programs:
        time.sleep(FIRST_WARM_UP_S)
        if not alone:
            program.stop()
    turns = []
    for number in range(max(4, round(seconds / slice_s))):
        order = sides if number % 2 == 0 else sides[::-1]
        slices = {id(side): slice_of(side, slice_s, alone) for side in order}
        turns.append(tuple(slices[id(side)] for side in sides))
    for program in programs:
        if program.stopped:
            program.resume()
    every = [each for turn in turns for each in turn]
    fair = [turn for turn in turns if all(each.counts(allow_busy) for each in turn)]
    return Turns([tuple(each.figures for each in turn) for turn in fair],
                 len(turns) - len(fair), statistics.fmean(each.share for each in every),
                 LEFT_OUT_MAX_BUSY if allow_busy else LEFT_OUT_MAX)


def spread_of(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def flat(report):
    """With NAME_median, NAME_min and NAME_max for each spread."""
    result = {}
    for name, value in report.items():
        spread = isinstance(value, dict) and "median" in value
        result.update({f"{name}_{key}": each for key, each in value.items()} if spread
                      else {name: value})
    return result


def words(report):
    """What Turns.about() says."""
    return (f"{report['turns']} a side, {report['turns_left_out']} left out; the worker had"
            f" {report['worker_cpu_share']:.1%} of its CPU")
