#!/usr/bin/env bash
# Set up on the first call, then work: ./run_all.sh [SUITE | test | VERB] [options]. See ./run_all.sh --help.
set -euo pipefail
root="$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"  # a link to this script may lie anywhere
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" NO_ALBUMENTATIONS_UPDATE=1 PYTHONUTF8=1

say() { printf '%s\n' "$*" >&2; }

meets_ranges() {  # does this interpreter have everything pyproject.toml asks for?
    "$1" "$root/repro/environment.py" "$root/pyproject.toml" >/dev/null 2>&1
}

install_into() {  # $1: folder of a virtual environment
    local base=""
    for candidate in python3.13 python3.12 python3.11 python3 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then base="$candidate"; break; fi
    done
    if [ -z "$base" ]; then say "No Python of version 3.11 or later was found; install one and call again."; exit 2; fi
    say "Setting up $1 (once; about two minutes and 6 GB) ..."
    [ -x "$1/bin/python" ] || "$base" -m venv "$1"
    # Exact versions where they were made (Python 3.11); elsewhere pyproject.toml's ranges, whose goldens skip.
    local pins=()
    if "$1/bin/python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then pins=(-c "$root/constraints.txt"); fi
    "$1/bin/python" -m pip install -qq --disable-pip-version-check "${pins[@]}" -e "$root[train,test]" >&2
}

if [ -n "${REPRO_VENV:-}" ]; then
    case "$REPRO_VENV" in /*) environment="$REPRO_VENV" ;; *) environment="$PWD/$REPRO_VENV" ;; esac
elif [ -n "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && meets_ranges python; then
    environment=""
else
    environment="$root/.venv"
fi
if [ -n "$environment" ]; then
    stamp="$environment/.repro-$(cat "$root/pyproject.toml" "$root/constraints.txt" | sha256sum | cut -c1-12)"
    if [ ! -e "$stamp" ]; then install_into "$environment"; touch "$stamp"; fi
    python="$environment/bin/python"
else
    python="python"
fi

case "${1:-demo}" in
    test)  # two files' tests at once on two cores, each by one thread
        shift; cd "$root"; cores="$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)"
        export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
        exec "$python" -m pytest -n "$((cores < 4 ? cores : 4))" --dist loadgroup "$@" ;;
    runs | log | table | figure | report | check | collect | audit | predict | export | score | own | data | weights | \
        pages | bench)
        exec "$python" -m repro "$@" ;;
    *) exec "$python" -m repro.run "$@" ;;
esac
