# SPDX-License-Identifier: BSD-3-Clause
"""From the figures of perf/control to a page in Markdown."""


def number(value):
    """Three digits that count, in full."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def verdict(figure):
    return {True: "met", False: "**missed**", None: ""}[figure["met"]]


def lines(row):
    if not row["figures"]:
        yield f"| {row['name']} | not measured | | | | | | |"
    name = row["name"]
    for figure in row["figures"]:
        cells = [number(figure[key]) for key in ("median", "min", "max")]
        yield (f"| {name} | {figure['name']} | {' | '.join(cells)} | {figure['unit']} |"
               f" {figure['target'] or ''} | {verdict(figure)} |")
        name = ""


def markdown(result):
    """The page."""
    m = result["machine"]
    head = f"""# The control side, {result['date'][:10]}

- Machine: {m['cpu']}, {m['cpus']} CPUs at {m['tsc_mhz']} MHz, {m['memory_gb']} GB;
  hypervisor: {m['hypervisor']}; load average at the end {m['load_average']:.1f}
- System: {m['system']}, Linux {m['kernel']}; state on {m['state_file_system']}
- Made with: {m['compiler']}
- Sluice: {m['revision']}

Each figure is the median of {result['passes']} passes over all rows, with the least and the
greatest. The clients share CPU {m['control_core']} with the control thread (and the thread that
writes to disk runs where the kernel puts it); the worker is on CPU {m['worker_core']}. A latency is
from sending a request to having its whole reply; flow.get's is from when it was due.
"""
    if result["small"]:
        head += "\nSmall runs, which show that it works and no more: these figures are no result.\n"
    table = "\n| work | figure | median | min | max | unit | target | |\n" + "|---" * 8 + "|\n"
    table += "".join(f"{line}\n" for row in result["rows"] for line in lines(row))
    errors = "".join(f"- {row['name']}: {error.splitlines()[-1]}\n"
                     for row in result["rows"] for error in sorted(set(row["errors"])))
    tail = f"\nTo repeat:\n\n    perf/control --passes {result['passes']}\n"
    return head + table + (f"\nNot measured:\n\n{errors}" if errors else "") + tail
