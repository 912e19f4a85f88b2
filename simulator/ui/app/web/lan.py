"""Where this machine can be reached from the same network, read from its own interfaces: nobody else is asked."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, ip_address
from socket import AF_INET

import psutil

#: Networks that a machine keeps for itself: containers, virtual machines, tunnels. Named last, not left out.
_OWN_NETWORKS = re.compile(
    r"docker|br-|veth|virbr|vmnet|vboxnet|vethernet|lxc|podman|cni|tun|tap|utun|wg|zt|tailscale", re.IGNORECASE
)


def lan_addresses() -> tuple[str, ...]:
    """IPv4 addresses of the interfaces that are up, the likeliest first; empty without a network."""
    up = {name for name, stats in psutil.net_if_stats().items() if stats.isup}
    found = [
        (bool(_OWN_NETWORKS.match(name)), not address.is_private, name, str(address))
        for name, entries in psutil.net_if_addrs().items()
        if name in up
        for entry in entries
        if entry.family == AF_INET and _is_useful(address := IPv4Address(entry.address))
    ]
    return tuple(address for *_, address in sorted(found))


def is_loopback(address: str | None) -> bool:
    """Whether a server that listens at this address (None: at every one) hears this machine alone."""
    if address is None:
        return False
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _is_useful(address: IPv4Address) -> bool:
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)
