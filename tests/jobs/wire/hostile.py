"""Addresses that lead inside, and a network that says which connections were asked for."""

import re
import socket
from dataclasses import dataclass, field
from typing import Any

from domain.connections.calls import About
from domain.models import Connection
from tests.kit.factories import a_shop

# PORT stands for the listener's own port on 127.0.0.1.
HOSTILE = [
    # This machine, as it is written by whoever hopes that two parsers differ.
    "http://127.0.0.1:PORT/",
    "https://127.0.0.1:PORT/",
    "https://127.0.0.1/",
    "http://localhost:PORT/",
    "https://localhost:PORT/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://127.0.0.1./",
    "https://127.1/",
    "https://127.0.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0x7f.1/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://127.0.0.0x1/",
    "https://127.000.000.001/",
    "https://127.127.127.127/",
    "https://[::1]/",
    "https://[::1]:PORT/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[::1%25lo]/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1]/",
    "https://[fd00:ec2::254]/",
    "https://[ff02::1]/",
    # Networks inside, and the metadata of clouds.
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "http://169.254.169.254/latest/meta-data/",
    "https://0xa9fea9fe/",
    "https://2852039166/",
    "https://[::ffff:169.254.169.254]/",
    "https://100.100.100.200/",
    "https://100.64.0.1/",
    "https://168.63.129.16/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://metadata.google.internal/",
    "https://metadata/",
    "https://kubernetes.default.svc/",
    "https://valkey:6379/",
    "http://sandbox:8900/",
    "https://printer.local/",
    "https://router.home.arpa/",
    # What stands around the host.
    "https://user@pse.example.com/",
    "https://pse.example.com@127.0.0.1:PORT/",
    "https://user:word@pse.example.com/",
    "https://pse.example.com\\@127.0.0.1:PORT/",
    "https://127.0.0.1:PORT\\.pse.example.com/",
    "https://127.0.0.1:PORT#.pse.example.com/",
    "https://127.0.0.1:PORT?.pse.example.com/",
    "https://pse.example.com:22/",
    "https://pse.example.com:6379/",
    "https://pse.example.com:0/",
    "https://pse.example.com:99999/",
    "https://pse.example.com:80a/",
    "http://pse.example.com/",
    "ftp://pse.example.com/",
    "gopher://127.0.0.1:PORT/_FLUSHALL",
    "file:///etc/passwd",
    "//127.0.0.1:PORT/",
    "https:/127.0.0.1:PORT/",
    "https:127.0.0.1:PORT/",
    "https:///127.0.0.1:PORT/",
    "https:// 127.0.0.1:PORT/",
    "https://127.0.0.1\t:PORT/",
    "https://127.0.0.1:PORT/\r\nHost: pse.example.com",
    "https://pse.example.com\x00.evil.example/",
    # Letters that look like others, and other ways to write a dot or a digit.
    "https://\uff11\uff12\uff17.0.0.1/",
    "https://\u2460\u2461\u2466.0.0.1/",
    "https://127\u30020\u30020\u30021/",
    "https://ap\u0456.stripe.com/",
    "https://xn--ap-jmc.stripe.com/",
    "https://%31%32%37.0.0.1/",
    "https://127.0.0.1%2f.pse.example.com/",
    "https://pse..example.com/",
    "https://.pse.example.com/",
    "https://pse.example.com./",
    "https://-pse.example.com/",
    "https://pse_1.example.com/",
    "https://" + "a" * 64 + ".example.com/",
    "https://" + "a." * 130 + "com/",
    "https://",
    "",
]
# Names that pass for a PSE's, until they are looked up.
LEADS_INSIDE = {
    "loopback.example.com": ["127.0.0.1"],
    "metadata.example.com": ["169.254.169.254"],
    "ten.example.com": ["10.0.0.1"],
    "cgnat.example.com": ["100.64.7.7"],
    "azure.example.com": ["168.63.129.16"],
    "zero.example.com": ["0.0.0.0"],  # noqa: S104 - never bound
    "multicast.example.com": ["239.1.1.1"],
    "reserved.example.com": ["240.0.0.1"],
    "benchmark.example.com": ["198.18.0.1"],
    "mapped.example.com": ["::ffff:10.0.0.1"],
    "loopback6.example.com": ["::1"],
    "unspecified6.example.com": ["::"],
    "unique-local.example.com": ["fd00:ec2::254"],
    "link-local.example.com": ["fe80::1%2"],
    "site-local.example.com": ["fec0::1"],
    "nat64.example.com": ["64:ff9b::a00:1"],
    "local-nat64.example.com": ["64:ff9b:1::808:808"],
    "six-to-four.example.com": ["2002:a00:1::1"],
    "teredo.example.com": ["2001:0:53aa:64c:0:fff:f5ff:fffe"],
    "compatible.example.com": ["::10.0.0.1"],
    "multicast6.example.com": ["ff0e::1"],
    "one-of-two.example.com": ["93.184.215.14", "10.0.0.1"],
    "one-of-three.example.com": ["2606:2800:21f:cb07::1", "93.184.215.14", "::ffff:127.0.0.1"],
}


@dataclass(slots=True)
class Network:
    """What the test sees of the network: who was looked up, what was tried, and who came to the listener."""

    table: dict[str, list[list[str]]]  # by name: what each look-up answers; the last one again and again
    port: int = 0
    came: int = 0
    tried: list[Any] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)

    def look_up(self, host: Any, port: Any, *arguments: Any, **more: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in self.table:  # an IP address, however it is written, or a name that nobody knows
            if not re.fullmatch(r"[0-9a-fx.:]+", name):
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return _GETADDRINFO(host, port, *arguments, **more)
        self.looked_up.append(name)
        answers = self.table[name]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [_as_told(one, port) for one in found]


_GETADDRINFO = socket.getaddrinfo


def _as_told(address: str, port: int) -> Any:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    place = (address, port, 0, 0) if ":" in address else (address, port)
    return family, socket.SOCK_STREAM, 6, "", place


async def a_connection() -> Connection:
    """At a PSE whose key goes with each request: nothing is asked before it."""
    keys = {"api_key": "k", "webhook_secret": "w"}
    return (await a_shop(pse="stripe", base_url="https://pse.example.com/v1", secrets=keys)).connection


def about_of(connection: Connection) -> About:
    return About(connection.merchant_id, connection.id, "request", "PAYMENT")
