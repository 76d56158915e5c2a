"""Runs one of Swift's servers with the settings of a folder; by the Python that has Swift, not by ours.

python -P chain/swift_program.py FOLDER proxy|account|container|object
"""

from __future__ import annotations

import importlib
import sys


def main(folder: str, kind: str) -> int:
    """Serve until it is ended."""
    utils = importlib.import_module("swift.common.utils")
    utils.set_swift_dir(folder)  # which is /etc/swift otherwise
    wsgi = importlib.import_module("swift.common.wsgi")
    return int(wsgi.run_wsgi(f"{folder}/{kind}.conf", f"{kind}-server", verbose=True) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
