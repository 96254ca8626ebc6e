"""gRPC for C++, found by its consumers in ``/opt/grpc``."""

from localai_ci.base.apt import install
from localai_ci.base.step import Step

PREFIX = "/opt/grpc"

# Debian's protobuf 3.21 was built with autotools and ships no CMake package file, while its
# consumers ask for find_package(Protobuf CONFIG). CMake's own module knows where it lies.
_PROTOBUF_CONFIG = """\
set(Protobuf_VERSION "@version@")
set(Protobuf_FIND_REQUIRED TRUE)
include(FindProtobuf)
"""
_PROTOBUF_CONFIG_VERSION = """\
set(PACKAGE_VERSION "@version@")
if(PACKAGE_FIND_VERSION VERSION_LESS_EQUAL PACKAGE_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
  set(PACKAGE_VERSION_EXACT TRUE)
endif()
"""


def from_distribution() -> Step:
    """The release's own packages of gRPC.

    Consumers copy ``/opt/grpc`` into ``/usr/local``, as they do with a compiled one, or find
    everything in place: the package file also lies where CMake looks by itself.
    """
    script = f"""\
{install(("libgrpc++-dev", "protobuf-compiler-grpc"))}
version=$(pkg-config --modversion protobuf)
config={PREFIX}/lib/cmake/protobuf
mkdir -p {PREFIX}/bin "$config" /usr/lib/cmake
sed "s/@version@/$version/" >"$config/protobuf-config.cmake" <<'EOF'
{_PROTOBUF_CONFIG}EOF
sed "s/@version@/$version/" >"$config/protobuf-config-version.cmake" <<'EOF'
{_PROTOBUF_CONFIG_VERSION}EOF
ln -s "$config" /usr/lib/cmake/protobuf
for tool in protoc grpc_cpp_plugin; do
  ln -s "/usr/bin/$tool" "{PREFIX}/bin/$tool"
done
"""
    return Step("grpc", script)
