"""``dmf app --share``: where it listens, what others open, and what cannot be."""

import os
import socket
import sys

import pytest

from dmf.cli import sharing


@pytest.fixture
def started(monkeypatch, tmp_path):
    """What the command becomes: (program, command line, environment)."""
    calls = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execve", lambda *arguments: calls.append(arguments))
    return calls


@pytest.fixture
def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_it_listens_everywhere_and_others_open_the_networks_address(dmf, monkeypatch, started, free_port):
    monkeypatch.setattr(sharing, "network_address", lambda: "192.168.1.20")
    assert dmf("app", "--share", "--port", free_port).status == 0
    ((program, command, environment),) = started
    assert program == sys.executable
    assert command[4].endswith("shared.py")
    assert command[5:] == [
        f"--server.port={free_port}",
        "--client.showErrorDetails=none",
        "--browser.serverAddress=192.168.1.20",
        "--server.address=0.0.0.0",
    ]
    assert environment["DMF_SHARE"] == f"http://192.168.1.20:{free_port}"
    assert "DMF_DATA_ROOTS" not in environment


def test_one_address_alone_may_be_shared(dmf, started, free_port):
    assert dmf("app", "--share", "--address", "127.0.0.1", "--port", free_port).status == 0
    ((_, command, environment),) = started
    assert command[-1] == "--server.address=127.0.0.1"
    assert environment["DMF_SHARE"] == f"http://127.0.0.1:{free_port}"


def test_without_it_nothing_is_shared_whatever_was_before(dmf, monkeypatch, started):
    monkeypatch.setenv("DMF_SHARE", "http://192.168.1.20:8501")
    assert dmf("app").status == 0
    ((_, command, environment),) = started
    assert command[4].endswith("main.py")
    assert command[5:] == ["--server.port=8501", "--server.address=127.0.0.1"]
    assert "DMF_SHARE" not in environment


def test_a_port_that_is_taken_is_told_before_anything_starts(dmf, started):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = dmf("app", "--share", "--address", "127.0.0.1", "--port", port)
    assert result.status == 2
    assert result.err.startswith(f"Error Port {port} cannot be listened at (")
    assert "--port" in result.err
    assert not started


@pytest.mark.parametrize(
    ("address", "words"),
    [("192.0.2.77", "This machine has no address 192.0.2.77."), ("no.such.invalid", "No machine is called")],
)
def test_an_address_that_is_not_this_machines_is_told(dmf, started, free_port, address, words):
    result = dmf("app", "--share", "--address", address, "--port", free_port)
    assert result.status == 2
    assert result.err.startswith(f"Error {words}")
    assert not started


class Unconnected:
    """A machine without a network."""

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def connect(self, _):
        raise OSError(101, "Network is unreachable")


def test_without_a_network_it_is_told(dmf, monkeypatch, started):
    monkeypatch.setattr(sharing.socket, "socket", Unconnected)
    result = dmf("app", "--share")
    assert result.status == 2
    assert result.err.startswith("Error This machine is on no network, so nobody could reach the dashboard.")
    assert "--address" in result.err
    assert not started


def test_an_address_of_its_own_alone_is_no_network(monkeypatch):
    monkeypatch.setattr(Unconnected, "connect", lambda *_: None)
    monkeypatch.setattr(Unconnected, "getsockname", lambda _: ("127.0.0.1", 1), raising=False)
    monkeypatch.setattr(sharing.socket, "socket", Unconnected)
    with pytest.raises(Exception, match="on no network"):
        sharing.network_address()


def test_addresses_of_six_are_in_brackets(monkeypatch):
    monkeypatch.setattr(sharing, "_refuse_taken", lambda *_: None)
    assert sharing.shared_at("fd00::2", 8501) == ("fd00::2", "http://[fd00::2]:8501")


def test_visitors_may_be_given_steps(dmf, started, free_port):
    shared = ("app", "--share", "--address", "127.0.0.1", "--port", free_port)
    assert dmf(*shared, "--let-them-train", 500).status == 0
    assert dmf(*shared).status == 0
    assert [environment.get("DMF_VISITOR_STEPS") for _, _, environment in started] == ["500", None]


def test_steps_of_visitors_without_visitors_are_refused(dmf, started):
    result = dmf("app", "--let-them-train", 500)
    assert result.status == 2
    assert result.err.startswith("Error `--let-them-train` needs `--share`")
    assert not started


@pytest.mark.parametrize("steps", ["0", "-3", "many"])
def test_steps_that_cannot_be_are_refused(dmf, started, steps):
    result = dmf("app", "--share", "--let-them-train", steps)
    assert result.status == 2
    assert "--let-them-train" in result.err
    assert not started
