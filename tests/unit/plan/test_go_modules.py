"""go.mod is compared by the modules that each Go backend links."""

import pytest
from unit.plan.deciding import MATRIX, backends
from unit.plan.states import planned

from localai_ci.plan.decide import Plan

GO_MOD = """\
module github.com/mudler/LocalAI

go 1.26.0

require (
\tgithub.com/ebitengine/purego v0.10.0
\tgithub.com/gpustack/gguf-parser-go v0.25.0
\tgithub.com/labstack/echo/v4 v4.15.1
\tgithub.com/mudler/xlog v0.0.6 // indirect
)

require (
\tgithub.com/henvic/httpretty v0.1.4 // indirect
\tgithub.com/json-iterator/go v1.1.12 // indirect
\tgithub.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
\tgithub.com/modern-go/reflect2 v1.0.3-0.20250322232337-35a7c28c31ee // indirect
\tgithub.com/smallnest/ringbuffer v0.0.0-20241116012123-461381446e3d // indirect
\tgolang.org/x/crypto v0.51.0 // indirect
\tgolang.org/x/exp v0.0.0-20260410095643-746e56fc9e2f // indirect
\tgolang.org/x/sync v0.20.0 // indirect
\tgolang.org/x/sys v0.45.0 // indirect
\tgolang.org/x/term v0.43.0 // indirect
)
"""
PUREGO = 'package main\n\nimport "github.com/ebitengine/purego"\n'
ALL = {e.backend for e in MATRIX.entries if e.build == "golang"}
TREE = {
    "go.mod": GO_MOD,
    "go.sum": "github.com/ebitengine/purego v0.10.0 h1:aaa=\n"
    "github.com/ebitengine/purego v0.10.0/go.mod h1:bbb=\n",
    **{f"backend/go/{name}/main.go": PUREGO for name in ALL},
    "backend/go/crispasr/main.go": """\
/* a comment */ package main // and another

import "C"
import (
\t"fmt"; _ "embed"
\tgguf "github.com/gpustack/gguf-parser-go"

\t// "github.com/labstack/echo/v4"
\t. `github.com/mudler/LocalAI/pkg/utils`
)

var text = `import "github.com/labstack/echo/v4"`
""",
    "backend/go/crispasr/main_test.go": 'package main\nimport "github.com/labstack/echo/v4"\n',
    "pkg/utils/log.go": 'package utils\n\nimport "github.com/mudler/xlog"\n',
    "core/app.go": 'package core\n\nimport "github.com/labstack/echo/v4"\n',
}


def edited(old: str, new: str, path: str = "go.mod", tree: dict[str, str] = TREE) -> Plan:
    assert old in tree[path]
    return planned(tree, tree | {path: tree[path].replace(old, new)})


def test_a_module_that_no_backend_links_rebuilds_nothing_and_says_so() -> None:
    found = edited("echo/v4 v4.15.1", "echo/v4 v4.15.2")
    assert not found.entries
    assert found.idle == {"go.mod": "no Go backend links what it changes"}


@pytest.mark.parametrize(
    ("old", "new", "which"),
    [
        ("gguf-parser-go v0.25.0", "gguf-parser-go v0.25.1", {"crispasr"}),
        ("httpretty v0.1.4", "httpretty v0.1.5", {"crispasr"}),  # through another
        ("xlog v0.0.6", "xlog v0.0.7", {"crispasr"}),  # through a package of the tree
        ("purego v0.10.0", "purego v0.11.0", ALL - {"crispasr"}),
        ("go 1.26.0", "go 1.26.1", ALL),
        ("go 1.26.0", "go 1.26.0\n\ntoolchain go1.26.3", ALL),
        ("go 1.26.0", "go 1.26.0\n\ngodebug default=go1.21", ALL),
        ("go 1.26.0", "go 1.26.0\n\nsomething-new x", ALL),
    ],
)
def test_a_module_rebuilds_exactly_the_backends_that_link_it(
    old: str, new: str, which: set[str]
) -> None:
    assert backends(edited(old, new)) == which


def test_the_reason_names_the_module_and_its_versions() -> None:
    found = edited("gguf-parser-go v0.25.0", "gguf-parser-go v0.25.1")
    assert "go-modules.yaml does not say" in str(found.entries[0].reasons[0])
    found = edited("xlog v0.0.6", "xlog v0.0.6\n\t// more\n\tgithub.com/x/y v1.0.0")
    assert not found.entries
    found = edited("h1:aaa=", "h1:ccc=", "go.sum")
    assert "purego v0.10.0 has another hash in go.sum" in str(found.entries[0].reasons[0])


def test_a_hash_of_a_linked_module_counts_and_one_of_a_go_mod_file_does_not() -> None:
    assert backends(edited("h1:aaa=", "h1:ccc=", "go.sum")) == ALL - {"crispasr"}
    assert not edited("h1:bbb=", "h1:ccc=", "go.sum").entries


@pytest.mark.parametrize(
    ("line", "which"),
    [
        ("replace github.com/ebitengine/purego => example.org/fork v1.0.0", ALL - {"crispasr"}),
        ("replace github.com/ebitengine/purego v0.10.0 => ./purego", ALL - {"crispasr"}),
        ("replace (\n\tgithub.com/ebitengine/purego => ../purego\n)", ALL - {"crispasr"}),
        ("replace github.com/ebitengine/purego v0.9.0 => example.org/fork v1.0.0", set()),
        ("replace github.com/labstack/echo/v4 => example.org/fork v1.0.0", set()),
        ("retract v0.0.1 // by mistake", set()),
        ("retract (\n\tv0.0.1\n\t[v0.1.0, v0.2.0]\n)", set()),
        ("tool github.com/x/y", set()),
        ("exclude github.com/ebitengine/purego v0.9.0", ALL),
        ("// purego v0.11.0", set()),
    ],
)
def test_directives_count_as_go_reads_them(line: str, which: set[str]) -> None:
    assert backends(planned(TREE, TREE | {"go.mod": f"{GO_MOD}\n{line}\n"})) == which


@pytest.mark.parametrize("path", ["go.work", "vendor/modules.txt"])
def test_what_overrules_go_mod_is_a_doubt(path: str) -> None:
    found = planned(TREE, TREE | {path: "go 1.26\n"})
    assert backends(found) == ALL
    assert f"{path} overrules go.mod" in str(found.entries[0].reasons[0])


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("pkg/utils/log.go", 'import "x"\n', "it names no package"),
        (
            "pkg/utils/log.go",
            'package utils\nimport "github.com/not/there"\n',
            "nothing that go.mod",
        ),
        ("pkg/utils/log.go", 'package utils\nimport "github.com/mudler/LocalAI/gone"\n', "in gone"),
    ],
)
def test_a_backend_of_which_it_cannot_be_told_is_rebuilt_alone(
    path: str, text: str, says: str
) -> None:
    tree = TREE | {path: text}
    found = edited("echo/v4 v4.15.1", "echo/v4 v4.15.2", tree=tree)
    assert backends(found) == {"crispasr"}
    assert says in str(found.entries[0].reasons[0])


def test_a_go_mod_that_is_none_rebuilds_all_with_the_reason() -> None:
    found = planned(TREE, TREE | {"go.mod": "require (\n"})
    assert backends(found) == ALL
    assert "the block require does not end" in str(found.entries[0].reasons[0])


def test_a_backend_with_a_go_mod_of_its_own_does_not_follow_the_trees() -> None:
    tree = TREE | {"backend/go/whisper/go.mod": "module whisper\n"}
    assert "whisper" not in backends(edited("purego v0.10.0", "purego v0.11.0", tree=tree))


def test_generated_code_links_what_the_table_says_of_it() -> None:
    text = PUREGO + 'import "github.com/mudler/LocalAI/pkg/grpc/proto"\n'
    tree = TREE | {"backend/go/whisper/main.go": text}
    tree["go.mod"] += "\nrequire google.golang.org/grpc v1.80.0\n"
    assert "whisper" in backends(edited("grpc v1.80.0", "grpc v1.80.1", tree=tree))


def test_without_the_trees_all_go_backends_are_rebuilt() -> None:
    from unit.plan.deciding import plan

    assert backends(plan("go.mod")) == ALL
