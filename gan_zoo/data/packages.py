"""Package clients that bring data: what apt-get and npm download is unpacked, not installed; no root is needed."""

import os
import subprocess
import tarfile
from pathlib import Path

from gan_zoo.errors import UserError

# Offline, apt would try for minutes: one attempt, five seconds of silence, no root's sandbox.
APT = ("Acquire::Retries=0", "Acquire::http::Timeout=5", "Acquire::https::Timeout=5", "APT::Sandbox::User=")
NPM = ("--fetch-retries=0", "--fetch-timeout=60000", "--loglevel=error")


def debian(package: str, directory: str | Path, otherwise: str) -> Path:
    """Downloads a Debian package: the folder in ``directory`` that holds its files as they would lie under /.

    Args:
        otherwise: what to do where there is no apt-get.

    Raises:
        UserError: the package cannot be had.
    """
    options = [word for option in APT for word in ("-o", option)]
    place = Path(directory, package)
    place.mkdir()
    _run(["apt-get", *options, "download", package], place, package, otherwise, "perhaps run `apt-get update`, ")
    unpacked = place / "unpacked"
    _run(["dpkg", "-x", str(next(place.glob("*.deb"))), str(unpacked)], place, package, otherwise)
    return unpacked


def npm(package: str, version: str, directory: str | Path, otherwise: str) -> Path:
    """Downloads an npm package: the folder in ``directory`` that holds its files; raises as ``debian``."""
    place = Path(directory, package)
    place.mkdir()
    _run(["npm", "pack", f"{package}@{version}", *NPM], place, package, otherwise)
    with tarfile.open(next(place.glob("*.tgz"))) as archive:
        archive.extractall(place / "unpacked", filter="data")
    return place / "unpacked" / "package"


def _run(command: list[str], directory: str | Path, package: str, otherwise: str, also: str = "") -> None:
    """Runs a package client, and tells what it complains about last."""
    # The resolver, too, would try for long.
    environment = os.environ | {"RES_OPTIONS": "timeout:2 attempts:1", "LC_ALL": "C"}
    try:
        subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise UserError(f"{command[0]} is not here, so {otherwise}") from None
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(
            f"{command[0]} could not bring {package} ({reason}): check the network, {also}and try again"
        ) from None
