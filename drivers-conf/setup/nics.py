# SPDX-License-Identifier: BSD-3-Clause
"""Which NIC takes which binding: the match rules of the driver profiles."""

import pathlib
import typing

import yaml

from root import SetupError

# That of libyaml, where Debian's package has it, reads 20 profiles in a tenth of the time.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Profile(typing.NamedTuple):
    """What the set-up needs of a driver's profile."""

    binding: str  # vfio-pci, or kernel: the NIC keeps its kernel driver
    queues_max: int  # for receiving, or for sending if these are fewer; 0: not known


def profile_entries(path):
    """(PCI id, Profile) for each PCI id that a profile file matches; sluiced checks the rest."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SetupError(f"{path}: found {' '.join(str(error).split())}, expected a profile in "
                         "YAML") from None
    match = document.get("match") if isinstance(document, dict) else None
    if not isinstance(match, dict):
        raise SetupError(f"{path}: found no member 'match', expected a driver profile")
    if not match.get("pci"):
        return  # of virtual devices
    binding = document.get("binding")
    if binding not in ("vfio-pci", "kernel"):
        raise SetupError(f"{path}: /binding: found {binding}, expected vfio-pci or kernel")
    settings, limits = document.get("settings") or {}, []
    for key in ("rx_queues_max", "tx_queues_max"):
        limit = settings.get(key, 0)
        if not isinstance(limit, int):
            raise SetupError(f"{path}: /settings/{key}: found {limit}, expected a number")
        limits += [limit] if limit else []
    queues_max = min(limits, default=0)
    for pci_id in match["pci"]:
        yield str(pci_id), Profile(binding, queues_max)


def profiles_read(directory):
    """Profiles by PCI id."""
    profiles, origin = {}, {}
    paths = sorted(pathlib.Path(directory).glob("*.yaml"))
    if not paths:
        raise SetupError(f"{directory}: found no driver profiles, expected those of Sluice "
                         "(--profiles DIR)")
    for path in paths:
        for pci_id, profile in profile_entries(path):
            if pci_id in profiles:
                raise SetupError(f"{path}: /match/pci: found {pci_id}, which "
                                 f"{origin[pci_id].name} matches, too, expected one profile")
            profiles[pci_id], origin[pci_id] = profile, path
    return profiles
