"""HEAD or GET: some registries do not answer one of them as they should.

Which of the two tells the truth is found out by asking both, and remembered for the host.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from localai_ci.oci import retry
from localai_ci.oci.answer import Answer
from localai_ci.oci.transport import Transport

UNHEARD = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
"""What a registry answers to HEAD that only knows GET."""
_HABIT = "GET"


async def ask(
    transport: Transport, host: str, number: int, send: Callable[[str], Awaitable[Answer]]
) -> tuple[Answer, str]:
    """One try to see whether something is there.

    Args:
        transport: Remembers.
        host: Which.
        number: How many tries have failed. From the second on GET is asked too; only that
            something is there is believed of it, for HEAD has not been answered yet.
        send: Sends the question with a method.

    Returns:
        The answer, and the method that got it.
    """
    if (host, _HABIT) in transport.habits:
        return await send("GET"), "GET"
    answer = await send("HEAD")
    broken = retry.worth_retrying(answer.status) and not retry.too_many(
        answer.status, b"", answer.headers
    )
    if answer.status in UNHEARD or (broken and number):
        there = await send("GET")
        if there.ok or answer.status in UNHEARD:
            distrust(transport, host)
            return there, "GET"
    return answer, "HEAD"


def distrust(transport: Transport, host: str) -> None:
    """From now on ask this host with GET: its HEAD lacked what GET had."""
    transport.habits.add((host, _HABIT))
