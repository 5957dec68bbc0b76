# What the `run` scripts of bowline-hyper's tests share; they source it.

# The repository, whatever directory the script was called from.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
cd "$root"
mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)

fail() {
    echo "$(basename "$(dirname "$0")")/run: $*" >&2
    exit 1
}

# need PROGRAM PACKAGE: Debian's name of what brings the program.
need() {
    command -v "$1" >/dev/null || fail "no $1 here; try: apt-get install $2"
}

# python_environment REQUIREMENTS: sets `python`. What is installed is used again until its list changes; the
# copy of the list is made last, so that it vouches for a finished installation.
python_environment() {
    local environment
    environment="$target/hyper-tests/$(basename "$(dirname "$1")")"
    python="$environment/bin/python"
    if ! cmp -s "$1" "$environment/requirements.txt" || ! "$python" -c 'import pytest, trustme'; then
        need python3 python3
        python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
            fail "$(python3 --version) here, 3.11 or later is needed"
        python3 -m venv --clear "$environment" || fail "python3 -m venv failed; try: apt-get install python3-venv"
        "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$1" ||
            fail "pip could not install $1"
        cp "$1" "$environment/"
    fi
}

# build_examples NAME...: those of HYPER_ECHO_BIN and H2_CLIENT_BIN that are not given.
build_examples() {
    local name variable wanted=()
    for name in "$@"; do
        variable="${name^^}_BIN"
        if [ -z "${!variable:-}" ]; then
            wanted+=(--example "$name")
            export "$variable=$target/release/examples/$name"
        fi
    done
    [ "${#wanted[@]}" -eq 0 ] || cargo build --release "${wanted[@]}"
}

# run_tests DIRECTORY [pytest options]: with nothing left in the source tree, and a deadline for each test.
run_tests() {
    local modules="$root/bowline-hyper/tests/interop:$root/tests/interop"
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$modules" exec "$python" -m pytest \
        -p no:cacheprovider --timeout 60 --rootdir "$1" "$@"
}
