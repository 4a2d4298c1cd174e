#!/usr/bin/env bash
# Installs real agents from the public registry, each into a directory of its own: install.sh [codex claude gemini opencode]; codex@0.169.0 for one release
# Where: $AIFINOPS_AGENTS, or aifinops-agents in the user's cache. Nothing is installed globally; agents that are there stay.
set -euo pipefail
base="${AIFINOPS_AGENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/aifinops-agents}"
[ $# -gt 0 ] || set -- codex claude gemini opencode
for agent in "$@"; do
  name="${agent%%@*}" version="${agent#"${agent%%@*}"}"
  case "$name" in
    codex) package=@openai/codex ;;
    claude) package=@anthropic-ai/claude-code ;;
    gemini) package=@google/gemini-cli ;;
    opencode) package=opencode-ai ;;
    *) echo "no such agent: $agent" >&2; exit 2 ;;
  esac
  dir="$base/$agent"
  if [ ! -e "$dir/node_modules/.bin/$name" ]; then
    mkdir -p "$dir"
    (cd "$dir" && echo '{"private":true}' > package.json && npm install --no-save --no-fund --no-audit "$package$version" >npm.log 2>&1) \
      || { echo "$agent: npm failed, see $dir/npm.log" >&2; exit 1; }
  fi
  echo "$dir/node_modules/.bin/$name"
done
