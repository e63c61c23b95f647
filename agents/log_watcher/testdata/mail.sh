# Made postfix-3.7.log, dovecot-2.3.log (by syslog, every failure told twice) and dovecot-2.3-own.log
# (its own file): deliveries, rejects, logins good and bad. Runs as root in a throwaway root with a
# network of its own: it adds users and addresses and starts daemons.
cd /
for a in 203.0.113.9 198.51.100.7 192.0.2.44; do ip address add $a/32 dev lo; done
ip address add 2001:db8::9/128 dev lo 2>/dev/null
cat > /rs.conf <<'X'
module(load="imuxsock" SysSock.Name="/dev/log" SysSock.RateLimit.Interval="0")
$RepeatedMsgReduction on
$ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat
mail.* /mail.log
X
rsyslogd -f /rs.conf -i /run/rs.pid; sleep 1
useradd -m amy; useradd -m bob; useradd -r vmail

# Dovecot: one that logs to syslog and is verbose, one with a file of its own.
printf 'amy:{PLAIN}right\nbob:{PLAIN}right\namy@lmtp.test:{PLAIN}right\n' > /passwd
dove() { cat > /dovecot-$1.conf <<X
base_dir = /run/dovecot-$1
protocols = imap pop3 sieve lmtp
listen = *, ::
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = mbox:/tmp/boxes/%u
mail_privileged_group = mail
first_valid_uid = 1
auth_failure_delay = 0
$2
passdb {
  driver = passwd-file
  args = username_format=%u /passwd
}
userdb {
  driver = static
  args = uid=vmail gid=vmail home=/tmp/boxes/%u
}
service imap-login {
  inet_listener imap {
    port = $3
  }
  inet_listener imaps {
    port = 0
  }
}
service pop3-login {
  inet_listener pop3 {
    port = $4
  }
  inet_listener pop3s {
    port = 0
  }
}
service managesieve-login {
  inet_listener sieve {
    port = $5
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth$1 {
    mode = 0666
  }
}
service lmtp {
  unix_listener /var/spool/postfix/private/lmtp$1 {
    mode = 0666
  }
}
X
dovecot -c /dovecot-$1.conf; }
mkdir -p /tmp/boxes; chown vmail:vmail /tmp/boxes; chmod 777 /tmp/boxes
dove 1 "auth_verbose = yes" 1143 1110 14190
dove 2 "log_path = /dovecot-own.log" 2143 2110 24190

# Postfix, and a server that refuses what it is told to.
cat > /sink.py <<'X'
import socketserver
class Sink(socketserver.StreamRequestHandler):
    def handle(self):
        say = lambda text: self.wfile.write(text + b"\r\n")
        say(b"220 sink.test ESMTP")
        data = False
        for line in self.rfile:
            word = line.strip().upper()
            if data:
                if word == b".":
                    data = False
                    say(b"250 2.0.0 Ok: status=bounced, says the sink")
            elif word.startswith(b"RCPT TO:<NO"):
                say(b"550 5.1.1 <nobody> status=sent (no such user)")
            elif word.startswith(b"RCPT TO:<LATER"):
                say(b"450 4.2.0 try again, status=sent")
            elif word == b"DATA":
                data = True
                say(b"354 go on")
            elif word == b"QUIT":
                say(b"221 bye")
                return
            else:
                say(b"250 2.1.0 Ok")
socketserver.ThreadingTCPServer(("127.0.0.1", 2525), Sink).serve_forever()
X
python3 /sink.py & sink=$!
postconf -e compatibility_level=3.6 myhostname=mail.test 'mydestination=mail.test, localhost' \
  mynetworks=127.0.0.1/32 inet_interfaces=all inet_protocols=all smtpd_tls_security_level=none \
  mailbox_command= maillog_file= alias_maps=hash:/aliases alias_database=hash:/aliases \
  transport_maps=hash:/transport virtual_mailbox_domains=virt.test virtual_mailbox_base=/tmp/boxes \
  virtual_mailbox_maps=hash:/virtual virtual_uid_maps=static:$(id -u vmail) virtual_gid_maps=static:$(id -g vmail) \
  smtpd_sasl_type=dovecot smtpd_sasl_path=private/auth1 smtpd_sasl_security_options=noanonymous \
  smtpd_relay_restrictions='permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination' \
  smtpd_recipient_restrictions='check_recipient_access hash:/access, permit' \
  smtpd_sender_restrictions='check_sender_access hash:/access' \
  smtpd_helo_restrictions='check_helo_access hash:/access' \
  smtpd_client_restrictions='check_client_access hash:/access' \
  header_checks=regexp:/headers smtpd_error_sleep_time=0 smtpd_peername_lookup=no disable_dns_lookups=yes smtp_tls_security_level=none
printf 'all: amy, bob\nroot: amy\n' > /aliases; postalias /aliases
printf 'closed.test smtp:[127.0.0.1]:9\nsink.test smtp:[127.0.0.1]:2525\nlmtp.test lmtp:unix:private/lmtp1\nerror.test error:5.1.2 status=sent is what this is not\npipe.test pipe\n' > /transport; postmap /transport
printf 'vic@virt.test vic/\n' > /virtual; postmap /virtual
printf 'grey@mail.test 450 4.7.1 Greylisted; status=sent in 300 s\nspam@evil.test 554 5.7.1 Spammer\nevil.helo 550 5.7.1 No such HELO\n192.0.2.44 554 5.7.1 Go away\n' > /access; postmap /access
printf '/^Subject: .*status=bounced/ REJECT we do not like this subject\n/^Subject: warned/ WARN\n/^Subject: held/ HOLD\n/^Subject: dropped/ DISCARD\n' > /headers
postconf -M pipe/unix='pipe unix - n n - - pipe flags=R user=vmail argv=/usr/bin/tee /dev/null'
postconf -M submission/inet='submission inet n - n - - smtpd -o syslog_name=postfix/submission -o smtpd_sasl_auth_enable=yes -o smtpd_client_restrictions= -o smtpd_relay_restrictions=permit_sasl_authenticated,reject'
postconf -F '*/*/chroot=n'
postfix start 2>/dev/null; sleep 2

cat > /drive.py <<'X'
import imaplib, poplib, smtplib, socket, sys, time

def talk(source, port, *lines, host="127.0.0.1"):
    s = socket.create_connection((host, port), 20, (source, 0))
    f = s.makefile("rwb")
    out = [f.readline()]
    for line in lines:
        f.write(line.encode() + b"\r\n"); f.flush()
        while True:
            reply = f.readline(); out.append(reply)
            if reply[3:4] != b"-": break
    return s, f, out

def mail(source, sender, to, subject="x", port=25, login=None, host="127.0.0.1", helo="client.test"):
    with smtplib.SMTP(host, port, local_hostname=helo, source_address=(source, 0), timeout=30) as smtp:
        smtp.ehlo()
        if login: smtp.login(*login)
        try:
            return smtp.sendmail(sender, to, f"Subject: {subject}\r\n\r\nhello\r\n")
        except smtplib.SMTPResponseException as e: return e
        except smtplib.SMTPRecipientsRefused as e: return e

L, A, S, O = "127.0.0.1", "203.0.113.9", "198.51.100.7", "192.0.2.44"
# Sent: 2 + 1 (virtual) + 1 (lmtp) + 1 (sink) + alias (2 more mailboxes through one)
mail(L, "root@mail.test", ["amy@mail.test", "bob@mail.test"], "to two")
mail(L, "root@mail.test", ["vic@virt.test"], "virtual")
mail(L, "root@mail.test", ["amy@lmtp.test"], "lmtp")
mail(L, "root@mail.test", ["ok@sink.test", "no@sink.test", "later@sink.test"], "three ways status=sent (x)")
mail(L, "root@mail.test", ["all@mail.test"], "alias")
mail(L, "root@mail.test", ["x@pipe.test"], "pipe")
mail(L, "root@mail.test", ["a@closed.test", "b@closed.test", "amy@mail.test"], "closed")
mail(L, "amy@mail.test", ["a@error.test", "nobodyhere@mail.test"], "bounces")
mail(L, "", ["nobodyhere@mail.test"], "double bounce")
mail(L, '"a, status=sent (x>"@mail.test', ['"q>, relay=none, status=bounced ("@mail.test', "amy@mail.test"], "quoted")
# Rejected.
mail(A, "spam@evil.test", ["amy@mail.test", "bob@mail.test"])
mail(A, "x@out.test", ["y@relay.test"])
mail(A, "x@out.test", ["nobodyhere@mail.test", "amy@mail.test", "grey@mail.test", "y@relay.test"])
mail(S, "x@out.test", ["grey@mail.test"])
mail(S, "x@out.test", ["amy@mail.test"], helo="evil.helo")
mail(O, "x@out.test", ["amy@mail.test"])
mail("2001:db8::9", "x@out.test", ["y@relay.test"], host="::1") if socket.has_ipv6 else None
mail(S, "x@out.test", ["amy@mail.test"], "a subject with status=bounced (in it)")
mail(S, "x@out.test", ["amy@mail.test"], "warned status=sent")
mail(S, "x@out.test", ["amy@mail.test"], "held")
mail(S, "x@out.test", ["amy@mail.test"], "dropped")
# Rude.
s, f, out = talk(A, 25, "GET / HTTP/1.1"); s.close(); f.close(); f.close()
s, f, out = talk(A, 25, "EHLO x", "MAIL FROM:<a b>", "RCPT TO:<x>"); s.close(); f.close(); f.close()
s, f, out = talk(A, 25, "EHLO x", "MAIL FROM:<a@b>"); s.close(); f.close()
try: talk(A, 25, *["NONSENSE"] * 30)
except OSError: pass
# SASL.
import base64
def sasl(source, *pairs):
    with smtplib.SMTP(L, 587, local_hostname="client.test", source_address=(source, 0)) as smtp:
        smtp.ehlo()
        for mech, user, word in pairs:
            if mech == "PLAIN":
                smtp.docmd("AUTH", "PLAIN " + base64.b64encode(f"\0{user}\0{word}".encode()).decode())
            else:
                smtp.docmd("AUTH", "LOGIN " + base64.b64encode(user.encode()).decode())
                smtp.docmd(base64.b64encode(word.encode()).decode())
sasl(A, ("PLAIN", "bob", "wrong"), ("PLAIN", "bob", "wrong"), ("PLAIN", "bob", "wrong"))
sasl(A, ("PLAIN", "amy", "wrong"), ("LOGIN", "amy", "wrong"), ("PLAIN", "nobodyhere", "wrong"))
sasl(S, ("LOGIN", "b: SASL LOGIN authentication failed: x", "wrong"), ("PLAIN", "amy", "right"))
mail(S, "amy@mail.test", ["bob@mail.test"], "submitted", 587, ("amy", "right"))

def imap(source, port, tries, quit=True, mech=None):
    s = socket.create_connection((L, port), 20, (source, 0)); f = s.makefile("rwb"); f.readline()
    for n, (user, word) in enumerate(tries):
        quoted = user.replace("\\", "\\\\").replace('"', '\\"')
        f.write(f'a{n} LOGIN "{quoted}" "{word}"\r\n'.encode()); f.flush()
        while not (line := f.readline()).startswith(b"a"):
            if not line: return
    if quit:
        f.write(b"z LOGOUT\r\n"); f.flush(); f.read()
    s.close()
def pop(source, port, tries, quit=True):
    s = socket.create_connection((L, port), 20, (source, 0)); f = s.makefile("rwb"); f.readline()
    for user, word in tries:
        f.write(f"USER {user}\r\n".encode()); f.flush(); f.readline()
        f.write(f"PASS {word}\r\n".encode()); f.flush(); f.readline()
    if quit: f.write(b"QUIT\r\n"); f.flush(); f.read()
    s.close()
for imap_port, pop_port, sieve_port in ((1143, 1110, 14190), (2143, 2110, 24190)):
    imap(S, imap_port, [("amy", "right")])
    imap(S, imap_port, [("bob", "right")], quit=False)
    pop(S, pop_port, [("amy", "right")])
    imap(A, imap_port, [("amy", "wrong")])
    imap(A, imap_port, [("amy", "wrong")] * 3, quit=False)
    imap(A, imap_port, [("nobodyhere", "wrong")] * 2)
    imap(A, imap_port, [("x>, method=PLAIN, rip=6.6.6.6, lip=1.1.1.1, session=<", "wrong")])
    imap(A, imap_port, [("müller", "wrong")])
    imap(A, imap_port, [("bob@evil.test", "wrong"), ("amy", "wrong")])
    imap(O, imap_port, [("amy", "wrong"), ("amy", "wrong"), ("amy", "right")])
    pop(A, pop_port, [("bob", "wrong"), ("bob", "wrong")])
    pop(A, pop_port, [("bob", "wrong")], quit=False)
    imap(A, imap_port, [])
    imap(A, imap_port, [], quit=False)
    s, f, out = talk(A, imap_port); f.write(b"GET / HTTP/1.0\r\n\r\n\r\n\r\n\r\n\r\n"); f.flush(); s.close()
    s = socket.create_connection((L, sieve_port), 20, (A, 0)); f = s.makefile("rwb")
    while not f.readline().startswith(b"OK"): pass
    f.write(b'AUTHENTICATE "PLAIN" "' + base64.b64encode(b"\0amy\0wrong") + b'"\r\n'); f.flush(); f.readline()
    f.write(b'LOGOUT\r\n'); f.flush(); f.read(); s.close()
    s = socket.create_connection((L, sieve_port), 20, (S, 0)); f = s.makefile("rwb")
    while not f.readline().startswith(b"OK"): pass
    f.write(b'AUTHENTICATE "PLAIN" "' + base64.b64encode(b"\0amy\0right") + b'"\r\n'); f.flush(); f.readline()
    f.write(b'LOGOUT\r\n'); f.flush(); f.read(); s.close()
X
python3 /drive.py
postqueue -f; sleep 3
# What can not be delivered now is returned at once.
postconf -e maximal_queue_lifetime=0 bounce_queue_lifetime=0; postfix reload 2>/dev/null; sleep 1
python3 - <<'X'
import smtplib
with smtplib.SMTP("127.0.0.1") as smtp:
    smtp.sendmail("root@mail.test", ["c@closed.test", "d@closed.test"], "Subject: late\r\n\r\nx\r\n")
X
sleep 3
postfix stop 2>/dev/null; dovecot -c /dovecot-1.conf stop; dovecot -c /dovecot-2.conf stop; kill $sink; sleep 1; kill $(cat /run/rs.pid); sleep 1
host=$(hostname)
sed "s/^\(.\{15\}\) $host /\1 mail1 /" /mail.log | grep -a ' postfix[^ ]*: ' > postfix-3.7.log
sed "s/^\(.\{15\}\) $host /\1 mail1 /" /mail.log | grep -a ' dovecot: ' > dovecot-2.3.log
cp /dovecot-own.log dovecot-2.3-own.log
