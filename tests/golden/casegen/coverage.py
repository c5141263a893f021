# SPDX-License-Identifier: BSD-3-Clause
"""What the cases must hold between them: every action that a flow can be told to take, and every
way to tell flows apart. (That every drop reason is reached, the runner and the linter see to.)"""

VERDICTS = ("forward", "drop", "punt")
WANTED = (
    {f"flow {action}" for action in VERDICTS} | {f"stream {action}" for action in VERDICTS}
    | {f"class {name} {action}" for name in ("stun", "dtls", "rtp", "other")
       for action in VERDICTS[1:]}
    | {f"match {field}" for field in ("src", "vlan", "outer_vlan")}
    | {f"rule {field}" for field in ("port", "vlan", "outer_vlan", "src", "dst", "src_ports",
                                     "dst_ports")}
    | {f"leg {field}" for field in ("vlan", "outer_vlan", "dscp", "ttl", "one_in", "police",
                                    "4to6", "6to4", "learned", "known")}
    | {"listener", "flow down", "leg down", "flow police", "latch first", "latch follow", "allow",
       "sources", "latch by ssrc", "latch by rtcp_ssrc", "latch by stun", "latch by rtp",
       "streams by ssrc", "streams by payload_type", "streams by both", "4096 legs", "1000 legs",
       "add", "replace", "remove", "forget", "punt_unmatched", "kernel", "copies by reference"})


def family(address):
    return 6 if ":" in address else 4


def of_legs(legs, flow_family):
    for leg in legs:
        yield from (f"leg {field}" for field in leg)
        yield f"leg {leg.get('admin', 'up')}"
        if family(leg["src"]) != flow_family:
            yield f"leg {flow_family}to{family(leg['src'])}"
    yield f"{sum(leg.get('times', 1) for leg in legs)} legs"


def of_flow(flow):
    match, rule = flow.get("match"), flow.get("rule")
    flow_family = rule["family"] if rule else family(match["dst"])
    yield from (f"rule {field}" for field in rule or ())
    yield from (f"match {field}" for field in match or ())
    if match and "src" not in match:
        yield "listener"
    yield from (f"flow {flow.get(field, default)}"
                for field, default in (("action", "forward"), ("admin", "up")))
    yield f"latch {flow.get('latch', 'open')}"
    yield f"latch by {flow.get('latch_by', 'any')}"
    yield from (f"class {name} {verdict}" for name, verdict in flow.get("classes", {}).items())
    yield from (name for name in ("allow", "sources") if name in flow)
    yield from (f"flow {name}" for name in ("police",) if name in flow)
    yield from of_legs(flow["legs"], flow_family)
    for stream in flow.get("streams", ()):
        selectors = [name for name in ("ssrc", "payload_type") if name in stream]
        yield f"streams by {selectors[0] if len(selectors) == 1 else 'both'}"
        yield f"stream {stream.get('action', 'forward')}"
        yield from of_legs(stream["legs"], flow_family)


def of_case(case):
    for flow in case.flows:
        yield from of_flow(flow)
    for op in (op for event in case.script for op in event.get("txn", ())):
        kind = next(kind for kind in ("add", "replace", "remove") if kind in op)
        yield kind
        if kind != "remove":
            yield from of_flow(op[kind])
    if any("forget" in event for event in case.script):
        yield "forget"
    if case.head["punt_unmatched"]:
        yield "punt_unmatched"
    if "kernel" in case.head:
        yield "kernel"
    if case.chained:
        yield "copies by reference"


def missing(cases):
    """What none of the cases has."""
    return sorted(WANTED - {feature for case in cases for feature in of_case(case)})
