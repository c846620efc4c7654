"""What `work.resolve` would do, as things stand: nothing is locked and nothing is written."""

from domain.access.principal import Principal
from domain.findings import money, postings, work
from domain.findings.work import Resolution
from domain.models import Finding, Payment


async def needs_second_person(principal: Principal, finding: Finding, wanted: Resolution) -> bool:
    """Whether it would wait for another person. Raises what `work.resolve` would."""
    work.checked_note(wanted.note)
    work.check_open(finding)
    suspended = await money.of(finding)
    await work.check(principal, finding, wanted, suspended)
    payment = await Payment.get(id=finding.payment_id) if finding.payment_id is not None else None
    moved = await postings.moved(wanted.reason, wanted.account, suspended, payment)
    return await work.needs_two(finding, moved.amount)
