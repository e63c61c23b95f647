"""Speaks to mail servers as people's programs do, and prints how the server answered each try.

    mail_client.py PROTOCOL SOURCE PORT [SENDER] TRY...

imap and pop3 take USER:PASSWORD for each try, all in one connection; sasl does so with SMTP's AUTH;
smtp takes the sender and a recipient for each try. An answer is `yes` or `no`, one on each line.
"""

import base64
import socket
import sys


class Line:
    """A connection that is read by lines."""

    def __init__(self, source, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 30, (source, 0))
        self.file = self.socket.makefile("rwb")

    def ask(self, text, ends=lambda line: True):
        self.file.write(text.encode() + b"\r\n")
        self.file.flush()
        return self.answer(ends)

    def answer(self, ends=lambda line: True):
        while True:
            line = self.file.readline()
            if not line or ends(line):
                return line

    def close(self):
        self.file.close()
        self.socket.close()


def tell(good):
    print("yes" if good else "no", flush=True)


def imap(line, tries):
    line.answer()
    for number, one in enumerate(tries):
        tag = f"a{number} "
        user, password = one.split(":")
        reply = line.ask(f'{tag}LOGIN "{user}" "{password}"', lambda said: said.startswith(tag.encode()))
        tell(reply.startswith(tag.encode() + b"OK"))
    line.ask("z LOGOUT", lambda said: said.startswith(b"z "))


def pop3(line, tries):
    line.answer()
    for one in tries:
        user, password = one.split(":")
        line.ask(f"USER {user}")
        tell(line.ask(f"PASS {password}").startswith(b"+OK"))
    line.ask("QUIT")


def last(reply):
    return reply[3:4] != b"-"


def sasl(line, tries):
    line.answer(last)
    line.ask("EHLO client.test", last)
    for one in tries:
        user, password = one.split(":")
        plain = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        tell(line.ask(f"AUTH PLAIN {plain}", last).startswith(b"235"))
    line.ask("QUIT")


def smtp(line, tries):
    sender, recipients = tries[0], tries[1:]
    line.answer(last)
    line.ask("EHLO client.test", last)
    line.ask(f"MAIL FROM:<{sender}>", last)
    taken = 0
    for recipient in recipients:
        good = line.ask(f"RCPT TO:<{recipient}>", last).startswith(b"250")
        taken += good
        tell(good)
    if taken:
        line.ask("DATA", last)
        line.ask("Subject: status=bounced\r\n\r\nhello\r\n.", last)
    line.ask("QUIT", last)


protocol, source, port, *tries = sys.argv[1:]
line = Line(source, int(port))
{"imap": imap, "pop3": pop3, "sasl": sasl, "smtp": smtp}[protocol](line, tries)
line.close()
