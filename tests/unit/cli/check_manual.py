#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks that the manual pages leave nothing out.

Usage: check_manual.py SLUICECTL MANDIR SLUICE_CONFIG_SCHEMA

Every command and option that sluicectl's help lists must be in sluicectl.1, every option that a
section of it lists in the help, and every member of the configuration's schema, with its default,
in sluice.yaml.5. Prints TAP.
"""

import json
import pathlib
import re
import subprocess
import sys


def plain(page):
    """The text of a page with macros and escapes taken off."""
    text = re.sub(r"^\.[A-Z][a-z]\b", " ", page, flags=re.M)
    text = re.sub(r" (?:Ar|Bq|Brq|Cm|Fl|Ns|Op|Pa|Ql)\b", " ", text)
    return re.sub(r"\s+", " ", text)


def help_of(sluicectl, command):
    words = [sluicectl, *command.split(), "--help"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def missing_of_client(sluicectl, page):
    commands = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  ", help_of(sluicectl, ""), flags=re.M)
    if len(commands) < 5:
        yield "commands in the help"
    for command in commands:
        if command not in plain(page):
            yield command
        text = help_of(sluicectl, command)
        for option in re.findall(r"^  --([a-z-]+)", text, flags=re.M):
            if f"Fl -{option}" not in page:
                yield f"{command} --{option}"
        for key in re.findall(r"^  ([a-z-]+)=", text, flags=re.M):
            if f".It Cm {key} Ns =" not in page:
                yield f"{command} {key}="


def stale_of_client(sluicectl, page):
    """Options that the manual lists for a command and its help does not."""
    synopsis = re.search(r"^\.Sh SYNOPSIS(.*?)^\.Sh ", page, flags=re.M | re.S).group(1)
    for form in re.split(r"^\.Nm$", synopsis, flags=re.M):
        command = re.search(r"^\.Cm ([a-z]+(?: [a-z]+)?)", form, flags=re.M)
        known = help_of(sluicectl, command.group(1)) if command else ""
        for option in re.findall(r"\bFl -([a-z-]+)", form) if command else []:
            if not re.search(rf"^  --{option}\b(?!-)", known, flags=re.M):
                yield f"{command.group(1)} --{option}, in the synopsis"
    for section in re.split(r"^\.Ss ", page, flags=re.M)[1:]:
        command = re.match("[a-z]+(?: [a-z]+)?", section).group(0)
        text = re.split(r"^\.Sh ", section, flags=re.M)[0]
        options = re.findall(r"^\.It Fl -([a-z-]+)", text, flags=re.M)
        known = help_of(sluicectl, command) if options else ""
        for option in options:
            if not re.search(rf"^  --{option}\b(?!-)", known, flags=re.M):
                yield f"{command} --{option}"


def missing_of_config(schema, page):
    for name, member in schema.get("properties", {}).items():
        # Members of several objects may have the same name.
        items = re.findall(rf"^\.It Cm {name}\b.*?(?=^\.It|^\.El|\Z)", page, flags=re.M | re.S)
        default = member.get("default")
        if not items and f"Cm {name} :" not in page:
            yield name
        elif default not in (None, {}) and items:
            value = str(default).lower()
            if not any(re.search(rf"\(default {re.escape(value)} ?\)", plain(item))
                       for item in items):
                yield f"{name}, default {value}"
        yield from missing_of_config(member, page)
        yield from missing_of_config(member.get("items", {}), page)


def main():
    sluicectl, mandir, schema_path = sys.argv[1:]
    manuals = pathlib.Path(mandir)
    schema = json.loads(pathlib.Path(schema_path).read_text())
    checks = {
        "sluicectl.1": missing_of_client(sluicectl, (manuals / "sluicectl.1").read_text()),
        "sluicectl.1, of what there is": stale_of_client(
            sluicectl, (manuals / "sluicectl.1").read_text()),
        "sluice.yaml.5": missing_of_config(schema, (manuals / "sluice.yaml.5").read_text()),
    }
    print(f"1..{len(checks)}")
    for number, (name, missing) in enumerate(checks.items(), start=1):
        missing = list(missing)
        print(f"{'not ' if missing else ''}ok {number} - {name}")
        for what in missing:
            print(f"# not in {name}: {what}")


main()
