# Where the gateway lives and what it listens on; read by up.sh and down.sh.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/aifinops-gateway"
export LITELLM_VERSION="${LITELLM_VERSION:-1.106.2}"
# Kept: what was installed, several releases of LiteLLM beside each other (0.8 GB for one).
GATEWAY_TOOLS="${GATEWAY_TOOLS:-$cache/tools}"
# Thrown away by `down.sh --wipe`: database, logs, ids. Not below a home, which the user `postgres` may not enter.
GATEWAY_RUN="${GATEWAY_RUN:-${TMPDIR:-/tmp}/aifinops-gateway-$(id -u)}"
GATEWAY_PORT="${GATEWAY_PORT:-4110}"
GATEWAY_PG_PORT="${GATEWAY_PG_PORT:-55532}"
GATEWAY_UPSTREAM_PORT="${GATEWAY_UPSTREAM_PORT:-4119}"
data="$GATEWAY_RUN/postgres/data"

# PostgreSQL refuses to run as root, which many containers are: there it runs as its own user.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then
    (cd / && su postgres -s /bin/sh -c 'exec "$@"' -- sh "$@")
  else
    "$@"
  fi
}

postgres_bin() { dirname "$(find /usr/lib/postgresql -name initdb 2>/dev/null | sort -V | tail -1)"; }

# Whether the program that left its id in NAME.pid still runs: the id alone may be another's by now.
runs() {
  local id
  id="$(cat "$GATEWAY_RUN/$1.pid" 2>/dev/null)" && grep -q "$1" "/proc/$id/cmdline" 2>/dev/null
}
