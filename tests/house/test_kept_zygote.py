"""The process that programs are forked from answers everybody, whoever else has asked it for nothing."""

import os
import socket

import pytest

from tests.kit.forked import told

_SECONDS_MAX = 60


@pytest.mark.usefixtures("servers")
def test_who_connects_and_says_nothing_holds_nobody_up() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as silent:
        silent.connect(os.environ["TEST_ZYGOTE"])
        assert told(["-c", "print('here')"], {}, _SECONDS_MAX).stdout == "here\n"


@pytest.mark.usefixtures("servers")
def test_what_cannot_be_wished_for_holds_nobody_up() -> None:
    with pytest.raises(TypeError):
        told(["-c", object()], {}, _SECONDS_MAX)  # type: ignore[list-item]  # that is what is wrong
    assert told(["-c", "print('here')"], {}, _SECONDS_MAX).stdout == "here\n"
