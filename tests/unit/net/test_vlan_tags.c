/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether interfaces leave VLAN tags in frames: a veth takes them out unless it is told. */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "namespace.h"
#include "net/vlan_tags.h"

static char error[256];

static void
setup(void)
{
	namespace_enter();
	peer_link(peer_start());
	memset(error, 0, sizeof(error));
}

TestSuite(vlan_tags, .init = setup);

Test(vlan_tags, turned_off_once)
{
	shell("ethtool -K port rxvlan on rx-vlan-stag-hw-parse off");
	cr_expect_eq(vlan_tags_keep("port", error, sizeof(error)), 1, "%s", error);
	shell("ethtool -k port | grep -q 'rx-vlan-offload: off'");
	cr_expect_eq(vlan_tags_keep("port", error, sizeof(error)), 0, "%s", error);
}

Test(vlan_tags, outer_tags_as_well)
{
	shell("ethtool -K port rxvlan off rx-vlan-stag-hw-parse on");
	cr_expect_eq(vlan_tags_keep("port", error, sizeof(error)), 1, "%s", error);
	shell("ethtool -k port | grep -q 'rx-vlan-stag-hw-parse: off'");
}

Test(vlan_tags, nothing_else_changes)
{
	shell("ethtool -K port rxvlan on; ethtool -k port | grep -v rx-vlan >/tmp/features.$PPID");
	cr_expect_eq(vlan_tags_keep("port", error, sizeof(error)), 1, "%s", error);
	shell("ethtool -k port | grep -v rx-vlan | diff - /tmp/features.$PPID; rm "
	      "/tmp/features.$PPID");
}

Test(vlan_tags, without_such_features)
{
	cr_expect_eq(vlan_tags_keep("lo", error, sizeof(error)), 0, "%s", error);
}

Test(vlan_tags, no_such_interface)
{
	cr_expect_eq(vlan_tags_keep("none", error, sizeof(error)), -ENODEV);
	cr_expect_not_null(strstr(error, "interface none: cannot read its features"), "%s", error);
}
