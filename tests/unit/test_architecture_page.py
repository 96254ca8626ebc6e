"""The picture of the rooms is drawn from the imports."""

import re

from unit.test_house import PACKAGE, ROOMS, imports, trees

PAGE = PACKAGE.parents[1] / "docs/explanation/architecture.md"
ALL = (*ROOMS, "cli", "module")


def drawn() -> dict[str, set[str]]:
    picture = PAGE.read_text("utf-8").partition("```mermaid")[2].partition("```")[0]
    arrows = re.findall(r"^  (\w+) --> (.+)$", picture, re.MULTILINE)
    return {room: set(to.split(" & ")) for room, to in arrows}


def imported() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name in trees():
        room = name.split(".")[0]
        to = {target.removeprefix("localai_ci.").split(".")[0] for target in imports(name)}
        if room in ALL and (others := to & set(ALL) - {room}):
            found.setdefault(room, set()).update(others)
    return found


def test_the_picture_of_the_rooms_shows_all_imports_and_no_others() -> None:
    assert drawn() == imported()
