#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The programs that sluice-setup runs, on a host that is a tree of files: SETUP_ROOT.

Each is a link to this file, by the name of the program. A call is appended to SETUP_ROOT.calls.
SETUP_FAIL has the name of the one that fails, in call N (NAME:N), from there on (NAME:N-) or always
(NAME), or that is interrupted by a signal in its first call (NAME:signal), or that does nothing
(NAME:idle).
"""

import json
import os
import pathlib
import signal
import sys
import time

ROOT = pathlib.Path(os.environ["SETUP_ROOT"])
PCI = ROOT / "sys/bus/pci/devices"
DRIVERCTL = ROOT / "etc/driverctl.d"


def driver_set(pci, driver):
    """Bind a device; an interface is there only with a driver of the kernel."""
    device = PCI / pci
    link, hidden = device / "driver", ROOT / "hidden" / pci
    link.unlink(missing_ok=True)
    overridden = (device / "driver_override").read_text().strip()
    if driver and overridden not in ("", driver):
        sys.exit(f"driver_override is {overridden}")
    if driver:
        link.symlink_to(f"../../../bus/pci/drivers/{driver}")
    net = ROOT / "sys/class/net"
    for iface in list(net.iterdir()):
        if driver == "vfio-pci" and os.path.realpath(iface / "device") == os.path.realpath(device):
            hidden.mkdir(parents=True)
            iface.rename(hidden / iface.name)
    if driver != "vfio-pci" and hidden.exists():
        for iface in list(hidden.iterdir()):
            iface.rename(net / iface.name)
        hidden.rmdir()
        remove_if_empty(hidden.parent)


def remove_if_empty(directory):
    """Leave nothing behind."""
    if not any(directory.iterdir()):
        directory.rmdir()


def native(pci):
    """The kernel's driver for the device."""
    return json.loads((ROOT / "native.json").read_text())[pci]


def mounts_write(edit):
    """Change the table of mounts."""
    path = ROOT / "proc/mounts"
    path.write_text(edit(path.read_text()))


def act(name, args):
    """What the program does to the tree."""
    if name == "ip":
        print(json.dumps(json.loads((ROOT / "ip.json").read_text())[
            "address" if "address" in args else args[1]]))
    elif name == "dpdk-devbind.py":
        option = args[1]
        driver_set(args[-1], option.removeprefix("--bind=") if "=" in option else None)
    elif name == "driverctl" and args[0] == "set-override":
        DRIVERCTL.mkdir(exist_ok=True)
        (DRIVERCTL / f"pci-{args[1]}").write_text(args[2] + "\n")
        driver_set(args[1], args[2])
    elif name == "driverctl":
        (DRIVERCTL / f"pci-{args[1]}").unlink()
        remove_if_empty(DRIVERCTL)
        driver_set(args[1], native(args[1]))
    elif name == "update-grub":
        parts = [ROOT / "etc/default/grub", *sorted((ROOT / "etc/default/grub.d").glob("*.cfg"))]
        (ROOT / "boot/grub/grub.cfg").write_text("".join(part.read_text() for part in parts))
    elif name == "mount":
        where = "/" + str(pathlib.Path(args[3]).relative_to(ROOT))
        mounts_write(lambda text: text + f"{args[2]} {where} {args[1]} rw 0 0\n")
    elif name == "umount":
        where = "/" + str(pathlib.Path(args[0]).relative_to(ROOT))
        mounts_write(lambda text: "".join(
            line for line in text.splitlines(keepends=True) if line.split()[1] != where))
    elif name not in ("modprobe", "udevadm"):
        sys.exit(f"{name}: is not known")


def main():
    name, args = os.path.basename(sys.argv[0]), sys.argv[1:]
    with open(f"{ROOT}.calls", "a", encoding="utf-8") as calls:
        calls.write(" ".join([name, *args]) + "\n")
    fails, _, how = os.environ.get("SETUP_FAIL", "").partition(":")
    if fails == name:
        calls = pathlib.Path(f"{ROOT}.calls").read_text().splitlines()
        number = sum(line.split()[0] == name for line in calls)
        if how == "idle":
            return
        if how == "signal" and number == 1:
            os.kill(os.getppid(), signal.SIGTERM)
            time.sleep(3)
        if how in ("", str(number)) or how.endswith("-") and number >= int(how[:-1]):
            sys.exit(f"{name}: planted failure")
    act(name, args)


main()
