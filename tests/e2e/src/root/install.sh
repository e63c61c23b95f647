# Fills the layer: install.sh UPPER WORK MERGED UNPACKED PACKAGE... Whatever a package would start is
# refused by its own policy, the way Debian's installers do it.
set -eu
upper=$1 work=$2 root=$3 unpacked=$4
shift 4
assemble / "$upper" "$work" "$root"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }
inside debconf-set-selections <<'ANSWERS'
postfix postfix/main_mailer_type select Local only
postfix postfix/mailname string mail.test
ANSWERS
# A third source of the host that cannot be reached must not stop this: the install decides.
inside apt-get -q update || true
inside apt-get -q -y --no-install-recommends install "$@"
# This one may not stand beside what was just installed: apt fetches it and what it needs, and it is
# only unpacked. Not by `dpkg -x`, which would put folders in the place of links like /lib.
inside apt-get -q clean
inside apt-get -q -y --no-install-recommends --download-only install "$unpacked"
for package in "$root"/var/cache/apt/archives/*.deb; do
    inside dpkg-deb --fsys-tarfile "/var/cache/apt/archives/${package##*/}" |
        inside tar -x --keep-directory-symlink -C /
done
inside apt-get -q clean
rm -rf "$root"/var/lib/apt/lists/*
