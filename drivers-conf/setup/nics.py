# SPDX-License-Identifier: BSD-3-Clause
"""Which NIC takes which binding: the match rules of the driver profiles."""

import pathlib
import typing

import yaml

from root import SetupError

PROFILE_SUFFIX = ".yaml"


class Profile(typing.NamedTuple):
    """What the set-up needs of a driver's profile."""

    driver: str  # of DPDK
    binding: str  # vfio, or kernel: the NIC keeps its kernel driver
    workers_max: int  # transmit queues, of which each worker needs one; 0: not known


def profile_entries(path):
    """(PCI id in lower case, Profile) for each PCI id that a profile file matches."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SetupError(f"{path}: found {' '.join(str(error).split())}, expected a profile in "
                         "YAML") from None
    if not isinstance(document, dict) or "driver" not in document:
        raise SetupError(f"{path}: found no member 'driver', expected a driver profile")
    ids = (document.get("match") or {}).get("pci") or []
    if not ids:
        return  # of a virtual device
    binding = document.get("binding")
    if binding not in ("vfio", "kernel"):
        raise SetupError(f"{path}: /binding: found {binding}, expected vfio or kernel")
    queues_max = (document.get("ceilings") or {}).get("tx_queues") or 0
    for pci_id in ids:
        yield str(pci_id).lower(), Profile(str(document["driver"]), binding, int(queues_max))


def profiles_read(directory):
    """Profiles by PCI id."""
    profiles, origin = {}, {}
    paths = sorted(pathlib.Path(directory).glob(f"*{PROFILE_SUFFIX}"))
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
