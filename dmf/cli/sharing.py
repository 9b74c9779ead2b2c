"""A dashboard that others look at: where it listens, and the address that they open."""

import errno
import os
import socket

from dmf.errors import ConfigError

EVERYWHERE = ("0.0.0.0", "::")  # all addresses of this machine
_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses of documentation: to ask by which of its own this machine would reach another one, nothing is sent."""


def shared_at(address: str | None, port: int) -> tuple[str, str]:
    """Where to listen, and the address that others open: ``("0.0.0.0", "http://192.168.1.20:8501")``.

    Args:
        address: To listen at; None for all of this machine's.
        port: To listen at.

    Raises:
        ConfigError: If this machine is on no network, has no such address, or the port is taken.
    """
    listening = address or EVERYWHERE[0]
    reached = network_address() if listening in EVERYWHERE else listening
    _refuse_taken(listening, port)
    return listening, f"http://{f'[{reached}]' if ':' in reached else reached}:{port}"


def network_address() -> str:
    """This machine's address on its network.

    Raises:
        ConfigError: If it is on none.
    """
    for family, other in _ELSEWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((other, 9))
                own = str(probe.getsockname()[0])
        except OSError:
            continue
        if not own.startswith("127.") and own != "::1":
            return own
    raise ConfigError(
        "This machine is on no network, so nobody could reach the dashboard. Connect it, or say with `--address` which "
        "of its addresses to share.",
        "share",
    )


def _refuse_taken(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            if os.name == "posix":  # elsewhere it would let two programs listen at one port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except socket.gaierror:
        raise ConfigError(f"No machine is called {address!r}. Give an address of this one.", "address") from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise ConfigError(
                f"This machine has no address {address}. Leave `--address` out to share all that it has.", "address"
            ) from None
        raise ConfigError(
            f"Port {port} cannot be listened at ({error.strerror}). Another dashboard may be open: end it, or choose "
            "another port with `--port`.",
            "port",
        ) from None
