#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs sluice-setup on hosts that are trees of files:
setup_hosts.py DIRECTORY SLUICED SLUICECTL STEER [CASE...]

Each case makes a host, runs sluice-setup, and looks at its output and at the whole tree. Prints a
line for each case; the exit code is 1 if one failed.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import traceback

import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]
SETUP = TOP / "drivers-conf/setup/sluice-setup"
TERMINAL = TOP / "tests/system/terminal.py"
FAKE = TOP / "tests/system/setup_fake.py"
SAMPLE = TOP / "docs/examples/sluice.yaml"
PROGRAMS = ("ip", "update-grub", "udevadm", "modprobe", "dpdk-devbind.py", "mount", "umount")
CONFIG = "etc/sluice/sluice.yaml"
RECORD = "var/lib/sluice-setup/setup.json"
GRUB = "etc/default/grub.d/50-sluice.cfg"
PROFILES = {
    "e1000": {"match": {"drivers": ["net_e1000_em"], "pci": ["8086:10d3"]},
              "binding": "vfio-pci", "settings": {"rx_queues_max": 1}},
    "igc": {"match": {"drivers": ["net_igc"], "pci": ["8086:15f3"]},
            "binding": "vfio-pci", "settings": {"rx_queues_max": 4}},
    "ice": {"match": {"drivers": ["net_ice"], "pci": ["8086:1592"]},
            "binding": "vfio-pci", "settings": {}},
    "mlx5": {"match": {"drivers": ["mlx5_pci"], "pci": ["15b3:1017"]},
             "binding": "kernel", "settings": {}},
    "virtio": {"match": {"drivers": ["net_virtio"], "pci": ["1af4:1041"]},
               "binding": "vfio-pci", "settings": {}},
    "af_xdp": {"match": {"drivers": ["net_af_xdp"]}, "binding": "none", "settings": {}},
}


class Host:
    """A tree with what sluice-setup reads of a host."""

    def __init__(self, work, name, *, cpus=4, nodes=1, threads=1, offline=(), iommu=True,
                 memory_mb=16384, free_mb=None, driverctl=False, grub=True, gigabyte=False):
        self.top = work / name
        self.bin = work / f"{name}.bin"
        self.addresses, self.native, self.routes = {}, {}, {"-4": [], "-6": []}
        self.make_cpus(cpus, nodes, threads, offline)
        for node in range(nodes):
            self.make_node(node, memory_mb, memory_mb // 2 if free_mb is None else free_mb,
                           gigabyte)
        self.iommu = iommu
        self.put("proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet")
        self.put("proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu sse4_2"
                 + (" pdpe1gb" if gigabyte else ""))
        self.put("proc/mounts", "sysfs /sys sysfs rw 0 0")
        self.put("proc/net/tcp", "  sl  local_address rem_address   st")
        for irq, cpu in ((0, "0"), (24, f"0-{cpus - 1}"), (25, str(cpus - 1))):
            self.put(f"proc/irq/{irq}/smp_affinity_list", cpu)
        self.put("etc/sluice/flows.d/.keep", "")
        self.put("sys/class/net/lo/type", "772")
        for directory in ("var/lib", "var/log", "etc/security/limits.d", "etc/udev/rules.d",
                          "sys/fs/bpf", "sys/bus/pci/devices"):
            (self.top / directory).mkdir(parents=True, exist_ok=True)
        if grub:
            self.put("etc/default/grub", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"')
            self.put("boot/grub/grub.cfg", (self.top / "etc/default/grub").read_text().strip())
        self.bin.mkdir()
        programs = [p for p in PROGRAMS if grub or p != "update-grub"]
        for program in [*programs, *(["driverctl"] if driverctl else [])]:
            (self.bin / program).symlink_to(FAKE)
        (self.bin / "sluicectl").symlink_to(SLUICECTL)

    def put(self, name, text):
        """A file with a line."""
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")

    def make_cpus(self, cpus, nodes, threads, offline):
        """CPUs; thread t of core c is CPU c + t * cores, core c is on node c % nodes."""
        cores = cpus // threads
        online = [c for c in range(cpus) if c not in offline]
        self.put("sys/devices/system/cpu/present", f"0-{cpus - 1}")
        self.put("sys/devices/system/cpu/online", ",".join(map(str, online)))
        for cpu in range(cpus):
            here = f"sys/devices/system/cpu/cpu{cpu}"
            if cpu:
                self.put(f"{here}/online", "0" if cpu in offline else "1")
            twins = range(cpu % cores, cpus, cores)
            self.put(f"{here}/topology/thread_siblings_list", ",".join(map(str, twins)))
            self.put(f"{here}/cpufreq/scaling_governor", "schedutil")
            self.put(f"{here}/cpufreq/scaling_available_governors", "performance schedutil")
            for state, latency in enumerate((0, 2, 133)):
                self.put(f"{here}/cpuidle/state{state}/latency", str(latency))
                self.put(f"{here}/cpuidle/state{state}/disable", "0")
        for node in range(nodes):
            mine = [c for c in range(cpus) if c % cores % nodes == node]
            self.put(f"sys/devices/system/node/node{node}/cpulist", ",".join(map(str, mine)))

    def make_node(self, node, memory_mb, free_mb, gigabyte):
        """Memory of a node, and its hugepages."""
        here = f"sys/devices/system/node/node{node}"
        self.put(f"{here}/meminfo", f"Node {node} MemTotal:  {memory_mb * 1024} kB\n"
                 f"Node {node} MemFree:  {free_mb * 1024} kB\nNode {node} FilePages: 0 kB")
        for size in (2048, *((1048576,) if gigabyte else ())):
            pages = f"{here}/hugepages/hugepages-{size}kB"
            self.put(f"{pages}/nr_hugepages", "0")
            (self.top / pages / "free_hugepages").symlink_to("nr_hugepages")

    def nic(self, pci, pci_id, driver, iface, *, node=0, address=None, queues=1, group=None):
        """A NIC with an interface of the kernel."""
        device = self.top / "sys/devices" / pci
        vendor, number = pci_id.split(":")
        here = f"sys/devices/{pci}"
        self.put(f"{here}/class", "0x020000")
        self.put(f"{here}/vendor", f"0x{vendor}")
        self.put(f"{here}/device", f"0x{number}")
        self.put(f"{here}/numa_node", str(node))
        self.put(f"{here}/driver_override", "")
        (device / "driver").symlink_to(f"../../../bus/pci/drivers/{driver}")
        (self.top / "sys/bus/pci/devices" / pci).symlink_to(f"../../../devices/{pci}")
        self.native[pci] = driver
        self.interface(iface, address)
        (self.top / "sys/class/net" / iface / "device").symlink_to(f"../../../devices/{pci}")
        for queue in range(queues):
            self.put(f"sys/class/net/{iface}/queues/rx-{queue}/rps_cpus", "0")
        if self.iommu:
            members = self.top / f"sys/kernel/iommu_groups/{group or pci}/devices"
            members.mkdir(parents=True, exist_ok=True)
            (members / pci).symlink_to(f"../../../../devices/{pci}")
            (device / "iommu_group").symlink_to(f"../../kernel/iommu_groups/{group or pci}")
        return self

    def interface(self, iface, address=None, lower=(), state="up"):
        """An interface, perhaps made of others."""
        self.put(f"sys/class/net/{iface}/operstate", state)
        for name in lower:
            (self.top / f"sys/class/net/{iface}/lower_{name}").symlink_to(f"../{name}")
        self.addresses[iface] = address

    def default_route(self, *ifaces, family="-4"):
        """The default route, by one next hop or several."""
        if len(ifaces) == 1:
            route = {"dst": "default", "dev": ifaces[0]}
        else:
            route = {"dst": "default", "nexthops": [{"dev": iface} for iface in ifaces]}
        self.routes[family].append(route)
        return self

    def ssh_session(self, address, port=22, inode=0):
        """An established connection from 198.51.100.9 to a port of the address."""
        raw = bytes(map(int, address.split(".")))[::-1].hex().upper()
        with open(self.top / "proc/net/tcp", "a", encoding="utf-8") as file:
            file.write(f"   0: {raw}:{port:04X} 096433C6:D431 01 00000000:00000000 00:00000000 "
                       f"00000000 0 0 {inode} 1\n")
        return self

    def run(self, *args, fail="", terminal=(), environment=None, path=None):
        """(exit code, output) of sluice-setup on this host; with a prompt and what to type there,
        at a terminal."""
        self.write_answers()
        argv = [SETUP, "--root", self.top, "--profiles", self.top.parent / "profiles", *args]
        if terminal:
            argv = [TERMINAL, "--at", terminal[0], "--type", terminal[1], "--", *argv]
        done = subprocess.run(
            list(map(str, argv)), check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=60,
            env={"PATH": str(path or self.bin), "SETUP_ROOT": str(self.top), "SETUP_FAIL": fail,
                 **(environment or {})})
        return done.returncode, done.stdout

    def write_answers(self):
        """What the programs of the host know."""
        addresses = [{"ifname": iface, "addr_info": [{"local": address}] if address else []}
                     for iface, address in self.addresses.items()]
        (self.top / "ip.json").write_text(json.dumps({"address": addresses, **self.routes}))
        (self.top / "native.json").write_text(json.dumps(self.native))

    def calls(self):
        """Programs that were run since the last time, but for `ip`."""
        path = pathlib.Path(f"{self.top}.calls")
        found = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [line for line in found if not line.startswith("ip ")]

    def tree(self):
        """All files, links and directories, with modes and contents."""
        found = {}
        for path in sorted(self.top.rglob("*")):
            if path.name in ("ip.json", "native.json"):
                continue
            name = str(path.relative_to(self.top))
            if path.is_symlink():
                found[name] = os.readlink(path)
            elif path.is_dir():
                found[name] = "directory"
            else:
                found[name] = (path.stat().st_mode, path.read_bytes())
        return found

    def read(self, name):
        """Contents of a file."""
        return (self.top / name).read_text()

    def config(self):
        """The sluice.yaml that was written."""
        return yaml.safe_load(self.read(CONFIG))


def differs(before, after):
    """What is different between two trees."""
    return sorted(name for name in before.keys() | after.keys()
                  if before.get(name) != after.get(name))


def expect(condition, text):
    """Fail the case with the text."""
    if not condition:
        raise AssertionError(text)


def refused(host, *args, names, **options):
    """It ends with 1 and one line that has all the words, and the tree is as it was."""
    before = host.tree()
    host.calls()
    code, output = host.run(*args, **options)
    lines = [line for line in output.splitlines() if line.startswith("sluice-setup: ")]
    expect(code == 1 and len(lines) == 1, f"{args}: exit code {code}: {output}")
    for name in names:
        expect(name in lines[0], f"{args}: {name} is not in: {lines[0]}")
    expect(not differs(before, host.tree()), f"{args}: changed {differs(before, host.tree())}")
    return lines[0]


def round_trip(host, *args):
    """Dry run, run, second run, undo: what each must leave behind; returns the first output."""
    before = host.tree()
    host.calls()
    code, output = host.run("--dry-run", *args)
    expect(code == 0 and "nothing was changed (--dry-run)" in output, output)
    expect(not differs(before, host.tree()), f"--dry-run changed {differs(before, host.tree())}")
    expect(not host.calls(), "--dry-run has run programs")
    code, output = host.run("--yes", *args)
    expect(code == 0, output)
    applied = host.tree()
    expect(differs(before, applied), "--yes has changed nothing")
    host.calls()
    again = args if "--reconfigure" not in args else ()
    code, second = host.run("--yes", *again)
    expect(code == 0 and "\nnothing to do\n" in second, second)
    expect(not differs(applied, host.tree()), f"second: {differs(applied, host.tree())}")
    expect(not host.calls(), "the second run has run programs")
    sluiced_accepts(host)
    code, undone = host.run("--undo", "--yes")
    expect(code == 0, undone)
    expect(not differs(before, host.tree()), f"--undo left {differs(before, host.tree())}")
    code, undone = host.run("--undo", "--yes")
    expect(code == 0 and "nothing to undo" in undone, undone)
    code, output = host.run("--yes", *args)
    expect(code == 0, output)
    return output


def sluiced_accepts(host):
    """sluiced --check, which sees the CPUs of the host."""
    config = host.top.parent / "check.yaml"
    config.write_text(host.read(CONFIG).replace(
        "/etc/sluice/flows.d", str(host.top / "etc/sluice/flows.d")) + f"xdp_program: {STEER}\n")
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c",
         'mount --bind "$1" /sys/devices/system/cpu && exec "$2" --config "$3" --check', "sh",
         host.top / "sys/devices/system/cpu", SLUICED, config],
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    expect(done.returncode == 0, f"{done.stdout}\n{host.read(CONFIG)}")


# Cases


def one_nic_vm(work):
    """The only NIC carries the default route: it is taken only if that is said twice."""
    host = Host(work, "vm", cpus=2, iommu=False, grub=False)
    host.nic("0000:00:03.0", "1af4:1041", "virtio-pci", "eth0", address="192.0.2.2")
    host.default_route("eth0")
    refused(host, "--yes", names=["eth0 carries the default route", "--take"])
    refused(host, "--yes", "--take", "eth0", names=["eth0", "default route",
                                                    "--take-default-route"])
    refused(host, "--yes", "--take", "0000:00:03.0", names=["eth0", "--take-default-route"])
    refused(host, "--yes", "--take-default-route", names=["eth0 carries the default route"])
    # At a terminal it asks a second time, and takes no y for the name.
    refused(host, "--take", "eth0", names=["nothing was changed"],
            terminal=("Type eth0", "y"))
    output = round_trip(host, "--take", "eth0", "--take-default-route")
    port, = host.config()["ports"]
    expect(port["devargs"] == "net_af_xdp0,iface=eth0", port)
    expect("no IOMMU" in " ".join(output.split()), output)
    expect("isolcpus=managed_irq,domain,1" in output, output)
    expect("sys/fs/bpf bpf" in host.read("proc/mounts"), host.read("proc/mounts"))


def two_port_server(work):
    """An 82574L for Sluice, and a NIC of the kernel for management."""
    host = Host(work, "server")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    host.nic("0000:03:00.0", "8086:10d3", "e1000e", "enp3s0")
    host.nic("0000:01:00.0", "8086:1521", "igb", "eno1", address="192.0.2.2")
    host.default_route("eno1")
    (host.top / CONFIG).write_bytes(SAMPLE.read_bytes())
    output = round_trip(host)
    expect("kept: carries the default route" in output, output)
    expect("found no default route" not in output, output)
    expect("CPUs 0-3 on 1 NUMA node: control thread on CPU 0, worker on CPU 1\n" in output, output)
    config = host.config()
    expect([port["devargs"] for port in config["ports"]] == ["0000:02:00.0", "0000:03:00.0"],
           config)
    expect(config["workers"] == [1] and config["control"]["core"] == 0, config)
    grub = host.read(GRUB)
    for text in ("isolcpus=managed_irq,domain,1", "nohz_full=1", "rcu_nocbs=1",
                 "irqaffinity=0,2-3", "intel_iommu=on", "iommu=pt"):
        expect(f'sluice="$sluice {text}"' in grub, f"{text} is not in {grub}")
    shell = subprocess.run(
        ["sh", "-euc", 'GRUB_CMDLINE_LINUX_DEFAULT=quiet; . "$1"; '
         'echo "$GRUB_CMDLINE_LINUX_DEFAULT"', "sh", host.top / GRUB],
        check=True, stdout=subprocess.PIPE, text=True).stdout
    expect(shell.startswith("quiet isolcpus=") and shell.endswith("iommu=pt\n"), shell)
    expect("50-sluice.cfg" not in host.read("boot/grub/grub.cfg") and
           "isolcpus" in host.read("boot/grub/grub.cfg"), "update-grub did not run")
    for pci in ("0000:02:00.0", "0000:03:00.0"):
        expect(os.readlink(host.top / f"sys/devices/{pci}/driver").endswith("/vfio-pci"), pci)
        expect(f'KERNEL=="{pci}", TEST=="iommu_group", \\\n  ATTR{{driver_override}}="vfio-pci"'
               in host.read("etc/udev/rules.d/50-sluice.rules"), pci)
    expect("0000:01:00.0" not in host.read("etc/udev/rules.d/50-sluice.rules"), "took eno1")
    expect(int(host.read("sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"))
           >= 256, "no hugepages")
    expect(host.read("proc/irq/24/smp_affinity_list") == "0,2-3\n", "interrupt 24 was not moved")
    expect(host.read("proc/irq/25/smp_affinity_list") == "3\n", "interrupt 25 was moved")
    expect(host.read("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor") == "performance\n",
           "governor")
    expect(host.read("sys/devices/system/cpu/cpu3/cpufreq/scaling_governor") == "schedutil\n",
           "governor of a CPU without worker")
    expect(host.read("sys/devices/system/cpu/cpu1/cpuidle/state2/disable") == "1\n", "idle state")
    expect(host.read("sys/devices/system/cpu/cpu1/cpuidle/state1/disable") == "0\n", "fast state")
    # systemd-tmpfiles sets the same values at boot.
    governor = "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor"
    host.put(governor, "schedutil")
    subprocess.run(["systemd-tmpfiles", "--create", "--boot", f"--root={host.top}",
                    host.top / "etc/tmpfiles.d/sluice-setup.conf"], check=True, timeout=60)
    expect(host.read(governor) == "performance", "systemd-tmpfiles")
    host.put(governor, "performance")
    # What the running kernel has already, needs no reboot.
    parameters = re.findall(r'^sluice="\$sluice (.*)"$', grub, re.M)
    expect("What a reboot gives" in output and output.endswith("\nnext: reboot\n"), output)
    host.put("proc/cmdline", "quiet " + " ".join(parameters))
    for pci in ("0000:02:00.0", "0000:03:00.0"):
        host.put(f"sys/devices/{pci}/driver_override", "vfio-pci")  # by the udev rule, at boot
    code, output = host.run("--yes")
    expect(code == 0 and "What a reboot gives" not in output and "next:" not in output, output)
    code, output = host.run("--undo", "--yes")
    expect(code == 0, output)
    for pci in ("0000:02:00.0", "0000:03:00.0"):
        expect(os.readlink(host.top / f"sys/devices/{pci}/driver").endswith("/e1000e"), pci)


def two_node_server(work):
    """Two NICs on each node, SMT, driverctl and pages of 1 GiB."""
    host = Host(work, "nodes", cpus=32, nodes=2, threads=2, driverctl=True, gigabyte=True,
                memory_mb=65536)
    for i in range(4):
        host.nic(f"0000:{i + 1}0:00.0", "8086:1592", "ice", f"ens{i}", node=i // 2, queues=32)
    host.nic("0000:05:00.0", "8086:1521", "igb", "eno1", address="192.0.2.2")
    host.default_route("eno1")
    output = round_trip(host)
    expect("control thread on CPU 0, workers on CPUs 1-8, CPUs 17-24 idle, on cores of workers"
           in " ".join(output.split()), output)
    config, grub = host.config(), host.read(GRUB)
    # Cores 0, 2 .. 14 are on node 0, of which 0 is left out; their second threads are 16 .. 31.
    expect(config["workers"] == [1, 2, 3, 4, 5, 6, 7, 8], config)
    expect("isolcpus=managed_irq,domain,1-8,17-24\"" in grub, grub)
    expect("irqaffinity=0,9-16,25-31\"" in grub, grub)
    expect("hugepagesz=1G hugepages=0:1,1:1\"" in grub, grub)
    expect(len(config["ports"]) == 4, config)
    expect((host.top / "etc/driverctl.d/pci-0000:40:00.0").exists(), "driverctl was not used")
    expect(not (host.top / "etc/udev/rules.d/50-sluice.rules").exists(), "both ways of binding")
    # After the reboot the pages of 1 GiB are there, and those of 2 MiB are not missed.
    for node in (0, 1):
        pages = f"sys/devices/system/node/node{node}/hugepages/"
        host.put(pages + "hugepages-2048kB/nr_hugepages", "0")
        host.put(pages + "hugepages-1048576kB/nr_hugepages", "1")
    code, output = host.run("--yes")
    expect(code == 0 and "\nnothing to do\n" in output, output)


def node_without_ports(work):
    """The control thread is on another node than the ports, and needs some hugepages there."""
    host = Host(work, "far", nodes=2, gigabyte=True)
    host.nic("0000:81:00.0", "8086:10d3", "e1000e", "enp129s0", node=1)
    round_trip(host)
    config = host.config()
    expect(config["workers"] == [1] and config["control"]["core"] == 0, config)
    pages = "sys/devices/system/node/node{}/hugepages/hugepages-2048kB/nr_hugepages"
    expect([host.read(pages.format(node)) for node in (0, 1)] == ["32\n", "256\n"], "pages")
    # Few pages of 2 MiB are no reason for one of 1 GiB.
    expect("hugepages=1:1\"" in host.read(GRUB), host.read(GRUB))
    boot = host.read("etc/tmpfiles.d/sluice-setup.conf")
    expect(f"w! /{pages.format(0)} - - - - 32\n" in boot and pages.format(1) not in boot, boot)


def mlx5(work):
    """A NIC that keeps its kernel driver is not bound to another one."""
    host = Host(work, "mlx5", cpus=8)
    host.nic("0000:41:00.0", "15b3:1017", "mlx5_core", "enp65s0", queues=8)
    host.nic("0000:01:00.0", "8086:1521", "igb", "eno1", address="192.0.2.2")
    host.default_route("eno1")
    round_trip(host)
    expect(host.config()["ports"][0]["devargs"] == "0000:41:00.0", host.config())
    expect(not any("devbind" in call or "modprobe" in call for call in host.calls()), "bound")
    expect("iommu" not in host.read(GRUB), host.read(GRUB))


def fewer_tx_queues(work):
    """No more workers than the profile has transmit queues, as each worker needs one."""
    for tx_queues, workers in ((3, 3), (8, 4)):
        host = Host(work, f"tx-queues-{tx_queues}", cpus=8)
        host.nic("0000:02:00.0", "15ad:07b0", "vmxnet3", "enp2s0", queues=8)
        host.nic("0000:03:00.0", "15ad:07b0", "vmxnet3", "enp3s0", queues=8)
        folder = work / f"profiles-{tx_queues}"
        folder.mkdir()
        (folder / "vmxnet3.yaml").write_text(yaml.dump(
            {"match": {"drivers": ["net_vmxnet3"], "pci": ["15ad:07b0"]}, "binding": "vfio-pci",
             "settings": {"rx_queues_max": 16, "tx_queues_max": tx_queues}}))
        code, output = host.run("--yes", "--profiles", folder)
        expect(code == 0 and len(host.config()["workers"]) == workers, output)


def no_profile(work):
    """A NIC that no profile names is driven by AF_XDP, with all of its queues."""
    host = Host(work, "unknown", cpus=8)
    host.nic("0000:41:00.0", "1234:5678", "newnic", "enp65s0", queues=4)
    output = round_trip(host)
    port, = host.config()["ports"]
    expect(port == {"name": "p0", "devargs": "net_af_xdp0,iface=enp65s0,queue_count=4",
                    "rx_queues": 4}, port)
    expect("no profile names 1234:5678" in " ".join(output.split()), output)


def processors(work):
    """CPUs that are offline, absent, doubled or taken are refused by name, or not proposed."""
    host = Host(work, "offline", cpus=8, threads=2, offline=(1, 2))
    host.nic("0000:02:00.0", "8086:15f3", "igc", "enp2s0", queues=4)
    refused(host, "--yes", "--workers", "1", names=["--workers", "CPU 1", "offline", "0,3-7"])
    refused(host, "--yes", "--workers", "9", names=["--workers", "CPU 9", "0,3-7"])
    refused(host, "--yes", "--workers", "3,5,3", names=["--workers", "CPU 3 twice"])
    refused(host, "--yes", "--workers", "0", names=["--workers", "CPU 0", "control"])
    refused(host, "--yes", "--control", "2", names=["--control", "CPU 2", "offline"])
    round_trip(host)
    # The first threads of cores 1 and 2 are offline: 5 and 6 have these cores for themselves.
    expect(host.config()["workers"] == [3, 5], host.config())
    expect("isolcpus=managed_irq,domain,3,5,7\"" in host.read(GRUB), host.read(GRUB))
    code, output = host.run("--yes", "--workers", "3,7")
    expect(code == 0 and host.config()["workers"] == [3, 7], output)
    expect("threads of one core" in " ".join(output.split()), output)
    single = Host(work, "single", cpus=1)
    single.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    refused(single, "--yes", names=["cpu/online", "--workers"])


def used_by_the_kernel(work):
    """Interfaces with an address, an ssh session, or below a bond are not taken unasked."""
    host = Host(work, "used")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "storage", address="198.51.100.2")
    host.nic("0000:03:00.0", "8086:10d3", "e1000e", "slave")
    host.nic("0000:04:00.0", "8086:10d3", "e1000e", "office", address="203.0.113.2")
    host.interface("bond0", "192.0.2.2", lower=["slave"])
    host.default_route("bond0").ssh_session("203.0.113.2")
    refused(host, "--yes", names=["storage has the address 198.51.100.2",
                                  "slave carries the default route (by bond0)",
                                  "office carries an ssh session"])
    refused(host, "--yes", "--take", "slave", names=["slave", "--take-default-route"])
    refused(host, "--yes", "--take", "office", names=["office", "ssh", "--take-default-route"])
    refused(host, "--yes", "--take", "storage", names=["storage", "ssh"],
            environment={"SSH_CONNECTION": "198.51.100.9 50000 198.51.100.2 22"})
    refused(host, "--yes", "--take", "enp9s0", names=["enp9s0", "storage (0000:02:00.0)"])
    refused(host, "--yes", "--take", "0000:09:00.0", names=["0000:09:00.0", "slave"])
    refused(host, "--yes", "--take", "storage", "--take", "02:00.0", names=["storage twice"])
    host.ssh_session("198.51.100.2", port=2222, inode=12345)
    for text in ("Port 2222", "Port=2222", "ListenAddress 198.51.100.2:2222",
                 "listenaddress [2001:db8::1]:2222", 'Port "2222"'):
        host.put("etc/ssh/sshd_config.d/port.conf", text)
        refused(host, "--yes", "--take", "storage", names=["storage", "ssh"])
    host.put("etc/ssh/sshd_config.d/port.conf", "# Port 2222")
    # Whatever the files say, a socket of sshd is one.
    host.put("proc/4712/comm", "sshd")
    (host.top / "proc/4712/fd").mkdir()
    (host.top / "proc/4712/fd/4").symlink_to("socket:[12345]")
    refused(host, "--yes", "--take", "storage", names=["storage", "ssh"])
    host.put("proc/4712/comm", "nginx")
    round_trip(host, "--take", "storage")
    expect([port["devargs"] for port in host.config()["ports"]] == ["0000:02:00.0"],
           host.config())


def tunnels(work):
    """A default route by PPPoE or a tunnel keeps the NICs that may carry it."""
    host = Host(work, "pppoe")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "uplink")
    host.nic("0000:03:00.0", "8086:10d3", "e1000e", "enp3s0")
    host.interface("ppp0", "192.0.2.2", state="unknown")
    host.put("sys/class/net/ppp0/type", "512")
    host.put("proc/net/pppoe", "Id       Address              Device\n"
             "0000002A 02:00:00:00:00:01   uplink")
    host.default_route("ppp0")
    refused(host, "--yes", "--take", "uplink", names=[
        "uplink: carries the default route (by ppp0)", "--take-default-route"])
    round_trip(host)
    expect([port["devargs"] for port in host.config()["ports"]] == ["0000:03:00.0"],
           host.config())
    host = Host(work, "tunnel")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "uplink")
    host.nic("0000:03:00.0", "8086:10d3", "e1000e", "enp3s0")
    host.interface("enp3s0", state="down")
    host.interface("wg0", "192.0.2.2", state="unknown")
    host.ssh_session("192.0.2.2")
    refused(host, "--yes", "--take", "uplink",
            names=["uplink: may be what wg0 needs, which carries an ssh session"])
    # A router has addresses on lo that are reached by any NIC, and routes of lo that lead nowhere.
    router = Host(work, "router")
    router.nic("0000:02:00.0", "8086:10d3", "e1000e", "uplink")
    router.addresses["lo"] = "127.0.0.1"
    router.default_route("lo", family="-6").ssh_session("127.0.0.1")
    round_trip(router)
    expect(router.run("--undo", "--yes")[0] == 0, "not undone")
    router.addresses["lo"] = "192.0.2.9"
    router.ssh_session("192.0.2.9")
    refused(router, "--yes", names=["uplink may be what lo needs, which carries an ssh session"])
    host.default_route("wg0", family="-6")
    refused(host, "--yes", "--take", "uplink",
            names=["uplink: may be what wg0 needs, which carries the default route"])
    round_trip(host)
    expect([port["devargs"] for port in host.config()["ports"]] == ["0000:03:00.0"],
           host.config())


def used_by_others(work):
    """Devices of other programs, of virtual machines, and of other buses are not taken unasked."""
    host = Host(work, "others")
    host.nic("0000:02:00.0", "8086:10d3", "vfio-pci", "gone")
    shutil.rmtree(host.top / "sys/class/net/gone")
    host.nic("0000:03:00.0", "8086:1592", "ice", "physical")
    host.put("sys/devices/0000:03:00.0/sriov_numvfs", "4")
    host.put("sys/devices/usb1/numa_node", "-1")
    host.interface("bmc")
    (host.top / "sys/class/net/bmc/device").symlink_to("../../../devices/usb1")
    refused(host, "--yes", names=["0000:02:00.0 is bound to vfio-pci", "4 virtual functions",
                                  "bmc is not on PCI"])
    round_trip(host, "--take", "0000:02:00.0")
    expect(host.config()["ports"][0]["devargs"] == "0000:02:00.0", host.config())


def iommu_group(work):
    """A device that shares its IOMMU group with one of the kernel cannot be given to vfio."""
    host = Host(work, "group")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0", group=7)
    host.nic("0000:02:00.1", "8086:1521", "igb", "eno1", address="192.0.2.2", group=7)
    refused(host, "--yes", names=["enp2s0", "0000:02:00.1 (igb)", "IOMMU group"])
    # Both ports of a NIC are wanted: the group is given away as a whole.
    host = Host(work, "dual")
    for function in (0, 1):
        host.nic(f"0000:02:00.{function}", "8086:10d3", "e1000e", f"enp2s0f{function}", group=7)
    round_trip(host)
    expect(len(host.config()["ports"]) == 2, host.config())


def iommu_later(work):
    """An IOMMU that the kernel has after a reboot: until then only files are written."""
    host = Host(work, "later", iommu=False, driverctl=True)
    host.put("sys/firmware/acpi/tables/DMAR", "")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    host.write_answers()
    before = host.tree()
    output = round_trip(host)
    expect("enp2s0: is bound to vfio-pci after a reboot" in " ".join(output.split()), output)
    expect("note: found no default route" in output, output)
    expect("go away after a reboot: enp2s0" in output and "away now" not in output, output)
    expect("intel_iommu=on" in host.read(GRUB), host.read(GRUB))
    expect('TEST=="iommu_group"' in host.read("etc/udev/rules.d/50-sluice.rules"), "no rule")
    driver = host.top / "sys/devices/0000:02:00.0/driver"
    expect(os.readlink(driver).endswith("/e1000e"), "bound without an IOMMU")
    # After the reboot the rule has bound it.
    host.put("sys/kernel/iommu_groups/7/type", "identity")
    subprocess.run([host.bin / "dpdk-devbind.py", "--force", "--bind=vfio-pci", "0000:02:00.0"],
                   check=True, env={"SETUP_ROOT": str(host.top)}, timeout=60)
    host.calls()
    code, output = host.run("--yes")
    expect(code == 0 and "\nnothing to do\n" in output and not host.calls(), output)
    code, output = host.run("--undo", "--yes")
    expect(code == 0 and os.readlink(driver).endswith("/e1000e"), output)
    expect("enp2s0: given back to the kernel" in output, output)
    left = [name for name in differs(before, host.tree())
            if not name.startswith("sys/kernel")]
    expect(not left, left)
    # The kernel of amd64 has no driver for the IOMMU of virtio.
    host = Host(work, "viot", iommu=False)
    host.put("sys/firmware/acpi/tables/VIOT", "")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    round_trip(host)
    expect("net_af_xdp0" in host.config()["ports"][0]["devargs"], host.config())


def too_little_memory(work):
    """Hugepages that cannot be had are refused before anything is written."""
    host = Host(work, "memory", memory_mb=2048, free_mb=300)
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    refused(host, "--yes", names=["NUMA node 0", "300 MiB", "512 MiB", "--no-hugepages"])
    code, output = host.run("--yes", "--hugepages-mb", "128")
    expect(code == 0, output)
    pages = "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"
    expect(host.read(pages) == "64\n", host.read(pages))
    code, output = host.run("--undo", "--yes")
    expect(code == 0, output)
    round_trip(host, "--no-hugepages")
    expect(host.config()["hugepages"] is False, host.config())
    # Those that other programs hold do not count.
    host = Host(work, "held")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    host.put(pages, "300")
    (host.top / pages).with_name("free_hugepages").unlink()
    host.put(pages.replace("nr_", "free_"), "0")
    code, output = host.run("--yes")
    expect(code == 0 and host.read(pages) == "556\n", output)
    host.put(pages.replace("nr_", "free_"), "256")
    code, output = host.run("--yes")
    expect(code == 0 and "\nnothing to do\n" in output, output)


def operators_file(work):
    """A sluice.yaml of the operator is kept, checked, and what the host is tuned for."""
    host = Host(work, "operator", cpus=8)
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    host.nic("0000:03:00.0", "8086:10d3", "e1000e", "enp3s0", address="192.0.2.2")
    host.default_route("enp3s0")
    good = 'control: {core: 1}\nworkers: [5]\nports: [{name: a, devargs: "0000:02:00.0"}]\n'
    for old, new, names in (
            ("02:00.0", "99:00.0", ["sluice.yaml: /ports/0/devargs", "0000:99:00.0", "enp2s0"]),
            ("02:00.0", "03:00.0", ["enp3s0", "default route", "--take-default-route"]),
            ("[5]", "[5, 8]", ["sluice.yaml: /workers/1", "CPU 8"]),
            ("[5]", "[5, 5]", ["sluice.yaml: /workers/1", "CPU 5 twice"]),
            ("[5]", "[1]", ["sluice.yaml: /workers/0", "control"]),
            ("[5]", "[five]", ["sluice.yaml: /workers/0", "five"]),
            ("[5]", "[5", ["sluice.yaml", "YAML"]),
            ("workers", "werkers", ["sluice.yaml", "/workers"])):
        host.put(CONFIG, good.replace(old, new))
        refused(host, "--yes", names=names)
    # Hugepages are those that sluicectl estimates, in steps of 512 MiB.
    for more, count in (("memory_mb: 1100\n", "768\n"),
                        ("tables: {legs: 2000000}\n", "768\n"), ("", "256\n")):
        host.put(CONFIG, good + more)
        code, output = host.run("--yes")
        pages = host.read("sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages")
        expect(code == 0 and pages == count, f"{pages}{output}")
        code, output = host.run("--undo", "--yes")
        expect(code == 0, output)
    host.put(CONFIG, good + "tables: {legs: many}\n")
    refused(host, "--yes", names=["sluicectl doctor --memory", "sluice.yaml", "/tables/legs"])
    host.put(CONFIG, good)
    (host.bin / "sluicectl").unlink()
    refused(host, "--yes", names=["sluicectl: found no such program", "PATH"])
    (host.bin / "sluicectl").symlink_to(SLUICECTL)
    refused(host, "--yes", "--workers", "2", names=["sluice.yaml", "--reconfigure"])
    round_trip(host)
    expect(host.read(CONFIG) == good + "\n", host.read(CONFIG))
    expect("isolcpus=managed_irq,domain,5\"" in host.read(GRUB), host.read(GRUB))
    round_trip_reconfigured(host, good)


def round_trip_reconfigured(host, good):
    """--reconfigure replaces the operator's file, and --undo brings it back."""
    code, output = host.run("--yes", "--reconfigure", "--workers", "2-3")
    expect(code == 0 and host.config()["workers"] == [2, 3], output)
    code, output = host.run("--undo", "--yes")
    expect(code == 0 and host.read(CONFIG) == good + "\n", output)


def withdrawn(work):
    """What a changed configuration does not ask for is undone by the next run."""
    host = Host(work, "withdrawn")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    wanted = ('control: {core: 1}\nworkers: [0, 2]\n'
              'ports: [{name: a, devargs: "0000:02:00.0"}]\n')
    host.put(CONFIG, wanted)
    pages = "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"
    governor = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor"
    host.write_answers()
    before = host.tree()
    code, output = host.run("--yes")
    expect(code == 0 and host.read(pages) != "0\n", output)
    expect("isolcpus=managed_irq,domain,0,2\"" in host.read(GRUB) and
           "nohz_full=2\"" in host.read(GRUB), host.read(GRUB))  # CPU 0 keeps the time
    changed = wanted.replace("0, 2", "3").replace("0000:02:00.0", "net_null0")
    host.put(CONFIG, changed + "hugepages: false")
    host.put("proc/4711/comm", "sluiced")
    refused(host, "--yes", names=["4711", "stop"])
    shutil.rmtree(host.top / "proc/4711")
    applied = host.tree()
    code, output = host.run("--dry-run")
    expect(code == 0 and "No longer wanted by the configuration" in output, output)
    expect(not differs(applied, host.tree()), "a dry run has changed something")
    code, output = host.run("--yes")
    expect(code == 0 and "enp2s0: given back" in output, output)
    expect(os.readlink(host.top / "sys/devices/0000:02:00.0/driver").endswith("/e1000e"), output)
    for name in ("etc/udev/rules.d/50-sluice.rules", "etc/modules-load.d/sluice-setup.conf"):
        expect(not (host.top / name).exists(), f"{name} is left")
    expect(host.read(pages) == "0\n", "hugepages are left")
    expect(host.read(governor.format(2)) == "schedutil\n", "the governor is left")
    expect(host.read(governor.format(3)) == "performance\n", output)
    expect("iommu" not in host.read(GRUB) and "nohz_full=3" in host.read(GRUB), host.read(GRUB))
    code, output = host.run("--yes")
    expect(code == 0 and "\nnothing to do\n" in output, output)
    host.put(CONFIG, wanted)
    code, output = host.run("--undo", "--yes")
    expect(code == 0 and not differs(before, host.tree()),
           f"{output} {differs(before, host.tree())}")


def short_path(work):
    """That of su without - has no sbin, where update-grub and modprobe are."""
    driver = work / "short_path.py"
    driver.write_text(
        "import os, runpy, sys\n"
        f"sys.argv = ['{SETUP}', '--undo']\n"  # asks, as it is not told --yes
        "try:\n"
        f"    runpy.run_path('{SETUP}', run_name='__main__')\n"
        "finally:\n"
        "    print(os.environ['PATH'])\n")
    done = subprocess.run(["/usr/bin/python3", driver], check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, timeout=60,
                          env={"PATH": "/usr/local/bin:/usr/bin:/bin"})
    expect(done.stdout.endswith("/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin\n"), done.stdout)


def changed_since(work):
    """A file that somebody has changed is not written again, and not removed."""
    host = Host(work, "changed")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    before = host.tree()
    code, output = host.run("--yes")
    expect(code == 0, output)
    changed = host.read(GRUB) + "# mine\n"
    (host.top / GRUB).write_text(changed)
    governor = "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor"
    host.put(governor, "powersave")
    code, output = host.run("--yes")
    expect(code == 0 and f"/{GRUB}: was changed" in " ".join(output.split()), output)
    expect(host.read(GRUB) == changed, "was written again")
    host.put(governor, "powersave")
    code, output = host.run("--undo", "--yes")
    expect(code == 1 and f"sluice-setup: /{GRUB}: was changed" in output, output)
    left = differs(before, host.tree())
    expect(host.read(GRUB) == changed, "was removed")
    expect(host.read(governor) == "powersave\n", "was written over")
    for name in ("var/lib/sluice-setup", RECORD, GRUB, "etc/default/grub.d", governor,
                 "boot/grub/grub.cfg"):
        left = [other for other in left if other != name]
    expect(not left, f"--undo left {left}")
    (host.top / GRUB).write_text(changed.removesuffix("# mine\n"))
    code, output = host.run("--undo", "--yes")
    expect(code == 0 and not (host.top / GRUB).exists(), output)


def rolls_back(work):
    """Whatever fails, nothing is half applied."""
    host = Host(work, "failing")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    (host.top / CONFIG).write_bytes(SAMPLE.read_bytes())
    refused(host, "--yes", fail="update-grub:1", names=["update-grub: ended with 1",
                                                        "planted failure", "nothing was changed"])
    refused(host, "--yes", fail="modprobe", names=["modprobe vfio-pci"])
    refused(host, "--yes", fail="dpdk-devbind.py", names=["dpdk-devbind.py", "0000:02:00.0"])
    refused(host, "--yes", fail="dpdk-devbind.py:idle", names=["0000:02:00.0", "e1000e",
                                                               "vfio-pci"])
    refused(host, "--yes", fail="update-grub:signal", names=["SIGTERM"])
    refused(host, "--yes", fail="ip", names=["ip -json address"])
    # A directory that cannot be made; sluice.yaml was written before.
    (host.top / "etc/security/limits.d").rmdir()
    (host.top / "etc/security/limits.d").symlink_to("nowhere")
    refused(host, "--yes", names=["etc/security/limits.d: cannot be written",
                                  "nothing was changed"])
    (host.top / "etc/security/limits.d").unlink()
    # A failure of a later run restores the state after the first one.
    code, output = host.run("--yes")
    expect(code == 0, output)
    refused(host, "--yes", "--workers", "3", fail="update-grub:1", names=["update-grub"])
    code, output = host.run("--yes", "--workers", "3")
    expect(code == 0 and "isolcpus=managed_irq,domain,3\"" in host.read(GRUB), output)
    # While sluiced runs, its devices stay where they are.
    host.put("proc/4711/comm", "sluiced")
    refused(host, "--undo", "--yes", names=["4711", "stop"])


def left_behind(work):
    """What a roll-back cannot undo is said, and --undo knows it."""
    host = Host(work, "left")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    host.nic("0000:03:00.0", "8086:10d3", "e1000e", "enp3s0")
    refused(host, "--yes", fail="dpdk-devbind.py:2",
            names=["0000:03:00.0", "nothing was changed", "enp2s0: given back to the kernel"])
    host.write_answers()
    before = host.tree()
    for fail, kind, name in (("dpdk-devbind.py:2-", "bind", "0000:02:00.0"),
                             ("update-grub", "file", f"/{GRUB}")):
        host.calls()
        code, output = host.run("--yes", fail=fail)
        expect(code == 1 and "nothing was changed" not in output and
               f"not undone, sluice-setup --undo tries it again: {name}: " in output, output)
        left = json.loads(host.read(RECORD))["entries"]
        expect([(entry["kind"], entry["name"]) for entry in left] == [(kind, name)], left)
        code, output = host.run("--undo", "--yes")
        expect(code == 0 and not differs(before, host.tree()),
               f"{output} {differs(before, host.tree())}")
    # A later run: what it has written over and could not restore is known as well.
    code, output = host.run("--yes")
    expect(code == 0, output)
    after = host.tree()
    host.calls()
    code, output = host.run("--yes", "--workers", "3", fail="update-grub")
    expect(code == 1 and "not undone" in output, output)
    expect(not differs(after, host.tree()), differs(after, host.tree()))
    code, output = host.run("--undo", "--yes")
    expect(code == 0 and not differs(before, host.tree()), output)


def undo_interrupted(work):
    """A signal ends --undo; what is left is in the record, and a second one restores it."""
    host = Host(work, "undo")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    host.write_answers()
    before = host.tree()
    code, output = host.run("--yes")
    expect(code == 0, output)
    host.calls()
    code, output = host.run("--undo", "--yes", fail="update-grub:signal")
    expect(code == 1 and "interrupted by SIGTERM" in output, output)
    expect(os.readlink(host.top / "sys/devices/0000:02:00.0/driver").endswith("/e1000e"), output)
    expect((host.top / "etc/udev/rules.d/50-sluice.rules").exists(), "it went on")
    left = {entry["name"] for entry in json.loads(host.read(RECORD))["entries"]}
    expect(f"/{GRUB}" in left and "0000:02:00.0" not in left, left)
    # Without update-grub the kernel's parameters are not gone.
    (host.bin / "update-grub").unlink()
    code, output = host.run("--undo", "--yes")
    expect(code == 1 and "update-grub: found no such program" in output, output)
    expect("parameters are gone" not in output, output)
    (host.bin / "update-grub").symlink_to(FAKE)
    code, output = host.run("--undo", "--yes")
    expect(code == 0 and "parameters are gone after a reboot" in output, output)
    expect(not differs(before, host.tree()), differs(before, host.tree()))


def other_boot(work):
    """Interrupts have other numbers after a reboot: those of another boot are not touched."""
    host = Host(work, "boot")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    host.put("proc/sys/kernel/random/boot_id", "first")
    irq = "proc/irq/24/smp_affinity_list"
    code, output = host.run("--yes")
    expect(code == 0 and host.read(irq) == "0,2-3\n", output)
    host.put(irq, "0-3")  # somebody has moved it back
    code, output = host.run("--yes")
    expect(code == 0 and host.read(irq) == "0,2-3\n", output)
    # That of a device that is bound to another driver is gone.
    (host.top / "proc/irq/24").rename(host.top / "gone")
    code, output = host.run("--yes")
    expect(code == 0 and "\nnothing to do\n" in output, output)
    (host.top / "gone").rename(host.top / "proc/irq/24")
    host.put("proc/sys/kernel/random/boot_id", "second")
    code, output = host.run("--undo", "--yes")
    expect(code == 0 and irq not in output and host.read(irq) == "0,2-3\n", output)
    expect(not (host.top / RECORD).exists(), "a record is left")


def attributes(work):
    """A file keeps its owner, group and mode, and a link stays one."""
    host = Host(work, "attributes")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    host.put("srv/sluice.yaml", "# mine")
    os.chmod(host.top / "srv/sluice.yaml", 0o640)
    os.chown(host.top / "srv/sluice.yaml", 1, 4)
    (host.top / CONFIG).symlink_to("../../srv/sluice.yaml")

    def kept(what):
        status = (host.top / "srv/sluice.yaml").stat()
        expect((host.top / CONFIG).is_symlink() and
               (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o640, 1, 4),
               f"{what}: {status}")

    code, output = host.run("--yes", "--reconfigure")
    expect(code == 0 and "ports" in host.config(), output)
    kept("applied")
    code, output = host.run("--undo", "--yes")
    expect(code == 0 and host.read("srv/sluice.yaml") == "# mine\n", output)
    kept("undone")


def driverctl_override(work):
    """What driverctl was told before comes back, and what it was told since stays."""
    host = Host(work, "override", driverctl=True)
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    override = "etc/driverctl.d/pci-0000:02:00.0"
    host.put(override, "e1000e")
    round_trip(host)
    expect(host.read(override) == "vfio-pci\n", host.read(override))
    host.put(override, "igb")
    code, output = host.run("--undo", "--yes")
    expect(code == 1 and "0000:02:00.0: driverctl binds it to igb" in output, output)
    expect(host.read(override) == "igb\n", "was written over")


def run_with_values(host, text):
    """sluice-setup --yes with a kernel that takes values of sysfs and procfs otherwise: `text`, an
    expression of their `name` and `text`."""
    driver = host.top.parent / "values.py"
    driver.write_text(
        "import runpy, sys\n"
        f"sys.path.insert(0, '{SETUP.parent}')\n"
        "import root\n"
        "write = root.Root.value_write\n"
        f"root.Root.value_write = lambda self, name, text: write(self, name, {text})\n"
        f"sys.argv[0] = '{SETUP}'\n"
        f"runpy.run_path('{SETUP}', run_name='__main__')\n")
    host.write_answers()
    return subprocess.run(
        ["/usr/bin/python3", driver, "--root", host.top, "--profiles",
         host.top.parent / "profiles", "--yes"],
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
        env={"PATH": str(host.bin), "SETUP_ROOT": str(host.top)})


def managed_interrupts(work):
    """Those of a disk's queues are not let go by the kernel: tried once, also after a reboot, where
    they have other numbers."""
    host = Host(work, "managed")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    host.put("proc/sys/kernel/random/boot_id", "first")
    irq, actions = "proc/irq/{}/smp_affinity_list", "sys/kernel/irq/{}/actions"
    host.put(irq.format(26), "1")
    host.put(actions.format(26), "nvme0q1")
    done = run_with_values(host, "'1' if '/irq/26/' in name else text")
    expect(done.returncode == 0 and host.read(irq.format(26)) == "1\n", done.stdout)
    code, output = host.run("--yes")
    expect(code == 0 and "\nnothing to do\n" in output, output)
    host.put("proc/sys/kernel/random/boot_id", "second")
    host.put(irq.format(31), "1")
    host.put(actions.format(31), "nvme0q1")
    host.put(irq.format(26), "0,2-3")  # what was asked of another interrupt of that number
    host.put(actions.format(26), "eno1")
    code, output = host.run("--yes")
    expect(code == 0 and "\nnothing to do\n" in output, output)
    host.put(irq.format(26), "0-1")
    code, output = host.run("--yes")
    expect(code == 0 and host.read(irq.format(26)) == "0\n", output)
    code, output = host.run("--undo", "--yes")
    expect(code == 0 and host.read(irq.format(26)) == "0-1\n", output)
    expect(host.read(irq.format(31)) == "1\n", "written")
    expect("/irq/26/" in output and output.count("/irq/") == 1, output)


def remapping(work):
    """vfio refuses devices behind an IOMMU that does not remap interrupts, unless it is told."""
    host = Host(work, "remapping")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    option = "options vfio_iommu_type1 allow_unsafe_interrupts=1\n"
    file, parameter = "etc/modprobe.d/sluice-setup.conf", "allow_unsafe_interrupts"
    host.put("proc/interrupts", " 0:  7  IR-IO-APIC  2-edge  timer")
    output = round_trip(host)
    expect(parameter not in output and not (host.top / file).exists(), output)
    expect(host.run("--undo", "--yes")[0] == 0, "not undone")
    host.put("proc/interrupts", " 0:  7  IO-APIC  2-edge  timer\n 24:  0  DMAR-MSI  0-edge  dmar0")
    round_trip(host)
    expect(host.read(file).endswith(option), host.read(file))
    # The module is loaded later, or was before.
    host.put(f"sys/module/vfio_iommu_type1/parameters/{parameter}", "Y")
    code, output = host.run("--yes")
    expect(code == 0 and "\nnothing to do\n" in output, output)
    expect(host.run("--undo", "--yes")[0] == 0, "not undone")
    host.put(f"sys/module/vfio_iommu_type1/parameters/{parameter}", "N")
    round_trip(host)
    # Remapping was enabled since.
    host.put("proc/interrupts", " 0:  7  IR-IO-APIC  2-edge  timer")
    code, output = host.run("--yes")
    expect(code == 0 and not (host.top / file).exists(), output)
    expect(host.read(f"sys/module/vfio_iommu_type1/parameters/{parameter}") == "N\n", output)


def fragmented(work):
    """The kernel gives fewer hugepages than were asked for."""
    host = Host(work, "fragmented")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    host.write_answers()
    before = host.tree()
    done = run_with_values(host, "min(int(text), 100) if name.endswith('nr_hugepages') else text")
    expect(done.returncode == 1 and "found 100 hugepages after asking for 256" in done.stdout,
           done.stdout)
    expect(not differs(before, host.tree()), differs(before, host.tree()))


def others_parameters(work):
    """Parameters that another file of the boot loader sets are left to it."""
    host = Host(work, "grub")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    host.put("etc/default/grub", '# isolcpus=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet nohz_full=1"')
    host.run("--dry-run")
    host.put("boot/grub/grub.cfg", host.read("etc/default/grub").strip())
    output = round_trip(host)
    expect("/etc/default/grub: sets nohz_full" in " ".join(output.split()), output)
    expect("nohz_full" not in host.read(GRUB) and "isolcpus" in host.read(GRUB), host.read(GRUB))


def asks(work):
    """At a terminal it asks; elsewhere it wants --yes."""
    host = Host(work, "asked")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    refused(host, names=["--yes"])
    before = host.tree()
    code, output = host.run(terminal=("Apply? [y/N]", "n"))
    expect(code == 0 and "nothing was changed" in output, output)
    expect(not differs(before, host.tree()), "changed after a no")
    wide = [line for line in output.splitlines() if len(line) > 80]
    expect(all(re.match(r"    (w! )?/", line) for line in wide), wide)  # paths
    code, output = host.run(terminal=("Apply? [y/N]", "y"))
    expect(code == 0 and (host.top / CONFIG).exists(), output)
    code, output = host.run("--undo", terminal=("Undo these changes? [y/N]", "y"))
    expect(code == 0 and not differs(before, host.tree()), output)


def bad_profiles(work):
    """A profile that cannot be used is named."""
    host = Host(work, "profiles-bad")
    host.nic("0000:02:00.0", "8086:10d3", "e1000e", "enp2s0")
    folder = work / "bad"
    folder.mkdir()
    refused(host, "--profiles", folder, names=[str(folder), "no driver profiles"])
    first = folder / "a.yaml"
    first.write_text("match: [")
    refused(host, "--profiles", folder, names=["a.yaml", "YAML"])
    first.write_text("driver: x")
    refused(host, "--profiles", folder, names=["a.yaml", "'match'"])
    first.write_text("binding: uio\nmatch: {pci: ['8086:10d3']}\n")
    refused(host, "--profiles", folder, names=["a.yaml", "/binding", "uio"])
    first.write_text(yaml.dump({**PROFILES["e1000"], "settings": {"rx_queues_max": "all"}}))
    refused(host, "--profiles", folder, names=["a.yaml", "/settings/rx_queues_max", "all"])
    first.write_text(yaml.dump(PROFILES["e1000"]))
    (folder / "b.yaml").write_text(yaml.dump(PROFILES["e1000"]))
    refused(host, "--profiles", folder, names=["b.yaml", "a.yaml", "8086:10d3"])


CASES = (one_nic_vm, two_port_server, two_node_server, node_without_ports, mlx5, fewer_tx_queues,
         no_profile, processors, used_by_the_kernel, tunnels, used_by_others, iommu_group,
         iommu_later, too_little_memory, operators_file, withdrawn, short_path, changed_since,
         rolls_back, left_behind, undo_interrupted, other_boot, attributes, driverctl_override,
         managed_interrupts, remapping, fragmented, others_parameters, asks, bad_profiles)


def main():
    work = pathlib.Path(sys.argv[1])
    (work / "profiles").mkdir()
    for name, profile in PROFILES.items():
        (work / f"profiles/{name}.yaml").write_text(yaml.dump(profile))
    failed = 0
    for case in CASES:
        if len(sys.argv) > 5 and case.__name__ not in sys.argv[5:]:
            continue
        try:
            case(work)
            print(f"ok {case.__name__}")
        except (AssertionError, subprocess.SubprocessError, OSError, KeyError) as error:
            failed += 1
            where = traceback.extract_tb(error.__traceback__)
            print(f"FAIL: {case.__name__}, line {[f.lineno for f in where]}: {error}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    SLUICED, SLUICECTL, STEER = (str(pathlib.Path(path).resolve()) for path in sys.argv[2:5])
    main()
