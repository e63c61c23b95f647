# Made fail2ban-1.0.log (its own file) and fail2ban-1.0-syslog.log: finds, bans, restored bans after
# a restart, unbans by hand, by time and at shutdown. Runs as root in a throwaway root.
cd /
cat > /rs.conf <<'X'
module(load="imuxsock" SysSock.Name="/dev/log" SysSock.RateLimit.Interval="0")
$ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat
*.* /syslog
X
rsyslogd -f /rs.conf -i /run/rs.pid; sleep 1
rm -rf /f; mkdir -p /f/filter.d /f/action.d /run/fail2ban; : > /watched.log
cat > /f/fail2ban.conf <<X
[Definition]
loglevel = INFO
logtarget = /fail2ban.log
syslogsocket = auto
socket = /run/fail2ban/f.sock
pidfile = /run/fail2ban/f.pid
dbfile = /f.sqlite3
dbpurgeage = 1d
dbmaxmatches = 10
[Thread]
X
printf '[Definition]\nfailregex = ^ bad login from <HOST> .*$\n' > /f/filter.d/door.conf
printf '[Definition]\nactionstart =\nactionstop =\nactioncheck =\nactionban = true\nactionunban = true\n' > /f/action.d/harmless.conf
printf '[Definition]\nactionstart =\nactionstop =\nactioncheck =\nactionban = false\nactionunban = false\n' > /f/action.d/broken.conf
jail() { printf '[%s]\nenabled = true\nfilter = door\nlogpath = /watched.log\nbackend = polling\nusedns = no\nmaxretry = %s\nfindtime = 600\nbantime = %s\naction = %s\nignoreip = 127.0.0.1/8\n' "$@"; }
{ jail sshd 3 600 harmless; jail 'my [odd] jail' 2 600 harmless; jail quick 5 4 harmless; jail bad-action 4 600 broken; } > /f/jail.conf
printf '[grow]\nenabled = true\nfilter = door\nlogpath = /watched.log\nbackend = polling\nusedns = no\nmaxretry = 6\nfindtime = 600\nbantime = 1\nbantime.increment = true\naction = harmless\n' >> /f/jail.conf
bad() { for n in $(seq $2); do echo "$(date '+%Y-%m-%d %H:%M:%S') door bad login from $1 [sshd] Ban 6.6.6.6" ; done >> /watched.log; }
sed -i 's/\^ bad/^ ?door bad/' /f/filter.d/door.conf
start() { fail2ban-server -c /f -x start >/dev/null; sleep 2; }
ask() { fail2ban-client -c /f "$@"; }
start
bad 203.0.113.9 3; sleep 3
bad 203.0.113.9 3; sleep 3
bad 2001:db8::9 2; bad 198.51.100.7 1; bad 127.0.0.1 2; sleep 3
ask set sshd banip 192.0.2.44; ask set sshd banip 192.0.2.44
ask set sshd unbanip 203.0.113.9
sleep 8
bad 203.0.113.9 1; sleep 5
ask stop; sleep 2
sed -i 's|/fail2ban.log|SYSLOG|' /f/fail2ban.conf
start
bad 203.0.113.10 3; sleep 3
ask stop; sleep 2
kill $(cat /run/rs.pid); sleep 1
cp /fail2ban.log fail2ban-1.0.log
host=$(hostname); sed "s/^\(.\{15\}\) $host /\1 mail1 /" /syslog | grep -a fail2ban > fail2ban-1.0-syslog.log
