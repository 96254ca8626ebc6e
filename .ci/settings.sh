# shellcheck shell=bash
# What all calls of Dagger share, from the environment: an array `settings`.
settings=()
flag() { # LIST FLAG VALUE: nothing where there is no value
  if [ -n "$3" ]; then
    local -n list=$1
    list+=("$2=$3")
  fi
}
if [ -n "${REGISTRIES:-}" ]; then settings+=("--registries=$(realpath "$REGISTRIES")"); fi
config=${DOCKER_CONFIG:-$HOME/.docker}/config.json
if [ -e "$config" ]; then settings+=("--docker-config=file://$config"); fi
flag settings --epoch "${WEEK:-}"
flag settings --mirror "${MIRROR:-}"
flag settings --apt-mirror "${APT_MIRROR:-}"
flag settings --apt-ports-mirror "${APT_PORTS_MIRROR:-}"
