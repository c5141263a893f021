#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What install-deps --guest unpacks, from an archive of Debian that is a few scripts, in a /var/cache and a /run
# of its own: two runs at the same time do it once, and images of guests' disks that nothing uses are removed.
source "$(dirname "$0")/_lib.sh"
if [[ ${1:-} != private ]]; then
	exec unshare --mount "$0" private
fi
mount -t tmpfs tmpfs /var/cache
fake=/var/cache/fake cache=/var/cache/sluice-guest
mkdir "$fake"
mount -t tmpfs tmpfs /run
test_begin

program() { # NAME, its script at stdin
	{
		echo "#!/bin/bash"
		cat
	} >"$fake/$1"
	chmod 755 "$fake/$1"
}
program dpkg-query <<<'echo -n installed'
program apt-cache <<<'echo "  Depends: linux-image-1.0-test"'
program apt-get <<<'[[ ${*: -2:1} != download ]] || : >"${*: -1}_1.0.deb"'
program dpkg-deb <<-'END'
	mkdir -p boot lib/modules/1.0-test
	touch boot/{vmlinuz,config}-1.0-test lib/modules/1.0-test/modules.{order,builtin}
END
mkfifo "$fake/archive"
program mmdebstrap <<-END
	echo >>$fake/bootstraps
	read -r root <$fake/archive # it waits for the test
	mkdir -p "\${*: -2:1}"/{boot,usr/lib}
	ln -s usr/lib "\${*: -2:1}/lib"
END
install_guest() {
	PATH=$fake:$PATH drivers-conf/install-deps --guest
}

install_guest >"$fake/first" 2>&1 &
first=$!
rig_wait 20 test -s "$fake/bootstraps" || fail "no bootstrap: $(cat "$fake/first")"
install_guest >"$fake/second" 2>&1 &
second=$!
rig_wait 20 grep -q "waiting for another install-deps" "$fake/second" || fail "not waiting: $(cat "$fake/second")"
echo go >"$fake/archive"
wait "$first" || fail "first: $(cat "$fake/first")"
wait "$second" || fail "second: $(cat "$fake/second")"
[[ $(wc -l <"$fake/bootstraps") == 1 ]] || fail "unpacked twice"
[[ -d $cache/root/usr/lib/modules/1.0-test ]] || fail "no root"
[[ $(find "$cache" -name "new.*") == "" ]] || fail "left: $(find "$cache" -maxdepth 1)"
[[ $(wc -l <"$fake/second") == 1 ]] || fail "the second run did more than to wait: $(cat "$fake/second")"

# Images: as they must be, of another package, of a package that is gone, of one that was not made to its end, and
# of another package, but in use.
disk() { # NAME PACKAGE
	: >"$cache/disk-$1.lock"
	: >"$cache/disk-$1"
	echo "$2" >"$fake/$1.deb"
	sha256sum "$cache/root.made" "$fake/$1.deb" >"$cache/disk-$1.made"
}
for name in kept changed gone partial used; do
	disk "$name" 1.0
done
echo 1.1 | tee "$fake/changed.deb" "$fake/used.deb" >"$fake/other.deb"
rm "$fake/gone.deb" "$cache/disk-partial.made"
mv "$cache/disk-partial" "$cache/disk-partial.new"
exec 7<"$cache/disk-used.lock"
flock --shared 7
disks() {
	(cd "$cache" && echo disk-* | sed 's/[^ ]*\.lock//g' | xargs)
}
install_guest || fail "it fails when nothing is missing"
[[ $(disks) == "disk-kept disk-kept.made disk-used disk-used.made" ]] || fail "images: $(disks)"
exec 7<&-
install_guest
[[ $(disks) == "disk-kept disk-kept.made" ]] || fail "images: $(disks)"
# Another root, as its stamp has other bytes.
echo >>"$cache/root.made"
install_guest >"$fake/third" || fail "$(cat "$fake/third")"
[[ $(disks) == "" ]] || fail "images: $(disks)"
