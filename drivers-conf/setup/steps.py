# SPDX-License-Identifier: BSD-3-Clause
"""Changes of the host, the record of those that were made, and the way back.

Each step knows whether the host is as it wants, what to do, and how to undo that. An entry of the
record is written before its change, so that --undo finds it also after a power failure.
"""

import base64
import hashlib
import json
import signal

from root import SetupError

RECORD = "/var/lib/sluice-setup/setup.json"  # not where the user of sluiced may write
RECORD_VERSION = 1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PCI = "/sys/bus/pci/devices"
DRIVERCTL = "/etc/driverctl.d"


def digest(data):
    """What identifies the contents of a file."""
    return hashlib.sha256(data).hexdigest()


class Record:
    """What was changed, in order, with what was there before."""

    def __init__(self, root):
        self.root = root
        self.entries, self.directories = [], []
        self.former = root.bytes(RECORD)
        if self.former is not None:
            try:
                document = json.loads(self.former)
                if document["version"] != RECORD_VERSION:
                    raise ValueError
                self.entries, self.directories = document["entries"], document["directories"]
            except (ValueError, KeyError, TypeError):
                raise SetupError(f"{RECORD}: found no record of version {RECORD_VERSION} of this "
                                 "program, expected one (move it away; what it names has then to "
                                 "be undone by hand)") from None

    def find(self, kind, name):
        """The entry of a change; None if it was not made."""
        for entry in self.entries:
            if (entry["kind"], entry["name"]) == (kind, name):
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
        self.root.file_write(RECORD, (json.dumps(document, indent=1) + "\n").encode(), 0o600)

    def restore(self):
        """Write back what was read: after a failed run, all its changes are undone."""
        if self.former is None:
            self.entries = []
            self.save()
        else:
            self.root.file_write(RECORD, self.former, 0o600)


def follow_run(root, argv):
    """Let a program take notice of a changed file, if the host has it."""
    if argv and root.has_command(argv[0]):
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
        mode = root.path(self.path).stat().st_mode & 0o7777 if former is not None else None
        created = root.directories_make(self.path.rsplit("/", 1)[0])

        def back():
            file_restore(root, self.path, former, mode, created)
            follow_run(root, self.follow)

        way_back.append(back)
        if entry is None:
            entry = {"kind": self.kind, "name": self.path, "directories": created,
                     "follow": self.follow}
            record.entries.append(entry)
        # What was written by others since is what --undo has to restore.
        if former is None or digest(former) != entry.get("sha256"):
            entry["former"] = None if former is None else base64.b64encode(former).decode()
            entry["mode"] = mode
        entry["sha256"] = digest(self.data)
        record.save()
        root.file_write(self.path, self.data, 0o644)
        follow_run(root, self.follow)


def file_restore(root, path, former, mode, created):
    """Put a file's former contents back, or remove the file and the directories made for it."""
    if former is None:
        root.path(path).unlink(missing_ok=True)
        root.directories_remove(created)
    else:
        root.file_write(path, former, mode)


def file_undo(root, entry):
    """None, or why the file is kept."""
    path, found = entry["name"], root.bytes(entry["name"])
    former = None if entry["former"] is None else base64.b64decode(entry["former"])
    if found is not None and found != former and digest(found) != entry["sha256"]:
        return f"{path}: was changed after sluice-setup had written it, kept as it is"
    file_restore(root, path, former, entry["mode"], entry["directories"])
    follow_run(root, entry["follow"])
    return None


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
            way_back.append(lambda path=path, former=former: root.value_write(path, former))
            if entry is None:
                record.add({"kind": self.kind, "name": path, "former": former, "written": value})
            else:
                entry["written"] = value
                record.save()
            try:
                root.value_write(path, value)
            except OSError as error:
                if not self.may_refuse:
                    raise SetupError(f"{path}: cannot write {value}: {error.strerror}") from None
                way_back.pop()
                continue
            found = root.text(path)
            if not self.may_refuse and found != value:
                raise SetupError(self.differs(path, value, found))

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
    if found == entry["written"] and found != entry["former"]:
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
        if record.find(self.kind, self.directory) is None:
            record.add({"kind": self.kind, "name": self.directory})
        root.run("mount", "-t", self.fstype, self.fstype, str(root.path(self.directory)))
        way_back.append(lambda: root.run("umount", str(root.path(self.directory))))


def mount_undo(root, entry):
    """None, or why it stays mounted."""
    mounted = [line.split()[1] for line in root.text("/proc/mounts", "").splitlines()]
    if entry["name"] in mounted:
        root.run("umount", str(root.path(entry["name"])))
    return None


class Bind:
    """A PCI device and the driver that holds it."""

    kind = "bind"
    when = "now"

    def __init__(self, nic, driver, persistent):
        self.pci, self.driver, self.former = nic.pci, driver, nic.driver
        self.iface, self.queues = nic.iface, nic.queues
        self.persistent = persistent  # by driverctl; otherwise a udev rule does it at each boot
        self.title = f"bind {nic.pci} ({nic.iface or 'no interface'}) to {driver}"
        self.why = (f"The driver of DPDK takes the device from {nic.driver or 'no driver'}"
                    + (f"; the interface {nic.iface} goes away." if nic.iface else "."))
        self.lines = [" ".join(command) for command in self.commands()]

    def commands(self):
        """What binds it."""
        if self.persistent:
            return [["driverctl", "set-override", self.pci, self.driver]]
        return [["modprobe", self.driver],
                ["dpdk-devbind.py", "--force", f"--bind={self.driver}", self.pci]]

    def kept(self, _root, _record):
        """Nothing is replaced."""
        return None

    def pending(self, root, _record):
        """Whether another driver holds it, or will after a reboot."""
        return root.link(f"{PCI}/{self.pci}/driver") != self.driver or (
            self.persistent and not root.exists(f"{DRIVERCTL}/{self.pci}"))

    def apply(self, root, record, way_back):
        """Bind it, and look whether that happened: the tools do not always say."""
        entry = {"kind": self.kind, "name": self.pci, "former": self.former,
                 "iface": self.iface, "queues": self.queues, "driver": self.driver,
                 "persistent": self.persistent}
        way_back.append(lambda: bind_undo(root, entry))
        if record.find(self.kind, self.pci) is None:
            record.add(entry)
        for command in self.commands():
            root.run(*command)
        found = root.link(f"{PCI}/{self.pci}/driver")
        if found != self.driver:
            raise SetupError(f"{self.pci}: found the driver {found or 'none'} after binding it to "
                             f"{self.driver}, expected {self.driver} (dmesg says why)")


def bind_undo(root, entry):
    """None, or why the device stays with the driver."""
    pci, former = entry["name"], entry["former"]
    found = root.link(f"{PCI}/{pci}/driver")
    if not root.exists(f"{PCI}/{pci}"):
        return None  # unplugged
    if entry["persistent"]:
        if root.exists(f"{DRIVERCTL}/{pci}"):
            root.run("driverctl", "unset-override", pci)
    elif found not in (entry["driver"], former, None):
        return f"{pci}: was bound to {found} since, kept as it is"
    elif found != former:
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


def steps_apply(root, record, steps):
    """All steps or none: what was done is undone before the error goes on."""
    way_back = []
    try:
        for step in steps:
            step.apply(root, record, way_back)
    except BaseException as error:
        left = []
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        for back in reversed(way_back):
            try:
                back()
            except (OSError, SetupError) as failed:
                left.append(error_text(failed))
        record.restore()
        if isinstance(error, (OSError, SetupError)):
            rolled = "not undone: " + "; ".join(left) if left else "nothing was changed"
            raise SetupError(f"{error_text(error)}; {rolled}") from None
        raise


def record_undo(root, record):
    """Undo all changes, the latest first; why some stay, one line each."""
    kept = []
    for entry in list(reversed(record.entries)):
        try:
            why = UNDO[entry["kind"]](root, entry)
        except (OSError, SetupError) as error:
            why = f"{entry['name']}: {error_text(error)}"
        if why:
            kept.append(why)
        else:
            record.remove(entry)
    return kept
