# Holds one test's root: hold.sh LAYER SCRATCH SHARED. Runs as the first process of a mount, pid and
# network namespace; when it ends, all of that ends.
set -eu
layer=$1 scratch=$2 shared=$3
mount -t tmpfs -o mode=755 tmpfs "$scratch"
mkdir "$scratch/work" "$scratch/root"
# A copy in memory (60 MB): the kernel takes no second lower layer that lies inside the first.
cp -a "$layer" "$scratch/upper"
assemble / "$scratch/upper" "$scratch/work" "$scratch/root"
mkdir -p "$scratch/root$shared"
mount --bind "$shared" "$scratch/root$shared"
ip link set lo up
echo holding
exec sleep infinity
