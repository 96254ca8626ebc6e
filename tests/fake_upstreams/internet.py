"""All upstreams of the builder bases, below one folder by host and path."""

import io
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from fake_upstreams import grpc
from fake_upstreams.packages import Key, Package, build, flat_repository, run, suite_repository

CUDA_DEV = ("libcufft", "libcurand", "libcublas", "libcusparse", "libcusolver")
NVIDIA = "developer.download.nvidia.com/compute"
# What the Vulkan SDK's build asks of the distribution and Debian would bring in hundreds of MB.
HEAVY = (
    "qtbase5-dev",
    "qt6-base-dev",
    "ocaml-core",
    "clang-format",
    "mesa-vulkan-drivers",
    "libdrm2",
    "bison",
    "libwayland-dev",
    "wayland-protocols",
    "python3-jsonschema",
    "libglm-dev",
    "software-properties-common",
    "libx11-dev",
    "libx11-xcb-dev",
    "libxrandr-dev",
    "libxcb-ewmh-dev",
    "libxcb-keysyms1-dev",
    "libxcb-randr0-dev",
    "libxcb-dri3-dev",
    "libxcb-glx0-dev",
    "libxcb-dri3-0",
    "libxcb-present0",
    "libpciaccess0",
    "libpng-dev",
    "libxml2-dev",
    "gpg-agent",
    "sudo",
)


@dataclass(frozen=True)
class Internet:
    """The fake upstreams: the URL that serves it as a mirror, and what was asked of it."""

    url: str
    log: Path
    www: Path

    def faulty(self, fault: str, text: str) -> str:
        """The same mirror, but with a fault wherever the path holds ``text``."""
        return f"{self.url}/~{fault}~{text}"

    def asked(self, text: str) -> int:
        """How many requests held ``text``."""
        return sum(text in line for line in self.log.read_text().splitlines())


def build_internet(root: Path, key: Key) -> None:
    """Fill ``root``: ``root/HOST/PATH`` answers for ``https://HOST/PATH``."""
    _protoc(root)
    _vulkan(root)
    _nvidia(root, key)
    _intel(root, key)
    kernels = "/opt/rocm/lib/rocblas/library/Kernels.so-000-gfx1100.hsaco"
    rocm = [Package(name) for name in ("hipblas-dev", "hipblaslt-dev")]
    rocm.append(Package("rocblas-dev", {kernels: "no kernels\n"}))
    suite_repository(root / "repo.radeon.com/rocm/apt/7.2.1", key, "noble", "main", rocm)
    flat_repository(root / "distribution", key, [Package(name) for name in HEAVY])
    grpc.repository(root / "github.com", "v1.65.0")
    grpc.repository(root / "other/github.com", "v1.65.0", allocator="checking_allocator")


def _protoc(root: Path) -> None:
    folder = root / "github.com/protocolbuffers/protobuf/releases/download/v27.1"
    folder.mkdir(parents=True)
    for machine in ("x86_64", "aarch_64"):
        with zipfile.ZipFile(folder / f"protoc-27.1-linux-{machine}.zip", "w") as archive:
            info = zipfile.ZipInfo("bin/protoc")
            info.external_attr = 0o755 << 16
            archive.writestr(info, "#!/bin/sh\necho libprotoc 27.1\n")
            archive.writestr("include/google/protobuf/any.proto", "fake\n")


def _vulkan(root: Path) -> None:
    """amd64: sources with a build script. arm64: a finished library, as aarch64 has it."""
    script = """#!/bin/sh
set -eu
echo "$*" | grep -q -- '--no-deps --maxjobs vulkan-loader .* shaderc'
mkdir -p x86_64/bin x86_64/lib x86_64/include/vulkan x86_64/share/vulkan
echo 'int vkCreateInstance(void) { return 0; }' >loader.c
gcc -shared -fPIC -Wl,-soname,libvulkan.so.1 -o x86_64/lib/libvulkan.so.1 loader.c
ln -s libvulkan.so.1 x86_64/lib/libvulkan.so
printf '#!/bin/sh\\necho shaderc v2025.5\\n' >x86_64/bin/glslc
chmod +x x86_64/bin/glslc
echo '#define VK_HEADER_VERSION 335' >x86_64/include/vulkan/vulkan_core.h
echo fake >x86_64/share/vulkan/fake
"""
    lunarg = root / "sdk.lunarg.com/sdk/download/1.4.335.0/linux"
    _tar(lunarg / "vulkansdk-linux-x86_64-1.4.335.0.tar.xz", {"vulkansdk": script})
    arm = root / "github.com/mudler/vulkan-sdk-arm/releases/download/1.4.335.0"
    files = {
        "aarch64/bin/glslc": "#!/bin/sh\necho shaderc v2025.5\n",
        "aarch64/lib/libvulkan.so.1": "no library, only its place\n",
        "aarch64/include/vulkan/vulkan_core.h": "#define VK_HEADER_VERSION 335\n",
        "aarch64/share/vulkan/fake": "fake\n",
    }
    _tar(arm / "vulkansdk-ubuntu-24.04-arm-1.4.335.0.tar.xz", files)


def _tar(path: Path, files: dict[str, str]) -> None:
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:xz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"1.4.335.0/{name}")
            info.size = len(content.encode())
            info.mode = 0o755 if content.startswith("#!") else 0o644
            info.uid = info.gid = 1000  # LunarG's archive has its builder's
            archive.addfile(info, io.BytesIO(content.encode()))


def _nvidia(root: Path, key: Key) -> None:
    for release, folder, cuda in (
        ("ubuntu2404", "x86_64", "12-8"),
        ("ubuntu2204", "x86_64", "13-0"),
        ("ubuntu2404", "sbsa", "13-0"),
    ):
        path = f"{NVIDIA}/cuda/repos/{release}/{folder}"
        dotted = cuda.replace("-", ".")
        script = f"#!/bin/sh\necho release {dotted}, V{dotted}.1\n"
        nvcc = Package(
            f"cuda-nvcc-{cuda}",
            {f"/usr/local/cuda-{dotted}/bin/nvcc": script},
            postinst=f"ln -sfn /usr/local/cuda-{dotted} /usr/local/cuda",
        )
        packages = [nvcc, *(Package(f"{name}-dev-{cuda}") for name in CUDA_DEV)]
        if folder == "sbsa":
            packages += [
                Package(name)
                for name in (
                    f"libcufile-{cuda}",
                    "libcudnn9-cuda-13",
                    f"cuda-cupti-{cuda}",
                    f"libnvjitlink-{cuda}",
                )
            ]
        flat_repository(root / path, key, packages)
        keyring = "/usr/share/keyrings/cuda-archive-keyring.gpg"
        source = f"deb [signed-by={keyring}] https://{path}/ /\n"
        deb = build(
            Package(
                "cuda-keyring",
                {
                    keyring: key.public(armored=False),
                    f"/etc/apt/sources.list.d/cuda-{release}-{folder}.list": source,
                },
            ),
            root / path,
        )
        deb.rename(deb.with_name("cuda-keyring_1.1-1_all.deb"))
    _local(root, key, "cudss/0.6.0", "cudss-local-tegra-repo-ubuntu2404-0.6.0", "_0.6.0-1")
    _local(root, key, "nvpl/25.5", "nvpl-local-repo-ubuntu2404-25.5", "_1.0-1")


def _local(root: Path, key: Key, where: str, name: str, version: str) -> None:
    """A package that holds a repository, as NVIDIA hands out cuDSS and NVPL."""
    product = name.split("-", maxsplit=1)[0]
    work = root / f"local-{product}"
    contents = ["cudss", "cudss-cuda-13"] if product == "cudss" else ["nvpl"]
    flat_repository(work, key, [Package(package) for package in contents])
    ring = f"{product}-local-0123ABCD-keyring.gpg"
    files: dict[str, str | bytes] = {
        f"/var/{name}/{file.name}": file.read_bytes() for file in work.iterdir()
    }
    files[f"/var/{name}/{ring}"] = key.public(armored=False)
    source = f"deb [signed-by=/usr/share/keyrings/{ring}] file:///var/{name} /\n"
    files[f"/etc/apt/sources.list.d/{name}.list"] = source
    folder = root / NVIDIA / where / "local_installers"
    folder.mkdir(parents=True)
    deb = build(Package(name, files), folder)
    deb.rename(folder / f"{name}{version}_arm64.deb")
    run("rm", "-r", work)


def _intel(root: Path, key: Key) -> None:
    intel = root / "repositories.intel.com/gpu"
    drivers = [Package("intel-opencl-icd"), Package("libze-intel-gpu1")]
    for codename in ("noble", "bookworm"):
        suite_repository(intel / "ubuntu" / codename, key, codename, "unified", drivers)
        for part in ("dists", "pool"):
            target = intel / "ubuntu" / part
            target.mkdir(exist_ok=True)
            run("cp", "-r", f"{intel}/ubuntu/{codename}/{part}/.", target)
        run("rm", "-r", intel / "ubuntu" / codename)
    (intel / "intel-graphics.key").write_bytes(key.public(armored=True))
