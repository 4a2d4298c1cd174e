#!/usr/bin/env bash
# Stops what up.sh started, by the ids that it left: down.sh [--wipe]. --wipe throws its database and logs away too; tools stay.
set -euo pipefail
. "$(cd "$(dirname "$0")" && pwd)/settings.sh"

end() {
  if runs "$1"; then
    local id
    id="$(cat "$GATEWAY_RUN/$1.pid")"
    kill "$id"
    for _ in $(seq 40); do
      kill -0 "$id" 2>/dev/null || break
      sleep 0.25
    done
    kill -9 "$id" 2>/dev/null || true
  fi
  rm -f "$GATEWAY_RUN/$1.pid"
}

end litellm
end upstream
if [ -e "$data/PG_VERSION" ]; then
  as_postgres "$(postgres_bin)/pg_ctl" -D "$data" -m fast stop >/dev/null 2>&1 || true
fi
if [ "${1:-}" = --wipe ]; then rm -rf "$GATEWAY_RUN"; fi
