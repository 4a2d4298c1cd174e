#!/usr/bin/env bash
# Brings up a real LiteLLM proxy with PostgreSQL on loopback, in front of a scripted model server (upstream.py).
#
#   up.sh              installs what is missing, starts what does not run, prints the address
#   LITELLM_VERSION=1.81.16 GATEWAY_RUN=… GATEWAY_PORT=… GATEWAY_PG_PORT=… GATEWAY_UPSTREAM_PORT=… up.sh    a second one
#
# Everything comes from the registries of Debian, PyPI and npm. LiteLLM's database client is Prisma's, whose native engine
# comes from another host: engine/query-engine stands in for it. Settings: settings.sh; GATEWAY_CONFIG is another config.yaml.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
. "$here/settings.sh"
config="${GATEWAY_CONFIG:-$here/config.yaml}"
python="${GATEWAY_PYTHON:-python3}"
venv="$GATEWAY_TOOLS/litellm-$LITELLM_VERSION"
node_tools="$GATEWAY_TOOLS/node"
url="http://127.0.0.1:$GATEWAY_PORT"
# Fixed, for tests: the gateway listens on loopback only and holds nothing.
master_key=sk-gateway-test
database="postgresql://postgres@127.0.0.1:$GATEWAY_PG_PORT/litellm"

say() { echo "gateway: $*" >&2; }
fail() { say "$*"; exit 1; }

# Runs a command with its output in a file, which is shown when it fails.
quietly() {
  local log="$GATEWAY_RUN/$1.log"
  shift
  "$@" >"$log" 2>&1 </dev/null || { tail -20 "$log" >&2; fail "failed: $*"; }
}

install_packages() {
  local missing=()
  [ -x "$(postgres_bin)/initdb" ] || missing+=(postgresql)
  command -v node >/dev/null || missing+=(nodejs)
  command -v npm >/dev/null || missing+=(npm)
  "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  local root=()
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || fail "install these packages first: ${missing[*]}"
    root=(sudo -n)
  fi
  quietly apt "${root[@]}" apt-get update
  quietly apt "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
}

# An installation that was interrupted has no mark, and is made anew.
install_litellm() {
  [ ! -e "$venv/complete" ] || return 0
  say "installing LiteLLM $LITELLM_VERSION"
  rm -rf "$venv"
  quietly venv "$python" -m venv "$venv"
  # uv, because pip takes minutes to resolve this tree.
  quietly uv "$venv/bin/pip" install uv
  quietly litellm-install "$venv/bin/uv" pip install --python "$venv/bin/python" "litellm[proxy]==$LITELLM_VERSION" prisma==0.11.0
}

install_engine() {
  [ ! -e "$node_tools/complete" ] || return 0
  say "installing Prisma's engine"
  rm -rf "$node_tools"
  # The generator is of the release that the Python client was made for, the engine of the first that fits its WASM to a driver.
  mkdir -p "$node_tools/generator"
  local flags=(--ignore-scripts --no-audit --no-fund --loglevel=error)
  echo '{"private":true}' | tee "$node_tools/package.json" >"$node_tools/generator/package.json"
  quietly npm npm install --prefix "$node_tools" "${flags[@]}" @prisma/client@5.17.0 @prisma/adapter-pg@5.17.0 pg@8 graphql@16
  quietly npm npm install --prefix "$node_tools/generator" "${flags[@]}" prisma@5.4.2
  touch "$node_tools/complete"
}

use_tools() {
  # LiteLLM looks whether there is a `prisma`; the tables are made below, so it has nothing to do.
  if [ ! -x "$GATEWAY_TOOLS/bin/prisma" ]; then
    mkdir -p "$GATEWAY_TOOLS/bin"
    printf '#!/bin/sh\nexit 1\n' >"$GATEWAY_TOOLS/bin/prisma"
    chmod +x "$GATEWAY_TOOLS/bin/prisma"
  fi
  export PATH="$GATEWAY_TOOLS/bin:$venv/bin:$PATH"
  export NODE_PATH="$node_tools/node_modules"
  # The second is never started, but Prisma fetches what is not named.
  export PRISMA_QUERY_ENGINE_BINARY="$here/engine/query-engine" PRISMA_SCHEMA_ENGINE_BINARY="$here/engine/query-engine"
  export PRISMA_CLI_QUERY_ENGINE_TYPE=binary PRISMA_HIDE_UPDATE_MESSAGE=1 CHECKPOINT_DISABLE=1
  packages="$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')"
}

generate_client() {
  [ ! -e "$venv/complete" ] || return 0
  say "generating the database client"
  quietly generate node "$node_tools/generator/node_modules/prisma/build/index.js" generate --schema="$packages/litellm/proxy/schema.prisma"
  touch "$venv/complete"
}

start_postgres() {
  local bin
  bin="$(postgres_bin)"
  psql=("$bin/psql" -X -q -h 127.0.0.1 -p "$GATEWAY_PG_PORT" -U postgres -v ON_ERROR_STOP=1)
  if [ ! -e "$data/PG_VERSION" ]; then
    mkdir -p "$GATEWAY_RUN/postgres"
    [ "$(id -u)" != 0 ] || chown postgres "$GATEWAY_RUN/postgres"
    as_postgres test -w "$GATEWAY_RUN/postgres" || fail "the user postgres cannot write to $GATEWAY_RUN/postgres: choose another GATEWAY_RUN"
    quietly initdb as_postgres "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8
  fi
  if ! as_postgres "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1; then
    # What is lost when the machine stops is wiped anyway.
    local settings="-p $GATEWAY_PG_PORT -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c timezone=UTC -c fsync=off -c full_page_writes=off"
    if ! as_postgres "$bin/pg_ctl" -D "$data" -l "$GATEWAY_RUN/postgres/log" -w -o "$settings" start >/dev/null; then
      tail -5 "$GATEWAY_RUN/postgres/log" >&2
      fail "PostgreSQL did not start"
    fi
  fi
}

make_tables() {
  [ "$("${psql[@]}" -Atc "select count(*) from pg_database where datname = 'litellm'")" = 0 ] || return 0
  say "making the tables"
  # The migrations that the release ships, into a database that gets its name when they are through.
  "${psql[@]}" -c 'drop database if exists unfinished' -c 'create database unfinished' 2>/dev/null
  find "$packages/litellm_proxy_extras/migrations" -name migration.sql | LC_ALL=C sort | sed "s/.*/\\\\i '&'/" >"$GATEWAY_RUN/migrations.sql"
  quietly migrate "${psql[@]}" -d unfinished -f "$GATEWAY_RUN/migrations.sql"
  "${psql[@]}" -c 'alter database unfinished rename to litellm'
}

# Starts a program that outlives this shell: start NAME PORT COMMAND...
start() {
  local name="$1" port="$2"
  shift 2
  ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || fail "port $port, for $name, is somebody else's: choose another"
  setsid "$@" >>"$GATEWAY_RUN/$name.log" 2>&1 </dev/null &
  echo $! >"$GATEWAY_RUN/$name.pid"
}

answers() { "$python" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)' "$1" 2>/dev/null; }

# Waits for NAME to answer at an address, as long as it runs.
await() {
  local end=$((SECONDS + 180))
  until answers "$2"; do
    runs "$1" || { tail -20 "$GATEWAY_RUN/$1.log" >&2; fail "$1 ended"; }
    [ $SECONDS -lt $end ] || fail "$1 does not answer at $2"
    sleep 0.5
  done
}

start_upstream() {
  runs upstream || start upstream "$GATEWAY_UPSTREAM_PORT" "$python" -B "$here/upstream.py" --port "$GATEWAY_UPSTREAM_PORT" --log "$GATEWAY_RUN/upstream.jsonl"
  await upstream "http://127.0.0.1:$GATEWAY_UPSTREAM_PORT/__stats"
}

start_litellm() {
  if ! runs litellm; then
    say "starting LiteLLM"
    export DATABASE_URL="$database" LITELLM_MASTER_KEY="$master_key" LITELLM_SALT_KEY=sk-gateway-test-salt
    export DISABLE_SCHEMA_UPDATE=true LITELLM_LOCAL_MODEL_COST_MAP=True LITELLM_TELEMETRY=False DO_NOT_TRACK=1
    export UPSTREAM_ANTHROPIC="http://127.0.0.1:$GATEWAY_UPSTREAM_PORT" UPSTREAM_OPENAI="http://127.0.0.1:$GATEWAY_UPSTREAM_PORT/v1"
    (cd "$GATEWAY_RUN" && start litellm "$GATEWAY_PORT" litellm --config "$config" --host 127.0.0.1 --port "$GATEWAY_PORT")
  fi
  await litellm "$url/health/readiness"
}

# For the scripts beside this one.
describe() {
  (umask 077 && cat >"$GATEWAY_RUN/instance.json") <<JSON
{"url": "$url", "master_key": "$master_key", "version": "$LITELLM_VERSION", "upstream": "http://127.0.0.1:$GATEWAY_UPSTREAM_PORT",
 "psql": ["${psql[0]}", "-X", "-q", "-h", "127.0.0.1", "-p", "$GATEWAY_PG_PORT", "-U", "postgres", "-d", "litellm", "-v", "ON_ERROR_STOP=1"]}
JSON
}

mkdir -p "$GATEWAY_RUN" "$GATEWAY_TOOLS"
[ -O "$GATEWAY_RUN" ] || fail "$GATEWAY_RUN belongs to somebody else: choose another GATEWAY_RUN"
chmod 711 "$GATEWAY_RUN"
# The tables are of one release.
if [ -e "$data" ] && ! echo "$LITELLM_VERSION" | cmp -s - "$GATEWAY_RUN/version"; then
  fail "$GATEWAY_RUN is of LiteLLM $(cat "$GATEWAY_RUN/version"): down.sh --wipe, or another GATEWAY_RUN"
fi
echo "$LITELLM_VERSION" >"$GATEWAY_RUN/version"
install_packages
install_litellm
install_engine
use_tools
generate_client
start_postgres
make_tables
start_upstream
start_litellm
describe
echo "$url  LiteLLM $LITELLM_VERSION  master key $master_key"
