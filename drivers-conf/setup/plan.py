# SPDX-License-Identifier: BSD-3-Clause
"""The tuning that a configuration wants of its host, as steps."""

import re

from config import CONFIG, MEMORY_MB_WITHOUT_PORTS, config_render
from host import CPU, sluiced_process
from root import SetupError, comment, cpu_list, cpu_text
from steps import Bind, File, Mount, Values, file_kept, interrupt_of, key

GRUB = "/etc/default/grub.d/50-sluice.cfg"
GRUB_OTHERS = "/etc/default/grub"
TMPFILES = "/etc/tmpfiles.d/sluice-setup.conf"
MODULES = "/etc/modules-load.d/sluice-setup.conf"
MODPROBE = "/etc/modprobe.d/sluice-setup.conf"
UNSAFE_INTERRUPTS = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
UDEV = "/etc/udev/rules.d/50-sluice.rules"
LIMITS = "/etc/security/limits.d/50-sluice.conf"
BPFFS = "/sys/fs/bpf"
USER = "sluice"
REBOOT = "after a reboot"
MB_2M, MB_1G = 2, 1024
IDLE_LATENCY_US = 20
FULL_FREQUENCY = "Full frequency on CPUs of workers."
NO_DEEP_IDLE = f"No idle states that take more than {IDLE_LATENCY_US} us to leave."
HEAD = "# Written by sluice-setup(8); 'sluice-setup --undo' removes it."


class Plan:
    """Steps, and what is to be said beside them."""

    def __init__(self, host, config, record, args, sample_digest):
        self.host, self.config, self.record, self.args = host, config, record, args
        self.root = host.root
        self.notes = []
        self.isolated = self.isolated_cpus()
        self.housekeeping = [c for c in host.cpus_online if c not in self.isolated]
        self.has_grub = self.root.exists(GRUB_OTHERS) and self.root.has_command("update-grub")
        self.boot_lines = []  # of tmpfiles.d: values that a reboot resets
        self.parameters = []  # (text, why) of the kernel's command line
        self.values = []
        self.paths = set()  # of values that are wanted, also of those that are as they should be
        self.hugepages_plan()
        self.parameters_plan()
        self.frequency_plan()
        self.idle_plan()
        self.interrupts_plan()
        self.remapping_plan()
        self.steps = [*self.files(sample_digest), *self.values, *self.mounts(), *self.bindings()]
        self.withdrawn = list(self.withdrawn_entries())

    def isolated_cpus(self):
        """CPUs of workers and the other threads of their cores, which stay idle."""
        cpus = {twin for cpu in self.config.workers for twin in self.host.siblings[cpu]}
        return sorted(cpus - {self.config.control})

    def ports(self, *bindings):
        """Ports that are driven so."""
        return [port for port in self.config.ports if port.nic and port.binding in bindings]

    def pending(self):
        """Steps that have something to do."""
        return [step for step in self.steps if step.pending(self.root, self.record)]

    def kept(self):
        """Files that differ from the plan, and are not ours to write."""
        return [why for step in self.steps if (why := step.kept(self.root, self.record))]

    def withdrawn_entries(self):
        """Changes of former runs that this configuration does not ask for."""
        wanted = {(step.kind, step.path) for step in self.steps if step.kind == "file"}
        wanted |= {(step.kind, step.pci) for step in self.steps if step.kind == "bind"}
        wanted |= {("value", path) for path in self.paths}
        wanted.add(("file", CONFIG))  # may be the operator's by now
        if not self.has_grub:
            wanted.add(("file", GRUB))  # whose removal takes update-grub
        for entry in self.record.entries:
            # Others may use what is mounted. The interrupts of a device go with its driver.
            if (key(entry) in wanted or entry["kind"] == "mount" or entry.get("refused") or
                    entry["kind"] == "value" and not self.root.exists(entry["name"])):
                continue
            why = file_kept(self.root, entry) if entry["kind"] == "file" else None
            if why:
                self.notes.append(why)
            else:
                yield entry

    def missing_parameters(self):
        """Parameters that the running kernel was started without."""
        return [word for text, _ in self.parameters for word in text.split()
                if word not in self.host.cmdline]

    def waits_for_reboot(self):
        """Whether a part of the plan, also one of a former run, has effect after a reboot only."""
        return (self.has_grub and bool(self.missing_parameters())
                or any(step.kind == "bind" and step.when == REBOOT for step in self.steps))

    # Hugepages

    def pages(self, node, size_kb, name):
        """A count of hugepages on a node; None without pages of that size."""
        text = self.root.text(f"{node.pages_directory}/hugepages-{size_kb}kB/{name}")
        return None if text is None else int(text)

    def hugepages_plan(self):
        """1G pages from the next boot on where they can be had, and pages of 2M until then."""
        if not self.config.hugepages:
            return
        need, boot, now = self.config.memory, {}, []
        if self.args.hugepages_mb is not None:
            need = {node: mb if mb == MEMORY_MB_WITHOUT_PORTS else self.args.hugepages_mb
                    for node, mb in need.items()}
        for number, need_mb in sorted(need.items()):
            node = self.host.nodes.get(number)
            if node is None:
                node = next(iter(self.host.nodes.values()))
                self.notes.append(f"NUMA node {number}: has ports and no memory; their buffers "
                                  f"are on node {node.number}, which is slower to reach")
            path = f"{node.pages_directory}/hugepages-2048kB/nr_hugepages"
            pages_2m = self.pages(node, MB_2M * 1024, "nr_hugepages")
            pages_1g = self.pages(node, MB_1G * 1024, "nr_hugepages") or 0
            if pages_2m is None:
                raise SetupError(f"{path}: found no hugepages of 2 MiB, expected a kernel that "
                                 "has them (or --no-hugepages)")
            there_mb = pages_2m * MB_2M + pages_1g * MB_1G
            short_mb = need_mb + self.others_mb(node) - there_mb
            wanted = pages_2m + -(-max(short_mb, 0) // MB_2M)
            ours = self.record.find("value", path)
            self.paths.add(path)
            if short_mb > 0:
                self.memory_check(node, short_mb)
                now.append((path, str(wanted)))
            if self.wants_1g(node, need_mb):
                boot[node.number] = -(-need_mb // MB_1G)
            elif short_mb > 0 or ours:
                count = wanted if short_mb > 0 else ours["written"]
                self.boot_lines.append(("Hugepages of 2 MiB on NUMA node "
                                        f"{node.number}: {int(count) * MB_2M} MiB.", path, count))
        if now:
            self.values.append(Values(
                "reserve hugepages of 2 MiB",
                "Packet buffers and tables lie in them: fewer TLB misses per packet, and memory "
                "that a NIC can address.", now))
        self.parameters_1g(boot)

    def others_mb(self, node):
        """Hugepages that other programs hold; unknown while sluiced itself holds some."""
        if sluiced_process(self.root) is not None:
            return 0
        held = {mb: (self.pages(node, mb * 1024, "nr_hugepages") or 0)
                - (self.pages(node, mb * 1024, "free_hugepages") or 0) for mb in (MB_2M, MB_1G)}
        return sum(mb * count for mb, count in held.items())

    @staticmethod
    def memory_check(node, short_mb):
        """Whether the node has what is to be reserved."""
        found_mb = min(node.free_mb, node.total_mb * 3 // 4)
        if short_mb > found_mb:
            raise SetupError(
                f"NUMA node {node.number}: found {found_mb} MiB of memory that can be reserved, "
                f"expected {short_mb} MiB for hugepages (--hugepages-mb asks for less, "
                "--no-hugepages does without)")

    def wants_1g(self, node, need_mb):
        """Whether pages of 1 GiB can be reserved at boot."""
        pages_1g = self.pages(node, MB_1G * 1024, "nr_hugepages")
        if not (self.host.has_1g_pages and self.has_grub) or pages_1g is None:
            return False
        if (self.foreign("hugepages") or need_mb * 4 > node.total_mb
                or need_mb <= MEMORY_MB_WITHOUT_PORTS):
            return False
        return pages_1g * MB_1G < need_mb or self.record.find("file", GRUB) is not None

    def parameters_1g(self, boot):
        """Pages of 1 GiB by node; a host with one node has no need to say which."""
        if not boot:
            return
        counts = ",".join(f"{node}:{count}" for node, count in sorted(boot.items()))
        if len(self.host.nodes) == 1:
            counts = str(next(iter(boot.values())))
        self.parameters.append((
            f"hugepagesz=1G hugepages={counts}",
            "Hugepages of 1 GiB, by NUMA node, reserved before memory is fragmented: one TLB "
            "entry for each. They replace the pages of 2 MiB that are reserved until then."))

    # The kernel's command line

    def foreign(self, name):
        """A file of the boot loader, not ours, that sets a parameter of that name."""
        others = [GRUB_OTHERS] + [
            f"{GRUB_OTHERS}.d/{file}" for file in self.root.names(f"{GRUB_OTHERS}.d")
            if file.endswith(".cfg") and f"{GRUB_OTHERS}.d/{file}" != GRUB]
        pattern = re.compile(rf"^[^#\n]*[\s\"'=]{re.escape(name)}=", re.M)
        for path in others:
            if pattern.search(self.root.text(path, "")):
                return path
        return None

    def parameters_plan(self):
        """Isolation of the workers' CPUs, and the IOMMU."""
        cpus, rest = cpu_text(self.isolated), cpu_text(self.housekeeping)
        tickless = cpu_text(cpu for cpu in self.isolated if cpu != 0)  # CPU 0 keeps the time
        wanted = [
            (f"isolcpus=managed_irq,domain,{cpus}",
             "The scheduler puts no other process on the CPUs of workers: none that delays "
             "packets by its time slice, some milliseconds."),
            *([(f"nohz_full={tickless}",
                "No timer tick on a CPU with one running process: at 250 Hz each tick costs some "
                "microseconds.")] if tickless else []),
            (f"rcu_nocbs={cpus}",
             "Callbacks of the kernel's RCU run on other CPUs."),
            (f"irqaffinity={rest}",
             "Interrupts go to other CPUs."),
        ]
        if self.ports("vfio"):
            if self.host.is_intel:
                wanted.append(("intel_iommu=on", "The IOMMU, which vfio-pci needs."))
            wanted.append(("iommu=pt", "Devices of the kernel are not slowed down by the IOMMU."))
        for text, why in wanted:
            name = text.split("=")[0]
            origin = self.foreign(name)
            if origin:
                self.notes.append(f"{origin}: sets {name}, kept as it is; sluice-setup would set "
                                  f"{text}")
            else:
                self.parameters.append((text, why))

    def grub_file(self):
        """The drop-in, a line for each parameter."""
        lines = [HEAD, "sluice="]
        for text, why in self.parameters:
            lines += comment(why)
            lines.append(f'sluice="$sluice {text}"')
        lines.append('GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT$sluice"')
        return "\n".join(lines) + "\n"

    # Values that a reboot resets

    def frequency_plan(self):
        """The governor of the workers' CPUs."""
        now = []
        for cpu in self.isolated:
            directory = f"{CPU}/cpu{cpu}/cpufreq"
            path = f"{directory}/scaling_governor"
            governors = self.root.text(f"{directory}/scaling_available_governors", "").split()
            if "performance" not in governors:
                continue
            self.paths.add(path)
            self.boot_lines.append((FULL_FREQUENCY, path, "performance"))
            if self.root.text(path) != "performance":
                now.append((path, "performance"))
        if now:
            self.values.append(Values(
                "set the frequency governor to performance",
                "A worker polls at the CPU's full frequency, and does not wait for it after a "
                "pause of the traffic.", now))

    def idle_plan(self):
        """Deep idle states of the CPUs of workers and control."""
        now, deepest = [], 0
        for cpu in sorted({*self.isolated, self.config.control}):
            directory = f"{CPU}/cpu{cpu}/cpuidle"
            for state in self.root.names(directory):
                latency = int(self.root.text(f"{directory}/{state}/latency", "0"))
                path = f"{directory}/{state}/disable"
                if latency <= IDLE_LATENCY_US or not self.root.exists(path):
                    continue
                deepest = max(deepest, latency)
                self.paths.add(path)
                self.boot_lines.append((NO_DEEP_IDLE, path, "1"))
                if self.root.text(path) != "1":
                    now.append((path, "1"))
        if now:
            self.values.append(Values(
                "disable deep idle states",
                f"The CPUs of control and workers take up to {deepest} us to leave them. A "
                "running worker is never idle; the control thread is, between requests.", now))

    def interrupts_plan(self):
        """Interrupts that may arrive on a worker's CPU now; after a reboot irqaffinity= applies.
        Those that the kernel does not let go, as of the queues of a disk, have other numbers then,
        and are known by what they are for."""
        now = []
        refused = {(entry.get("of"), entry["written"]) for entry in self.record.entries
                   if entry.get("refused")}
        for number in self.root.names("/proc/irq"):
            path = f"/proc/irq/{number}/smp_affinity_list"
            found = self.root.text(path, "") if number.isdigit() else ""
            tried = self.record.find("value", path) or {}
            tried = {} if tried.get("refused") else tried
            former = cpu_list(tried.get("former"))
            cpus = former if found == tried.get("written") else cpu_list(found)
            if not {*cpus, *former} & set(self.isolated):
                continue
            self.paths.add(path)
            wanted = cpu_text([c for c in cpus if c not in self.isolated] or self.housekeeping)
            if found != wanted and (interrupt_of(self.root, path), wanted) not in refused:
                now.append((path, wanted))
        if now:
            self.values.append(Values(
                "move interrupts to other CPUs",
                "An interrupt on the CPU of a worker delays its packets by microseconds. Those "
                "that the kernel does not let go stay.", now, may_refuse=True))

    def accepts_unsafe_interrupts(self):
        """Whether vfio has to do without the remapping of interrupts."""
        return bool(self.ports("vfio")) and self.host.has_unsafe_interrupts

    def remapping_plan(self):
        """The option of a module that is loaded; later, modprobe.d has it."""
        found = self.root.text(UNSAFE_INTERRUPTS)
        if found is None or not self.accepts_unsafe_interrupts():
            return
        self.paths.add(UNSAFE_INTERRUPTS)
        if found != "Y":
            self.values.append(Values(
                "let vfio accept devices without remapping of interrupts",
                "As the module is loaded, and reads its options at that time only.",
                [(UNSAFE_INTERRUPTS, "Y")]))

    # Steps

    def files(self, sample_digest):
        """All files, each complete."""
        config = self.config
        if config.own:
            yield File(CONFIG, config_render(self.host, config),
                       "The configuration of sluiced: ports, workers, memory, state.",
                       replaces=sample_digest)
        yield File(LIMITS, "\n".join([
            HEAD, "# Memory that a NIC writes to must not be swapped: no limit for sluiced.",
            f"{USER} - memlock unlimited", ""]),
            "Locked memory for sluiced outside of systemd, whose unit has its own limit.")
        vfio = [port for port in self.ports("vfio") if not self.by_driverctl(port)]
        if vfio:
            yield File(MODULES, f"{HEAD}\nvfio-pci\n",
                       "The module vfio-pci is loaded at each boot.")
            yield File(UDEV, self.udev_file(vfio),
                       "The devices are bound to vfio-pci at each boot.",
                       follow=("udevadm", "control", "--reload")
                       if self.root.has_command("udevadm") else ())
        if self.accepts_unsafe_interrupts():
            why = ("The IOMMU does not remap interrupts, and vfio refuses all devices without this "
                   "option. A port could raise any interrupt of this host. Without that risk: "
                   "enable the remapping, in the firmware or the hypervisor, and run "
                   "sluice-setup again.")
            yield File(MODPROBE, "\n".join([
                HEAD, *comment(why), "options vfio_iommu_type1 allow_unsafe_interrupts=1", ""]),
                "vfio accepts devices though the IOMMU does not remap interrupts.")
        if self.boot_lines:
            lines = [HEAD]
            for why, path, value in self.boot_lines:
                if f"# {why}" not in lines:
                    lines.append(f"# {why}")
                lines.append(f"w! {path} - - - - {value}")
            yield File(TMPFILES, "\n".join(lines) + "\n",
                       "Values that a reboot resets are written again at each boot.")
        if self.has_grub and self.parameters:
            yield File(GRUB, self.grub_file(),
                       "Parameters of the kernel, which GRUB's configuration takes up.",
                       when=REBOOT, follow=("update-grub",))
        elif self.missing_parameters():
            self.notes.append("there is no update-grub: add to the kernel's command line of your "
                              "boot loader: " + " ".join(self.missing_parameters()))

    def by_driverctl(self, port):
        """Whether driverctl binds the device; what was begun with it stays with it. It binds at
        once, which takes an active IOMMU."""
        entry = self.record.find("bind", port.nic.pci)
        if entry:
            return entry["persistent"]
        return self.host.iommu_active and self.root.has_command("driverctl")

    @staticmethod
    def udev_file(ports):
        """A rule for each device, without effect on others of its kind, or without an IOMMU."""
        lines = [HEAD]
        for port in ports:
            lines += [
                f"# Port {port.name}, {port.nic.pci_id}.",
                'ACTION=="add", SUBSYSTEM=="pci", \\',
                f'  KERNEL=="{port.nic.pci}", TEST=="iommu_group", \\',
                '  ATTR{driver_override}="vfio-pci", \\',
                '  RUN+="/sbin/modprobe vfio-pci", \\',
                f'  RUN+="/usr/bin/dpdk-devbind.py --bind=vfio-pci {port.nic.pci}"']
        return "\n".join(lines) + "\n"

    def mounts(self):
        """The file system of BPF, where AF_XDP is used."""
        if self.ports("af_xdp"):
            yield Mount("bpf", BPFFS, "Where bpftool and libxdp look for pinned programs and "
                        "maps. systemd mounts it by itself at each boot.")

    def bindings(self):
        """Last, as the interfaces go away. Without an active IOMMU vfio-pci refuses devices: the
        udev rule binds them when there is one."""
        when = "now" if self.host.iommu_active else REBOOT
        for port in self.ports("vfio"):
            yield Bind(port.nic, "vfio-pci", self.by_driverctl(port), when)
            if when == REBOOT:
                self.notes.append(f"{port.nic.name}: is bound to vfio-pci after a reboot, as the "
                                  "IOMMU is not active now (VT-d or AMD-Vi has to be on in the "
                                  "firmware, too)")
