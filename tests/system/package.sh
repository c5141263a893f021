#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The Debian package: built from the files of the tree, without errors of lintian, with the files that
# `meson install` installs. In a new Debian it is installed by apt, upgraded, and purged: configuration
# is kept by the upgrade, and nothing by the purge.
# nightly: it compiles the tree once more and downloads a Debian
# timeout: 1800
source "$(dirname "$0")/_lib.sh"
source tests/system/_package.sh
CACHE=/var/cache/sluice-package # a root of Debian, and packages
test_begin
work=/var/tmp/$TEST_RIG
root=$work/root
version=$(sed -n "s/^    version: '\(.*\)',$/\1/p" meson.build)

end_package() {
	local status=$?
	trap '' INT TERM HUP
	((status == 0)) || tail -n 30 "$RIG_RUN"/*.log || true
	rm -rf --one-file-system "$work"
	test_end "$status"
}
trap end_package EXIT
rm -rf --one-file-system "$work"
mkdir -p "$work" "$CACHE/archives/partial"

package_build
lintian --allow-root --fail-on error "$PACKAGE_CHANGES" >"$RIG_RUN/lintian.log" 2>&1 ||
	fail "lintian"
cat "$RIG_RUN/lintian.log"
[[ $PACKAGE == */sluice_"$version"_*.deb ]] || fail "not of version $version, that of meson.build: $PACKAGE"

# The same files as from source, where the prefix is /usr/local; Debian adds its own, and compresses
# manual pages.
DESTDIR=$work/installed meson install -C "$RIG_BUILD" --no-rebuild >"$RIG_RUN/install.log" 2>&1 ||
	fail "meson install"
(cd "$work/installed" && find . -type f -o -type d -empty) |
	sed 's|^\./usr/local/|./usr/|; s|^\./lib/|./usr/lib/|' | sort >"$RIG_RUN/of-meson"
dpkg-deb --extract "$PACKAGE" "$work/unpacked"
(cd "$work/unpacked" && find . -type f -o -type d -empty) |
	sed -E 's|^\./lib/|./usr/lib/|; s|(/man/.*)\.gz$|\1|
		\|^\./usr/share/doc/sluice/(changelog.gz\|copyright)$|d; \|^\./usr/share/lintian/|d' |
	sort >"$RIG_RUN/of-package"
diff "$RIG_RUN/of-meson" "$RIG_RUN/of-package" || fail "the package has other files than meson install"
(($(wc -l <"$RIG_RUN/of-package") > 10)) || fail "too few files: $(cat "$RIG_RUN/of-package")"

# A later version, which has changed a configuration file.
conffile=etc/logrotate.d/sluice
dpkg-deb --raw-extract "$PACKAGE" "$work/later"
sed -i "s/^Version: .*/&+later/" "$work/later/DEBIAN/control"
echo "# of the later version" >>"$work/later/$conffile"
dpkg-deb --build "$work/later" "$work/later.deb" >/dev/null

# A new Debian, from the archive that this machine has.
if [[ -z $(find "$CACHE/base.tar" -mtime -7 2>/dev/null) ]]; then
	. /etc/os-release
	apt-get -qq update
	apt-get indextargets --format "deb \$(REPO_URI) \$(CODENAME) main" 'Created-By: Packages' \
		'Origin: Debian' | sort -u >"$RIG_RUN/sources.list"
	mmdebstrap --variant=minbase --dpkgopt=force-unsafe-io "$VERSION_CODENAME" "$work/base.tar" \
		"$RIG_RUN/sources.list" >"$RIG_RUN/mmdebstrap.log" 2>&1 || fail "cannot make a new root"
	mv "$work/base.tar" "$CACHE/base.tar"
fi
mkdir "$root"
tar -x -C "$root" -f "$CACHE/base.tar"
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
cp /etc/resolv.conf "$root/etc/"
mkdir "$root/packages" "$root/archives"
cp "$PACKAGE" "$root/packages/first.deb"
cp "$work/later.deb" "$root/packages/"

# shellcheck disable=SC2016 # for the shell inside
inside() {
	unshare -mpf bash -euc 'mount --make-rprivate /
		mount -t proc proc "$1/proc"
		mount --rbind /sys "$1/sys"
		mount --rbind /dev "$1/dev"
		mount --bind "$2" "$1/archives"
		exec chroot "$1" env DEBIAN_FRONTEND=noninteractive bash -euc "$3"' \
		inside "$root" "$CACHE/archives" "$1" </dev/null
}
apt="apt-get -qq -y --no-install-recommends -o Dir::Cache::archives=/archives \
	-o APT::Keep-Downloaded-Packages=true -o Dpkg::Options::=--force-confdef"
check() { # WHAT COMMAND
	inside "$2" >"$RIG_RUN/inside.log" 2>&1 || fail "$1: $2"
}

check "not installed" "$apt update && $apt install /packages/first.deb"
[[ $(inside "sluicectl --version") == *"$version"* ]] || fail "$(inside "sluicectl --version")"
[[ ! -e $root/etc/sluice/sluice.yaml ]] || fail "it brings a configuration"
[[ -L $root/etc/systemd/system/multi-user.target.wants/sluiced.service ]] || fail "not enabled"
for directory in /run/sluice /var/lib/sluice /var/log/sluice; do
	[[ $(inside "stat -c %U:%G $directory") == sluice:sluice ]] || fail "$directory is not its user's"
done
mapfile -t cpus < <(rig_cpus)
sed "s/core: 0/core: ${cpus[0]}/; s/workers: \[1\]/workers: [${cpus[-1]}]/" \
	"$root/usr/share/doc/sluice/examples/sluice.yaml" >"$root/etc/sluice/sluice.yaml"
[[ $(inside "sluiced --config /etc/sluice/sluice.yaml --check") == *valid* ]] || fail "not valid"

# What the operator has changed stays, and what there is to know of the new version is beside it.
echo "# mine" | tee -a "$root/etc/sluice/sluice.yaml" >>"$root/$conffile"
echo state >"$root/var/lib/sluice/state.db"
check "not upgraded" "$apt install /packages/later.deb"
[[ $(inside "dpkg-query -W -f '\${Version}' sluice") == *+later ]] || fail "not the later version"
for file in etc/sluice/sluice.yaml $conffile; do
	[[ $(tail -n 1 "$root/$file") == "# mine" ]] || fail "$file was overwritten"
done
grep -q "of the later version" "$root/$conffile.dpkg-dist" || fail "no $conffile.dpkg-dist"
[[ -f $root/var/lib/sluice/state.db ]] || fail "the state is gone"

# What sluice-setup has changed is undone with the package, which has the program for it.
tuned=etc/modules-load.d/sluice-setup.conf
record=$root/var/lib/sluice-setup/setup.json
echo vfio-pci >"$root/$tuned"
mkdir "${record%/*}"
cat >"$record" <<-END
	{"version": 2, "directories": ["/var/lib/sluice-setup"], "entries": [
	{"kind": "file", "name": "/$tuned", "directories": [], "follow": [], "former": null,
	"attributes": null, "sha256": "$(sha256sum <"$root/$tuned" | cut -d ' ' -f 1)"},
	{"kind": "file", "name": "/etc/sluice/sluice.yaml", "directories": [], "follow": [],
	"former": null, "attributes": null,
	"sha256": "$(sha256sum <"$root/etc/sluice/sluice.yaml" | cut -d ' ' -f 1)"}]}
END
check "not removed" "$apt remove sluice"
[[ -f $root/var/lib/sluice/state.db && -f $root/etc/sluice/sluice.yaml ]] || fail "removed too much"
[[ $(tail -n 1 "$root/etc/sluice/sluice.yaml") == "# mine" ]] || fail "the configuration is another one"
[[ ! -e $root/$tuned && ! -e ${record%/*} ]] || fail "not undone: $(cat "$RIG_RUN/inside.log")"
check "not purged" "$apt purge sluice"
left=$(find "$root" -xdev -iname '*sluice*')
[[ -z $left ]] || fail "left by the purge: $left"
! grep -r sluice "$root"/etc/{passwd,group,shadow,gshadow} || fail "its user is left"
