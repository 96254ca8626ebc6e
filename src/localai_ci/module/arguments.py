"""Arguments that several functions share, each documented once; and how functions are cached.

Plain assignments: Dagger's type reader cannot resolve ``type X = …``.
"""

from collections.abc import Callable
from typing import Annotated, TypeAlias, TypeVar

from dagger import (
    Container,
    DefaultPath,
    Directory,
    Doc,
    File,
    Ignore,
    Name,
    Secret,
    enum_type,
    function,
)

from localai_ci.backends.builder import Builder
from localai_ci.backends.dockerignore import NEVER
from localai_ci.backends.minimal_git import NEVER_NEEDED
from localai_ci.backends.smoke import SmokeChoice
from localai_ci.config.kind import ImageKind
from localai_ci.plan.form import PlanFormat

for _words in (Builder, ImageKind, PlanFormat, SmokeChoice):
    enum_type(_words)

VariantName: TypeAlias = Annotated[str, Doc("Builder base; dagger call variants lists them")]
BaseImage: TypeAlias = Annotated[
    str | None,
    Doc("Start from this image instead of the variant's own; gRPC is compiled in it too"),
]
Mirror: TypeAlias = Annotated[
    str,
    Doc("Mirror of all upstreams: https://HOST/PATH is then fetched from MIRROR/HOST/PATH"),
]
MirrorCredentials: TypeAlias = Annotated[
    Secret | None, Doc("Credentials for the mirrors, as a netrc file: file://$HOME/.netrc")
]
AptMirror: TypeAlias = Annotated[
    str,
    Doc("Mirror of Ubuntu's archive (http://host/ubuntu), or host of Debian's (http://host)"),
]
AptPortsMirror: TypeAlias = Annotated[
    str, Doc("Mirror of Ubuntu's archive for arm64 (http://host/ubuntu-ports)")
]
AptSnapshot: TypeAlias = Annotated[
    str, Doc("Take Ubuntu's packages as they were at a moment: 20260101T000000Z")
]
AsJson: TypeAlias = Annotated[bool, Doc("Print JSON instead of a table")]
DryRun: TypeAlias = Annotated[bool, Doc("Only read, and show what would be written where")]
Epoch: TypeAlias = Annotated[
    str, Doc("Any text; a new one installs all packages anew: LocalAI does so weekly, 2026-W47")
]
Repositories: TypeAlias = Annotated[
    list[str] | None, Doc("Repositories to publish to, HOST/PATH; default: of registries.yaml")
]
DockerConfig: TypeAlias = Annotated[
    Secret | None, Doc("Registry credentials: file://$HOME/.docker/config.json")
]
Insecure: TypeAlias = Annotated[bool, Doc("Reach these registries without TLS: test registries")]
SourceDir: TypeAlias = Annotated[
    Directory,
    Doc("A LocalAI tree: a folder, or https://github.com/mudler/LocalAI#REVISION"),
    Ignore(list(NEVER)),
]
CloneDir: TypeAlias = Annotated[
    Directory,
    Doc("A clone of LocalAI with its .git, or https://github.com/mudler/LocalAI#REVISION"),
    # The last pattern that fits decides: .git itself is needed, for the server image's version.
    Ignore([*NEVER, "!.git", *NEVER_NEEDED]),
]
TreeBefore: TypeAlias = Annotated[
    Directory | None, Doc("The tree before the change; the engine tells what differs")
]
ChangedFiles: TypeAlias = Annotated[
    File | None, Doc("A list of changed paths, one a line, instead of --before")
]
RunEvent: TypeAlias = Annotated[
    str,
    Doc(
        "What started the run, by GitHub's name of the event (push, pull_request, release, …); "
        "default: a pull request if a change is given"
    ),
]
Forced: TypeAlias = Annotated[
    list[str] | None, Name("force"), Doc("Build what matches this glob in any case")
]
RebuiltBases: TypeAlias = Annotated[
    list[str] | None, Name("rebuilt-base"), Doc("A builder variant that is new")
]
PlanForm: TypeAlias = Annotated[PlanFormat, Name("format"), Doc("What the file holds")]
EntryId: TypeAlias = Annotated[
    str, Doc("What to build, SUFFIX/ARCHITECTURE; localai-ci matrix show lists them")
]
BaseGiven: TypeAlias = Annotated[
    Container | None, Doc("Compile on this base: an image, instead of the entry's builder base")
]
BaseVariant: TypeAlias = Annotated[
    str, Doc("Compile on this builder base instead of the entry's: debian-amd64")
]
BaseRepository: TypeAlias = Annotated[
    str, Doc("Repository of the published bases, HOST/PATH; default: of registries.yaml")
]
Images: TypeAlias = Annotated[
    str, Doc("Repository of finished images, HOST/PATH: one of the very same inputs is not built")
]
CcacheRepository: TypeAlias = Annotated[
    str, Doc("Repository of compiler caches, HOST/PATH: the nearest one is restored from it")
]
CcacheSave: TypeAlias = Annotated[
    bool, Doc("Keep the cache in --ccache afterwards; not for pull requests")
]
TrustDomain: TypeAlias = Annotated[
    str,
    Doc(
        "Whose code this is: release or pull-request; no release reads a compiler cache that a"
        " pull request wrote; default: release for publish, pull-request for all else"
    ),
]
CompileTargets: TypeAlias = Annotated[
    list[str] | None, Doc("Compile only these targets of compile.yaml, for a quick try: fallback")
]
ThirdParty: TypeAlias = Annotated[
    Directory | None,
    Doc("Sources that the Makefile would clone (llama.cpp), instead of fetching what it pins"),
]
DepsRefresh: TypeAlias = Annotated[
    str, Doc("DEPS_REFRESH for a Dockerfile; default: this ISO week, 2026-W47")
]
RegistriesFile: TypeAlias = Annotated[
    File | None, Doc("Another registries.yaml: where images go; default: the module's own")
]
RunId: TypeAlias = Annotated[str, Doc("Names the run; a rerun with the same id finds its anchors")]
SignKey: TypeAlias = Annotated[
    Secret | None, Doc("A private key of cosign: file://cosign.key; absent: keyless")
]
SignPassword: TypeAlias = Annotated[
    Secret | None, Doc("The private key's password: env://COSIGN_PASSWORD")
]
IdentityToken: TypeAlias = Annotated[
    Secret | None, Doc("Keyless: the OpenID Connect token that says who signs")
]
SigningConfig: TypeAlias = Annotated[File | None, Doc("Another Sigstore: cosign's signing config")]
CosignProgram: TypeAlias = Annotated[
    File | None, Doc("cosign 3 for Linux and the engine's architecture: $(which cosign)")
]
RunUrl: TypeAlias = Annotated[str, Doc("Where the run can be looked at")]
Revision: TypeAlias = Annotated[str, Doc("The commit that is built, 40 hex digits")]
LegId: TypeAlias = Annotated[
    str, Doc("A leg of the server image, core/amd64; matrix/images.yaml lists them")
]
EntryIds: TypeAlias = Annotated[
    str, Doc("The ids of a job as a plan has them, blanks between: cpu-piper/amd64 cpu-opus/amd64")
]
Family: TypeAlias = Annotated[ImageKind, Doc("Which images: backends, or images (the server)")]
SmokeTested: TypeAlias = Annotated[
    SmokeChoice,
    Doc("What is started before it is published: auto leaves out what needs a GPU's driver"),
]
OwnUpstreams: TypeAlias = Annotated[
    Directory,
    Doc("The module's own folder, whose matrix/upstreams.yaml is filled in"),
    DefaultPath("."),
    Ignore(["**", "!matrix/upstreams.yaml"]),
]
OwnSchemas: TypeAlias = Annotated[
    Directory,
    Doc("The module's own folder, whose matrix/schema is written"),
    DefaultPath("."),
    Ignore(["**", "!matrix/schema"]),
]

F = TypeVar("F", bound=Callable[..., object])

# A function's result is kept for a week unless it says otherwise: a second publish would not run.
# The typed overloads of `function` do not know its own argument.
never_cached: Callable[[F], F] = function(cache="never")  # type: ignore[call-overload]
