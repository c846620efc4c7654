"""Ids in the order of time."""

import time

from domain.platform.ids import time_ordered


def test_later_ids_are_greater_and_each_is_a_uuid_of_version_7() -> None:
    earlier = [time_ordered() for _ in range(100)]
    time.sleep(0.002)
    later = [time_ordered() for _ in range(100)]
    assert max(earlier) < min(later)
    assert len({*earlier, *later}) == 200
    assert {(one.version, one.variant) for one in earlier} == {(7, "specified in RFC 4122")}
