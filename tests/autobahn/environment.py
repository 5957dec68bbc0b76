"""Finds wstest, or builds it under Python 2.7, or falls back to its image."""

import glob
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "25.10.1"
IMAGE = "crossbario/autobahn-testsuite:" + VERSION
# The last release that can make a Python 2.7 environment.
VIRTUALENV = "virtualenv==20.15.1"
REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"


class Unavailable(Exception):
    pass


class Local:
    """wstest as a program of this machine."""

    def __init__(self, path):
        self.path = str(path)

    def command(self, name, workdir, args):
        return [self.path] + args

    def remove(self, name):
        pass


class Container:
    """wstest in its image, with the report directory at the same path inside."""

    def __init__(self, engine):
        self.engine = engine

    def command(self, name, workdir, args):
        user = ["--user", "%d:%d" % (os.getuid(), os.getgid())]
        if Path(self.engine).name == "podman" and os.getuid() != 0:
            user.append("--userns=keep-id")
        # An SELinux host would otherwise refuse the bind mount.
        options = ["--rm", "--name", name, "--network", "host"]
        options += ["--security-opt", "label=disable", "-e", "PYTHONUNBUFFERED=1"]
        options += ["-e", "HOME=/tmp", "-v", "%s:%s" % (workdir, workdir), "-w", str(workdir)]
        return [self.engine, "run"] + options + user + [IMAGE, "wstest"] + args

    def remove(self, name):
        # Killing the client does not always stop the container.
        succeeds([self.engine, "rm", "-f", name], timeout=30)


def clean_environ():
    """Settings of this Python that would mislead the other one are dropped."""
    unwanted = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_REQUIRE_VIRTUALENV"}
    environ = {key: value for key, value in os.environ.items() if key not in unwanted}
    environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    environ["DEBIAN_FRONTEND"] = "noninteractive"
    return environ


def succeeds(command, timeout=60, log=None):
    out = subprocess.DEVNULL
    try:
        if log is not None:
            out = open(str(log), "ab")
            out.write(("\n$ %s\n" % " ".join(map(str, command))).encode())
            out.flush()
        done = subprocess.run(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=clean_environ(),
            timeout=timeout,
        )
        return done.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
    finally:
        if log is not None:
            out.close()


def works(wstest):
    return succeeds([wstest, "--autobahnversion"])


def is_python2(path):
    # A pyenv shim is there for a version that is not selected, too, and a
    # Python built without these modules could not run wstest.
    check = "import sys, ssl, zlib; sys.exit(sys.version_info[:2] != (2, 7))"
    return succeeds([path, "-c", check])


def find_python2():
    candidates = []
    for directory in os.environ.get("PATH", "").split(os.pathsep):
        candidates += [os.path.join(directory, name) for name in ("python2.7", "python2")]
    if shutil.which("pyenv"):
        try:
            root = subprocess.run(
                ["pyenv", "root"], stdout=subprocess.PIPE, universal_newlines=True, timeout=30
            ).stdout.strip()
            candidates += sorted(glob.glob(os.path.join(root, "versions", "*", "bin", "python2.7")))
        except (OSError, subprocess.TimeoutExpired):
            pass
    for path in candidates:
        if os.access(path, os.X_OK) and is_python2(path):
            return path
    return None


def apt_install(packages, log, tried):
    """Installs Debian packages where that is possible at all."""
    what = "apt-get install " + " ".join(packages)
    if not shutil.which("apt-get") or os.getuid() != 0:
        tried.append(what + ": needs root and apt-get")
        return False
    print("autobahn: " + what, flush=True)
    succeeds(["apt-get", "update"], timeout=300, log=log)
    install = ["apt-get", "install", "-y", "--no-install-recommends"] + packages
    if succeeds(install, timeout=600, log=log):
        return True
    tried.append(what + ": failed, see %s" % log)
    return False


def make_tools(tools, log, tried):
    """A Python 3 environment with virtualenv, which makes the Python 2.7 one."""

    def attempt():
        return succeeds([sys.executable, "-m", "venv", "--clear", tools], 120, log) and succeeds(
            [tools / "bin" / "pip", "install", VIRTUALENV], 300, log
        )

    # Debian keeps the venv module in a package of its own.
    if attempt() or (apt_install(["python3-venv"], log, tried) and attempt()):
        return True
    tried.append("pip install %s: failed, see %s" % (VIRTUALENV, log))
    return False


def build(env, log, tried):
    """Makes the environment at `env`; true if wstest then works."""
    python2 = find_python2()
    if python2 is None:
        tried.append("python2.7 on PATH or among pyenv's versions: none that works")
        # Debian up to 11 and Ubuntu up to 22.04 still have it.
        if apt_install(["python2.7", "python2.7-dev"], log, tried):
            python2 = find_python2()
        if python2 is None:
            return False
    tools = env.parent / "tools"
    print("autobahn: building wstest %s with %s" % (VERSION, python2), flush=True)
    if not make_tools(tools, log, tried):
        return False

    shutil.rmtree(str(env), ignore_errors=True)
    # The periodic update is a background process that would outlive the run.
    create = [tools / "bin" / "python", "-m", "virtualenv", "--no-periodic-update"]
    create += ["--app-data", env.parent / "virtualenv-data", "--python", python2, env]
    if not succeeds(create, 120, log):
        tried.append("virtualenv --python %s: failed, see %s" % (python2, log))
        return False

    # The virtualenv has pip 20.3.4, the last for Python 2.7; it builds the
    # source distributions as they are.
    install = [env / "bin" / "pip", "install", "-r", REQUIREMENTS]
    installed = succeeds(install, 900, log)
    if not installed:
        needed = ["build-essential", "libffi-dev", "libssl-dev"]
        installed = apt_install(needed, log, tried) and succeeds(install, 900, log)
    if not installed or not works(env / "bin" / "wstest"):
        tried.append("pip install -r %s: failed, see %s" % (REQUIREMENTS.name, log))
        return False
    return True


def find_container(log, tried):
    for name in ("docker", "podman"):
        engine = shutil.which(name)
        if engine is None:
            tried.append("%s: not on PATH" % name)
        elif not succeeds([engine, "info"], 60, log):
            tried.append("%s: installed, but `%s info` fails" % (name, name))
        elif succeeds([engine, "image", "inspect", IMAGE], 60, log) or succeeds(
            [engine, "pull", IMAGE], 600, log
        ):
            return Container(engine)
        else:
            tried.append("%s pull %s: failed, see %s" % (name, IMAGE, log))
    return None


def locate(base):
    """A way to start wstest; what has to be built is kept under `base`."""
    tried = []
    on_path = shutil.which("wstest")
    if on_path and works(on_path):
        print("autobahn: using %s" % on_path)
        return Local(on_path)
    tried.append("wstest on PATH: " + ("broken" if on_path else "none"))

    env, log, stamp = base / "env", base / "env.log", base / "env" / "requirements.sha256"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted and works(env / "bin" / "wstest"):
        return Local(env / "bin" / "wstest")

    log.write_bytes(b"")
    if build(env, log, tried):
        stamp.write_text(wanted)
        return Local(env / "bin" / "wstest")
    container = find_container(log, tried)
    if container is not None:
        print("autobahn: using the image %s" % IMAGE)
        return container
    raise Unavailable("wstest cannot be had here; tried:\n  " + "\n  ".join(tried))
