# SPDX-License-Identifier: BSD-3-Clause
"""Changes of the host, the record of those that were made, and the way back.

Each step knows whether the host is as it wants, what to do, and how to undo that. An entry of the
record is written before its change, so that --undo finds it also after a power failure.
"""

import base64
import hashlib
import json
import signal

from root import Interrupted, SetupError

RECORD = "/var/lib/sluice-setup/setup.json"  # not where the user of sluiced may write
RECORD_VERSION = 2
BOOT_ID = "/proc/sys/kernel/random/boot_id"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PCI = "/sys/bus/pci/devices"
OVERRIDE = "/etc/driverctl.d/pci-"  # of driverctl, by PCI address


def digest(data):
    """What identifies the contents of a file."""
    return hashlib.sha256(data).hexdigest()


def key(entry):
    """What identifies a change."""
    return entry["kind"], entry["name"]


class Record:
    """What was changed, in order, with what was there before."""

    def __init__(self, root):
        self.root = root
        self.entries, self.directories = [], []
        found = root.bytes(RECORD)
        if found is not None:
            try:
                document = json.loads(found)
                if document["version"] != RECORD_VERSION:
                    raise ValueError
                # A number of an interrupt may be that of another device since a reboot. One that
                # the kernel refused to move was not changed.
                self.entries = [entry for entry in document["entries"] if entry.get("refused")
                                or entry.get("boot") in (None, root.text(BOOT_ID))]
                self.directories = document["directories"]
            except (ValueError, KeyError, TypeError):
                raise SetupError(f"{RECORD}: found no record of version {RECORD_VERSION} of this "
                                 "program, expected one (move it away; what it names has then to "
                                 "be undone by hand)") from None
        self.former = {key(entry): dict(entry) for entry in self.entries}

    def find(self, kind, name):
        """The entry of a change; None if it was not made."""
        for entry in self.entries:
            if key(entry) == (kind, name):
                return entry
        return None

    def add(self, entry):
        """Note a change before it is made."""
        self.entries.append(entry)
        self.save()

    def remove(self, entry):
        """Forget a change that was undone."""
        self.entries.remove(entry)
        self.save()

    def save(self):
        """Write the record; without entries there is none."""
        if not self.entries:
            self.root.path(RECORD).unlink(missing_ok=True)
            self.root.directories_remove(self.directories)
            self.directories = []
            return
        if not self.directories:
            self.directories = self.root.directories_make(RECORD.rsplit("/", 1)[0])
        document = {"version": RECORD_VERSION, "directories": self.directories,
                    "entries": self.entries}
        self.root.file_write(RECORD, (json.dumps(document, indent=1) + "\n").encode(), [0o600])

    def restore(self, left):
        """After a failed run: what was read, and the changes of the run that are left."""
        entries = [entry if key(entry) in left else self.former.get(key(entry))
                   for entry in self.entries]
        self.entries = [entry for entry in entries if entry]
        self.save()


def interrupt_of(root, path):
    """What an interrupt is for, by its file in /proc/irq."""
    return root.text(f"/sys/kernel/irq/{path.split('/')[3]}/actions", "")


def follow_run(root, argv):
    """Let a program take notice of a changed file."""
    if argv:
        root.run(*argv)


class File:
    """A file of our own, written as a whole."""

    kind = "file"

    def __init__(self, path, content, why, *, when="now", follow=(), replaces=None):
        self.path, self.why, self.when = path, why, when
        self.data = content.encode()
        self.follow = list(follow)  # command that takes notice
        self.replaces = replaces  # digest of a foreign file that may be replaced

    @property
    def title(self):
        """What is done."""
        return f"write {self.path}"

    @property
    def lines(self):
        """What is written."""
        return self.data.decode().splitlines()

    def kept(self, root, record):
        """Why the file stays as it is, though other contents are wanted; None if it may change."""
        found, entry = root.bytes(self.path), record.find(self.kind, self.path)
        if found in (None, self.data) or digest(found) == self.replaces:
            return None
        if entry is None:
            return f"{self.path}: is not of sluice-setup, kept as it is"
        if digest(found) != entry["sha256"]:
            return f"{self.path}: was changed after sluice-setup had written it, kept as it is"
        return None

    def pending(self, root, record):
        """Whether there is anything to do."""
        return root.bytes(self.path) != self.data and self.kept(root, record) is None

    def apply(self, root, record, way_back):
        """Write it; way_back gets what restores the former state of this run."""
        former, entry = root.bytes(self.path), record.find(self.kind, self.path)
        attributes = root.attributes(self.path)
        created = root.directories_make(self.path.rsplit("/", 1)[0])
        if entry is None:
            entry = {"kind": self.kind, "name": self.path, "directories": created,
                     "follow": self.follow}
            record.entries.append(entry)
        before = dict(entry)

        def back():
            file_restore(root, self.path, former, attributes, created)
            entry.update(before)
            follow_run(root, self.follow)

        # What was written by others since is what --undo has to restore.
        if former is None or digest(former) != entry.get("sha256"):
            entry["former"] = None if former is None else base64.b64encode(former).decode()
            entry["attributes"] = attributes
        entry["sha256"] = digest(self.data)
        way_back.append((entry, back))
        record.save()
        root.file_write(self.path, self.data, [0o644])
        follow_run(root, self.follow)


def file_restore(root, path, former, attributes, created):
    """Put a file's former contents back, or remove the file and the directories made for it."""
    if former is None:
        root.target(path).unlink(missing_ok=True)
        root.directories_remove(created)
    else:
        root.file_write(path, former, attributes)


def file_former(entry):
    """Contents before the first run; None if there was no file."""
    return None if entry["former"] is None else base64.b64decode(entry["former"])


def file_kept(root, entry):
    """Why a file is not undone; None if it is."""
    found = root.bytes(entry["name"])
    if found in (None, file_former(entry)) or digest(found) == entry["sha256"]:
        return None
    return f"{entry['name']}: was changed after sluice-setup had written it, kept as it is"


def file_undo(root, entry):
    """None, or why the file is kept."""
    why = file_kept(root, entry)
    if not why:
        file_restore(root, entry["name"], file_former(entry), entry["attributes"],
                     entry["directories"])
        follow_run(root, entry["follow"])
    return why


class Values:
    """Values of sysfs and procfs, which a reboot resets."""

    kind = "value"
    when = "now"

    def __init__(self, title, why, pairs, *, may_refuse=False):
        self.title, self.why = title, why
        self.pairs = pairs  # (path, value)
        self.may_refuse = may_refuse  # the kernel accepts not all of them: interrupts

    @property
    def lines(self):
        """What is written."""
        return [f"{path} = {value}" for path, value in self.pairs]

    def kept(self, _root, _record):
        """A value is nobody's file."""
        return None

    def pending(self, _root, _record):
        """Those that are as wanted were left out."""
        return bool(self.pairs)

    def apply(self, root, record, way_back):
        """Write them; the kernel may round or refuse, which is told by reading."""
        for path, value in self.pairs:
            former = root.text(path)
            entry = record.find(self.kind, path)
            if entry is not None and entry.get("boot") not in (None, root.text(BOOT_ID)):
                record.entries.remove(entry)
                entry = None
            if entry is None:
                entry = {"kind": self.kind, "name": path, "former": former}
                if self.may_refuse:
                    entry["boot"], entry["of"] = root.text(BOOT_ID), interrupt_of(root, path)
                record.entries.append(entry)
            entry["written"] = value
            record.save()
            way_back.append(
                (entry, lambda path=path, former=former: root.value_write(path, former)))
            try:
                root.value_write(path, value)
            except OSError as error:
                if not self.may_refuse:
                    raise SetupError(f"{path}: cannot write {value}: {error.strerror}") from None
                way_back.pop()
            found = root.text(path)
            if self.may_refuse:
                entry["refused"] = found != value
            elif found != value:
                raise SetupError(self.differs(path, value, found))
        record.save()

    @staticmethod
    def differs(path, value, found):
        """One line on a value that the kernel took otherwise."""
        if path.endswith("nr_hugepages"):
            return (f"{path}: found {found} hugepages after asking for {value}, expected all: "
                    "memory is fragmented (run it right after a reboot, or ask for less with "
                    "--hugepages-mb)")
        return f"{path}: found {found} after writing {value}, expected {value}"


def value_undo(root, entry):
    """None, or why the value stays."""
    path, found = entry["name"], root.text(entry["name"])
    if found == entry["written"] and found != entry["former"] and not entry.get("refused"):
        try:
            root.value_write(path, entry["former"])
        except OSError as error:
            return f"{path}: cannot write {entry['former']}: {error.strerror}"
    return None


class Mount:
    """A file system of the kernel that is not mounted."""

    kind = "mount"
    when = "now"

    def __init__(self, fstype, directory, why):
        self.fstype, self.directory, self.why = fstype, directory, why
        self.title = f"mount {directory}"
        self.lines = [f"mount -t {fstype} {fstype} {directory}"]

    def kept(self, _root, _record):
        """Nothing is replaced."""
        return None

    def pending(self, root, _record):
        """Whether it is not mounted."""
        return not any(line.split()[1:3] == [self.directory, self.fstype]
                       for line in root.text("/proc/mounts", "").splitlines())

    def apply(self, root, record, way_back):
        """Mount it."""
        entry = record.find(self.kind, self.directory)
        if entry is None:
            entry = {"kind": self.kind, "name": self.directory}
            record.add(entry)
        way_back.append((entry, lambda: mount_undo(root, entry)))
        root.run("mount", "-t", self.fstype, self.fstype, str(root.path(self.directory)))


def mount_undo(root, entry):
    """None, or why it stays mounted."""
    mounted = [line.split()[1] for line in root.text("/proc/mounts", "").splitlines()]
    if entry["name"] in mounted:
        root.run("umount", str(root.path(entry["name"])))
    return None


class Bind:
    """A PCI device and the driver that holds it."""

    kind = "bind"

    def __init__(self, nic, driver, persistent, when):
        self.pci, self.driver, self.former = nic.pci, driver, nic.driver
        self.iface, self.queues = nic.iface, nic.queues
        self.persistent = persistent  # by driverctl; otherwise a udev rule does it at each boot
        self.when = when  # "now", or only by the udev rule
        self.title = f"bind {nic.pci} ({nic.iface or 'no interface'}) to {driver}"
        self.why = (f"The driver of DPDK takes the device from {nic.driver or 'no driver'}"
                    + (f"; the interface {nic.iface} goes away." if nic.iface else "."))
        self.lines = [" ".join(command) for command in self.commands()]

    def commands(self):
        """What binds it."""
        if self.when != "now":
            return []
        if self.persistent:
            return [["driverctl", "set-override", self.pci, self.driver]]
        return [["modprobe", self.driver],
                ["dpdk-devbind.py", "--force", f"--bind={self.driver}", self.pci]]

    def kept(self, _root, _record):
        """Nothing is replaced."""
        return None

    def pending(self, root, record):
        """Whether another driver holds it, or will after a reboot."""
        if root.link(f"{PCI}/{self.pci}/driver") != self.driver:
            return self.when == "now" or record.find(self.kind, self.pci) is None
        return self.persistent and root.text(f"{OVERRIDE}{self.pci}") != self.driver

    def apply(self, root, record, way_back):
        """Bind it, and look whether that happened: the tools do not always say."""
        entry = {"kind": self.kind, "name": self.pci, "former": self.former,
                 "iface": self.iface, "queues": self.queues, "driver": self.driver,
                 "persistent": self.persistent, "override": root.text(f"{OVERRIDE}{self.pci}")}
        if record.find(self.kind, self.pci) is None:
            record.add(entry)
        if self.when != "now":
            return
        way_back.append((entry, lambda: bind_undo(root, entry)))
        for command in self.commands():
            root.run(*command)
        found = root.link(f"{PCI}/{self.pci}/driver")
        if found != self.driver:
            raise SetupError(f"{self.pci}: found the driver {found or 'none'} after binding it to "
                             f"{self.driver}, expected {self.driver} (dmesg says why)")


def bind_undo(root, entry):
    """None, or why the device stays with the driver."""
    pci, former = entry["name"], entry["former"]
    if not root.exists(f"{PCI}/{pci}"):
        return None  # unplugged
    override = root.text(f"{OVERRIDE}{pci}")
    if entry["persistent"] and override not in (None, entry["override"]):
        if override != entry["driver"]:
            return f"{pci}: driverctl binds it to {override} since, kept as it is"
        if entry["override"] is None:
            root.run("driverctl", "unset-override", pci)
        else:
            root.run("driverctl", "set-override", pci, entry["override"])
    found = root.link(f"{PCI}/{pci}/driver")
    if found not in (entry["driver"], former, None):
        return f"{pci}: was bound to {found} since, kept as it is"
    if found != former:
        # The udev rule has set it at boot, and no other driver would be accepted.
        if root.exists(f"{PCI}/{pci}/driver_override"):
            root.value_write(f"{PCI}/{pci}/driver_override", "")
        how = "--unbind" if former is None else f"--bind={former}"
        root.run("dpdk-devbind.py", "--force", how, pci)
    if root.link(f"{PCI}/{pci}/driver") != former:
        return f"{pci}: is not bound to {former or 'no driver'} again (dmesg says why)"
    return None


UNDO = {"file": file_undo, "value": value_undo, "mount": mount_undo, "bind": bind_undo}


def error_text(error):
    """One line without the number of an error of the system."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: cannot be written: {error.strerror}"
    return str(error)


def addresses_note(root, entries):
    """Of NICs that were given back, after the entries have been undone; None if there are none."""
    back = [entry["iface"] for entry in entries
            if root.link(f"{PCI}/{entry['name']}/driver") == entry["former"]]
    return back and (f"{', '.join(back)}: given back to the kernel; without addresses until the "
                     "network service is restarted")


def interfaces_taken(root, entries):
    """Entries of devices whose interfaces are away now."""
    return [entry for entry in entries if entry["kind"] == "bind" and entry["iface"]
            and root.link(f"{PCI}/{entry['name']}/driver") != entry["former"]]


def steps_apply(root, record, steps):
    """All steps or none: what was done is undone before the error goes on. What cannot be undone
    stays in the record."""
    way_back = []
    try:
        for step in steps:
            step.apply(root, record, way_back)
    except BaseException as error:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        taken = interfaces_taken(root, [entry for entry, _ in way_back])
        left, why = set(), []
        for entry, back in reversed(way_back):
            try:
                failed = back()
            except (OSError, SetupError) as raised:
                failed = f"{entry['name']}: {error_text(raised)}"
            if failed:
                left.add(key(entry))
                why.append(failed)
        try:
            record.restore(left)
        except OSError as raised:  # then it names more than is left, which --undo does not mind
            why.append(error_text(raised))
        if isinstance(error, (OSError, SetupError, Interrupted)):
            rolled = (f"not undone, sluice-setup --undo tries it again: {'; '.join(why)}" if why
                      else "nothing was changed")
            note = addresses_note(root, taken)
            raise SetupError("; ".join([error_text(error), rolled, *([note] if note else [])])
                             ) from None
        raise


def record_undo(root, record, entries):
    """Undo changes, the latest first; why some stay, and a note, one line each. A signal ends it
    between two changes or within one, which is then in the record still."""
    kept, taken = [], interfaces_taken(root, entries)
    for entry in list(reversed(entries)):
        try:
            why = UNDO[entry["kind"]](root, entry)
        except (OSError, SetupError) as error:
            why = f"{entry['name']}: {error_text(error)}"
        if why:
            kept.append(why)
        else:
            record.remove(entry)
    return kept, addresses_note(root, taken)
