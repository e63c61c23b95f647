# Assembles a root of its own in the mount namespace this runs in:
#   assemble.sh LOWER UPPER WORK MERGED
# The host's files are the lowest layer and are never written: every device, /proc and /run that a
# daemon could reach the host through is replaced.
set -eu
lower=$1 upper=$2 work=$3 root=$4
mount --make-rprivate /
mount -t overlay skep-root -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$root"
mount -t proc proc "$root/proc"

mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
    : > "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"

# The resolver's file often lies in /run, which the daemons get a fresh one of.
resolver=$(readlink -f /etc/resolv.conf || true)
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/run/lock"
case "$resolver" in
/run/*)
    mkdir -p "$root$(dirname "$resolver")"
    cp "$resolver" "$root$resolver"
    ;;
esac
