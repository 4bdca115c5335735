"""A root directory of its own for a daemon that has paths compiled in, so that nothing is put into the machine's."""

import os
import shutil

from .process import run
from .report import Failed


class Root:
    """Programs, the libraries that they want, two devices and users; `directory` is what chroot is given."""

    def __init__(self, tools, directory):
        self.tools = tools
        self.directory = directory
        for path in ("dev", "etc", "tmp", "lib", "var/run"):
            os.makedirs(self.inside(path))
        os.symlink("var/run", self.inside("run"))
        for name in ("null", "urandom"):
            device = os.stat(f"/dev/{name}")
            os.mknod(self.inside(f"dev/{name}"), device.st_mode, device.st_rdev)
            os.chmod(self.inside(f"dev/{name}"), 0o666)
        self.write("etc/hosts", "127.0.0.1 localhost\n")

    def inside(self, path):
        return os.path.join(self.directory, path)

    def write(self, path, text):
        with open(self.inside(path), "w", encoding="utf-8") as file:
            file.write(text)

    def users(self, numbers):
        """Each with a group of the same name and number."""
        self.write("etc/passwd", "".join(f"{name}:x:{uid}:{uid}::/:/bin/sh\n" for name, uid in numbers.items()))
        self.write("etc/group", "".join(f"{name}:x:{uid}:\n" for name, uid in numbers.items()))

    def install(self, path, source=None):
        """Puts a program, or a directory of them, where the package would have put it."""
        source = source or os.path.join(self.tools.root, path)
        place = self.inside(path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if not os.path.isdir(source):
            shutil.copy(source, place)
            programs = [source]
        else:
            shutil.copytree(source, place, symlinks=True)
            programs = [os.path.join(folder, name) for folder, _, names in os.walk(source) for name in names]
        for library in set().union(*map(self._libraries, programs)):
            # The loader is asked for by its path, everything else is looked for in /lib.
            goal = self.inside(library.lstrip("/") if "/ld-" in library else f"lib/{os.path.basename(library)}")
            if not os.path.exists(goal):
                os.makedirs(os.path.dirname(goal), exist_ok=True)
                shutil.copy(library, goal)

    def _libraries(self, program):
        with open(program, "rb") as file:
            if file.read(4) != b"\x7fELF":
                return set()
        code, out, err = run(["ldd", program], 20, env=self.tools.environment)
        if code != 0:
            raise Failed(f"ldd {program}: {err[-200:]!r}")
        return {word for word in out.decode().split() if word.startswith("/")}
