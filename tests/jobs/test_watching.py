"""The metrics of a worker: at a port where one is set, and never at the price of the work."""

import httpx
import pytest

from domain.platform import metrics
from jobs.machine import up
from jobs.machine.ports import free_port
from jobs.watching import watched
from tests.conftest import Database
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")


async def test_a_worker_tells_what_it_counts_and_a_timetable_how_all_stands_too(books: Database) -> None:
    settings = quick_settings(metrics_port=free_port())
    metrics.called("pix", "REFUND", "in_doubt", 1.5)
    url = f"http://{settings.host}:{settings.metrics_port}/metrics"
    async with httpx.AsyncClient() as http:
        async with watched(settings):
            told = (await http.get(url)).text
            assert 'estorno_pse_calls_total{outcome="in_doubt",pse="pix",purpose="REFUND"}' in told
            assert "estorno_queue_due" not in told
            async with watched(settings):  # the port is taken: the work goes on
                assert (await http.get(url)).status_code == 200
        async with watched(settings, standing=True):
            for _ in range(100):
                told = (await http.get(url)).text
                if "estorno_standing_up 1.0" in told:
                    break
            assert 'estorno_queue_due{kind="refund"}' in told
        with pytest.raises(httpx.ConnectError):
            await http.get(url)


def test_on_one_machine_each_process_has_a_port_of_its_own() -> None:
    children = up.workers(quick_settings(metrics_port=9_400), quiet=False)
    assert [one.env.get("ESTORNO_METRICS_PORT") for one in children] == ["9400", "9400", "9401", "9402"]
