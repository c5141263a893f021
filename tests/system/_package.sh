# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# The Debian package of the checkout's files, for the tests that need it: built by the first one, and again
# when a file has changed. Source it after _lib.sh.
PACKAGE_CACHE=/var/cache/sluice-package/${TEST_RIG##*-}

# Build it, or return if there is one of the same files. PACKAGE is the package then, and PACKAGE_CHANGES
# the file of changes that belongs to it.
package_build() {
	local packages changes
	mkdir -p "$PACKAGE_CACHE"
	(
		flock 9
		package_build_locked
	) 9>"$PACKAGE_CACHE/lock"
	packages=("$PACKAGE_CACHE"/sluice_*.deb)
	changes=("$PACKAGE_CACHE"/sluice_*.changes)
	# shellcheck disable=SC2034 # for the tests
	PACKAGE=${packages[0]} PACKAGE_CHANGES=${changes[0]}
}

# In a directory that is always the same, for ccache, whose cache debhelper's HOME does not have.
package_build_locked() {
	local files=$RIG_RUN/package-files stamp
	git ls-files -z --cached --others --exclude-standard >"$files"
	# It contains nothing of the tests and benchmarks.
	stamp=$(grep -zv '^\(tests\|perf\)/' "$files" | xargs -0 sha256sum | sha256sum)
	[[ $(cat "$PACKAGE_CACHE/files" 2>/dev/null) != "$stamp" ]] || return 0
	rm -rf --one-file-system "$PACKAGE_CACHE"/{sluice,sluice_*,sluice-*,files}
	mkdir "$PACKAGE_CACHE/sluice"
	tar --null -T "$files" -c | tar -x -C "$PACKAGE_CACHE/sluice" --no-same-owner
	(
		cd "$PACKAGE_CACHE/sluice"
		export PATH=/usr/lib/ccache:$PATH DEB_BUILD_OPTIONS=nocheck CCACHE_DIR
		CCACHE_DIR=$(ccache --get-config cache_dir 2>/dev/null || true)
		dpkg-buildpackage --build=binary --no-sign
	) >"$RIG_RUN/build.log" 2>&1 9>&- || fail "dpkg-buildpackage: $(tail -n 5 "$RIG_RUN/build.log")"
	rm -rf --one-file-system "$PACKAGE_CACHE/sluice"
	echo "$stamp" >"$PACKAGE_CACHE/files"
}
