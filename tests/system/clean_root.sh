#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# "Installation" of README.md, word for word, on a Debian 12 that has nothing but apt: from the
# packages to an answer of sluiced, with a veth pair in the place of the NIC.
# nightly: it downloads and unpacks some 1.5 GB
# timeout: 1800
source "$(dirname "$0")/_lib.sh"
test_begin
root=$(mktemp -d /var/tmp/sluice-root.XXXXXX)
chmod 755 "$root"

# Mounts below the root are those of processes that have ended by then.
end_clean_root() {
	local status=$?
	trap '' INT TERM HUP
	((status == 0)) || tail -n 30 "$RIG_RUN"/*.log || true
	rig_stop '*'
	rm -rf --one-file-system "$root"
	test_end "$status"
}
trap end_clean_root EXIT

# The same archive, and the same key, as this machine has.
. /etc/os-release
apt-get -qq update
apt-get indextargets --format "deb \$(REPO_URI) \$(CODENAME) main" 'Created-By: Packages' \
	'Origin: Debian' | sort -u >"$RIG_RUN/sources.list"
mmdebstrap --variant=minbase --dpkgopt=force-unsafe-io "$VERSION_CODENAME" "$root" \
	"$RIG_RUN/sources.list" >"$RIG_RUN/mmdebstrap.log" 2>&1 || fail "cannot make a new root"
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
cp /etc/resolv.conf "$root/etc/"
mkdir "$root/sluice"
git ls-files -z --cached --others --exclude-standard | tar --null -T - -c |
	tar -x -C "$root/sluice" --no-same-owner

# A command as root types it in the new system, in a mount namespace that somebody has made. Hugepages
# are the host's, which the rig adds to: what sysctl is to set is only noted.
# shellcheck disable=SC2016 # for the shell inside
enter='mount --make-rprivate /
mount -t proc proc "$1/proc"
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
exec chroot "$1" bash -euc "
	cd /sluice
	sudo() { \"\$@\"; }
	sysctl() { cat \"\$2\" >/asked; }
	$2"'
inside() {
	unshare -m bash -euc "$enter" enter "$root" "$1"
}

# The interface of the example, and CPUs that this machine has.
rig_netns_add box
rig_netns_add h0
rig_veth_add box eth1 h0 eth0
rig_address_add box eth1 192.0.2.1/24
rig_address_add h0 eth0 192.0.2.10/24
mapfile -t cpus < <(rig_cpus)

config=$root/etc/sluice/sluice.yaml
mapfile -t commands < <(tests/system/document_examples.py --list \
	--mark 'tested on an empty Debian' README.md)
((${#commands[@]} > 0)) || fail "README.md has no commands for an empty Debian"
for command in "${commands[@]}"; do
	echo "\$ $command"
	if [[ $command == *sluiced*"&" ]]; then
		grep -q "iface=eth1" "$config" || fail "no sample of a configuration"
		sed -i "s/core: 0/core: ${cpus[0]}/; s/workers: \[1\]/workers: [${cpus[-1]}]/" "$config"
		rig_hugepages_take $(($(awk '{ print $3 }' "$root/asked") * $(hugepage_kb) / 1024))
		rig_spawn sluiced ip netns exec "$RIG_NAME-box" bash -euc "$enter" enter "$root" \
			"${command%&}"
		rig_wait 60 inside "sluicectl info" || fail "sluiced does not answer"
	else
		inside "$command" >"$RIG_RUN/command.log" 2>&1 || fail "failed: $command"
		# As a packager builds it, without Criterion: the tests are left out, and that is said.
		[[ $command != meson\ setup* ]] ||
			grep -q "WARNING: no tests: there is no Criterion" "$RIG_RUN/command.log" ||
			fail "no word of the tests: $(cat "$RIG_RUN/command.log")"
	fi
done

# The last one is a look at it. Nothing that is said on the way is alarming.
grep -q '^version  sluice' "$RIG_RUN/command.log" || fail "no version: $(cat "$RIG_RUN/command.log")"
! grep '^EAL' "$RIG_RUN/sluiced.log" || fail "the EAL warns though all is well"
grep -q '^sluiced: ready, 1 port,' "$RIG_RUN/sluiced.log" || fail "it does not say that it is ready"
inside "sluicectl flow add --id echo --match port=p0,dst=192.0.2.1:5004 \
	--leg port=p0,src=192.0.2.1:6004,dst=192.0.2.10:7004" || fail "cannot add a flow"
receive_start echo h0 --src 192.0.2.1:6004 --dst 192.0.2.10:7004 --count 100
send h0 --src 192.0.2.10:1000 --dst 192.0.2.1:5004 --count 100
receive_end echo

for file in share/man/man{1/sluicectl.1,5/sluice.yaml.5,7/sluice-rpc.7,8/sluice{d,-setup}.8} \
	sbin/sluice-setup share/bash-completion/completions/sluice{ctl,-setup} \
	lib/systemd/system/sluiced.service lib/sysusers.d/sluice.conf lib/tmpfiles.d/sluice.conf; do
	[[ -s $root/usr/local/$file ]] || fail "$file is not installed"
done
[[ -d $root/etc/sluice/flows.d ]] || fail "no flows.d"
# Installed once more, it leaves the configuration as it is.
echo "# mine" >>"$config"
inside "meson install -C build" >/dev/null
grep -q "# mine" "$config" || fail "the configuration was overwritten"
