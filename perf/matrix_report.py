# SPDX-License-Identifier: BSD-3-Clause
"""From the measurements of all passes to figures, verdicts and a table in Markdown."""

import statistics

from matrix_rows import BASE

CPU_SHARE_QUIET = 0.98
KEEPING_UP = 0.95
KEYS = {"ratio": "ratio_median", "speedup": "ratio_median", "growth": "growth_median"}


def figures_of(row, measured):
    """One figure a pass."""
    return [run[KEYS[row.figure]] for run in measured[row.name]["runs"]]


def rows(asked, measured):
    """What the table says, a dictionary a row."""
    bases = [run["ratio_median"] for run in measured.get(BASE, {"runs": []})["runs"]]
    return [row_of(row, figures_of(row, measured), bases, measured[row.name]) for row in asked]


def row_of(row, figures, bases, measured):
    result = {
        "name": row.name, "options": " ".join(row.options), "figure": row.figure,
        "target": row.target.text if row.target else None, "met": None,
        "figures": figures, "errors": measured["errors"], "runs": measured["runs"],
    }
    if not figures:
        return result
    result.update(median=statistics.median(figures), min=min(figures), max=max(figures))
    result["cycles_per_packet"] = statistics.median(
        run["cycles_per_packet"] for run in measured["runs"])
    comparable = row.figure != "ratio" or all(
        run["setting"]["hugepages"] for run in measured["runs"])
    if row.target and comparable and not measured["errors"]:
        # Passes in which either row failed have no partner: then nothing is said.
        paired = bases if len(bases) == len(figures) else []
        result["met"] = row.target.met(figures, paired)
    if result["met"] and not all(map(keeps_up, measured["runs"])):
        result["met"] = False
    return result


def keeps_up(run):
    """Did control do as many updates a second as were asked for?"""
    asked = run["setting"]["during_updates"]
    return run.get("updates_per_second", 0) >= KEEPING_UP * asked


def shown(row, value):
    """A figure as people read it."""
    return f"{value:+.1%}" if row["figure"] == "growth" else f"{value:.2f}"


def verdict(row):
    if row["errors"]:
        return "failed"
    return {True: "met", False: "**missed**", None: ""}[row["met"]]


def line(row):
    if not row["figures"]:
        return f"| {row['name']} | | | | {row['target'] or ''} | not measured | |"
    cells = [shown(row, row[key]) for key in ("median", "min", "max")]
    return (f"| {row['name']} | {' | '.join(cells)} | {row['target'] or ''} | {verdict(row)} |"
            f" {row['cycles_per_packet']:.1f} |")


def notes(result):
    """What a reader of the table has to know."""
    for row in result["rows"]:
        runs = row["runs"]
        if runs and runs[0]["setting"]["legs"] > 1:
            value = statistics.median(run["ratio_with_freeing_median"] for run in runs)
            yield f"{row['name']}: {value:.2f} with the freeing of the copies."
        if runs and runs[0]["setting"]["during_updates"]:
            rate = statistics.median(run["updates_per_second"] for run in runs)
            yield f"{row['name']}: {rate:,.0f} a second were reached."
        if runs and runs[0]["setting"]["during_reads"]:
            rate = statistics.median(run["reads_per_second"] for run in runs)
            yield f"{row['name']}: those of {rate:,.0f} flows a second were read."
        for error in sorted(set(row["errors"])):
            yield f"{row['name']}: {error.splitlines()[-1]}"
    machine = result["machine"]
    if machine["worker_cpu_share_least"] < CPU_SHARE_QUIET:
        yield (f"In some measurement the workers had only {machine['worker_cpu_share_least']:.0%}"
               " of their CPUs' time: the machine was not quiet.")
    if not machine["hugepages"]:
        yield ("Without hugepages, which 5tswap misses more than we do: these ratios are no"
               " result.")


def markdown(result):
    """The page."""
    m = result["machine"]
    pages = "2 MiB hugepages" if m["hugepages"] else "ordinary pages"
    head = f"""# Closed loop, all targets, {result['date'][:10]}

- Machine: {m['cpu']}, {m['cpus']} CPUs at {m['tsc_mhz']} MHz, {m['memory_gb']} GB;
  hypervisor: {m['hypervisor']}; {pages}
- System: {m['system']}, Linux {m['kernel']}
- Made with: {m['dpdk']}, {m['compiler']}
- Sluice: {m['revision']}

Figures are ratios to testpmd's 5tswap in cycles a packet, of several workers to one in packets a
second, or the growth of cycles a packet while control disturbs. Each is the median of the passes
over all rows, with the least and the greatest; in a pass both sides are measured one after the
other. Passes: {result['passes']}, of {result['seconds']:g} s a side.
Cycles are those of the TSC, and a note.

| work | median | min | max | target | | cycles/packet |
|---|---|---|---|---|---|---|
"""
    tail = f"""
To repeat:

    echo 1024 | sudo tee /proc/sys/vm/nr_hugepages
    sudo perf/closed-loop --matrix --passes {result['passes']} --seconds {result['seconds']:g}
"""
    listed = "".join(f"- {note}\n" for note in notes(result))
    return head + "".join(f"{line(row)}\n" for row in result["rows"]) + \
        (f"\n{listed}" if listed else "") + tail
