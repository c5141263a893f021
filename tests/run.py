#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Builds Sluice in its variants and runs the suites of tests; tests/run is the way in.

One line a test: `ok NAME (seconds)` or `not ok NAME (seconds)`, with the end of its output below
when it failed. The last line counts: `N passed, N failed, N skipped`.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import typing

TOP = pathlib.Path(__file__).resolve().parent.parent
SUITES = ("build", "lint", "unit", "golden", "model", "concurrency", "fuzz", "perf", "system")
SKIPPED = 77  # exit code of a test that cannot run here
LOG_TAIL_LINES = 40
LOG_LINE_LENGTH = 400
# Criterion prints an expectation that fails in a tear-down, but counts the test as passed.
TEAR_DOWN_FAILED = re.compile(r"^\[----\] .*: Assertion Failed$", re.MULTILINE)


class Build(typing.NamedTuple):
    """A variant of the build."""

    directory: str
    compiler: str
    options: list  # of meson
    suites: tuple  # whose tests run in it
    targets: list = []  # what to compile; [] is all
    cross_file: str = ""  # for another architecture
    nightly: tuple = ()  # further suites, with all targets, if --nightly


SANITIZED = "-Db_sanitize=address,undefined"
BUILDS = {
    "gcc": Build(
        "build", "gcc", ["-Dbuildtype=release"],
        ("unit", "golden", "model", "concurrency", "perf"),
    ),
    "clang": Build("build-clang", "clang", ["-Dbuildtype=release"], ("unit",)),
    "asan": Build(
        "build-asan", "gcc", ["-Dbuildtype=debugoptimized", SANITIZED],
        ("unit", "golden", "model"),
    ),
    "tsan": Build(
        "build-tsan", "gcc", ["-Dbuildtype=debugoptimized", "-Db_sanitize=thread"],
        ("concurrency",),
        ["tests/concurrency/changes", "tests/concurrency/latches", "tests/concurrency/learned",
         "tests/concurrency/sets", "tests/concurrency/sources", "tests/concurrency/store"],
    ),
    "fuzz": Build(
        "build-fuzz", "clang",
        ["-Dbuildtype=debugoptimized", "-Dfuzz=true", SANITIZED, "-Db_lundef=false"],
        ("fuzz",), ["tests/fuzz/fuzz-parse", "tests/fuzz/fuzz-pipeline"],
    ),
    "arm64": Build(
        "build-arm64", "gcc", ["-Dbuildtype=release"], ("golden",),
        ["ctrl/sluiced", "ctrl/cli/sluicectl", "drivers-conf/steer.bpf.o", "tests/golden/golden"],
        "drivers-conf/arm64.ini", ("unit", "model"),
    ),
}
MESON_SUITES = ("unit", "golden", "model", "concurrency", "fuzz", "perf")


class Tally:
    """What passed, failed and was skipped; prints a line for each as it comes."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, name, seconds, log="", *, passed=0, failed=0, skipped=0):
        """One test, which may stand for several cases. It is not ok if one of them failed."""
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        counts = {"passed": passed, "failed": failed, "skipped": skipped}
        detail = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        cases = f"; {detail}" if passed + failed + skipped > 1 or skipped else ""
        print(f"{'not ok' if failed else 'ok'} {name} ({seconds:.1f} s{cases})", flush=True)
        if failed or skipped:
            for line in self.worth_showing(log):
                cut = line if len(line) <= LOG_LINE_LENGTH else line[:LOG_LINE_LENGTH] + "..."
                print(f"    {cut}", flush=True)

    @staticmethod
    def worth_showing(log):
        """What failed or was skipped, by TAP or by the scripts' words, and the end of the log."""
        lines = log.splitlines()
        tail = lines[-LOG_TAIL_LINES:]
        why = re.compile(r"not ok|ok\b.*# SKIP|FAIL: |\w*Error\b")
        return [*(line for line in lines[:-LOG_TAIL_LINES] if why.match(line)), *tail]


def run_command(argv, timeout_s, env=None):
    """(exit code, output, seconds); a command that takes too long is ended with its children."""
    start = time.monotonic()
    process = subprocess.Popen(
        argv, cwd=TOP, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        output = end_session(process) + f"\nended: took longer than {timeout_s} s\n"
    return process.returncode, output, time.monotonic() - start


def end_session(process):
    """Ask, so that traps can tidy up, then insist; what the process had printed."""
    for sign, patience_s in ((signal.SIGTERM, 30), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, sign)
            return process.communicate(timeout=patience_s)[0]
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            break
    return process.stdout.read() if not process.stdout.closed else ""


def run_test(tally, name, argv, timeout_s, env=None):
    """One command that is one test."""
    code, output, seconds = run_command(argv, timeout_s, env)
    outcome = {0: "passed", SKIPPED: "skipped"}.get(code, "failed")
    tally.add(name, seconds, output, **{outcome: 1})
    return code == 0


def build(tally, name):
    """Configure and compile one variant; true if it is good to test."""
    variant = BUILDS[name]
    options = ["-Dtests=true", "-Dwerror=true", *variant.options]
    there = (TOP / variant.directory / "build.ninja").exists()
    setup = ["meson", "configure" if there else "setup", variant.directory, *options]
    if variant.cross_file and not there:
        setup += ["--cross-file", variant.cross_file]
    script = 'export CC="$1"; targets=$2; dir=$3; shift 3; "$@" && ninja --quiet -C "$dir" $targets'
    argv = ["sh", "-c", script, "sh", variant.compiler, " ".join(variant.targets),
            variant.directory, *setup]
    return run_test(tally, f"build/{name}", argv, 1200)


def meson_tests(directory, suite):
    """Names of the tests of a suite, as meson knows them."""
    listed = subprocess.run(
        ["meson", "introspect", "--tests", directory], cwd=TOP, check=True, stdout=subprocess.PIPE
    ).stdout
    return [
        test["name"] for test in json.loads(listed)
        if any(label.endswith(f":{suite}") for label in test["suite"])
    ]


def count_cases(output):
    """(passed, failed, skipped) of a test's TAP lines."""
    lines = re.findall(r"^(ok|not ok)\b(.*)$", output, re.MULTILINE)
    skipped = sum("# SKIP" in rest.upper() for _, rest in lines)
    failed = sum(verdict == "not ok" for verdict, _ in lines)
    return len(lines) - failed - skipped, failed, skipped


def report_meson_test(tally, prefix, record):
    """One test of meson's log."""
    name = f"{prefix}/{record['name'].split(' / ')[-1]}"
    output = record.get("stdout", "") + record.get("stderr", "")
    passed, failed, skipped = count_cases(record.get("stdout", ""))
    if record["result"] == "SKIP":
        skipped = max(skipped, 1)
    elif record["result"] != "OK":
        failed = max(failed, 1)
    elif failed == 0 and TEAR_DOWN_FAILED.search(output):
        failed = 1
    elif passed + skipped == 0:
        passed = 1
    tally.add(name, record["duration"], output, passed=passed, failed=failed, skipped=skipped)


def run_meson_suite(tally, suite, name, wanted):
    """All tests of a suite in one build."""
    directory = BUILDS[name].directory
    there = meson_tests(directory, suite)
    tests = [t for t in there if wanted(f"{suite}/{name}/{t}")]
    if not there:
        tally.add(f"{suite}/{name}", 0, "the build has no test of this suite", failed=1)
    if not tests:
        return
    log = TOP / directory / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    slower = "16" if BUILDS[name].cross_file else "4"
    argv = ["meson", "test", "-C", directory, "--no-rebuild", "--timeout-multiplier", slower,
            "--suite", suite, *tests]
    _, output, seconds = run_command(argv, 1800)
    if not log.exists():
        tally.add(f"{suite}/{name}", seconds, output, failed=1)
        return
    for line in log.read_text(encoding="utf-8").splitlines():
        report_meson_test(tally, f"{suite}/{name}", json.loads(line))


def run_lint(tally, wanted):
    """Every rule of tests/lint, and the proof that each of them can fail."""
    rules = subprocess.run(
        ["tests/lint/lint", "--list"], cwd=TOP, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    for rule in (line.split()[0] for line in rules.splitlines()):
        if wanted(f"lint/{rule}"):
            run_test(tally, f"lint/{rule}", ["tests/lint/lint", rule], 120)
    if wanted("lint/self-test"):
        run_test(tally, "lint/self-test", ["tests/lint/self-test"], 300)


def run_system(tally, wanted, nightly):
    """Every script of tests/system; comments ask for more time, or for --nightly."""
    env = dict(os.environ, RIG_BUILD=BUILDS["gcc"].directory)
    if nightly:
        env["DURABLE_ROUNDS"] = "400"
        env["RELAY_SRT_SECONDS"] = "60"
    for path in sorted((TOP / "tests/system").glob("[!_]*.sh")):
        if not wanted(f"system/{path.stem}"):
            continue
        text = path.read_text(encoding="utf-8")
        if re.search(r"^# nightly", text, re.MULTILINE) and not nightly:
            continue
        asked = re.search(r"^# timeout: (\d+)", text, re.MULTILINE)
        run_test(tally, f"system/{path.stem}", [str(path)], int(asked[1]) if asked else 120, env)


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="tests/run", description="Install what is missing, build, and run the tests.",
        epilog="The last line counts; the exit code is 0 only if nothing failed.",
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", default=[],
                        help=f"of {', '.join(SUITES)} (default: all)")
    parser.add_argument("--filter", type=re.compile, default=re.compile(""), metavar="REGEX",
                        help="only tests whose name, as in system/relay_ipv4, it matches")
    parser.add_argument("--nightly", action="store_true",
                        help="also the tests that take very long: system/clean_root, and the unit "
                             "and model suites of the arm64 build")
    parser.add_argument("--check-arguments", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    unknown = [suite for suite in args.suites if suite not in SUITES]
    if unknown:
        parser.error(f"no suite '{unknown[0]}': choose from {', '.join(SUITES)}")
    args.suites = args.suites or SUITES
    if os.geteuid() != 0 and "system" in args.suites:
        parser.error("the system tests make network namespaces: run as root")
    return args


def run_suites(tally, args):
    """All that was asked for, in order of cost."""
    def wanted(name):
        return args.filter.search(name)

    if args.nightly:
        for name, variant in BUILDS.items():
            if variant.nightly:
                BUILDS[name] = variant._replace(
                    suites=variant.suites + variant.nightly, targets=[])
    if "lint" in args.suites:
        run_lint(tally, wanted)
    needed = [
        name for name, variant in BUILDS.items()
        if set(variant.suites) & set(args.suites) or "build" in args.suites
        or name == "gcc" and "system" in args.suites
    ]
    built = {name for name in needed if build(tally, name)}
    for suite in MESON_SUITES:
        for name in BUILDS:
            if suite in args.suites and name in built and suite in BUILDS[name].suites:
                run_meson_suite(tally, suite, name, wanted)
    if "system" in args.suites and "gcc" in built:
        run_system(tally, wanted, args.nightly)


def main():
    args = parse_arguments()
    if args.check_arguments:
        return
    tally, start = Tally(), time.monotonic()
    run_suites(tally, args)
    print(f"took {time.monotonic() - start:.0f} s")
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    sys.exit(tally.failed > 0 or tally.passed == 0)


if __name__ == "__main__":
    main()
