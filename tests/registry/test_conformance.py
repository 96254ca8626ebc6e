"""The tests' registries, and the fault proxy, judged by the OCI conformance program."""

import os
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from registries import debian
from registries.oci import oci_registry
from registries.proxy import proxy
from registries.tools import built

pytestmark = pytest.mark.slow

DEBIAN_HAS_NOT = (
    "OCI_API_REFERRER", "OCI_API_TAGS_DELETE", "OCI_DATA_SHA512", "OCI_DATA_SUBJECT",
    "OCI_DATA_SUBJECT_LIST", "OCI_DATA_SUBJECT_MISSING",
)  # fmt: skip
DEBIAN_FAILS = {
    "sha256 blobs/chunked out-of-order",
    "sha256 blobs/chunked out-of-order and put chunk",
    "sha256 blobs/range requests",
    "non-distributable-layers/push",
    "non-distributable-layers/head",
    "non-distributable-layers/pull",
    "non-distributable-layers/tag-list",
    "invalid-digest-format/manifest-get",
    "invalid-digest-format/manifest-put",
}


def failures(address: str, folder: Path, *without: str) -> set[str]:
    """Run the program against a registry, some of its parts left out.

    Returns:
        Group and name of what failed.
    """
    environment = {
        **os.environ, "OCI_REGISTRY": address, "OCI_TLS": "disabled", "OCI_VERSION": "1.1",
        "OCI_RESULTS_DIR": str(folder), **dict.fromkeys(without, "false"),
    }  # fmt: skip
    done = subprocess.run([built("conformance")], env=environment, check=False, capture_output=True)
    cases = list(ET.parse(folder / "junit.xml").iter("testcase"))
    assert sum(case.get("status") == "passed" for case in cases) > 300
    failed = [case.get("name", "") for case in cases if case.get("status") == "failure"]
    assert done.returncode == bool(failed)
    return {"/".join(name.split("/")[1:3]) for name in failed}


def test_the_own_registry_conforms(tmp_path: Path) -> None:
    with oci_registry() as registry:
        assert failures(registry.address, tmp_path) == set()


def test_the_fault_proxy_without_faults_changes_nothing(tmp_path: Path) -> None:
    with oci_registry() as registry, proxy(registry.address) as front:
        assert failures(front.address, tmp_path) == set()


def test_debians_registry_lacks_only_what_is_known(tmp_path: Path) -> None:
    with debian.registry(tmp_path / "registry") as registry:
        assert failures(registry.address, tmp_path / "told", *DEBIAN_HAS_NOT) == DEBIAN_FAILS
