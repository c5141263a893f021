#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The examples of README and docs that are marked for it do what the documents say.
# timeout: 600
source "$(dirname "$0")/_lib.sh"
test_begin
export SLUICE_QUICKSTART_NAME=$TEST_RIG-rig

end_documents() {
	local status=$?
	drivers-conf/quickstart --stop || status=1
	test_end "$status"
}
trap end_documents EXIT

examples=0
for document in README.md docs/*.md; do
	[[ -e $document ]] || continue
	here=$(tests/system/document_examples.py --list "$document" | wc -l)
	((here > 0)) || continue
	tests/system/document_examples.py "$document" || fail "$document differs"
	drivers-conf/quickstart --stop
	examples=$((examples + here))
done
((examples > 0)) || fail "no document has an example that is marked as tested"
