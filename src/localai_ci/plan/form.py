"""The forms of a plan, by name. What makes them is loaded when one is asked for."""

from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from localai_ci import json_text

if TYPE_CHECKING:
    from localai_ci.plan.report import Report
    from localai_ci.plan.saved_plan import SavedPlan


class PlanFormat(StrEnum):
    """How a plan is printed."""

    table = "table"
    """A table for people."""

    json = "json"
    """All of it, for programs and for the merge."""

    github = "github"
    """Outputs of a GitHub job: matrices and flags."""

    markdown = "markdown"
    """A step summary."""

    html = "html"
    """A page."""

    @property
    def suffix(self) -> str:
        """How a file of this form is called: ``plan.`` and this."""
        known = {PlanFormat.json: "json", PlanFormat.html: "html", PlanFormat.github: "txt"}
        return known.get(self, "md")


def render(
    report: "Report",
    form: PlanFormat,
    shard_size: int = 240,
    blocks: int = 0,
    against: "SavedPlan | None" = None,
) -> str:
    """A plan as text; a table is Markdown's, which a terminal shows as well as a file.

    Args:
        report: The plan.
        form: Which form.
        shard_size: Most jobs of one of GitHub's matrices; only for ``github``.
        blocks: How many matrices its workflow has jobs for, 0 for any; only for ``github``.
        against: An earlier plan that a page shows the difference to; only for ``html``.

    Raises:
        InputError: more jobs than GitHub takes.
    """
    match form:
        case PlanFormat.json:
            from localai_ci.plan.report import as_json

            return json_text.write(as_json(report), indent=1)
        case PlanFormat.github:
            from localai_ci.plan import github

            return github.render(
                github.outputs(
                    report.jobs,
                    report.server_jobs,
                    run_all=report.plan.complete,
                    darwin=report.darwin,
                    built=report.plan.built,
                    size=shard_size,
                    blocks=blocks,
                )
            )
        case PlanFormat.markdown | PlanFormat.table:
            from localai_ci.plan.report import markdown

            return markdown(report)
        case PlanFormat.html:
            from localai_ci.plan.html import page

            return page(report, against)
        case _:
            assert_never(form)
