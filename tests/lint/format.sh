#!/usr/bin/env bash
# Checks that clang-format would change nothing in our C++ and proto files. Skipped (77) without it.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v clang-format >/dev/null; then
  echo "clang-format is not installed: skipped"
  exit 77
fi
find engine server client tests proto \( -name '*.h' -o -name '*.cc' -o -name '*.proto' \) -print0 |
  xargs -0 clang-format --dry-run --Werror
