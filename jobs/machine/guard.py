"""`python -m jobs.machine.guard PROGRAM ...`: runs a program and ends it when our standard input closes.

Where the kernel cannot tie a child to its parent (everywhere but Linux), the parent holds the pipe: when it dies,
however it dies, the pipe closes.
"""

import signal
import subprocess
import sys
import threading


def main(argv: list[str]) -> int:
    """Run the program until it or our standard input ends; its exit status."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)  # noqa: S603 - our own programs
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda number, _: process.send_signal(number))

    def watch() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        process.terminate()

    threading.Thread(target=watch, daemon=True).start()
    return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
