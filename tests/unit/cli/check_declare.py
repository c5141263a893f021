#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks the declarative commands of sluicectl, against a server that plays a script.

Usage: check_declare.py SLUICECTL

Each check is a function that runs commands and yields what is wrong. Prints TAP.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

MATCH = {"port": "p0", "dst": "192.0.2.1", "dst_port": 5004}
LEG = {"id": "leg-1", "port": "p1", "vlan": 0, "src": "203.0.113.1", "src_port": 5004,
       "dst": "203.0.113.9", "dst_port": 5004}
CAM1 = {"id": "cam1", "match": MATCH, "legs": [LEG]}
CAM2 = {"id": "cam2", "match": {**MATCH, "dst_port": 5006}, "action": "drop", "legs": []}
SIZES = {"legs": {"now": 1, "then": 2}, "table_bytes": {"now": 64, "then": 128}}
PLAN = {"generation": 41, **SIZES,
        "flows": {"added": 1, "changed": 1, "removed": 0, "unchanged": 0, "left_alone": 0},
        "changes": [{"op": "add", "id": "cam1", "flow": CAM1},
                    {"op": "change", "id": "cam2",
                     "fields": [{"pointer": "/action", "before": "punt", "after": "drop"}]}]}
NOTHING = {**PLAN, "changes": [],
           "flows": {"added": 0, "changed": 0, "removed": 0, "unchanged": 2, "left_alone": 0}}
DIFF = """+ cam1  p0 any > 192.0.2.1:5004
    leg p1 203.0.113.1:5004 > 203.0.113.9:5004 {id: leg-1}
~ cam2
    ~ /action: punt -> drop
"""
SUMMARY = """Plan against generation 41: 1 to add, 1 to change, 0 to remove, 0 stay
  flows 1 -> 2, legs 1 -> 2, table 64 bytes -> 128 bytes
"""
COMMITTED = {"generation": 42, "added": 1, "changed": 1, "removed": 0}
ENTRY = {"generation": 42, "time_ns": 1700000000123456789, "method": "txn.commit",
         "actor": {"name": "ana", "uid": 1000, "via": "unix"}, "comment": "evening\x1b[31m show",
         "added": 1, "changed": 1, "removed": 0, "state": "current"}
FILES = {
    "flows.d/10.yaml": """flows:
  - id: cam1
    match: {port: p0, dst: 192.0.2.1, dst_port: 5004}
    legs:
      - {port: p1, src: 203.0.113.1, src_port: 5004, dst: 203.0.113.9, dst_port: 5004}
""",
    "flows.d/20.yaml": """flows:
  - id: cam2
    match: {port: p0, dst: 192.0.2.1, dst_port: 5006}
    action: drop
""",
    "wrong.yaml": "flows:\n  - id: cam1\n    match: {port: p0, dst: 192.0.2.1, dst_port: 5004}\n",
    "empty/README": "",
}


CODES = {"INVALID_VALUE": -32001, "NOT_FOUND": -32002, "CONFLICT": -32003, "NO_ROOM": -32005,
         "FORBIDDEN": -32007, "STALE": -32008, "METHOD_NOT_FOUND": -32601}


def refusal(name, message, pointer=""):
    return {"error": {"code": CODES[name], "message": message,
                      "data": {"name": name, "pointer": pointer}}}


class Server(threading.Thread):
    """Answers each method as its script says: one answer, or several in turn."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen()
        self.script, self.asked, self.slow = {}, [], {}

    def plays(self, **more):
        """The usual answers, and others for the methods named (with _ for the dot)."""
        self.asked = []
        self.script = {
            "system.info": {"limits": {"message_bytes": 4096}},
            "txn.begin": {"txn": "txn-7", "generation": 41}, "txn.put": {"held": 1},
            "txn.plan": PLAN, "txn.commit": COMMITTED,
            "relay.list": {"relays": [], "next_cursor": None},
            **{name.replace("_", "."): answer for name, answer in more.items()},
        }

    def answer(self, request):
        self.asked.append((request["method"], request["params"]))
        time.sleep(self.slow.get(request["method"], 0))
        answer = self.script.get(request["method"], refusal("METHOD_NOT_FOUND", "no such method"))
        if isinstance(answer, list):
            answer = answer.pop(0)
        return answer if "error" in answer else {"result": answer}

    def params(self, method):
        """What the method was asked with, each time."""
        return [params for name, params in self.asked if name == method]

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            with (contextlib.suppress(BrokenPipeError),  # of a client that was interrupted
                  connection, connection.makefile("rw") as lines):
                for line in lines:
                    request = json.loads(line)
                    print(json.dumps({"jsonrpc": "2.0", "id": request["id"],
                                      **self.answer(request)}), file=lines, flush=True)


class Rig:
    """sluicectl in a folder with our files, and the server."""

    def __init__(self, sluicectl, folder):
        self.sluicectl, self.folder = sluicectl, folder
        for name, text in FILES.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.server = Server(folder / "socket")
        self.server.start()
        self.environment = {**os.environ, "TZ": "UTC", "TERM": "xterm"}
        self.environment.pop("NO_COLOR", None)

    def ctl(self, *words, target="socket"):
        """Exit code, output and errors, without a terminal."""
        done = subprocess.run(
            [self.sluicectl, "--socket", target, *words], check=False, capture_output=True,
            text=True, timeout=20, stdin=subprocess.DEVNULL, cwd=self.folder, env=self.environment)
        return done.returncode, done.stdout, done.stderr

    def terminal(self, typed, *words, columns=0, **environment):
        """Exit code and all that a terminal shows, when `typed` is typed."""
        ours, theirs = pty.openpty()
        mode = termios.tcgetattr(theirs)
        mode[3] &= ~termios.ECHO  # which would stand anywhere among what is shown
        termios.tcsetattr(theirs, termios.TCSANOW, mode)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with subprocess.Popen(
                [self.sluicectl, "--socket", "socket", *words], stdin=theirs, stdout=theirs,
                stderr=theirs, cwd=self.folder, env={**self.environment, **environment}) as child:
            os.close(theirs)
            os.write(ours, typed.encode())
            shown = b""
            try:
                while chunk := os.read(ours, 4096):
                    shown += chunk
            except OSError:  # the child has closed its side
                pass
            os.close(ours)
        return child.returncode, shown.decode().replace("\r\n", "\n")


def differs(found, expected):
    if found != expected:
        yield f"found {found}"
        yield f"expected {expected}"


def export_text(rig):
    """What `export` writes of one flow, which the server has from now on."""
    rig.server.plays(flow_list={"flows": [CAM1], "total": 1, "next_cursor": None})
    return rig.ctl("export")[1]


CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


@check
def plan_shows_the_diff_and_exits_with_6(rig):
    rig.server.plays()
    yield from differs(rig.ctl("plan", "flows.d"), (6, DIFF + "\n" + SUMMARY, ""))
    yield from differs(rig.server.asked[0], ("txn.begin", {"declare": True}))
    put = rig.server.params("txn.put")
    yield from differs([flow["id"] for flow in put[0]["declare"]], ["cam1", "cam2"])
    yield from differs(rig.server.params("txn.plan"),
                       [{"txn": "txn-7", "prune": False, "after": 0, "limit": 1000}])
    yield from differs(rig.server.asked[-1][0], "txn.plan")


@check
def plan_without_changes_exits_with_0(rig):
    rig.server.plays(txn_plan=NOTHING)
    yield from differs(rig.ctl("plan", "flows.d", "--prune"), (
        0, "No changes to generation 41: 2 stay\n"
        "  flows 2 -> 2, legs 1 -> 2, table 64 bytes -> 128 bytes\n", ""))
    yield from differs(rig.server.params("txn.plan")[0]["prune"], True)


@check
def flows_that_become_declared_stay(rig):
    rig.server.plays(txn_plan={**NOTHING, "flows": {**NOTHING["flows"], "adopted": 1}})
    yield from differs(rig.ctl("plan", "flows.d"), (
        6, "Plan against generation 41: 0 to add, 0 to change, 0 to remove, 3 stay\n"
        "  1 of those that stay becomes declared\n"
        "  flows 3 -> 3, legs 1 -> 2, table 64 bytes -> 128 bytes\n", ""))


@check
def plan_exits_with_2_when_anything_is_wrong(rig):
    rig.server.plays()
    for words in (["plan", "none"], ["plan", "--frob"], ["plan", "wrong.yaml", "--limit", "x"],
                  ["plan", "empty"]):
        code, out, error = rig.ctl(*words)
        yield from differs((code, out, bool(error)), (2, "", True))
    yield from differs(rig.server.asked, [])
    rig.server.plays(txn_begin=refusal("FORBIDDEN", "needs role operator"))
    yield from differs(rig.ctl("plan", "flows.d"),
                       (1, "", "sluicectl: FORBIDDEN: needs role operator\n"))


@check
def plan_reads_page_by_page_and_stops_at_the_limit(rig):
    one, two = PLAN["changes"]
    pages = [{**PLAN, "changes": [one], "next": 1}, {**PLAN, "changes": [two]}]
    rig.server.plays(txn_plan=list(pages))
    yield from differs(rig.ctl("plan", "flows.d")[1], DIFF + "\n" + SUMMARY)
    yield from differs([p["after"] for p in rig.server.params("txn.plan")], [0, 1])
    rig.server.plays(txn_plan=list(pages))
    code, out, _ = rig.ctl("--json", "plan", "flows.d")
    yield from differs((code, json.loads(out)), (6, PLAN))
    rig.server.plays(txn_plan=list(pages))
    code, out, _ = rig.ctl("plan", "flows.d", "--limit", "1")
    yield from differs((code, "... and 1 more; --limit 2 shows them all\n" in out), (6, True))
    rig.server.plays()
    yield from differs(rig.ctl("plan", "flows.d", "--limit", "0"), (6, SUMMARY, ""))


@check
def plan_has_colour_at_a_terminal_only(rig):
    rig.server.plays()
    code, shown = rig.terminal("", "plan", "flows.d")
    yield from differs((code, "\x1b[32m+ cam1" in shown), (6, True))
    yield from differs(re.sub(r"\x1b\[\d+m", "", shown), DIFF + "\n" + SUMMARY)
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        yield from differs(rig.terminal("", "plan", "flows.d", **environment),
                           (6, DIFF + "\n" + SUMMARY))


@check
def a_refused_flow_is_named_by_file_and_line(rig):
    rig.server.plays(txn_put=refusal("INVALID_VALUE", "no such port", "/declare/1/match/port"))
    yield from differs(rig.ctl("apply", "flows.d"), (
        2, "", "sluicectl: INVALID_VALUE: flows.d/20.yaml:3: flow cam2: /match/port: "
        "no such port\n"))


@check
def many_flows_are_sent_in_parts_that_the_daemon_takes(rig):
    rig.server.plays(txn_put=[{"held": 1}] * 200)
    flows = [{**CAM2, "id": f"f{i}", "match": {**MATCH, "dst_port": i + 1}} for i in range(500)]
    (rig.folder / "many.json").write_text(json.dumps({"flows": flows}))
    yield from differs(rig.ctl("plan", "many.json", "--limit", "0")[0], 6)
    parts = rig.server.params("txn.put")
    longest = max(len(json.dumps(part, separators=(",", ":"))) for part in parts)
    yield from differs((len(parts) > 10, longest < 4096), (True, True))
    yield from differs([flow["id"] for part in parts for flow in part["declare"]],
                       [flow["id"] for flow in flows])
    rig.server.plays(txn_put=[{"held": 1}, refusal("CONFLICT", "taken", "/declare/0/match")])
    first = len(parts[0]["declare"])
    yield from differs(rig.ctl("plan", "many.json")[2], "sluicectl: CONFLICT: many.json:1: "
                       f"flow f{first}: /match: taken\n")
    rig.server.plays(txn_put=[{"held": 1}] * 200, txn_plan=refusal(
        "CONFLICT", f"flow f{first + 2}: taken", "/messages/1/declare/2/match"))
    yield from differs(rig.ctl("plan", "many.json")[2], "sluicectl: CONFLICT: many.json:1: "
                       f"flow f{first + 2}: /match: taken\n")


@check
def apply_commits_what_was_planned(rig):
    rig.server.plays()
    yield from differs(
        rig.ctl("apply", "flows.d", "--comment", "evening show", "--if-generation", "41"),
        (0, SUMMARY + "Generation 42: 1 added, 1 changed, 0 removed.\n", ""))
    yield from differs(rig.server.params("txn.begin"), [
        {"declare": True, "if_generation": 41, "comment": "evening show"}])
    yield from differs(rig.server.params("txn.commit"), [
        {"txn": "txn-7", "if_plan": True, "if_generation": 41, "comment": "evening show"}])


@check
def apply_of_what_is_already_there_commits_nothing(rig):
    rig.server.plays(txn_plan=NOTHING)
    code, out, _ = rig.ctl("apply", "flows.d")
    yield from differs((code, out.splitlines()[0]), (0, "No changes to generation 41: 2 stay"))
    yield from differs(rig.server.params("txn.commit"), [])


@check
def apply_to_be_confirmed_says_how_and_until_when(rig):
    rig.server.plays(txn_commit={**COMMITTED, "confirm_by_ns": 1700000060000000000})
    yield from differs(rig.ctl("apply", "flows.d", "--confirm-within", "1m")[1], SUMMARY +
                       "Generation 42: 1 added, 1 changed, 0 removed.\n"
                       "Unless confirmed, the previous flows are restored at "
                       "2023-11-14 22:14:20. To confirm:\n  sluicectl --socket socket confirm 42\n")
    yield from differs(rig.server.params("txn.commit")[0]["confirm_within_s"], 60)
    code, _, error = rig.ctl("apply", "flows.d", "--confirm-within", "1w")
    yield from differs((code, error.splitlines()[0]), (
        2, 'sluicectl: INVALID_PARAMS at --confirm-within: found "1w", expected an integer from 1'
        ' to 86400, or a time as 90s or 5m'))


@check
def apply_asks_at_a_terminal(rig):
    for typed, code, commits in (("n\n", 1, 0), ("\n", 1, 0), ("y\n", 0, 1), ("yes\n", 0, 1)):
        rig.server.plays()
        found, shown = rig.terminal(typed, "apply", "flows.d")
        yield from differs((found, len(rig.server.params("txn.commit"))), (code, commits))
        yield from differs(("Apply this? [y/N]" in shown, "Nothing was changed." in shown),
                           (True, not commits))
    rig.server.plays()
    code, shown = rig.terminal("", "apply", "flows.d", "--yes")
    yield from differs((code, "Apply this?" in shown), (0, False))


@check
def apply_shows_what_other_clients_have_made_of_it(rig):
    old = refusal("STALE", "the flows have changed", "/if_plan")
    plans = [PLAN, {**PLAN, "generation": 43}]
    rig.server.plays(txn_commit=[old, COMMITTED], txn_plan=list(plans))
    meanwhile = ("Other clients have changed flows of the plan. Nothing was changed yet; "
                 "the new plan is:\n")
    later = SUMMARY.replace("41", "43")
    done = "Generation 42: 1 added, 1 changed, 0 removed.\n"
    yield from differs(rig.ctl("apply", "flows.d"), (0, SUMMARY + later + done, meanwhile))
    yield from differs([method for method, _ in rig.server.asked].count("txn.put"), 2)
    for typed, code, end in (("y\ny\n", 0, done), ("y\nn\n", 1, "Nothing was changed.\n")):
        rig.server.plays(txn_commit=[old, COMMITTED], txn_plan=list(plans))
        found, shown = rig.terminal(typed, "apply", "flows.d", NO_COLOR="1")
        yield from differs((found, shown), (
            code, f"{DIFF}\n{SUMMARY}Apply this? [y/N] {meanwhile}{DIFF}\n{later}"
            f"Apply this? [y/N] {end}"))
    rig.server.plays(txn_commit=old)
    code, _, error = rig.ctl("apply", "flows.d", "--yes")
    yield from differs((code, error.splitlines()[-1], len(rig.server.params("txn.commit"))), (
        1, "sluicectl: STALE: other clients changed flows of the plan 10 times in succession; "
        "try again later", 10))


@check
def a_stale_generation_says_what_to_do_next(rig):
    stale = refusal("STALE", "found generation 43, expected 41", "/if_generation")
    for method in ("txn_commit", "txn_begin"):
        rig.server.plays(**{method: stale})
        code, _, error = rig.ctl("apply", "flows.d")
        yield from differs((code, error), (
            1, "sluicectl: STALE at --if-generation: found generation 43, expected 41\n"
            "The flows have changed meanwhile; see 'sluicectl history', and run "
            "'sluicectl plan' again.\n"))


@check
def validate_asks_a_daemon_that_runs(rig):
    rig.server.plays()
    yield from differs(rig.ctl("validate", "flows.d"),
                       (0, "valid, checked by sluiced: 2 flows in 2 files\n", ""))
    yield from differs(rig.server.params("txn.commit"), [])
    rig.server.plays(txn_plan=refusal("CONFLICT", "flow cam2 takes the packets of flow x"))
    yield from differs(rig.ctl("validate", "flows.d"),
                       (1, "", "sluicectl: CONFLICT: flow cam2 takes the packets of flow x\n"))
    rig.server.plays()
    yield from differs(rig.ctl("validate", "flows.d", "--offline"),
                       (0, "valid: 2 flows in 2 files\n", ""))
    yield from differs(rig.server.asked, [])


@check
def validate_does_without_a_daemon(rig):
    code, out, error = rig.ctl("validate", "flows.d", target="nobody")
    yield from differs((code, out, error.startswith("Not checked by sluiced: ")),
                       (0, "valid: 2 flows in 2 files\n", True))


@check
def validate_decodes_as_the_daemon_does(rig):
    yield from differs(rig.ctl("validate", "wrong.yaml"), (
        2, "", "sluicectl: wrong.yaml:2: flow cam1: /legs: found none, expected a leg here or in "
        "a stream, as the flow's action is forward\n"))


@check
def confirm_and_rollback(rig):
    rig.server.plays(state_confirm={"generation": 42}, state_rollback=COMMITTED)
    yield from differs(rig.ctl("confirm"), (0, "Generation 42 is confirmed.\n", ""))
    yield from differs(rig.ctl("confirm", "42")[0], 0)
    yield from differs(rig.server.params("state.confirm"), [{}, {"generation": 42}])
    yield from differs(
        rig.ctl("rollback", "40", "--comment", "dark wall", "--confirm-within", "5m"),
        (0, "Generation 42: 1 added, 1 changed, 0 removed.\n"
         "The flows are those of generation 40.\n", ""))
    yield from differs(rig.server.params("state.rollback"), [
        {"generation": 40, "comment": "dark wall", "confirm_within_s": 300}])
    rig.server.plays(state_rollback=PLAN)
    yield from differs(rig.ctl("rollback", "40", "--plan"), (6, DIFF + "\n" + SUMMARY, ""))


DECLARED = {"generations": [
    {**ENTRY, "state": "current"}, {**ENTRY, "generation": 40, "state": "open"},
    {**ENTRY, "generation": 39, "state": "reverted"},
    {**ENTRY, "generation": 38, "state": "confirmed", "comment": "evening show"},
    {**ENTRY, "generation": 37}]}
LAST_DECLARED = ("The last declared generation is 38, of 2023-11-14 22:13:20 by ana: "
                 "evening show.\n")


@check
def rollback_names_the_last_declared_generation(rig):
    rig.server.plays(history_list=DECLARED, state_rollback=PLAN)
    yield from differs(rig.ctl("rollback", "--plan"), (6, DIFF + "\n" + SUMMARY, LAST_DECLARED))
    yield from differs(rig.server.params("history.list"), [{"declared": True, "limit": 100}])
    yield from differs([params["generation"] for params in rig.server.params("state.rollback")],
                       [38])
    rig.server.plays(history_list=DECLARED, state_rollback=COMMITTED)
    code, out, error = rig.ctl("rollback", "--yes")
    yield from differs((code, error), (0, LAST_DECLARED))
    yield from differs("The flows are those of generation 38.\n" in out, True)
    rig.server.plays(history_list=DECLARED)
    code, _, error = rig.ctl("rollback")
    yield from differs((code, "or --yes for the last declared one" in error), (2, True))
    yield from differs(rig.server.asked, [])
    rig.server.plays(history_list={"generations": [ENTRY]})
    code, _, error = rig.ctl("rollback", "--yes")
    yield from differs((code, "no declared generation to roll back to" in error), (1, True))


@check
def rollback_shows_and_asks_at_a_terminal(rig):
    rig.server.plays(history_list=DECLARED, state_rollback=[PLAN])
    code, shown = rig.terminal("n\n", "rollback")
    yield from differs(code, 1)
    yield from differs(LAST_DECLARED.strip() in shown and SUMMARY.strip() in shown.replace(
        "\r\n", "\n") and "Roll back to generation 38? [y/N]" in shown and
                       "Nothing was changed." in shown, True)
    yield from differs(len(rig.server.params("state.rollback")), 1)
    rig.server.plays(state_rollback=[PLAN, COMMITTED])
    code, shown = rig.terminal("y\n", "rollback", "40")
    yield from differs((code, "The flows are those of generation 40." in shown), (0, True))
    yield from differs(rig.server.params("state.rollback")[1], {"generation": 40})


@check
def history_is_filtered_and_tagged(rig):
    rig.server.plays(history_list={"generations": [{**ENTRY, "tag": "good"}]},
                     history_tag={"generation": 42})
    out = rig.ctl("history", "--by", "ana", "--method", "txn.commit", "--declared", "--tagged")[1]
    yield from differs(rig.server.params("history.list"), [
        {"actor": "ana", "method": "txn.commit", "declared": True, "tagged": True}])
    yield from differs("  current  [good] evening" in out, True)
    yield from differs(rig.ctl("history", "tag", "42", "good"),
                       (0, "Generation 42 is tagged good.\n", ""))
    yield from differs(rig.ctl("history", "untag", "42"),
                       (0, "Generation 42 is no longer tagged.\n", ""))
    yield from differs(rig.server.params("history.tag"),
                       [{"generation": 42, "tag": "good"}, {"generation": 42}])
    for words, said in ((["tag", "42"], "history tag GENERATION NAME"),
                        (["42", "43"], 'unexpected argument "43"')):
        code, _, error = rig.ctl("history", *words)
        yield from differs((code, said in error), (2, True))


@check
def a_tag_stands_for_its_generation(rig):
    tagged = {"generations": [{**ENTRY, "generation": 51, "tag": "later"},
                              {**ENTRY, "tag": "good"}]}
    asked = {"tagged": True, "limit": 100}
    for words, method, params in (
            (["history", "tag", "good", "better"], "history.tag",
             {"generation": 42, "tag": "better"}),
            (["history", "untag", "good"], "history.tag", {"generation": 42}),
            (["confirm", "good"], "state.confirm", {"generation": 42}),
            (["rollback", "good"], "state.rollback", {"generation": 42}),
            (["flow", "del", "cam", "--if-generation", "good"], "flow.remove",
             {"ids": ["cam"], "if_generation": 42})):
        rig.server.plays(history_list=tagged, history_tag={"generation": 42},
                         state_confirm={"generation": 42}, state_rollback=[COMMITTED],
                         flow_remove={"removed": []})
        code, _, error = rig.ctl(*words)
        yield from differs((code, error), (0, ""))
        yield from differs(rig.server.params("history.list"), [asked])
        yield from differs(rig.server.params(method), [params])
    rig.server.plays(history_list=tagged, history_get=[{**ENTRY, "changes": []}])
    yield from differs(rig.ctl("history", "good")[0], 0)
    yield from differs(rig.server.params("history.get")[0]["generation"], 42)
    for words in (["history", "goo"], ["rollback", "goo"], ["confirm", "goo"],
                  ["history", "untag", "goo"]):
        rig.server.plays(history_list=tagged)
        code, _, error = rig.ctl(*words)
        yield from differs((code, error), (
            1, 'sluicectl: "goo" is neither the number of a generation nor the tag of one; '
               "'sluicectl history' lists them\n"))


@check
def history_is_a_table(rig):
    listed = {"generations": [
        ENTRY, {**ENTRY, "generation": 7, "state": "reverted", "added": 100000,
                "actor": {"name": "studio", "via": "tls"},
                "comment": "a comment that is longer than a line has room for"}]}
    rig.server.plays(history_list=listed)
    table = """\
GEN  WHEN                 WHO           WHAT             +  ~  -  STATE     COMMENT
 42  2023-11-14 22:13:20  ana           txn.commit       1  1  0  current   evening\\u001b[31m show
  7  2023-11-14 22:13:20  studio (tls)  txn.commit  100000  1  0  reverted  \
a comment that is longer than a line has room for
"""
    yield from differs(rig.ctl("history", "--limit", "5"), (0, table, ""))
    yield from differs(rig.server.params("history.list"), [{"limit": 5}])
    rig.server.plays(history_list=listed)
    for columns in ({"COLUMNS": "200"}, {"columns": 200}):
        yield from differs(rig.terminal("", "history", **columns), (0, table))
    cut = table.replace("is longer than a line has room for", "is l...")
    yield from differs(rig.terminal("", "history", columns=max(map(len, cut.splitlines()))),
                       (0, cut))
    yield from differs(rig.terminal("", "history", columns=60), (0, """\
GEN  WHEN                 WHO           WHAT             +
    ~  -  STATE     COMMENT
 42  2023-11-14 22:13:20  ana           txn.commit       1
    1  0  current   evening\\u001b[31m show
  7  2023-11-14 22:13:20  studio (tls)  txn.commit  100000
    1  0  reverted  a comment that is longer than a line ...
"""))
    rig.server.plays(history_list={"generations": []})
    yield from differs(rig.ctl("history")[1], "no generations\n")


@check
def history_says_what_cannot_be_taken_back(rig):
    stuck = {**ENTRY, "state": "open", "fault": "the disk is full"}
    rig.server.plays(history_list={"generations": [stuck]})
    yield from differs(rig.ctl("history")[1].split("\n\n")[1], """\
Generation 42 was not confirmed in time and cannot be rolled back: the disk is full.
The rollback is retried every 5 s. To keep the flows instead:
  sluicectl --socket socket confirm 42
""")
    rig.server.plays(history_get=[{**stuck, "changes": []}])
    yield from differs("\nfault       cannot be rolled back: the disk is full\n" in
                       rig.ctl("history", "42")[1], True)


@check
def history_of_one_generation_is_its_diff(rig):
    one, two = PLAN["changes"]
    rig.server.plays(history_get=[{**ENTRY, "changes": [one], "next": 1},
                                  {**ENTRY, "changes": [two]}])
    yield from differs(rig.ctl("history", "42"), (0, """\
generation  42, current
when        2023-11-14 22:13:20
who         ana, by txn.commit
comment     evening\\u001b[31m show
flows       1 added, 1 changed, 0 removed

""" + DIFF, ""))


@check
def history_tells_what_a_generation_brought_back(rig):
    for member, line in (("returns_to", "restores    generation 40\n"),
                         ("takes_back", "reverts     generation 40\n")):
        rig.server.plays(history_get=[{**ENTRY, member: 40, "changes": []}])
        yield from differs(line in rig.ctl("history", "42")[1], True)


@check
def what_takes_long_is_shown_at_a_terminal_and_leaves_no_trace(rig):
    rig.server.plays()
    rig.server.slow["txn.commit"] = 1.5
    code, shown = rig.terminal("", "apply", "flows.d", "--yes", "--limit", "0")
    del rig.server.slow["txn.commit"]
    yield from differs((code, "\rwaiting for sluiced ... 1 s\x1b[K" in shown), (0, True))
    drawn = shown.rindex("waiting for sluiced")
    yield from differs(shown[drawn:].split("\r")[1], "\x1b[KGeneration 42: 1 added, 1 changed, "
                       "0 removed.\n")
    flows = [{**CAM2, "id": f"f{i}", "match": {**MATCH, "dst_port": i + 1}} for i in range(400)]
    (rig.folder / "many.json").write_text(json.dumps({"flows": flows}))
    rig.server.plays()
    rig.server.slow["txn.put"] = 0.1
    code, shown = rig.terminal("", "plan", "many.json", "--limit", "0")
    del rig.server.slow["txn.put"]
    yield from differs((code, bool(re.search(
        r"\rsending flows: \d\d%, \d+ of 400\x1b\[K", shown))), (6, True))
    yield from differs(shown.rsplit("\r", 1)[1], "\x1b[K" + SUMMARY)


@check
def an_interrupt_says_what_was_done(rig):
    apply = ("apply", "flows.d", "--yes")
    for method, words, said in (
            ("txn.begin", apply, "nothing was changed"), ("txn.put", apply, "nothing was changed"),
            ("txn.plan", apply, "nothing was changed"),
            ("txn.commit", apply,
             "it is unknown whether the change was made, see 'sluicectl history'"),
            ("flow.get", ("flow", "add", "flows.d/10.yaml"), "was committed as generation 44")):
        rig.server.plays(flow_install={"installed": ["cam1"], "generation": 44}, flow_get={})
        rig.server.slow[method] = 2
        with subprocess.Popen(
                [rig.sluicectl, "--socket", "socket", *words], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                cwd=rig.folder) as child:
            deadline = time.monotonic() + 20
            while not rig.server.params(method) and time.monotonic() < deadline:
                time.sleep(0.01)
            child.send_signal(signal.SIGINT)
            error = child.communicate(timeout=20)[1]
        del rig.server.slow[method]
        yield from differs((child.returncode, "interrupted" in error, said in error),
                           (130, True, True))


@check
def export_is_what_apply_reads(rig):
    pages = [{"flows": [CAM1], "total": 2, "next_cursor": "7"},
             {"flows": [CAM2], "total": 2, "next_cursor": None}]
    rig.server.plays(flow_list=list(pages))
    code, out, _ = rig.ctl("export")
    yield from differs((code, out), (0, """\
flows:
- id: cam1
  match: {port: p0, dst: 192.0.2.1, dst_port: 5004}
  legs:
  - {id: leg-1, port: p1, vlan: 0, src: 203.0.113.1, src_port: 5004, dst: 203.0.113.9, \
dst_port: 5004}
- id: cam2
  match: {port: p0, dst: 192.0.2.1, dst_port: 5006}
  action: drop
  legs: []
"""))
    yield from differs(rig.server.params("flow.list"), [
        {"declared": True, "limit": 1000}, {"declared": True, "limit": 1000, "cursor": "7"}])
    (rig.folder / "out.yaml").write_text(out)
    rig.server.plays()
    rig.ctl("plan", "out.yaml")
    put = rig.server.params("txn.put")[0]["declare"]
    yield from differs([flow["legs"] for flow in put], [[{**put[0]["legs"][0], **LEG}], []])


@check
def export_writes_a_file_or_a_directory(rig):
    listed = {"flows": [CAM1, {**CAM2, "match": {**MATCH, "port": "p1"}},
                        {"id": "r", "rule": {"priority": 1, "family": 4}, "action": "drop"}],
              "total": 3, "next_cursor": None}
    rig.server.plays(flow_list=listed)
    yield from differs(rig.ctl("export", "--all", "-o", "all.yaml"), (0, "", ""))
    yield from differs(rig.server.params("flow.list"), [{"limit": 1000}])
    yield from differs(rig.ctl("validate", "all.yaml", "--offline")[1],
                       "valid: 3 flows in 1 file\n")
    yield from differs(rig.ctl("export", "--all", "-d", "export.d"), (0, "", ""))
    yield from differs(sorted(path.name for path in (rig.folder / "export.d").iterdir()),
                       ["any.yaml", "p0.yaml", "p1.yaml"])
    yield from differs(rig.ctl("validate", "export.d", "--offline")[1],
                       "valid: 3 flows in 3 files\n")
    code, _, error = rig.ctl("export", "--all", "-d", "export.d")
    yield from differs((code, "export.d: found files of flows" in error), (2, True))
    rig.server.plays(flow_list={"flows": [], "total": 0, "next_cursor": None})
    yield from differs(rig.ctl("export")[1:], (
        "flows: []\n", "No flow is declared; --all includes flows installed otherwise.\n"))


RELAYS = """relays:
- id: call1
  a: {port: p0, local: 192.0.2.1, local_port: 6000}
  b: {port: p1, local: 203.0.113.1, local_port: 6000}
"""


@check
def relays_are_declared_beside_flows(rig):
    both = FILES["flows.d/20.yaml"] + RELAYS
    (rig.folder / "both.yaml").write_text(both)
    rig.server.plays()
    rig.ctl("plan", "both.yaml")
    put = rig.server.params("txn.put")[0]
    yield from differs([item["id"] for item in put["declare"] + put["declare_relays"]],
                       ["cam2", "call1"])
    rig.server.plays(txn_plan=refusal(
        "CONFLICT", "relay call1: taken", "/messages/0/declare_relays/0/b/local"))
    yield from differs(rig.ctl("plan", "both.yaml"), (
        1, "", "sluicectl: CONFLICT: both.yaml:8: relay call1: /b/local: taken\n"))
    yield from differs(rig.ctl("validate", "both.yaml", "--offline")[1],
                       "valid: 1 flow and 1 relay in 1 file\n")
    (rig.folder / "odd.yaml").write_text(RELAYS.replace("id: call1", "id: call1\n  rtcp: next")
                                         .replace("local_port: 6000}", "local_port: 6001}"))
    yield from differs(rig.ctl("validate", "odd.yaml", "--offline"), (
        2, "", "sluicectl: odd.yaml:4: relay call1: /a/local_port: found 6001, expected an even "
        "port, as RTCP has the next one\n"))
    receiver = "    - {name: wall, remote: 198.51.100.9, remote_port: %d}\n"
    (rig.folder / "twice.yaml").write_text(
        RELAYS[:RELAYS.index("  b:")] + "  b:\n    port: p1\n    local: 203.0.113.1\n"
        "    local_port: 6000\n    receivers:\n" + receiver % 5004 + receiver % 5006)
    yield from differs(rig.ctl("validate", "twice.yaml", "--offline"), (
        2, "", "sluicectl: twice.yaml:10: relay call1: /b/receivers/1/name: found wall twice, "
        "expected each name once\n"))


@check
def relays_are_exported_without_their_flows(rig):
    side = {"port": "p0", "local": "192.0.2.1", "local_port": 6000}
    relay = {"id": "call1", "a": side, "b": {**side, "port": "p1", "local": "203.0.113.1"}}
    rig.server.plays(
        flow_list={"flows": [{**CAM1, "id": "call1:a", "relay": "call1"}], "total": 1,
                   "next_cursor": None},
        relay_list={"relays": [{"relay": relay, "declared": True}], "next_cursor": None})
    yield from differs(rig.ctl("export"), (0, RELAYS, ""))
    yield from differs(json.loads(rig.ctl("export", "--json")[1]), {"relays": [relay]})


def kept(path):
    """What replacing a file must not change."""
    status = path.stat()
    return stat.filemode(status.st_mode), status.st_uid, status.st_gid


@check
def export_leaves_a_file_its_mode_owner_and_names(rig):
    text = export_text(rig)
    secret, link, shared = (rig.folder / name for name in ("secret", "link", "shared"))
    secret.write_text("before", encoding="utf-8")
    secret.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(secret, 12345, 54321)
    before, number = kept(secret), secret.stat().st_ino
    yield from differs(rig.ctl("export", "-o", "secret"), (0, "", ""))
    yield from differs((secret.read_text(encoding="utf-8"), kept(secret)), (text, before))
    yield from differs(secret.stat().st_ino == number, False)
    secret.write_text("before", encoding="utf-8")
    link.symlink_to("secret")
    yield from differs(rig.ctl("export", "-o", "link"), (0, "", ""))
    yield from differs((link.is_symlink(), secret.read_text(encoding="utf-8"), kept(secret)),
                       (True, text, before))
    shared.hardlink_to(secret)
    secret.write_text("before", encoding="utf-8")
    yield from differs(rig.ctl("export", "-o", "shared"), (0, "", ""))
    yield from differs((secret.read_text(encoding="utf-8"), shared.samefile(secret)), (text, True))
    (rig.folder / "to_be").symlink_to("target")
    yield from differs(rig.ctl("export", "-o", "to_be"), (0, "", ""))
    yield from differs(((rig.folder / "to_be").is_symlink(),
                        (rig.folder / "target").read_text(encoding="utf-8")), (True, text))
    mask = os.umask(0o027)
    rig.ctl("export", "-o", "made")
    os.umask(mask)
    yield from differs(stat.filemode((rig.folder / "made").stat().st_mode), "-rw-r-----")
    yield from differs(sorted(path.name for path in rig.folder.glob("*.new")), [])


@check
def export_writes_to_what_is_no_file(rig):
    text = export_text(rig)
    yield from differs(rig.ctl("export", "-o", "-"), (0, text, ""))
    yield from differs(rig.ctl("export", "-o", "/dev/stdout"), (0, text, ""))
    yield from differs((rig.folder / "-").exists(), False)
    with (rig.folder / "out").open("w") as out:
        out.write("before\n")
        out.flush()
        subprocess.run([rig.sluicectl, "--socket", "socket", "export", "-o", "/dev/fd/1"],
                       check=True, stdout=out, cwd=rig.folder, env=rig.environment, timeout=20)
    yield from differs((rig.folder / "out").read_text(encoding="utf-8"), "before\n" + text)
    yield from differs(rig.ctl("export", "-o", "/dev/full"), (
        5, "", "sluicectl: /dev/full: No space left on device\n"))
    yield from differs(rig.ctl("export", "-o", "empty"), (
        5, "", "sluicectl: empty: Is a directory\n"))
    os.mkfifo(rig.folder / "fifo")
    read = []
    reader = threading.Thread(
        target=lambda: read.append((rig.folder / "fifo").read_text(encoding="utf-8")), daemon=True)
    reader.start()
    yield from differs(rig.ctl("export", "-o", "fifo"), (0, "", ""))
    reader.join(20)
    yield from differs((read, (rig.folder / "fifo").is_fifo()), ([text], True))
    yield from differs(rig.ctl("export", "-d", "-")[0], 2)
    listed = {"flows": [{**CAM1, "match": {**MATCH, "port": "../escaped"}}], "total": 1,
              "next_cursor": None}
    rig.server.plays(flow_list=listed)
    yield from differs(rig.ctl("export", "-d", "into")[0], 4)
    yield from differs((rig.folder / "escaped.yaml").exists(), False)


@check
def changes_take_a_comment_and_a_generation(rig):
    more = ["--comment", "why", "--if-generation", "41"]
    asked = {"comment": "why", "if_generation": 41}
    rig.server.plays(flow_remove={"removed": []}, leg_leave={"left": []}, flow_admin={},
                     flow_install={"installed": ["x"]}, flow_get={"legs": []})
    rig.ctl("flow", "del", "cam1", *more)
    rig.ctl("leg", "leave", "cam1", "leg-1", *more)
    rig.ctl("flow", "down", "cam1", *more)
    rig.ctl("flow", "add", "--match", "port=p0,dst=192.0.2.1:1", *more)
    found = [params for method, params in rig.server.asked if method != "flow.get"]
    yield from differs([{key: params.get(key) for key in asked} for params in found], [asked] * 4)


@check
def a_file_larger_than_a_message_is_added_in_a_transaction(rig):
    flows = [{**CAM2, "id": f"f{i}", "match": {**MATCH, "dst_port": i + 1}} for i in range(500)]
    (rig.folder / "many.json").write_text(json.dumps({"flows": flows}))
    for words, member in ((["flow", "add", "--file"], "install"), (["flow", "replace"], "replace")):
        rig.server.plays()
        yield from differs(rig.ctl(*words, "many.json", "--comment", "why"),
                           (0, "Generation 42: 1 added, 1 changed, 0 removed.\n", ""))
        yield from differs(
            [flow["id"] for part in rig.server.params("txn.put") for flow in part[member]],
            [flow["id"] for flow in flows])
        yield from differs(rig.server.params("txn.begin"), [{"comment": "why"}])
        yield from differs(rig.server.params("txn.commit"), [{"txn": "txn-7"}])


def main():
    (sluicectl,) = sys.argv[1:]
    print(f"1..{len(CHECKS)}")
    for number, function in enumerate(CHECKS, start=1):
        with tempfile.TemporaryDirectory() as name:
            faults = list(function(Rig(os.path.abspath(sluicectl), pathlib.Path(name))))
        title = function.__name__.replace("_", " ")
        print(f"{'not ' if faults else ''}ok {number} - {title}")
        for line in "\n".join(faults).splitlines():
            print(f"# {line}")


main()
