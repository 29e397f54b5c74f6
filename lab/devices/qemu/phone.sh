# The first program of the phone's own world of processes and mounts: makes its root, starts adbd there, and adopts what
# is left without a parent, as init does on a phone. Run by phone.py: sh phone.sh ADBD STORAGE_MIB CPU CPUINFO PROPERTIES,
# with the root's tar file as standard input. Nothing outside the new mounts is changed.
set -eu
adbd=$1 storage_mib=$2 cpu=$3 cpuinfo=$4 properties=$5
root=/tmp # of this world alone: the host's /tmp is below it, unseen and untouched

mount -t tmpfs -o size=1g,mode=755 tmpfs "$root"
tar -x -p --numeric-owner -C "$root"
printf '%s' "$cpuinfo" > "$root/system/etc/cpuinfo"
printf '%s' "$properties" >> "$root/data/property/props"

mount -t proc proc "$root/proc"
echo localhost > "$root/proc/sys/kernel/hostname"
mount --bind "$root/system/etc/cpuinfo" "$root/proc/cpuinfo"
mount -t tmpfs -o size=16m,mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  : > "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o "size=${storage_mib}m,mode=771,uid=2000,gid=2000" tmpfs "$root/data/local/tmp"

env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot --userspec=2000:2000 --groups=2000 "$root" \
  /system/bin/env -i PATH=/system/bin:/vendor/bin ANDROID_ROOT=/system ANDROID_DATA=/data HOME=/ \
  TMPDIR=/data/local/tmp XDG_CACHE_HOME=/data/local/tmp/.cache QEMU_CPU="$cpu" "/$adbd" &
wait $!
