# SPDX-License-Identifier: BSD-3-Clause
"""The host's files below a root, which tests set, and the one function that runs commands."""

import os
import pathlib
import shutil
import stat
import subprocess
import textwrap

COMMENT_WIDTH = 74
COMMAND_TIMEOUT_S = 120


class SetupError(Exception):
    """What prevents the set-up, in one line: what was found, what was expected, what to do."""


def cpu_list(text):
    """CPUs of a list as the kernel writes it: "0-2,8" is [0, 1, 2, 8]."""
    cpus = []
    for part in (text or "").replace("\n", "").split(","):
        if part:
            first, _, last = part.partition("-")
            cpus += range(int(first), int(last or first) + 1)
    return cpus


def cpu_text(cpus):
    """The same list as text, runs of CPUs joined."""
    parts, cpus = [], sorted(set(cpus))
    while cpus:
        length = 1
        while length < len(cpus) and cpus[length] == cpus[0] + length:
            length += 1
        parts.append(f"{cpus[0]}-{cpus[length - 1]}" if length > 1 else str(cpus[0]))
        cpus = cpus[length:]
    return ",".join(parts)


def comment(text):
    """Lines of a comment in a file."""
    return textwrap.wrap(text, COMMENT_WIDTH, initial_indent="# ", subsequent_indent="# ",
                         break_long_words=False, break_on_hyphens=False)


class Interrupted(Exception):
    """A signal; no failure of one step, after which others could go on."""


class Root:
    """Files by their absolute name on the host, each looked up below the root."""

    def __init__(self, top="/"):
        self.top = pathlib.Path(top)

    @property
    def is_host(self):
        """Whether this is the host itself, and not a tree beside it."""
        return self.top == pathlib.Path("/")

    def path(self, name):
        """Where the file is."""
        return self.top / name.lstrip("/")

    def exists(self, name):
        """Whether there is such a file or directory."""
        return self.path(name).exists()

    def bytes(self, name):
        """Contents; None if there is no file."""
        try:
            return self.path(name).read_bytes()
        except FileNotFoundError:
            return None

    def text(self, name, default=None):
        """Contents without spaces around; the default if the file is absent or unreadable, as
        sysfs has files that cannot be read on some devices."""
        try:
            return self.path(name).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return default

    def names(self, directory):
        """Names in a directory, sorted; none if it is absent."""
        try:
            return sorted(os.listdir(self.path(directory)))
        except OSError:
            return []

    def link(self, name):
        """The last part of what a link names, as the driver of a device; None if absent."""
        try:
            return os.path.basename(os.readlink(self.path(name)))
        except OSError:
            return None

    def value_write(self, name, text):
        """Write a value of sysfs or procfs."""
        self.path(name).write_text(f"{text}\n", encoding="utf-8")

    def target(self, name):
        """The file itself, where the name is a symbolic link."""
        return pathlib.Path(os.path.realpath(self.path(name)))

    def attributes(self, name):
        """Mode, owner and group of a file; None if there is none."""
        try:
            status = self.path(name).stat()
        except FileNotFoundError:
            return None
        return [stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid]

    def file_write(self, name, data, attributes):
        """Replace the contents of a file as a whole. A file that is there keeps its attributes;
        returns the directories that had to be created."""
        path, created = self.target(name), self.directories_make(os.path.dirname(name))
        mode, *owner = self.attributes(name) or attributes
        temporary = path.with_name(f".{path.name}.sluice-setup")
        try:
            with open(temporary, "wb", opener=lambda file, flags: os.open(file, flags, 0o600)) \
                    as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if owner:
                os.chown(temporary, *owner)
            os.chmod(temporary, mode)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            self.directories_remove(created)
            raise
        return created

    def directories_make(self, name):
        """Create a directory and those above it; returns the created ones, the outer first."""
        missing = []
        while name != "/" and not self.exists(name):
            missing.insert(0, name)
            name = os.path.dirname(name)
        for directory in missing:
            self.path(directory).mkdir()
        return missing

    def directories_remove(self, names):
        """Remove those of the directories that are empty, the inner first."""
        for name in reversed(names):
            try:
                self.path(name).rmdir()
            except OSError:
                return

    @staticmethod
    def has_command(name):
        """Whether PATH has such a program."""
        return shutil.which(name) is not None

    @staticmethod
    def run(*argv):
        """Output of a command; SetupError with its last two lines if it fails."""
        try:
            done = subprocess.run(
                argv, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors="replace", timeout=COMMAND_TIMEOUT_S)
        except FileNotFoundError:
            raise SetupError(f"{argv[0]}: found no such program, expected it in PATH "
                             "(drivers-conf/install-deps --run lists the packages)") from None
        except subprocess.TimeoutExpired:
            raise SetupError(f"{' '.join(argv)}: did not end in {COMMAND_TIMEOUT_S} s") from None
        if done.returncode != 0:
            last = "; ".join(done.stdout.strip().splitlines()[-2:]) or "no output"
            raise SetupError(f"{' '.join(argv)}: ended with {done.returncode}: {last}")
        return done.stdout
