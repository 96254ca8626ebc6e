"""Every file that goes into an image is known to a rule, and one that is not is found."""

from pathlib import Path

import pytest
from unit.plan.deciding import INPUTS, MATRIX

from localai_ci.matrix.rules import Inputs
from localai_ci.matrix.tree import Tree
from localai_ci.plan.coverage import coverage

FILES = {
    "backend/Dockerfile.python": (
        "# .docker/only-a-comment.sh\n"
        "RUN --mount=type=bind,source=.docker/apt-mirror.sh,target=/usr/local/sbin/apt-mirror \\\n"
        "  sh /usr/local/sbin/apt-mirror\n"
        "COPY backend/backend.proto /x\n"
        "COPY backend/python/common/ /common\n"
        "COPY --from=builder /x /y\n"
    ),
    ".docker/apt-mirror.sh": "echo\n",
    ".docker/only-a-comment.sh": "echo\n",
    "backend/backend.proto": "message A {}\n",
    "backend/python/common/libbackend.sh": "echo\n",
    "backend/python/vllm/Makefile": "install:\n\tbash install.sh\n",
    "backend/python/vllm/install.sh": "echo\n",
    "backend/Dockerfile.golang": "COPY . /LocalAI\n",
    "backend/go/ced/main.go": 'import "github.com/mudler/LocalAI/pkg/grpc"\n',
    "pkg/grpc/server.go": 'import "github.com/mudler/LocalAI/pkg/utils"\n',
    "pkg/grpc/server_test.go": 'import "github.com/mudler/LocalAI/pkg/model"\n',
    "pkg/utils/path.go": "package utils\n",
    "pkg/model/loader.go": "package model\n",
    "tools/helper.sh": "echo\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    for path, text in FILES.items():
        write(tmp_path, path, text)
    return Tree(tmp_path)


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")


def uncovered(tree: Tree, without: str = "") -> list[str]:
    rules = [r for r in INPUTS.file.rules if r.name not in {without, "docker-scripts"}]
    inputs = Inputs(INPUTS.file.model_copy(update={"rules": rules}), INPUTS.document)
    return [f.what.split()[1].rstrip(",") for f in coverage(MATRIX, inputs, tree)]


def test_a_tree_whose_inputs_are_all_known_passes(tree: Tree) -> None:
    assert uncovered(tree) == []


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("apt-mirror", ".docker/apt-mirror.sh"),
        ("backend-proto", "backend/backend.proto"),
        ("python-common", "backend/python/common/libbackend.sh"),
        ("go-packages", "pkg/grpc/server.go"),
    ],
)
def test_a_forgotten_rule_is_found_through_the_file_it_would_know(
    tree: Tree, rule: str, path: str
) -> None:
    assert path in uncovered(tree, without=rule)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("backend/python/vllm/install.sh", "source $(dirname $0)/../../../tools/helper.sh\n"),
        ("backend/python/vllm/Makefile", "include ../../../tools/helper.sh\n"),
        ("backend/Dockerfile.python", "COPY tools/helper.sh /helper.sh\n"),
        ("backend/go/ced/Makefile", "build:\n\tbash $(CURDIR)/../../../tools/helper.sh\n"),
        ("backend/go/ced/package.sh", 'cp "${REPO_ROOT}/tools/helper.sh" .\n'),
        ("backend/python/common/libbackend.sh", "bash /LocalAI/tools/helper.sh\n"),
    ],
)
def test_a_file_outside_of_all_rules_is_found_however_it_is_mentioned(
    tree: Tree, path: str, text: str
) -> None:
    write(tree.root, path, text)
    assert uncovered(tree) == ["tools/helper.sh"]


def test_a_package_that_a_linked_package_imports_is_followed(tree: Tree) -> None:
    write(tree.root, "pkg/utils/path.go", 'import "github.com/mudler/LocalAI/pkg/model"\n')
    assert uncovered(tree) == ["pkg/model/loader.go"]


def test_a_neutral_file_may_be_used(tree: Tree) -> None:
    write(tree.root, "Makefile", "all:\n")
    write(tree.root, "backend/go/ced/Makefile", "build:\n\tmake -f ../../../Makefile\n")
    assert uncovered(tree) == []


def test_rebuilding_another_backend_is_not_enough(tree: Tree) -> None:
    write(tree.root, "backend/python/vllm/install.sh", "cp ../../go/ced/main.go .\n")
    assert "backend/go/ced/main.go" in uncovered(tree)
