#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compare the drivers and PCI ids of profiles with those in DPDK's libraries.

usage: profile_drivers.py DIRECTORY

dpdk-pmdinfo.py reads what a library says of its drivers. Where that is not the name at run time
(mlx5), the name must be a text in one of the libraries, and that is printed. The exit code is 1 if
anything is missing.
"""
import glob
import json
import pathlib
import subprocess
import sys

import yaml

LIBRARIES = sorted(glob.glob("/usr/lib/*/dpdk/pmds-*/librte_*.so"))


def drivers_of(library):
    command = ["dpdk-pmdinfo.py", library]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout
    return json.loads(output or "[]")


def ids(driver):
    return {f"{i['vendor']}:{i['device']}".lower() for i in driver.get("pci_ids", [])}


def main(directory):
    known = {}
    for library in LIBRARIES:
        if "librte_net_" in library:
            known |= {driver["name"]: ids(driver) for driver in drivers_of(library)}
    if not known:
        sys.exit("profile_drivers.py: found no library of DPDK with drivers")
    every_id = set().union(*known.values())
    missing = []
    for path in sorted(pathlib.Path(directory).glob("*.yaml")):
        match = yaml.safe_load(path.read_text("utf-8"))["match"]
        for name in match["drivers"]:
            if name in known:
                continue
            if any(name.encode() + b"\0" in pathlib.Path(lib).read_bytes() for lib in LIBRARIES):
                print(f"{path.name}: {name} is only a text in a library: not checked further")
            else:
                missing.append(f"{path}: found no driver {name} in DPDK")
        of_drivers = set().union(*(known.get(name, every_id) for name in match["drivers"]))
        for device in match.get("pci", []):
            if device not in of_drivers:
                missing.append(f"{path}: found no device {device} in {' '.join(match['drivers'])}")
        if all(name in known for name in match["drivers"]):
            for device in sorted(of_drivers - set(match.get("pci", []))):
                missing.append(f"{path}: device {device} of DPDK is not in it")
    for line in missing:
        print(line)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
