# SPDX-License-Identifier: BSD-3-Clause
"""What the host has: NICs and what they are used for, CPUs, NUMA nodes, memory, IOMMU."""

import ipaddress
import json
import os
import re

from root import SetupError, cpu_list

CPU = "/sys/devices/system/cpu"
NODE = "/sys/devices/system/node"
PCI = "/sys/bus/pci/devices"
NET = "/sys/class/net"
PCI_ADDRESS = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
CLASSES_NETWORK = ("0x0200", "0x0207")  # Ethernet, InfiniBand
CLASS_BRIDGE = "0x06"
TYPE_PPP = "512"  # ARPHRD_PPP
LOOPBACK = "lo"
TCP_ESTABLISHED, INODE = "01", 9  # a state, and a column, of /proc/net/tcp
IOMMU_TABLES = ("DMAR", "IVRS", "IORT")  # of ACPI: Intel, AMD, Arm
IOMMU_TABLE_VIRTIO = "VIOT"  # for which Debian's kernel of amd64 has no driver
SSH_PORT = 22
SSHD = "/etc/ssh/sshd_config"
SSHD_PORT = re.compile(r"""^\s*(?:Port[\s="]+|ListenAddress[\s="]+(?:\[[^]\s]*\]|[^\s:"\[]+):)"""
                       r"""(\d+)\b""", re.I | re.M)
LINK_UP = ("up", "unknown")  # some drivers do not say


class Nic:
    """A network device of the bus, with or without an interface of the kernel."""

    def __init__(self, name):
        self.pci = None  # 0000:03:00.0; None: not on a PCI bus
        self.name = name  # interface, also one that went away, or PCI address if it has none
        self.iface = None
        self.pci_id = ""  # vendor:device
        self.driver = None  # of the kernel
        self.node = 0
        self.queues = 0  # for receiving, of the kernel's driver; 0: not known
        self.profile = None
        self.group_drivers = {}  # other devices of the IOMMU group that hold another driver
        self.vital = []  # why it must not be taken unless that is said twice
        self.used = []  # why it must not be taken unless that is said

    @property
    def wants_vfio(self):
        """Whether DPDK's driver needs the device bound to vfio-pci."""
        return self.profile is not None and self.profile.binding == "vfio-pci"


class Node:
    """A NUMA node."""

    def __init__(self, number, cpus, total_kb, free_kb, pages_directory):
        self.number = number
        self.cpus = cpus
        self.total_mb = total_kb // 1024
        self.free_mb = free_kb // 1024
        self.pages_directory = pages_directory  # of hugepages, by size


class Host:
    """All that a proposal depends on. Reads only."""

    def __init__(self, root, profiles, environment, bound):
        self.root = root
        self.bound = bound  # (interface, queues) that went away when the PCI device was bound
        self.cpus_online = cpu_list(root.text(f"{CPU}/online"))
        self.cpus_present = cpu_list(root.text(f"{CPU}/present"))
        if not self.cpus_online:
            raise SetupError(f"{CPU}/online: found no list of CPUs, expected sysfs")
        self.siblings = {cpu: self.siblings_of(cpu) for cpu in self.cpus_online}
        self.nodes = {node.number: node for node in self.nodes_read()}
        cpuinfo = root.text("/proc/cpuinfo", "")
        self.has_1g_pages = re.search(r"^flags\s*:.*\bpdpe1gb\b", cpuinfo, re.M) is not None
        self.is_intel = "GenuineIntel" in cpuinfo
        self.cmdline = (root.text("/proc/cmdline") or "").split()
        self.iommu_active = bool(root.names("/sys/kernel/iommu_groups"))
        tables = [*IOMMU_TABLES, *([] if "vendor_id" in cpuinfo else [IOMMU_TABLE_VIRTIO])]
        self.iommu_possible = self.iommu_active or any(
            root.exists(f"/sys/firmware/acpi/tables/{table}") for table in tables)
        # Of an IOMMU that remaps interrupts, x86 names the controllers IR-IO-APIC, IR-PCI-MSI ...
        interrupts = root.text("/proc/interrupts", "")
        self.has_unsafe_interrupts = ("vendor_id" in cpuinfo and interrupts != ""
                                      and " IR-" not in interrupts)
        self.nics = self.nics_read(profiles)
        self.has_default_route = False
        self.interface_uses_note(environment)
        for nic in self.nics:
            nic.used += self.device_uses(nic)

    def siblings_of(self, cpu):
        """CPUs of the same core, itself included."""
        listed = self.root.text(f"{CPU}/cpu{cpu}/topology/thread_siblings_list")
        return [c for c in cpu_list(listed) if c in self.cpus_online] or [cpu]

    def node_of(self, cpu):
        """NUMA node of a CPU."""
        for node in self.nodes.values():
            if cpu in node.cpus:
                return node.number
        return 0

    def nodes_read(self):
        """The NUMA nodes with memory; a kernel without NUMA has one."""
        root, found = self.root, False
        for name in root.names(NODE):
            match = re.fullmatch(r"node(\d+)", name)
            meminfo = root.text(f"{NODE}/{name}/meminfo", "")
            if match and kb_of(meminfo, "MemTotal"):
                found = True
                cpus = [c for c in cpu_list(root.text(f"{NODE}/{name}/cpulist"))
                        if c in self.cpus_online]
                yield Node(int(match[1]), cpus, kb_of(meminfo, "MemTotal"),
                           kb_of(meminfo, "MemFree") + kb_of(meminfo, "FilePages"),
                           f"{NODE}/{name}/hugepages")
        if not found:
            meminfo = root.text("/proc/meminfo", "")
            yield Node(0, self.cpus_online, kb_of(meminfo, "MemTotal"),
                       kb_of(meminfo, "MemAvailable"), "/sys/kernel/mm/hugepages")

    def nics_read(self, profiles):
        """PCI devices of class network, and interfaces of other buses."""
        by_pci, nics = {}, []
        for address in self.root.names(PCI):
            device = f"{PCI}/{address}"
            if not self.root.text(f"{device}/class", "").startswith(CLASSES_NETWORK):
                continue
            nic = Nic(address)
            nic.pci = address
            if self.bound.get(address, [None])[0]:
                nic.name, nic.queues = self.bound[address]
            nic.pci_id = ":".join(
                self.root.text(f"{device}/{part}", "")[2:] for part in ("vendor", "device"))
            nic.driver = self.root.link(f"{device}/driver")
            nic.node = self.node_number(device)
            nic.profile = profiles.get(nic.pci_id.lower())
            nic.group_drivers = self.group_drivers(address)
            by_pci[address] = nic
            nics.append(nic)
        for iface in self.root.names(NET):
            directory = f"{NET}/{iface}/device"
            if not self.root.exists(directory):
                continue  # made by software
            where = os.path.realpath(self.root.path(directory))
            nic = by_pci.get((PCI_ADDRESS.findall(where) or [None])[-1])
            if nic is None:
                nic = Nic(iface)
                nic.driver = self.root.link(f"{directory}/driver")
                nic.node = self.node_number(directory)
                nics.append(nic)
            if nic.iface is None:
                nic.iface = nic.name = iface
                nic.queues = max(1, sum(
                    name.startswith("rx-")
                    for name in self.root.names(f"{NET}/{iface}/queues")))
        return nics

    def node_number(self, device):
        """NUMA node of a device; on a host with one node devices say -1."""
        return max(0, int(self.root.text(f"{device}/numa_node", "0")))

    def group_drivers(self, address):
        """Other devices of the IOMMU group, which vfio gives away only as a whole."""
        group, drivers = f"{PCI}/{address}/iommu_group/devices", {}
        for other in self.root.names(group):
            device = f"{PCI}/{other}"
            driver = self.root.link(f"{device}/driver")
            bridge = self.root.text(f"{device}/class", "").startswith(CLASS_BRIDGE)
            if other != address and driver not in (None, "vfio-pci") and not bridge:
                drivers[other] = driver
        return drivers

    def interface_uses_note(self, environment):
        """Say of each NIC what the kernel uses its interface for."""
        by_iface = {nic.iface: nic for nic in self.nics if nic.iface}
        addresses = interface_addresses(self.root)
        session, routes = session_addresses(self.root, environment), default_routes(self.root)
        self.has_default_route = bool(routes)
        # An interface that is no longer there, or one of another namespace, has no directory.
        for iface in [*self.root.names(NET), *sorted(routes - {*self.root.names(NET)})]:
            below = self.interfaces_below(iface)
            mine = [address for address in addresses.get(iface, []) if not address.is_loopback]
            vital, used = [], []
            if iface in routes:
                vital.append("carries the default route")
            if any(address in session for address in mine):
                vital.append("carries an ssh session")
            shown = [str(address) for address in mine if not address.is_link_local]
            if shown:
                used.append(f"has the address {shown[0]}")
            for name in below:
                nic = by_iface.get(name)
                through = "" if name == iface else f" (by {iface})"
                if nic:
                    nic.vital += [why + through for why in vital]
                    nic.used += [why + through for why in used]
                    if through and not used + vital:
                        nic.used.append(f"is part of {iface}")
            if vital and not any(name in by_iface for name in below):
                self.tunnel_note(iface, vital)

    def tunnel_note(self, iface, vital):
        """Traffic of an interface without NIC, as a tunnel, leaves by one that is up."""
        for nic in self.nics:
            if nic.iface and self.root.text(f"{NET}/{nic.iface}/operstate") in LINK_UP:
                nic.vital += [f"may be what {iface} needs, which {why}" for why in vital]

    def device_uses(self, nic):
        """What a device is used for besides its interface."""
        if nic.pci is None:
            yield "is not on PCI"
            return
        functions = self.root.text(f"{PCI}/{nic.pci}/sriov_numvfs", "0")
        if functions != "0":
            yield f"has {functions} virtual functions"
        if nic.iface is None and nic.driver is not None and nic.pci not in self.bound:
            yield f"is bound to {nic.driver}, without an interface"

    def interfaces_below(self, iface, seen=()):
        """The interface, and those that a bond, bridge, VLAN or PPPoE session is made of."""
        if iface in seen:
            return []
        found = [iface]
        below = [name.removeprefix("lower_") for name in self.root.names(f"{NET}/{iface}")
                 if name.startswith("lower_")]
        if self.root.text(f"{NET}/{iface}/type") == TYPE_PPP:
            # Which session is which interface's, the kernel does not say.
            below += [line.split()[-1]
                      for line in self.root.text("/proc/net/pppoe", "").splitlines()[1:]]
        for name in below:
            found += self.interfaces_below(name, (*seen, iface))
        return found

    def nic_find(self, name):
        """The NIC of that interface or PCI address; None if there is none."""
        wanted = name.lower()
        if re.fullmatch(r"[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", wanted):
            wanted = f"0000:{wanted}"
        for nic in self.nics:
            if wanted == nic.pci or name == nic.name:
                return nic
        return None


def kb_of(meminfo, name):
    """A figure of meminfo, of a node or of the host."""
    match = re.search(rf"\b{name}:\s+(\d+) kB", meminfo)
    return int(match[1]) if match else 0


def sluiced_process(root):
    """Its process id; None if it does not run."""
    for name in root.names("/proc"):
        if name.isdigit() and root.text(f"/proc/{name}/comm") == "sluiced":
            return int(name)
    return None


def ip_json(root, *words):
    """What iproute2 lists."""
    try:
        return json.loads(root.run("ip", "-json", *words) or "[]")
    except ValueError:
        raise SetupError(f"ip -json {' '.join(words)}: found no JSON, expected iproute2 of "
                         "Debian 12") from None


def default_routes(root):
    """Interfaces with a default route, of any table and next hop."""
    found = set()
    for family in ("-4", "-6"):
        for route in ip_json(root, family, "route", "show", "table", "all", "default"):
            found |= {hop["dev"] for hop in [route, *route.get("nexthops", [])] if "dev" in hop}
    return found - {LOOPBACK}  # of routes that say unreachable


def interface_addresses(root):
    """Addresses by interface."""
    return {
        entry["ifname"]: [ipaddress.ip_address(item["local"])
                          for item in entry.get("addr_info", []) if "local" in item]
        for entry in ip_json(root, "address", "show") if "ifname" in entry}


def address_of_hex(text):
    """An address as /proc/net/tcp writes it: words of 32 bits in the order of the host."""
    raw = b"".join(bytes.fromhex(text[i:i + 8])[::-1] for i in range(0, len(text), 8))
    address = ipaddress.ip_address(raw)
    return getattr(address, "ipv4_mapped", None) or address


def session_addresses(root, environment):
    """Local addresses of ssh sessions: the operator's own, and all that are established."""
    found, ports, mine = set(), {SSH_PORT}, sshd_sockets(root)
    for name in ["", *(f".d/{file}" for file in root.names(f"{SSHD}.d"))]:
        ports.update(map(int, SSHD_PORT.findall(root.text(SSHD + name, ""))))
    own = environment.get("SSH_CONNECTION", "").split()
    if len(own) == 4:
        found.add(ipaddress.ip_address(own[2].split("%")[0]))
        ports.add(int(own[3]))
    rows = [line.split() for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for line in root.text(table, "").splitlines()[1:]]
    ports |= {port_of_row(row) for row in rows if len(row) > INODE and row[INODE] in mine}
    for row in rows:
        if row[3] == TCP_ESTABLISHED and port_of_row(row) in ports:
            found.add(address_of_hex(row[1].partition(":")[0]))
    return found


def port_of_row(row):
    """Local port of a row of /proc/net/tcp."""
    return int(row[1].partition(":")[2], 16)


def sshd_sockets(root):
    """Inodes of the sockets of sshd, which sudo's environment and its configuration need not
    tell; as another user than root, none."""
    links = [root.link(f"/proc/{pid}/fd/{number}") or "" for pid in root.names("/proc")
             if root.text(f"/proc/{pid}/comm", "").startswith("sshd")
             for number in root.names(f"/proc/{pid}/fd")]
    return {link.removeprefix("socket:[").rstrip("]") for link in links
            if link.startswith("socket:[")}
