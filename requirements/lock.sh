#!/usr/bin/env bash
# Renews the locked requirements from pyproject.toml: hashes yes, index addresses no.
#   runtime.txt  what pop-deploy needs to run, with its small extras   build.txt  what building it, also in place, needs besides
#   mcp.txt      the extra mcp, which brings a web server's libraries  dev.txt    all of it, and what the tests need
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" - "$here/../pyproject.toml" "$work" <<'PY'
import pathlib, sys, tomllib
project = tomllib.loads(pathlib.Path(sys.argv[1]).read_text())
work = pathlib.Path(sys.argv[2])
extras = project["project"]["optional-dependencies"]
small = [wanted for name, extra in extras.items() if name != "mcp" for wanted in extra]
runtime = [*project["project"]["dependencies"], *small]
mcp = [*runtime, *extras["mcp"]]
dev = project["dependency-groups"]["dev"]
build = [*project["build-system"]["requires"], "editables"]
for name, wanted in {"runtime": runtime, "mcp": mcp, "build": build, "dev": [*mcp, *build, *dev]}.items():
    (work / f"{name}.in").write_text("\n".join(wanted) + "\n")
PY
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pip-tools
options=(--quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options
  --no-header --no-annotate --strip-extras --allow-unsafe)
"$work/venv/bin/pip-compile" "${options[@]}" --output-file "$here/runtime.txt" "$work/runtime.in"
"$work/venv/bin/pip-compile" "${options[@]}" --constraint "$here/runtime.txt" --output-file "$here/build.txt" "$work/build.in"
"$work/venv/bin/pip-compile" "${options[@]}" --constraint "$here/runtime.txt" --output-file "$here/mcp.txt" "$work/mcp.in"
"$work/venv/bin/pip-compile" "${options[@]}" --constraint "$here/mcp.txt" --constraint "$here/build.txt" \
  --output-file "$here/dev.txt" "$work/dev.in"
