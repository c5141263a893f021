# SPDX-License-Identifier: BSD-3-Clause
"""Rules on who may include whom, what the fast path may hold, and what must be asserted."""

import json
import re

from rules import line_of, rule

# What is done to each packet, and which of these a stage is made of; no stage includes another.
STAGES = {
    "lane": {"classify", "exception", "parse"}, "parse": set(), "exception": {"parse"},
    "classify": {"martian", "rules"}, "martian": set(), "rules": set(),
    "act": {"latch", "legs", "punt", "rewrite", "rtp"}, "latch": set(), "police": set(),
    "punt": set(), "rtp": set(),
    "legs": {"replicate", "rewrite", "tx"}, "replicate": set(), "rewrite": set(), "tx": set(),
    "unmatched": {"act", "exception", "martian"},
}
DROP_LISTS = ("DP_FRAME_DROPS", "DP_FLOW_DROPS", "DP_COPY_DROPS")
FASTPATH = "dataplane/fastpath.c"
FASTPATH_LINES_MAX = 300

FORBIDDEN = {
    "allocates": r"(m|c|re)alloc|free|strn?dup|rte_(m|zm|c|re)alloc\w*|rte_free",
    "prints or logs": r"v?(f|d|s|sn|as)?printf|f?puts|f?putc|perror|v?syslog|RTE_LOG\w*|rte_v?log",
    "locks": r"\w*(spin_?lock|rwlock|seqlock|ticketlock|mutex|semaphore)\w*|sem_(wait|post)",
    "sleeps": r"u?sleep|nanosleep|clock_nanosleep|poll|epoll_wait|select|rte_delay_\w+|sched_yield",
    "computes in floating point": r"float|double",
    "orders all memory": r"__ATOMIC_SEQ_CST|memory_order_seq_cst|rte_memory_order_seq_cst|rte_s?mb"
                         r"|rte_smp_mb|__sync_\w+|atomic_(load|store|exchange|fetch_\w+"
                         r"|compare_exchange_(weak|strong)|thread_fence)",
}


@rule("ctrl-sees-public-api", "ctrl/ includes of dataplane/ only <dp/...>, and no DPDK header")
def ctrl_sees_public_api(tree):
    inner = {path.rsplit("/", 1)[1] for path in tree.matching(r"dataplane/[^/]+\.h")}
    own = set(tree.files)
    for path in tree.matching(r"ctrl/.*\.[ch]"):
        folder = path.rsplit("/", 1)[0]
        for line, name in tree.includes(path):
            target = name[1:-1]
            ours = f"ctrl/{target}" in own or f"{folder}/{target}" in own
            if re.match(r"rte_", target) or "dataplane/" in target:
                yield f"{path}:{line}: includes {name}"
            elif not ours and target in inner:
                yield f"{path}:{line}: includes {name}, which is inside dataplane/"


@rule("arrows", "ctrl/: main -> rpc -> monitor -> flow -> config, store -> net, schema -> base")
def arrows(tree):
    may_use = {
        "base": set(), "schema": {"base"}, "net": {"base"}, "store": {"base"},
        "config": {"net", "schema", "base"},
        "flow": {"config", "net", "store", "schema", "base"},
        "monitor": {"flow", "config", "net", "store", "schema", "base"},
        "rpc": {"monitor", "flow", "config", "store", "net", "schema", "base"},
        "doctor": {"base"},
        "cli": {"doctor", "schema", "base"},
    }
    besides = {
        ("cli", "flow/flow_codec.h"),  # it checks a file as the daemon does, by the pure decoder
        ("doctor", "config/config.h"),  # what devargs mean, pure functions
        ("flow", "monitor/events.h"),  # what happened to a flow is reported where it happens
    }
    for path in tree.matching(rf"ctrl/({'|'.join(may_use)})/.*\.[ch]"):
        directory = path.split("/")[1]
        for line, name in tree.includes(path):
            other = name[1:-1].split("/")[0]
            if (directory, name[1:-1]) in besides:
                continue
            if other in may_use and other != directory and other not in may_use[directory]:
                yield f"{path}:{line}: {directory} includes {name}"


@rule("public-api-is-plain", "headers of the public API include plain C and each other, no DPDK")
def public_api_is_plain(tree):
    allowed = {"<assert.h>", "<stdint.h>", "<stddef.h>", "<stdbool.h>"}
    for path in tree.matching(r"dataplane/include/dp/.*\.h"):
        for line, name in tree.includes(path):
            if name not in allowed and not name.startswith("<dp/"):
                yield f"{path}:{line}: includes {name}"


@rule("stages-know-no-sibling", "a stage header includes no other stage but those it is made of")
def stages_know_no_sibling(tree):
    for stage, parts in STAGES.items():
        path = f"dataplane/{stage}.h"
        if path not in tree.files:
            yield f"{path}: is missing"
        for line, name in tree.includes(path):
            other = name[1:-1].removesuffix(".h")
            if other in STAGES.keys() - parts:
                yield f"{path}:{line}: includes {name}"


def fast_path(tree):
    """fastpath.c and every header of dataplane/ that it includes, also through another."""
    reached, waiting = [], [FASTPATH]
    while waiting:
        path = waiting.pop()
        if path in tree.files and path not in reached:
            reached.append(path)
            waiting += [f"dataplane/{name[1:-1]}" for _, name in tree.includes(path)]
    return sorted(reached)


@rule("fast-path-is-quiet", "the fast path has no malloc, printf, log, lock, sleep, float, seq_cst")
def fast_path_is_quiet(tree):
    for path in fast_path(tree):
        code = tree.code(path)
        for why, words in FORBIDDEN.items():
            for match in re.finditer(rf"(?<!\w)(?:{words})(?!\w)", code):
                yield f"{path}:{line_of(code, match.start())}: {why}: {match.group()}"
        for match in re.finditer(r"(?<![\w.])\d+\.\d*(?![\w.])", code):
            yield f"{path}:{line_of(code, match.start())}: floating-point number {match.group()}"


@rule("fast-path-is-short", f"fastpath.c is under {FASTPATH_LINES_MAX} lines")
def fast_path_is_short(tree):
    lines = tree.text(FASTPATH).count("\n")
    if lines == 0:
        yield f"{FASTPATH}: is missing"
    if lines >= FASTPATH_LINES_MAX:
        yield f"{FASTPATH}:{lines}: too long"


def structs_of(code):
    """(name, offset) of each structure that is defined, not only named."""
    for match in re.finditer(r"\bstruct\s+(?:\w+\([^)]*\)\s+)?(\w+)\s*(?:__\w+\s*)?\{", code):
        yield match.group(1), match.start()


@rule("sizes-are-asserted", "structs of the public API and of flow_entry.h have sizes asserted")
def sizes_are_asserted(tree):
    sources = tree.matching(r"dataplane/.*\.[ch]")
    asserted = set()
    for path in sources:
        asserted |= set(re.findall(
            r"static_assert\s*\(\s*sizeof\s*\(\s*struct\s+(\w+)\s*\)", tree.code(path)))
    for path in tree.matching(r"dataplane/include/dp/.*\.h", r"dataplane/flow_entry\.h"):
        code = tree.code(path)
        for name, offset in structs_of(code):
            if name not in asserted:
                yield f"{path}:{line_of(code, offset)}: no static_assert on the size of {name}"


@rule("offsets-are-asserted", "every struct of flow_entry.h has offsets asserted, too")
def offsets_are_asserted(tree):
    code = tree.code("dataplane/flow_entry.h")
    for name, offset in structs_of(code):
        if not re.search(rf"offsetof\s*\(\s*struct\s+{name}\s*,", code):
            yield (f"dataplane/flow_entry.h:{line_of(code, offset)}: "
                   f"no static_assert on an offset in {name}")


def counted(value):
    """Keys of the numbers other than zero, at any depth."""
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from counted(inner)
        elif inner:
            yield key


@rule("drops-are-reached", "every drop reason is counted by a golden case")
def drops_are_reached(tree):
    text = tree.text("dataplane/include/dp/stats.h")
    reasons = []
    for name in DROP_LISTS:
        body = re.search(rf"#define {name}\(X\)((?:.*\\\n)*.*\n)", text)
        found = re.findall(r'\bX\((\w+),\s*"', body.group(1)) if body else []
        if not found:
            yield f"dataplane/include/dp/stats.h: no reasons found in {name}"
        reasons += found
    reached = set()
    for path in tree.matching(r"tests/golden/cases/.*\.json"):
        reached |= set(counted(json.loads(tree.text(path))["drops"]))
    for reason in reasons:
        if reason not in reached:
            yield f"dataplane/include/dp/stats.h: no golden case drops by {reason}"
