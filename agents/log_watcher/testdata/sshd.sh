# Made sshd-9.2.log: wrong and right passwords, hostile names, keys only, too many attempts.
# Runs as root in a throwaway root: it adds a user and starts daemons.
cd /
cat > /rs.conf <<'X'
module(load="imuxsock" SysSock.Name="/dev/log" SysSock.RateLimit.Interval="0")
$RepeatedMsgReduction on
$ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat
*.* /auth.log
X
rsyslogd -f /rs.conf -i /run/rs.pid; sleep 1
useradd -m amy 2>/dev/null; echo 'amy:right' | chpasswd
ssh-keygen -q -t ed25519 -N '' -f /hk; ssh-keygen -q -t ed25519 -N '' -f /ck
cfg() { cat > /sc$1 <<X
Port $1
HostKey /hk
PidFile /run/sshd$1.pid
UsePAM yes
$2
X
/usr/sbin/sshd -f /sc$1; }
cfg 2201 "PasswordAuthentication yes
KbdInteractiveAuthentication no
PermitRootLogin yes"
cfg 2202 "PasswordAuthentication no
KbdInteractiveAuthentication yes"
cfg 2203 "PasswordAuthentication no
KbdInteractiveAuthentication no"
cfg 2204 "PasswordAuthentication yes
KbdInteractiveAuthentication no
MaxAuthTries 2
AllowUsers amy"
echo '#!/bin/sh
echo wrong' > /ask; echo '#!/bin/sh
echo right' > /askr; chmod +x /ask /askr
export DISPLAY=:1 SSH_ASKPASS_REQUIRE=force
try() { echo "== $*"; logger -t mark -- "== $*"; SSH_ASKPASS=${A:-/ask} timeout 40 ssh -n -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o NumberOfPasswordPrompts=${N:-3} -o PubkeyAuthentication=${K:-no} -o IdentitiesOnly=yes -i /ck -p $1 -l "$2" 127.0.0.1 true 2>&1 | tail -1; sleep 0.3; }
try 2201 amy
try 2201 nobodyhere
N=1 try 2201 "a from 1.2.3.4 port 22 ssh2"
N=1 try 2201 "müller"
N=1 try 2201 "x:y from 9.9.9.9"
N=1 try 2201 "$(printf 'n%.0s' $(seq 130))"
N=1 try 2201 "from"
N=1 try 2201 "invalid user root"
N=1 try 2201 $'\e[31mred'
N=1 try 2201 'a\b'
A=/askr try 2201 amy
N=1 try 2202 amy
N=3 try 2202 amy
N=2 try 2202 nobodyhere
A=/askr try 2202 amy
K=yes try 2203 amy
K=yes try 2203 nobodyhere
K=yes try 2203 "müller x"
N=5 try 2204 amy
N=5 try 2204 root
K=yes N=5 try 2204 nobodyhere
echo "GET / HTTP/1.0" | timeout 3 bash -c 'exec 3<>/dev/tcp/127.0.0.1/2201; cat >&3; cat <&3'
timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/2201; sleep 0.2'
mkdir -p /home/amy/.ssh; cp /ck.pub /home/amy/.ssh/authorized_keys; chown -R amy /home/amy/.ssh; chmod 700 /home/amy/.ssh
K=yes try 2203 amy
sleep 1
for p in 2201 2202 2203 2204; do kill $(cat /run/sshd$p.pid); done; sleep 1; kill $(cat /run/rs.pid); sleep 1
