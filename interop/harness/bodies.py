"""The message contents that every peer exchanges, and what must arrive."""

import random
from dataclasses import dataclass

HEADER = b"From: <alice@example.org>\r\nTo: <bob@example.net>\r\nSubject: interop\r\n\r\n"


@dataclass(frozen=True)
class Body:
    """Content with CRLF line ends, as a client is given it."""

    name: str
    content: bytes

    @property
    def arrives(self):
        """What the receiving side must hold: a sender ends the last line if nothing did."""
        if self.content and not self.content.endswith(b"\r\n"):
            return self.content + b"\r\n"
        return self.content

    @property
    def mail_like(self):
        """Whether it begins with a header, which some clients insist on."""
        return self.content.startswith(HEADER)

    @property
    def eight_bit(self):
        return not self.content.isascii()


def stuffed(content):
    """Dot-stuffed as it stands on the wire, without the end of data."""
    out = content.replace(b"\r\n.", b"\r\n..")
    return b"." + out if out.startswith(b".") else out


def unstuffed(stream):
    """The content of a stuffed stream in which CRLF alone ends lines."""
    out = (b"\r\n" + stream).replace(b"\r\n.", b"\r\n")
    return out[2:]


def _ten_megabytes():
    random_bytes = random.Random(20).randbytes(48 * 1024)
    # Backslash and percent begin escapes in swaks' templates.
    table = bytes(b if b not in b"\0\n\r\\%" else 0x2E for b in range(256))
    text = random_bytes.translate(table)
    lines, at, width = [], 0, 0
    while at < len(text):
        width = (width * 7 + 61) % 997 + 1
        lines.append(text[at:at + width] + b"\r\n")
        at += width
    block = b"".join(lines) + b".\r\n..\r\n.dot\r\n"
    count = -(-10 * 1024 * 1024 // len(block))
    return HEADER + block * count


def _eight_bit():
    every = bytes(b for b in range(1, 256) if b not in (10, 13))
    utf8 = "Grüße aus Żółw, жук, 猫, 🦀".encode()
    return HEADER + utf8 + b"\r\n" + every + b"\r\n" + bytes(range(0x80, 0x100)) * 3 + b"\r\n"


def _long_lines():
    return HEADER + b"x" * 998 + b"\r\n." + b"y" * 997 + b"\r\n" + b"." * 998 + b"\r\n" + b"z" * 997 + b"\r\n"


BODIES = (
    Body("plain", HEADER + b"Hello, world.\r\n"),
    Body("eight-bit", _eight_bit()),
    Body("ten-megabytes", _ten_megabytes()),
    Body("first-dot", b".first line begins with a dot\r\n..two\r\n...three\r\nend\r\n"),
    Body("lines-of-dots", b".\r\n..\r\n...\r\n.\r\n.\r\n"),
    Body("dots-inside", HEADER + b".\r\n..\r\n.a\r\n..b\r\n\r\n.\r\n\r\n.x\r\na.\r\nlast\r\n"),
    Body("empty", b""),
    Body("one-empty-line", b"\r\n"),
    Body("blank-end", HEADER + b"text\r\n\r\n\r\n"),
    Body("no-final-newline", HEADER + b"the last line is not ended"),
    Body("long-lines", _long_lines()),
)
PLAIN = BODIES[0]


def odd_messages(count):
    """So many different messages with a header section and odd bodies, the same ones every time."""
    dice = random.Random(7)
    return [HEADER + b"X-Number: %d\r\n\r\n" % number + _odd(dice) for number in range(count)]


def _odd(dice):
    """Odd lines: dots, blanks, commands, long ones, and printable octets of every kind."""
    line = (
        lambda: b"." * dice.randrange(4),
        lambda: b". " + dice.randbytes(5).hex().encode(),
        lambda: b"",
        lambda: bytes(dice.choice(b"\t !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~") for _ in range(dice.randrange(78))),
        lambda: "жук, 猫".encode() * dice.randrange(1, 9),
        lambda: b"From " + b"x" * dice.randrange(900),
        lambda: b"BDAT 3 LAST",
        lambda: b"QUIT",
    )
    return b"".join(dice.choice(line)() + b"\r\n" for _ in range(dice.randrange(1, 40)))
