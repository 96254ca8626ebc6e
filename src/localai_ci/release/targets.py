"""registries.yaml as what the client needs: parsed repositories, and hosts without TLS."""

from dataclasses import dataclass, replace

from localai_ci.config.kind import ImageKind
from localai_ci.config.registries import Registries
from localai_ci.oci.login import Login
from localai_ci.oci.reference import Repository


@dataclass(frozen=True)
class Target:
    """One registry, as the images of one family see it.

    Args:
        name: Its name in registries.yaml.
        repository: Where the images are published.
        anchors: Where pushed legs wait for their merge.
    """

    name: str
    repository: Repository
    anchors: Repository


def targets(registries: Registries, kind: ImageKind) -> tuple[Target, ...]:
    """Where images of a family go; the first is asked first where one answer is enough."""
    found = []
    for name, registry in registries.registries.items():
        repository = registry.backends if kind is ImageKind.backends else registry.images
        anchors = repository if registry.anchors == "own" else registry.cache
        found.append(Target(name, Repository.parse(repository), Repository.parse(anchors)))
    return tuple(found)


def login(registries: Registries, by: Login) -> Login:
    """How these registries are reached: as ``by``, and as registries.yaml declares them."""
    return replace(by, plain_http=plain_http(registries), auth_hosts=auth_hosts(registries))


def plain_http(registries: Registries) -> frozenset[str]:
    """Hosts that are reached without TLS because registries.yaml says so."""
    return frozenset(
        Repository.parse(repository).host
        for registry in registries.registries.values()
        if registry.plain_http
        for repository in (registry.backends, registry.images, registry.cache)
        if repository
    )


def auth_hosts(registries: Registries) -> dict[str, frozenset[str]]:
    """By registry, hosts outside its own site that registries.yaml lets sign in for it."""
    found: dict[str, frozenset[str]] = {}
    for registry in registries.registries.values():
        for repository in filter(None, (registry.backends, registry.images, registry.cache)):
            name = Repository.parse(repository).registry
            found[name] = found.get(name, frozenset()) | frozenset(registry.auth_hosts)
    return found
