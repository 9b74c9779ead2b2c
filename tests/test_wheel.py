"""What is installed from a wheel is whole: the dashboard listens at this machine's own address, as it does here."""

import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LISTENS = "0A"  # in the fourth column of /proc/net/tcp


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The Python of an environment that has the wheel, and sees the other packages of this one."""
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for folder in ("app", "dmf", ".streamlit"):
        shutil.copytree(ROOT / folder, source / folder, ignore=ignored)
    for file in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run([*pip, *build], check=True, timeout=300)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True, timeout=300)
    python = tmp_path / "venv" / "bin" / "python"
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", str(wheel)], check=True, timeout=300)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site / "others.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    return python


@pytest.fixture
def listening(installed: Path, tmp_path: Path) -> Iterator[int]:
    """The port at which the installed dashboard listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"HOME": str(tmp_path), "DMF_HOME": str(tmp_path / "home"), "DMF_EXAMPLES": "no"}
    command = [str(installed), "-m", "dmf", "app", "--port", str(port)]
    with (tmp_path / "said").open("w") as said:
        server = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=said, stderr=said)
    try:
        deadline = time.monotonic() + 120
        while not addresses_of(port):
            assert server.poll() is None, (tmp_path / "said").read_text()
            assert time.monotonic() < deadline, (tmp_path / "said").read_text()
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(60)


def addresses_of(port: int) -> set[str]:
    """Addresses at which something listens on a port, in hexadecimal as the kernel writes them."""
    found = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            address, number = line.split()[1].split(":")
            if int(number, 16) == port and line.split()[3] == LISTENS:
                found.add(address)
    return found


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells who listens where in a file")
def test_the_installed_dashboard_is_bound_to_this_machine_and_brings_its_settings(
    listening: int, installed: Path
) -> None:
    assert addresses_of(listening) == {"0100007F"}  # 127.0.0.1
    (file,) = installed.parents[1].glob("lib/python*/site-packages/app/.streamlit/config.toml")
    settings = tomllib.loads(file.read_text())
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["server"]["enableXsrfProtection"] is True
    assert settings["server"]["maxUploadSize"] == 2048
    assert {"light", "dark"} <= settings["theme"].keys()
