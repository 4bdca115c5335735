#!/usr/bin/env python3
"""Servers side by side: messages for each second of their own CPU time, and memory of an idle session. Then clients,
which send into smtp-sink: messages for each second of theirs.

usage: servers.py --smtp PATH --tools DIR [--rounds N] [--scale F] [--only servers|clients]

DIR is what interop/install.sh unpacks. Only loopback is used, and every process ends with this one. The sections `servers`
and `clients` of RESULTS.md are written anew, and servers.svg with the first.
"""

import argparse
import datetime
import json
import os
import platform
import re
import resource
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf("SC_CLK_TCK")
CONNECTIONS = 20
SIZE = 4096
OURS = "smtp serve --discard"
SINK = "smtp-sink"
OUR_CLIENT = "smtp bench"
THEIR_CLIENT = "smtp-source"
LIMIT = "bare tokio loop"
ALONE = ", one thread"

NODE = """
const { SMTPServer } = require('smtp-server');
new SMTPServer({ disabledCommands: ['AUTH', 'STARTTLS'], disableReverseLookup: true, maxClients: 20000,
    onData(stream, session, done) { stream.resume(); stream.on('end', done); },
}).listen(Number(process.argv[1]), '127.0.0.1');
"""


class Server:
    """One server process, and what it needs to be measured."""

    def __init__(self, name, argv, messages, idle, env=None):
        self.name, self.argv, self.messages, self.idle, self.env = name, argv, messages, idle, env

    def __enter__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        argv = [part.replace("PORT", str(self.port)) for part in self.argv]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.env)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.__exit__()
                    sys.exit(f"{self.name} does not listen")
                time.sleep(0.05)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def cpu(self):
        """Seconds of CPU time, user and system, of all threads."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory(self):
        """KiB that are resident."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])


def servers(smtp, tools):
    root = os.path.join(tools, "root/usr/sbin")
    with open(os.path.join(tools, "library-path"), encoding="utf-8") as file:
        postfix = os.environ | {"LD_LIBRARY_PATH": file.read().strip()}
    node = os.environ | {"NODE_PATH": os.path.join(tools, "node/node_modules")}
    # As root it wants to be told whom to become.
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    built = os.path.join(HERE, "servers/target/release")
    ours = [smtp, "serve", "--listen", "127.0.0.1:PORT", "--discard", "--log", "off"]
    # Name, command, messages in a round, idle connections: fewer where they are slow or large, or wait
    # before they greet, as smtp-server does.
    return [
        Server(OURS, ours, 20000, 10000),
        Server(LIMIT, [f"{built}/bare_loop", "PORT"], 20000, 10000),
        Server(OURS + ALONE, [*ours, "--threads", "1"], 20000, 0),
        Server(LIMIT + ALONE, [f"{built}/bare_loop", "PORT"], 20000, 0, os.environ | {"TOKIO_WORKER_THREADS": "1"}),
        Server(SINK, [f"{root}/smtp-sink", *user, "-m", "20000", "127.0.0.1:PORT", "1000"], 20000, 1000, postfix),
        Server("mailin-embedded", [f"{built}/mailin_embedded", "PORT", str(CONNECTIONS)], 10000, 0),
        Server("aiosmtpd", [f"{tools}/venv/bin/python", "-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Sink", "-l",
                            "127.0.0.1:PORT"], 1000, 2000),
        Server("smtp-server", ["node", "-e", NODE, "PORT"], 1000, 500, node),
    ]


def source(tools, port, messages, reused, connections=CONNECTIONS):
    """How Postfix's smtp-source is called, and its environment."""
    with open(os.path.join(tools, "library-path"), encoding="utf-8") as file:
        env = os.environ | {"LD_LIBRARY_PATH": file.read().strip()}
    return [os.path.join(tools, "root/usr/sbin/smtp-source"), "-s", str(connections), "-m", str(messages),
            "-l", str(SIZE), *(["-d"] if reused else []), "-f", "a@example.org", "-t", "b@example.net",
            f"127.0.0.1:{port}"], env


def bench(smtp, port, messages, reused):
    """The same for ours."""
    return [smtp, "bench", "--server", f"127.0.0.1:{port}", "--connections", str(CONNECTIONS), "--messages", str(messages),
            "--size", str(SIZE), *([] if reused else ["--one-per-connection"]), "--from", "a@example.org", "--to",
            "b@example.net"], None


def load(tools, server, messages, reused, connections=CONNECTIONS):
    """Postfix's smtp-source sends; how many messages for each CPU second the server took."""
    argv, env = source(tools, server.port, messages, reused, connections)
    before = server.cpu()
    subprocess.run(argv, check=True, env=env, timeout=300, stdout=subprocess.DEVNULL)
    # What is left to do after the last reply belongs to it.
    time.sleep(0.2)
    return messages / max(server.cpu() - before, 1 / TICK)


def throughput(tools, all_servers, rounds, scale):
    """Medians of rounds in turns: server and way to messages for each CPU second."""
    found = {}
    for reused in (True, False):
        for turn in range(rounds + 1):
            start = turn % len(all_servers)
            for server in all_servers[start:] + all_servers[:start]:
                rate = load(tools, server, max(int(server.messages * scale), 100), reused)
                # The first round warms up.
                if turn > 0:
                    found.setdefault((server.name, reused), []).append(rate)
                print(f"{server.name}, {'reused' if reused else 'one each'}: {rate:.0f}", file=sys.stderr)
    return found


def spent(argv, env):
    """Seconds of CPU time, user and system, that a command takes."""
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    try:
        deadline = time.monotonic() + 300
        ended, status, used = 0, 0, None
        while not ended:
            if time.monotonic() > deadline:
                sys.exit(f"{argv[0]} does not end")
            time.sleep(0.01)
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()
    if process.returncode != 0:
        sys.exit(f"{argv[0]} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


def clients(smtp, tools, sink, rounds, scale):
    """Medians of rounds in turns: client and way to messages for each CPU second of the client."""
    messages = max(int(sink.messages * scale), 100)
    calls = {
        OUR_CLIENT: lambda reused: bench(smtp, sink.port, messages, reused),
        THEIR_CLIENT: lambda reused: source(tools, sink.port, messages, reused),
    }
    found = {}
    for reused in (True, False):
        for turn in range(rounds + 1):
            for name in sorted(calls, reverse=turn % 2 == 1):
                rate = messages / max(spent(*calls[name](reused)), 1e-6)
                # The first round warms up.
                if turn > 0:
                    found.setdefault((name, reused), []).append(rate)
                print(f"{name}, {'reused' if reused else 'one each'}: {rate:.0f}", file=sys.stderr)
    return found


def idle(server):
    """KiB for each of the connections that have said EHLO and wait."""
    if not server.idle:
        return None
    before, held = server.memory(), []
    try:
        for _ in range(server.idle):
            connection = socket.create_connection(("127.0.0.1", server.port), 20)
            held.append(connection)
            connection.recv(512)
            connection.sendall(b"EHLO client.example.net\r\n")
            heard = b""
            while not re.search(rb"(^|\n)250 [^\n]*\n$", heard):
                more = connection.recv(4096)
                if not more:
                    sys.exit(f"{server.name} closed an idle session")
                heard += more
        time.sleep(0.5)
        return (server.memory() - before) / len(held)
    finally:
        for connection in held:
            connection.close()


def growth(tools, all_servers, scale):
    """Messages for each CPU second with 1 to 1000 connections at once."""
    points = {}
    for server in all_servers:
        if server.name in (OURS, LIMIT, SINK):
            for connections in (1, 10, 100, 1000):
                messages = max(int(server.messages * scale), 2 * connections)
                rates = [load(tools, server, messages, True, connections) for _ in range(3)]
                points.setdefault(server.name, []).append((connections, statistics.median(rates)))
    return points


def table(head, rows):
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    line = lambda row: "| " + " | ".join(c.ljust(w) if at == 0 else c.rjust(w)
                                         for at, (c, w) in enumerate(zip(row, widths))) + " |"
    rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
    return "\n".join(map(line, [head, rule, *rows]))


def beside(names, rates, other):
    """A row for each: the median of both ways, each also as a multiple of the other's."""
    middle = {key: statistics.median(values) for key, values in rates.items()}
    rows = []
    for name in names:
        row = [name]
        for reused in (True, False):
            rate = middle[name, reused]
            row += [f"{rate:.0f}", f"{rate / middle[other, reused]:.2f}"]
        rows.append(row)
    return rows


def report(all_servers, rates, memory):
    rows = beside([server.name for server in all_servers], rates, SINK)
    for row, server in zip(rows, all_servers):
        kib = memory.get(server.name)
        row.append("–" if kib is None else f"{kib:.2f} KiB")
    return table(["", "reused", "x smtp-sink", "one for each", "x smtp-sink", "idle session"], rows)


def machine(only=None):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"model name\s*:\s*(.*)", file.read())
    command = "benches/servers.py --smtp target/release/smtp --tools DIR" + (f" --only {only}" if only else "")
    return (f"{datetime.date.today()}, {platform.system().lower()} {platform.machine()}, {model[1] if model else '?'}, "
            f"{os.cpu_count()} cores; `{command}`")


def publish(name, text):
    path = os.path.join(HERE, "RESULTS.md")
    with open(path, encoding="utf-8") as file:
        head, *sections = file.read().split("\n## ")
    sections = [section.strip() for section in sections if not section.startswith(f"{name}\n")]
    sections.append(f"{name}\n\n{text.strip()}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(head.strip() + "\n" + "".join(f"\n## {section}\n" for section in sections))


def plot(points, path):
    """Lines over connections, both axes logarithmic, as a small SVG."""
    width, height, left, top, right, bottom = 640, 360, 70, 30, 170, 50
    colours = ["#0b6e99", "#888888", "#b3541e"]
    most = max(rate for line in points.values() for _, rate in line) * 1.1
    connections = sorted({at for line in points.values() for at, _ in line})
    across = lambda at: left + (width - left - right) * connections.index(at) / max(len(connections) - 1, 1)
    up = lambda rate: height - bottom - (height - top - bottom) * rate / most
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
           f'font-size="12"><rect width="100%" height="100%" fill="white"/>',
           f'<text x="{left}" y="18">Messages of 4 KiB for each CPU second of the server</text>',
           f'<text x="{left}" y="{height - 12}">connections at once, each used again</text>']
    for at in connections:
        out.append(f'<text x="{across(at):.0f}" y="{height - 32}" text-anchor="middle">{at}</text>')
    for part in range(5):
        rate = most / 4 * part
        out.append(f'<path d="M{left} {up(rate):.0f}H{width - right}" stroke="#ddd"/>'
                   f'<text x="{left - 6}" y="{up(rate) + 4:.0f}" text-anchor="end">{rate:.0f}</text>')
    for (name, line), colour in zip(points.items(), colours):
        path_of = "L".join(f"{across(at):.1f} {up(rate):.1f}" for at, rate in line)
        out.append(f'<path d="M{path_of}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{across(at):.1f}" cy="{up(rate):.1f}" r="3" fill="{colour}"/>' for at, rate in line]
        out.append(f'<text x="{width - right + 8}" y="{up(line[-1][1]) + 4:.0f}" fill="{colour}">{name}</text>')
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smtp", required=True, help="the smtp command, built with --release")
    parser.add_argument("--tools", required=True, help="what interop/install.sh unpacked")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of messages")
    parser.add_argument("--only", choices=["servers", "clients"], help="only these")
    arguments = parser.parse_args()
    tools, smtp = os.path.abspath(arguments.tools), os.path.abspath(arguments.smtp)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if arguments.only != "clients":
        measure_servers(smtp, tools, arguments)
    if arguments.only != "servers":
        measure_clients(smtp, tools, arguments)


def measure_servers(smtp, tools, arguments):
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], check=True, cwd=os.path.join(HERE, "servers"))
    all_servers = servers(smtp, tools)
    memory = {}
    for server in all_servers:
        # A process of its own: what a load leaves behind would hide what the sessions take.
        with server:
            memory[server.name] = idle(server)
        print(f"{server.name}: idle session {memory[server.name]} KiB", file=sys.stderr)
    running = []
    try:
        for server in all_servers:
            running.append(server.__enter__())
        rates = throughput(tools, all_servers, arguments.rounds, arguments.scale)
        points = growth(tools, all_servers, arguments.scale)
    finally:
        for server in running:
            server.__exit__()
    plot(points, os.path.join(HERE, "servers.svg"))
    about = f"""Messages of {SIZE} octets for each second of CPU time of the server alone (user and system), from Postfix's
smtp-source over {CONNECTIONS} connections that are used again, or one for each message: medians of {arguments.rounds} rounds in
turns. Memory: resident KiB above the empty server for each connection that has said EHLO and waits (10,000 of them, for
smtp-sink 1000, for aiosmtpd 2000, for smtp-server 500); mailin-embedded keeps a thread for each and was not asked, nor
were the two on one thread. The bare loop parses nothing and answers with fixed replies: it is the limit. smtp-sink,
aiosmtpd and smtp-server run on one thread too.

{report(all_servers, rates, memory)}

![messages for each CPU second against connections](servers.svg)

{machine(arguments.only)}"""
    publish("servers", about)
    print(about)
    print(json.dumps(points))


def measure_clients(smtp, tools, arguments):
    sink = next(server for server in servers(smtp, tools) if server.name == SINK)
    with sink:
        rates = clients(smtp, tools, sink, arguments.rounds, arguments.scale)
    rows = beside([OUR_CLIENT, THEIR_CLIENT], rates, THEIR_CLIENT)
    about = f"""Messages of {SIZE} octets for each second of CPU time of the client alone (user and system), into Postfix's
smtp-sink over {CONNECTIONS} connections that are used again, or one for each message: medians of {arguments.rounds} rounds in
turns. Ours groups its commands, since smtp-sink offers PIPELINING; smtp-source does not.

{table(["", "reused", "x smtp-source", "one for each", "x smtp-source"], rows)}

{machine(arguments.only)}"""
    publish("clients", about)
    print(about)


if __name__ == "__main__":
    main()
