# Bare Debian 12 systems for `tests/chroot` and `tests/package`: sourced by them, as root.

mirror() {
    sed -n 's/^URIs: *//p; s/^deb \([^ ]*\) .*/\1/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2> /dev/null | grep -v security | head -1
}

# make_debian FOLDER PACKAGE,… : a minimal system with these packages, with the package mirrors of this system.
make_debian() {
    if [ ! -e "$1/etc/ready" ]; then
        debootstrap --variant=minbase ${2:+--include="$2"} bookworm "$1" "$(mirror)" > "$1.log" 2>&1 || { tail -20 "$1.log"; return 1; }
        cp /etc/resolv.conf /etc/hosts "$1/etc/"
        mkdir -p "$1/etc/ssl/certs" "$1/usr/local/share/ca-certificates"
        cp -a /etc/ssl/certs/. "$1/etc/ssl/certs/"
        cp -a /usr/share/ca-certificates /usr/local/share/ca-certificates "$1/usr/local/share/" 2> /dev/null || true
        for file in /etc/pip.conf /etc/npmrc; do if [ -e "$file" ]; then cp "$file" "$1/etc/"; fi; done
        find /etc/apt/apt.conf.d -type f -exec cp {} "$1/etc/apt/apt.conf.d/" \;
        touch "$1/etc/ready"
    fi
}

mounted=
unmount_all() { for path in $mounted; do umount -l "$path" || true; done; }
bind() { mkdir -p "$2" && mount --bind "$1" "$2" && mounted="$2 $mounted"; }

# mount_debian FOLDER : mounts /proc, /dev and the like.
mount_debian() {
    mkdir -p "$1/proc" "$1/sys" "$1/dev"
    mount -t proc proc "$1/proc" && mounted="$1/proc $mounted"
    bind /sys "$1/sys"
    bind /dev "$1/dev"
    bind /dev/pts "$1/dev/pts"
}
