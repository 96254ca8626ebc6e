"""Where bytes come from: upstream itself, or a mirror of it. Pure; renders bash.

One rule for everything: with a mirror, ``https://HOST/PATH`` is found at ``MIRROR/HOST/PATH``,
files, git repositories and third-party package archives alike. The distribution's own archive
has mirrors of its own kind, so it has arguments of its own.
"""

import re
from dataclasses import dataclass
from shlex import quote

from localai_ci.config.variants import Variant
from localai_ci.errors import InputError
from localai_ci.text import quoted

TRANSFER_SECONDS, RETRY_SECONDS = 600, 900
"""For one try of a download, and after which no further try begins: 25 minutes in all."""
CLONE_SECONDS = 1_800
"""For one command of git; gRPC with its submodules takes one or two minutes."""
APT_SECONDS = 5_400
"""For one command of apt: ROCm's packages are 20 GB on disk."""

# Three tries of at most half a minute each without progress: a hanging upstream ends the step
# in two minutes, a slow one is waited for, one that drips for ever is not.
_CURL = (
    "curl --fail --location --silent --show-error --netrc-optional --connect-timeout 15"
    " --speed-limit 1024 --speed-time 30 --retry 2 --retry-all-errors --retry-delay 2"
    f" --max-time {TRANSFER_SECONDS} --retry-max-time {RETRY_SECONDS}"
    " --max-redirs 5 --proto =http,https"
)
# apt-get update exits 0 when an archive cannot be reached, unless told otherwise.
_APT = (
    f"timeout --kill-after=60 {APT_SECONDS}"
    " apt-get -o APT::Update::Error-Mode=any -o Acquire::Retries=2"
    " -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30"
)
_ARCHIVE = r"https?://(archive|security)\.ubuntu\.com/ubuntu/?"
_PORTS = r"https?://ports\.ubuntu\.com(/ubuntu-ports)?/?"
_DEBIAN = r"https?://[^/ ]+/(debian(-security)?)/?"

# Debian's policy for names; a table that names packages may have come with a tree.
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,127}")


@dataclass(frozen=True)
class Mirrors:
    """The mirrors of one build. Empty: upstream itself.

    Attributes:
        mirror: Base URL; upstreams are found below it by host and path.
        apt_mirror: Replaces Ubuntu's archive and security hosts (``http://host/ubuntu``), or, on
            Debian, the host of its archive (``http://host``).
        apt_ports_mirror: Replaces Ubuntu's host for arm64.
        apt_snapshot: Pins Ubuntu's archive to a moment, ``20260101T000000Z``.
        epoch: Any text; packages are installed anew when it changes, ``2026-W47``.
    """

    mirror: str = ""
    apt_mirror: str = ""
    apt_ports_mirror: str = ""
    apt_snapshot: str = ""
    epoch: str = ""

    def __post_init__(self) -> None:
        """Refuse what would only fail inside a build.

        Raises:
            InputError: a mirror is not an http(s) URL, or the snapshot is not a date and time.
        """
        for flag in ("mirror", "apt_mirror", "apt_ports_mirror"):
            value = getattr(self, flag)
            where = f"--{flag.replace('_', '-')}"
            if "@" in value:
                raise InputError(
                    "a login in a mirror's URL would be in every command and log",
                    where=where,
                    remedy="Give it as a netrc file: --mirror-credentials file://$HOME/.netrc",
                )
            if value and not re.fullmatch(r"https?://[A-Za-z0-9_.:/%+~-]+", value):
                raise InputError(
                    f"{value!r} is not an http(s) URL",
                    where=where,
                    remedy="Write it as https://mirror.example/path.",
                )
            object.__setattr__(self, flag, value.rstrip("/"))
        if not re.fullmatch(r"[A-Za-z0-9_.-]*", self.epoch):
            raise InputError(
                f"{self.epoch!r} may hold letters, digits, dots and dashes only",
                where="--epoch",
                remedy="Write it as 2026-W47.",
            )
        if self.apt_snapshot and not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", self.apt_snapshot):
            raise InputError(
                f"{self.apt_snapshot!r} is not a date and time",
                where="--apt-snapshot",
                remedy="Write it as 20260101T000000Z.",
            )
        if self.apt_snapshot and (self.apt_mirror or self.apt_ports_mirror):
            raise InputError(
                "a snapshot and an apt mirror cannot both say where packages come from",
                where="--apt-snapshot",
                remedy="Name the mirror's own snapshot URL as --apt-mirror, or drop it.",
            )

    def check(self, variant: Variant) -> None:
        """Refuse what this variant's distribution does not have.

        Raises:
            InputError: a snapshot of an archive that is not Ubuntu's.
        """
        if self.apt_snapshot and variant.ubuntu is None:
            raise InputError(
                "--apt-snapshot pins Ubuntu's archive, and this variant is not Ubuntu",
                where=f"variant {variant.name}",
                remedy="Name a snapshot of its archive with --apt-mirror.",
            )

    def upstream(self) -> "Mirrors":
        """The same bytes from upstream itself: what decides the content, not where it is from."""
        return Mirrors(apt_snapshot=self.apt_snapshot, epoch=self.epoch)

    def url(self, address: str) -> str:
        """Where ``address`` is fetched from."""
        if not self.mirror:
            return address
        return f"{self.mirror}/{address.removeprefix('https://')}"

    def fetch(self, address: str, sha256: str | None, target: str) -> str:
        """Bash that downloads to ``target`` and verifies it where a checksum is known."""
        url, file = self.url(address), quote(target)
        given_up = _give_up(f"could not fetch {url}")
        script = f"{_CURL} --output {file} --url {quote(url)} || {given_up}\n"
        if sha256:
            changed = _give_up(
                f"{url} is not what it was: expected sha256 {sha256}, got ",
                f"sha256sum -- {file} | cut -d' ' -f1",
            )
            line = quote(f"{sha256}  {target}")
            script += f"echo {line} | sha256sum --check --status || {changed}\n"
        return script

    def resolve(self, url: str, version: str) -> str:
        """Bash that prints the commit of a tag, last where more lines come."""
        tag = f"refs/tags/{version}"
        refs = f"{quote(tag)} {quote(f'{tag}^{{}}')}"
        return f"{self._git} ls-remote -- {quote(url)} {refs}"

    def clone(self, url: str, version: str, commit: str | None, target: str) -> str:
        """Bash that clones one tag with its submodules, and checks the commit where it is known."""
        head = f"git -C {quote(target)} rev-parse HEAD"
        script = (
            f"{self._git} clone --quiet --recurse-submodules --shallow-submodules"
            f" --jobs 4 --depth 1 --branch {quote(version)} -- {quote(url)} {quote(target)} || "
            + _give_up(f"could not clone {self.url(url)} at {version}")
            + "\n"
        )
        if commit:
            script += f'[ "$({head})" = {quote(commit)} ] || ' + _give_up(
                f"{url} {version} is not what it was: expected commit {commit}, got ", head
            )
        return script

    def checkout(self, url: str, commit: str, target: str) -> str:
        """Bash that fetches one commit into a git repository, without its submodules."""
        folder, revision = quote(target), quote(commit)
        git = f"{self._git} -C {folder}"
        # Not every server hands out a commit by its id alone.
        return (
            f"git init --quiet -- {folder}\n"
            f"git -C {folder} remote add -- origin {quote(url)}\n"
            f"{git} fetch --quiet --depth 1 -- origin {revision} ||"
            f" {git} fetch --quiet --tags -- origin\n"
            f"{git} checkout --quiet --detach {revision} --\n"
        )

    @property
    def _git(self) -> str:
        """Git through the mirror, submodules too; a stalled or endless transfer ends by itself.

        It speaks https alone, or http to a mirror that does, whatever a repository's own files say.
        """
        spoken = "https:http" if self.mirror.startswith("http://") else "https"
        through = f"-c {quote(f'url.{self.mirror}/.insteadOf=https://')} " if self.mirror else ""
        return (
            f"GIT_ALLOW_PROTOCOL={spoken} GIT_TERMINAL_PROMPT=0"
            f" timeout --kill-after=30 {CLONE_SECONDS} git {through}"
            "-c http.lowSpeedLimit=1024 -c http.lowSpeedTime=60"
        )

    def install(self, packages: tuple[str, ...], *, recommends: bool = False) -> str:
        """Bash that installs packages, then leaves neither lists nor mirrors behind.

        Raises:
            InputError: one of them is not the name of a package.
        """
        for package in packages:
            if not _PACKAGE.fullmatch(package):
                raise InputError(
                    f"{quoted(package)} is not the name of a Debian package",
                    where="packages",
                    remedy="Lower case letters, digits, plus, dot and dash; neither option,"
                    " version nor path.",
                )
        flag = "" if recommends else "--no-install-recommends "
        return self.apt(f"install -y {flag}{' '.join(packages)}")

    def apt(self, command: str) -> str:
        """Bash for ``apt-get update`` and one more command, through the mirrors."""
        rules = self._rules()
        run = f"{_APT} update\n{_APT} {command}\n"
        if rules:
            sed = " ".join(f"-e '{rule}'" for rule in rules)
            run = (
                "cp -a /etc/apt /tmp/apt-original\n"
                f"find /etc/apt -name '*.list' -o -name '*.sources' | xargs -r sed -Ei {sed}\n"
                f"{run}"
                "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d\n"
                "(cd /tmp/apt-original && cp -a --parents sources.list* /etc/apt/)\n"
                "rm -rf /tmp/apt-original\n"
            )
        epoch = f"# {self.epoch}\n" if self.epoch else ""
        return (
            f"{epoch}export DEBIAN_FRONTEND=noninteractive\n"
            f"{run}apt-get clean\nrm -rf /var/lib/apt/lists/*\n"
        )

    def _rules(self) -> list[str]:
        """Sed rules over the sources files. Marked ``@``, so that no rule rewrites another's."""
        rules = []
        if self.apt_snapshot:
            archive = self.url(f"https://snapshot.ubuntu.com/ubuntu/{self.apt_snapshot}")
            # The plain image has no certificates yet; packages are signed all the same.
            archive = archive.replace("https://snapshot.ubuntu.com", "http://snapshot.ubuntu.com")
            rules += [f"s#{_ARCHIVE}#@{archive}/#", f"s#{_PORTS}#@{archive}/#"]
        if self.apt_mirror:
            rules += [f"s#{_ARCHIVE}#@{self.apt_mirror}/#"]
        if self.apt_ports_mirror:
            rules += [f"s#{_PORTS}#@{self.apt_ports_mirror}/#"]
        if self.apt_mirror:
            rules += [f"s#{_DEBIAN}#@{self.apt_mirror}/\\1#"]
        if self.mirror:
            rules += [f"/(ubuntu\\.com|debian\\.org)\\//!s#(^|[^@])https?://#\\1@{self.mirror}/#"]
        return [*rules, "s#@http#http#"] if rules else []


def _give_up(message: str, command: str = "") -> str:
    """Bash that ends the step; the marker lets the error name the upstream (failure.py).

    Args:
        message: The text, whatever characters are in it.
        command: What it prints follows the message.
    """
    more = f' "$({command})"' if command else ""
    return f"{{ printf '%s' {quote(f'localai-ci: {message}')}{more} >&2; echo >&2; exit 69; }}"
