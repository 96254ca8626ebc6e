#!/bin/sh
# The first process in the engine's own mount, network, pid, ipc and uts namespaces: it builds the
# engine's root, waits for its network and becomes its init. Nothing here reaches the host.
set -eu

root=$RUN/root
mount -t overlay overlay -o "lowerdir=$LAYERS,upperdir=$RUN/upper,workdir=$RUN/work" "$root"
mkdir -p "$root/var/lib/dagger" "$root/run/dagger" "$root/.host"
mount --bind "$STATE" "$root/var/lib/dagger"
mount --bind "$RUN/sock" "$root/run/dagger"
mount -t proc proc "$root/proc"
# A sysfs of this network namespace: with the host's, the engine's network sampler dies.
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"

binfmt=$root/proc/sys/fs/binfmt_misc
if [ -n "$RULES" ]; then
  mount -t binfmt_misc binfmt_misc "$binfmt"
  printf '%s\n' "$RULES" | while read -r rule; do printf %s "$rule" >"$binfmt/register"; done
fi

# The host says when it has moved our end of the link in; if it dies before, so do we.
read -r _

# runc needs a root that is a mount, not a chroot.
cd "$root"
pivot_root . .host
# shellcheck disable=SC2016 # it is the shell inside that expands them
exec chroot . /usr/bin/tini-static -g -- /bin/sh -eu -c '
  exec </dev/null
  umount -l /.host
  hostname localai-ci-engine
  ip link set lo up
  ip address add "$ADDRESS/30" dev eth0
  ip link set eth0 up
  ip route add default via "$GATEWAY"
  if [ -e /etc/localai-ci/mirror.yml ]; then
    docker-registry serve /etc/localai-ci/mirror.yml >/var/log/mirror.log 2>&1 &
  fi
  . /etc/localai-ci/sdk.env
  exec dagger-engine --config /etc/localai-ci/engine.toml --addr unix:///run/dagger/engine.sock
'
