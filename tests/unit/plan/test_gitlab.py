"""The plan as a GitLab child pipeline."""

from hypothesis import given
from hypothesis import strategies as st
from unit.plan.deciding import MATRIX

from localai_ci.config.estimates import load_estimates
from localai_ci.matrix.entry import Entry
from localai_ci.plan.gitlab import STAGES, TAGS, child_pipeline
from localai_ci.plan.jobs import packed

ESTIMATES = load_estimates()
ENTRIES = st.lists(st.sampled_from(MATRIX.entries), max_size=40, unique_by=lambda e: e.id)
KEYWORDS = {"stages", "workflow", "default", "variables", "include", "image", "services", "cache",
            "before_script", "after_script", "pages", "spec", "true", "false", "nil"}  # fmt: skip


@given(ENTRIES, st.booleans())
def test_every_linux_entry_is_in_one_job_and_darwin_in_none(
    entries: list[Entry], publishes: bool
) -> None:
    jobs = packed(entries, ESTIMATES, 60)
    made = child_pipeline(jobs, merges=bool(entries), publishes=publishes)
    built = [job for name, job in made.items() if name not in KEYWORDS and "variables" in job]
    listed = [entry for job in built for entry in job["variables"]["ENTRIES"].split()]
    assert sorted(listed) == sorted(e.id for e in entries if e.os == "linux")
    for job in built:
        assert job["variables"]["PUBLISH"] == ("true" if publishes else "false")
        assert job["stage"] in STAGES
        assert job["timeout"]


def test_a_merge_request_merges_nothing_and_waits_for_no_one() -> None:
    jobs = packed(MATRIX.entries, ESTIMATES, 120)
    assert "merge" not in child_pipeline(jobs, merges=True, publishes=False)
    made = child_pipeline(jobs, merges=True, publishes=True)
    # GitLab refuses more than 50 needs, and a job in a later stage has none.
    assert "needs" not in made["merge"]
    assert made["merge"]["when"] == "always"
    assert made["merge"]["stage"] == STAGES[-1]


def test_a_pipeline_is_never_empty() -> None:
    """GitLab refuses one without a job."""
    made = child_pipeline([], merges=False, publishes=True)
    assert [name for name in made if name not in KEYWORDS] == ["nothing to build"]


def test_a_release_of_what_was_built_before_still_gets_its_tags() -> None:
    made = child_pipeline([], merges=True, publishes=True)
    assert "merge" in made


def test_names_of_jobs_are_no_keywords_and_runners_of_githubs_have_tags_of_their_own() -> None:
    jobs = packed(MATRIX.entries, ESTIMATES, 120)
    made = child_pipeline(jobs, merges=True, publishes=True)
    assert len([n for n in made if n not in KEYWORDS]) == 2 + sum(j.os == "linux" for j in jobs)
    tags = {tag for name, job in made.items() if name not in KEYWORDS for tag in job["tags"]}
    assert {"linux-amd64", "linux-arm64"} <= tags
    assert tags <= {*TAGS.values(), "bigger-runner", "arc-runner-set"}
