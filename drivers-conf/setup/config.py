# SPDX-License-Identifier: BSD-3-Clause
"""sluice.yaml: what is proposed for a host, or what its operator has written, and its checks."""

import re
import typing

import yaml

from host import CPU, PCI_ADDRESS
from root import SetupError, comment, cpu_text

CONFIG = "/etc/sluice/sluice.yaml"
STATE = "/var/lib/sluice/state.db"
FLOWS = "/etc/sluice/flows.d"
WORKERS_A_PORT = 2
WORKERS_MAX = 32
PORTS_MAX = 32
QUEUES_MAX = 32

MEMORY_MB_MIN = 1024  # without hugepages
MEMORY_MB_WITHOUT_PORTS = 64  # on a node of workers or control only: rings, what the EAL shares


class Port(typing.NamedTuple):
    """A port of sluiced."""

    name: str
    devargs: str
    nic: object  # None: a virtual device
    binding: str  # vfio, kernel, af_xdp, or "" for a virtual device
    queues: int  # receive queues of a proposed one, 0: as many as workers


class Config(typing.NamedTuple):
    """The parts of sluice.yaml that the host is tuned for."""

    control: int
    workers: list
    ports: list
    hugepages: bool
    own: bool  # proposed here, and not read from a file
    memory: dict = {}  # MiB that sluiced needs, by NUMA node; {}: not yet known

    def where(self, member):
        """Name of a member in an error."""
        return f"{CONFIG}: {member}" if not self.own else "--" + member.split("/")[1]


def binding_of(host, nic):
    """How sluiced can drive a NIC: vfio, kernel, af_xdp; None if it cannot."""
    if nic.wants_vfio and host.iommu_possible:
        return "vfio"
    if nic.profile is not None and nic.profile.binding == "kernel":
        return "kernel"
    return "af_xdp" if nic.iface else None


def names_listed(host):
    """The NICs of a host, to choose from."""
    return ", ".join(nic.name if nic.name == nic.pci else f"{nic.name} ({nic.pci})"
                     if nic.pci else nic.name for nic in host.nics) or "none"


def nics_choose(host, take):
    """Those that the operator named, or all that the kernel does not use."""
    if take:
        chosen = []
        for name in take:
            nic = host.nic_find(name)
            if nic is None:
                raise SetupError(f"--take {name}: found no such NIC, expected an interface or a "
                                 f"PCI address of this host: {names_listed(host)}")
            if nic in chosen:
                raise SetupError(f"--take {name}: found {nic.name} twice, expected it once")
            if binding_of(host, nic) is None:
                raise SetupError(f"--take {name}: found no way to drive {nic.pci_id}: there is no "
                                 "profile for it or no IOMMU, and no interface for AF_XDP")
            chosen.append(nic)
        return chosen
    chosen = [nic for nic in host.nics
              if not nic.vital and not nic.used and binding_of(host, nic)]
    if not chosen:
        why = [f"{nic.name} {(nic.vital + nic.used or ['has no driver'])[0]}" for nic in host.nics]
        raise SetupError(f"found no NIC that is free ({'; '.join(why) or 'there is none'}), "
                         "expected one that the kernel does not use (add one, or name it with "
                         "--take)")
    return chosen[:PORTS_MAX]


def port_of(host, nic, number):
    """A port for a NIC."""
    binding = binding_of(host, nic)
    if binding != "af_xdp":
        return Port(f"p{number}", nic.pci, nic, binding, 0)
    queues = min(nic.queues, QUEUES_MAX)
    devargs = f"net_af_xdp{number},iface={nic.iface}"
    if queues > 1:
        devargs += f",queue_count={queues}"
    return Port(f"p{number}", devargs, nic, binding, queues)


def cores_by_node(host, control):
    """One CPU of each core, by NUMA node, without those of CPU 0 and of the control thread."""
    reserved = {*host.siblings.get(0, [0]), *host.siblings.get(control, [control])}
    cores = {node: [] for node in host.nodes}
    for cpu in host.cpus_online:
        if cpu not in reserved and cpu == host.siblings[cpu][0]:
            cores[host.node_of(cpu)].append(cpu)
    return cores


def workers_choose(host, ports, control):
    """CPUs of workers: two a port on its NUMA node, as far as cores and queues go."""
    cores, limit = cores_by_node(host, control), WORKERS_MAX
    for port in ports:
        # Each worker needs a transmit queue of each port. Drivers have as many as for receiving.
        known = [port.queues if port.binding == "af_xdp" else port.nic.profile.queues_max,
                 port.nic.queues]
        limit = min([limit, *(queues for queues in known if queues)])
    wanted = {}
    for port in ports:
        wanted[port.nic.node] = wanted.get(port.nic.node, 0) + WORKERS_A_PORT
    chosen = []
    for node, count in wanted.items():
        there = cores.get(node, [])
        # The kernel keeps a core of the node, if there are more than two.
        chosen.append(there[:min(count, len(there) - (len(there) > 2))])
    # One of each node in turn, so that a limit does not leave a node without workers.
    longest = max(map(len, chosen))
    workers = [cpus[i] for i in range(longest) for cpus in chosen if i < len(cpus)][:limit]
    if not workers:
        workers = [cpu for cpus in cores.values() for cpu in cpus][:1]
    if not workers:
        raise SetupError(f"{CPU}/online: found the CPUs {cpu_text(host.cpus_online)}, expected a "
                         "core for the workers besides that of CPU 0 (--workers names others)")
    return sorted(workers)


def config_propose(host, args):
    """A configuration for the host, with what the operator asked for."""
    nics = nics_choose(host, args.take)
    ports = [port_of(host, nic, number) for number, nic in enumerate(nics)]
    control = args.control if args.control is not None else host.cpus_online[0]
    workers = args.workers or workers_choose(host, ports, control)
    return Config(control, workers, ports, not args.no_hugepages, True)


def yaml_number(document, path, name, default=0):
    """A number of the file; sluiced checks its range."""
    value = document.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise SetupError(f"{CONFIG}: {path}{name}: found {value}, expected a number (sluiced "
                         "--check names the line)")
    return value


def config_read(host, text):
    """The operator's file; sluiced checks more of it than is read here."""
    try:
        document = yaml.safe_load(text)
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise SetupError(f"{CONFIG}: found {' '.join(str(error).split())}, expected YAML"
                         ) from None
    document = document if isinstance(document, dict) else {}
    for member in ("workers", "ports"):
        if not isinstance(document.get(member), list) or not document[member]:
            raise SetupError(f"{CONFIG}: /{member}: found none, expected a list (or run "
                             "sluice-setup --reconfigure)")
    ports = []
    for i, entry in enumerate(document["ports"]):
        if not isinstance(entry, dict) or not isinstance(entry.get("devargs"), str):
            raise SetupError(f"{CONFIG}: /ports/{i}: found no devargs, expected a port")
        ports.append(port_read(host, entry, i))
    for i, cpu in enumerate(document["workers"]):
        if not isinstance(cpu, int):
            raise SetupError(f"{CONFIG}: /workers/{i}: found {cpu}, expected a CPU")
    return Config(
        yaml_number(document.get("control") or {}, "/control/", "core"), document["workers"],
        ports, document.get("hugepages", True) is not False, False)


def port_read(host, entry, number):
    """A port of the operator's file."""
    device, _, arguments = entry["devargs"].partition(",")
    nic, binding = None, ""
    iface = re.search(r"\biface=([^,]+)", arguments)
    if PCI_ADDRESS.fullmatch(device.lower()) or re.fullmatch(r"[0-9a-f:.]{7}", device.lower()):
        nic = host.nic_find(device)
        if nic is None:
            raise SetupError(f"{CONFIG}: /ports/{number}/devargs: found {device}, expected the "
                             f"PCI address of a NIC of this host: {names_listed(host)}")
        binding = "vfio" if nic.wants_vfio or nic.driver == "vfio-pci" else "kernel"
    elif device.startswith("net_af_xdp") and iface:
        nic, binding = host.nic_find(iface[1]), "af_xdp"
    return Port(str(entry.get("name", f"p{number}")), entry["devargs"], nic, binding, 0)


def cpu_check(host, cpu, where):
    """A CPU that is there and online."""
    if cpu not in host.cpus_present:
        raise SetupError(f"{where}: found CPU {cpu}, expected one of this host: "
                         f"{cpu_text(host.cpus_online)}")
    if cpu not in host.cpus_online:
        raise SetupError(f"{where}: found CPU {cpu}, which is offline, expected one of "
                         f"{cpu_text(host.cpus_online)} (or: echo 1 > {CPU}/cpu{cpu}/online)")


def config_check(host, config):
    """What would not work is refused before anything is changed."""
    cpu_check(host, config.control, config.where("/control/core"))
    for i, cpu in enumerate(config.workers):
        where = config.where(f"/workers/{i}")
        cpu_check(host, cpu, where)
        if cpu in config.workers[:i]:
            raise SetupError(f"{where}: found CPU {cpu} twice, expected each CPU once")
        if cpu == config.control:
            raise SetupError(f"{where}: found CPU {cpu}, which is that of the control thread, "
                             "expected another one")
    taken = {port.nic.pci: port for port in config.ports if port.nic and port.binding == "vfio"}
    for port in taken.values():
        for other, driver in port.nic.group_drivers.items():
            if other in taken:
                continue
            raise SetupError(
                f"{port.nic.name}: found {other} ({driver}) in the IOMMU group of {port.nic.pci}, "
                "expected none: vfio gives the group away as a whole (another slot, or --take "
                "without it)")


def protected(config):
    """Ports on NICs that need to be named twice."""
    return [port for port in config.ports if port.nic and port.nic.vital]


def notes_of(host, config):
    """What the operator should know of a configuration that works, one line each."""
    notes = []
    if config.own and not host.has_default_route:
        notes.append("found no default route: if the network is not up yet, the NIC that will have "
                     "it may be among the ports (then run sluice-setup later, or choose with "
                     "--take)")
    nodes = {port.nic.node for port in config.ports if port.nic}
    for cpu in config.workers:
        if host.node_of(cpu) not in nodes and nodes:
            ports = ", ".join(port.nic.name for port in config.ports if port.nic)
            notes.append(f"worker on CPU {cpu}: is on NUMA node {host.node_of(cpu)}, the ports "
                         f"({ports}) are on another one, which is slower to reach")
        twins = [c for c in host.siblings[cpu] if c != cpu and c in config.workers]
        if twins and cpu < twins[0]:
            notes.append(f"workers on CPUs {cpu} and {twins[0]}: are threads of one core, each "
                         "has about half of it")
    for port in config.ports:
        if port.nic is None:
            continue
        if port.binding == "af_xdp" and port.nic.wants_vfio and not host.iommu_possible:
            notes.append(f"{port.nic.name}: is driven by AF_XDP, as there is no IOMMU for "
                         "vfio-pci (enable VT-d or AMD-Vi in the firmware)")
        elif port.binding == "af_xdp" and port.nic.pci and port.nic.profile is None:
            notes.append(f"{port.nic.name}: is driven by AF_XDP, as no profile names "
                         f"{port.nic.pci_id}")
        if port.binding == "af_xdp" and port.nic.queues > QUEUES_MAX:
            notes.append(f"{port.nic.name}: has {port.nic.queues} queues, of which "
                         f"{QUEUES_MAX} are used (ethtool -L {port.nic.iface} combined "
                         f"{QUEUES_MAX})")
    return notes


def port_comment(port):
    """What a port is, for the operator who reads the file."""
    nic = port.nic
    parts = [nic.name, nic.pci_id, f"NUMA node {nic.node}"]
    how = {"vfio": "bound to vfio-pci", "kernel": "keeps its kernel driver",
           "af_xdp": "AF_XDP, shared with the kernel"}[port.binding]
    return ", ".join(part for part in parts if part) + ": " + how


def config_render(host, config):
    """The text of a proposed sluice.yaml."""
    memory_mb = max(sum(config.memory.values()), MEMORY_MB_MIN) if config.memory else 0
    flows = f", flows: {FLOWS}" if host.root.exists(FLOWS) else ""
    lines = [
        *comment("Configuration of sluiced, see sluice.yaml(5). Proposed by sluice-setup(8), which "
                 "keeps an edited file, and tunes the host for it. After a change:"),
        f"#\tsluiced --config {CONFIG} --check",
        "#\tsluice-setup",
        "",
        *comment("CPU of the control thread, which sleeps until it is asked, and shares its CPU."),
        f"control: {{core: {config.control}}}",
        "",
        *comment("A worker on each of these CPUs, which it uses to 100%: one thread of a core, on "
                 "the NUMA node of the ports."),
        f"workers: [{', '.join(map(str, config.workers))}]",
        "",
    ]
    if config.hugepages:
        lines += [*comment("Packet buffers and tables are allocated on demand, in hugepages "
                           "that sluice-setup reserves."),
                  "hugepages: true", "memory_mb: 0", ""]
    else:
        lines += [*comment("Packet buffers and tables are in ordinary pages, which is slower."),
                  "hugepages: false", f"memory_mb: {memory_mb}", ""]
    lines += [*comment("Flows and their history survive a restart."),
              f"state: {{path: {STATE}{flows}}}", "", "ports:"]
    for port in config.ports:
        rx_queues = f", rx_queues: {port.queues}" if port.queues else ""
        lines += [f"  # {port_comment(port)}",
                  f"  - {{name: {port.name}, devargs: \"{port.devargs}\"{rx_queues}}}"]
    return "\n".join(lines) + "\n"
