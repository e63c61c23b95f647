# Made sudo-1.9.log, cron-3.0.log, dpkg-1.21.log and apt-2.6-history.log: right and wrong passwords, refusals,
# names of folders and arguments that read like sudo's own fields, jobs that print what cron writes,
# and packages that come, change and go.
# Runs as root in a throwaway root without network: it adds users, packages and jobs and starts daemons.
cd /
cat > /rs.conf <<'X'
module(load="imuxsock" SysSock.Name="/dev/log" SysSock.RateLimit.Interval="0")
$ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat
*.* /all.log
X
rsyslogd -f /rs.conf -i /run/rs.pid; sleep 1
for u in amy bob; do useradd -m -s /bin/sh $u; echo "$u:right" | chpasswd; done
cat > /etc/sudoers.d/test <<'X'
amy ALL=(ALL) ALL
bob ALL=(ALL) /usr/bin/id
X
chmod 440 /etc/sudoers.d/test
as() { runuser -u "$1" -- sh -c "$2"; }
w='printf "wrong\nwrong\nwrong\n"'
as amy 'echo right | sudo -k -S id'
as amy 'printf "wrong\nright\n" | sudo -k -S id'
as amy 'printf "wrong\nwrong\nright\n" | sudo -k -S id'
as amy "$w | sudo -k -S id"
as bob "$w | sudo -k -S id"
as bob 'echo right | sudo -k -S ls /root'
as nobody 'echo right | sudo -k -S id'
as amy 'sudo -k -n id'
as amy 'echo right | sudo -k -S echo "x ; COMMAND=/bin/fake" " : 3 incorrect password attempts ; TTY=z"'
mkdir -p '/tmp/d ; USER=eve ; COMMAND=/bin/no'; chmod 777 '/tmp/d ; USER=eve ; COMMAND=/bin/no'
as amy 'cd "/tmp/d ; USER=eve ; COMMAND=/bin/no" && echo right | sudo -k -S -u bob id'
as amy "echo right | sudo -k -S echo $(head -c 3000 /dev/zero | tr '\0' 'y') '(root) CMD (x)'"
as amy "echo right | sudo -k -S echo $(head -c 3000 /dev/zero | tr '\0' ' ' | sed 's/ / z/g')"
as amy 'echo right | sudo -k -S -l >/dev/null'
as amy 'echo right | su -c id bob'
as amy 'echo wrong | su -c id root'
as amy 'echo right | script -qec "sudo -k -S id" /dev/null'
su -c id amy
su - bob -c id
cat > /etc/cron.d/test <<'X'
* * * * * amy echo '(root) CMD (fake)'
* * * * * root /bin/false
X
echo '* * * * * nobodyhere id' > /etc/cron.d/bad
cron -f -L 7 & c=$!
echo '* * * * * id' | crontab -u bob -
sleep $((125 - 10#$(date +%S)))
kill $c
mkdir -p /p/DEBIAN
pack() { printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: x <x@x.example>\nDescription: x\n' $1 $2 > /p/DEBIAN/control; dpkg-deb -b /p /$1_$2.deb >/dev/null; }
for p in 'one 1' 'one 2' 'two 1' 'three 1'; do pack $p; done
rm -f /var/log/dpkg.log /var/log/apt/history.log
apt-get -q -y install /one_1.deb /two_1.deb
echo 'Defaults:amy !authenticate' >> /etc/sudoers.d/test
as amy 'sudo apt-get -q -y install /one_2.deb'
dpkg -i /three_1.deb
apt-get -q -y --allow-downgrades --reinstall install /one_2.deb
apt-get -q -y --allow-downgrades install /one_1.deb
apt-get -q -y purge two
dpkg -r three
dpkg -P three
sleep 1; kill $(cat /run/rs.pid); sleep 1
