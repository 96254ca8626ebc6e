"""What a changed file would build if it had changed alone."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.plan.deciding import plan

from localai_ci.matrix.entry import Entry
from localai_ci.matrix.tables import Tables
from localai_ci.plan.alone import alone
from localai_ci.plan.event import Event
from localai_ci.plan.report import alone_text, as_json, markdown, report_of
from localai_ci.plan.simulate import simulate

PATHS = [
    "backend/go/whisper/main.go",
    "backend/go/whisper/Makefile",
    "backend/go/ced/a.go",
    "backend/python/vllm/install.sh",
    "backend/cpp/llama-cpp/grpc-server.cpp",
    "backend/Dockerfile.golang",
    "backend/Dockerfile.python",
    "backend/python/common/libbackend.sh",
    "backend/new/thing.txt",
    "pkg/grpc/server.go",
    "scripts/build/package.sh",
    ".docker/unknown",
    "README.md",
    "docs/x.md",
]
KNOWN = Tables()
ESTIMATES = KNOWN.estimates


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.sampled_from(PATHS), min_size=1, unique=True),
    st.sampled_from([Event.pull_request, Event.push]),
)
def test_what_a_file_builds_alone_is_what_a_plan_of_that_file_builds(
    paths: list[str], event: Event
) -> None:
    weighed = {one.path: one for one in report_of(
        plan(*paths, event=event), KNOWN, 20, pack=False
    ).alone}  # fmt: skip
    for path in paths:
        single = report_of(plan(path, event=event), KNOWN, 20, pack=False)
        entries = tuple(p.entry for p in single.plan.entries)
        if not entries:
            assert path not in weighed
            continue
        one = weighed[path]
        assert {e.id for e in one.entries} == {e.id for e in entries}
        assert one.jobs == len(single.jobs)
        backends = simulate(single.jobs, 20, single.estimates, one_merge=True)
        assert round(one.minutes) == round(backends.runner_minutes)


def test_the_dearest_file_comes_first_and_says_images_jobs_and_hours() -> None:
    report = report_of(
        plan("backend/go/whisper/main.go", "pkg/grpc/server.go"), KNOWN, 20, pack=False
    )
    assert [one.path for one in report.alone] == [
        "pkg/grpc/server.go",
        "backend/go/whisper/main.go",
    ]
    assert alone_text(report.alone[1]) == "alone: 12 images, 12 jobs, 2 h 38 min"
    assert "alone: 12 images, 12 jobs, 2 h 38 min" in markdown(report)
    assert as_json(report)["alone"][1] == {  # type: ignore[index]
        "path": "backend/go/whisper/main.go", "images": 12, "jobs": 12, "runner_minutes": 158,
    }  # fmt: skip


def test_a_packed_plan_counts_packed_jobs() -> None:
    report = report_of(plan("pkg/grpc/server.go"), KNOWN, 20, budget=300.0, pack=True)
    (one,) = report.alone
    assert one.jobs == len(report.jobs) < len(one.entries)


def test_files_of_one_folder_are_weighed_once() -> None:
    asked: list[int] = []

    def weigh(entries: Sequence[Entry]) -> tuple[int, float]:
        asked.append(len(entries))
        return len(entries), 1.0

    found = alone(plan(*(f"backend/go/whisper/{n}.go" for n in range(500))), weigh)
    assert len(found) == 500
    assert asked == [12]


def test_without_a_known_change_no_file_is_weighed() -> None:
    assert report_of(plan(event=Event.schedule), KNOWN, 20, pack=False).alone == ()
