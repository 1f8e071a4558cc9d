#!/usr/bin/env bash
# Checks our shell scripts with shellcheck. Skipped (77) without it.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v shellcheck >/dev/null; then
  echo "shellcheck is not installed: skipped"
  exit 77
fi
find deploy tests client -name '*.sh' -print0 | xargs -0 shellcheck --severity=warning .ci/run
