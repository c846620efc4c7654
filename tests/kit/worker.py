"""`python worker.py -u -c CODE`: a Python that the run's nursery forks (kit/nursery), for the workers of pytest-xdist.

Each of them would import all of the product, its libraries and its tests anew. This one lends the fork its three
standard files, waits for its end, and takes it along when it is ended itself. It imports little, to be there at once.
"""

import json
import os
import signal
import socket
import sys


def main() -> int:
    """The exit status of the fork."""
    argv = sys.argv[sys.argv.index("-c") :]
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    line.connect(os.environ["TEST_NURSERY"])
    wish = {"argv": argv, "env": dict(os.environ), "place": os.getcwd(), "death": int(signal.SIGKILL)}
    socket.send_fds(line, [json.dumps(wish).encode()], [1, 2, 0])
    line.recv(64)  # its id
    return int(line.recv(64) or -signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
