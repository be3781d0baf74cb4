#!/usr/bin/env bash
# Makes debian:CODENAME-slim of the machine's own packages, for an engine that reaches no registry.
#
# The image has the files of the same packages as the original. Their install scripts are not run;
# what those would have made and our image needs is made here.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
release=$(codename)
image=debian:$release-slim
if docker image inspect "$image" > /dev/null 2>&1; then exit 0; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

root=$work/root
mkdir -p "$work/debs" "$root"/usr/{bin,sbin,lib,lib64} "$root"/var/lib/dpkg/{info,updates,triggers}
ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root"
fetch "$work/debs" "$release" closure '?essential' '?priority(required)' \
    usr-is-merged apt
for deb in "$work"/debs/*.deb; do
    { dpkg-deb --field "$deb"; printf 'Status: install ok installed\n\n'; } >> "$root/var/lib/dpkg/status"
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink \
        --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' \
        --exclude='./usr/share/info/*' --exclude='./usr/share/doc/*/*[!t]'
done
cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
[ -e "$root/usr/bin/awk" ] || ln -s mawk "$root/usr/bin/awk"
ldconfig -r "$root"
chroot "$root" pwconv
chroot "$root" grpconv
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(archive) $release main" \
    > "$root/etc/apt/sources.list"
tar -C "$root" -c . | docker import --change 'CMD ["bash"]' - "$image" > /dev/null
