#!/bin/bash
# Runs in mount, pid, uts and ipc namespaces of its own: mounts the phone, pivots into it, becomes its init.
# Given: HANDSET_TREE, HANDSET_FOLDER (with a folder "root" in it), HANDSET_NAME, HANDSET_PROPERTIES, HANDSET_DATA_BYTES,
# HANDSET_EMULATOR (a path below the tree, or nothing; then in a user namespace of its own too), HANDSET_REPLAY (a folder
# with the files of a phone over the tree's, or nothing).
set -e
# /proc is the host's until the pivot: our process id there, and when we started.
read -r -a stat < /proc/self/stat
echo "${stat[0]} ${stat[21]}" > "$HANDSET_FOLDER/.init"
mv "$HANDSET_FOLDER/.init" "$HANDSET_FOLDER/init"

# Where we are not really root, owners cannot be kept.
copy() { cp -a --remove-destination "$@" 2>/dev/null || cp -r --remove-destination --preserve=mode,timestamps "$@"; }

mount --make-rprivate /
work=$HANDSET_FOLDER/root
mount -t tmpfs -o mode=755,size=64m handset-root "$work"
mkdir "$work"/{upper,scratch,phone}
mount -t overlay overlay \
  -o "lowerdir=$HANDSET_TREE,upperdir=$work/upper,workdir=$work/scratch" "$work/phone"
cd "$work/phone"
if [ -n "$HANDSET_REPLAY" ]; then
  xargs -r -d '\n' rm -rf -- < "$HANDSET_REPLAY/removed"
  copy "$HANDSET_REPLAY/layer/." .
fi
mount -t proc -o hidepid=0 proc proc
# A boot of its own, for the kernel's is the machine's.
cat proc/sys/kernel/random/uuid > "$work/boot_id"
mount --bind "$work/boot_id" proc/sys/kernel/random/boot_id

# Programs for arm64: of this user namespace alone, so that nothing is registered on the host (F: the emulator is
# opened now, by its path here).
if [ -n "$HANDSET_EMULATOR" ]; then
  mount -t binfmt_misc binfmt_misc proc/sys/fs/binfmt_misc
  printf '%s' ':handset-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:'\
'\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"/proc/self/cwd/$HANDSET_EMULATOR:OPF" \
    > proc/sys/fs/binfmt_misc/register
fi

mount -t tmpfs -o mode=755,size=1m handset-dev dev
for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
  read -r name major minor <<< "$node"
  mknod -m 666 "dev/$name" c "$major" "$minor" 2>/dev/null ||
    { touch "dev/$name"; mount --bind "/dev/$name" "dev/$name"; }
done
mkdir dev/pts dev/socket dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd

# /data is a file system of its own with a size limit, and /sdcard lies on it, as on a phone.
mkdir "$work/data"
mount -t tmpfs -o "mode=771,size=$HANDSET_DATA_BYTES" handset-data "$work/data"
copy data/. "$work/data/"
mkdir -p "$work/data/media/0"
copy storage/emulated/0/. "$work/data/media/0/"
mount --bind "$work/data/media" storage/emulated
mount --bind "$work/data" data
mkdir -p data/misc/perfetto-traces
printf '%s\n' "$HANDSET_PROPERTIES" > data/property/props
# What is the user shell's; where we may not give files away, the shell is root's.
chown -R 2000:2000 data/local/tmp data/media data/misc/logd data/misc/perfetto-traces data/property data/system dev/socket 2>/dev/null || true
mount --bind system system
mount -o remount,ro,bind system

hostname "$HANDSET_NAME"
mkdir mnt/.old
pivot_root . mnt/.old
cd /
# Nothing of the host is started after the pivot, and nothing of its environment goes along.
exec -c /system/bin/sh -c '
  export PATH=/product/bin:/apex/com.android.runtime/bin:/system/bin:/system/xbin:/odm/bin:/vendor/bin:/vendor/xbin
  export ANDROID_ROOT=/system ANDROID_DATA=/data ANDROID_STORAGE=/storage EXTERNAL_STORAGE=/sdcard
  export ANDROID_BOOTLOGO=1 ASEC_MOUNTPOINT=/mnt/asec DOWNLOAD_CACHE=/data/cache
  /usr/bin/toybox umount -l /mnt/.old && /usr/bin/toybox rmdir /mnt/.old && exec /init'
