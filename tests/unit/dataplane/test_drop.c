/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of drops is one list: every reason has a name of its own and a help text. */
#include <criterion/criterion.h>

#include <ctype.h>
#include <string.h>

#include <dp/stats.h>

Test(drop, every_reason_has_a_name_that_metrics_can_carry)
{
	for (unsigned r = 0; r < DP_DROP_COUNT; r++) {
		const char *name = dp_drop_name((enum dp_drop)r);

		cr_assert_not_null(name);
		cr_expect_gt(strlen(name), 0);
		for (const char *c = name; *c != '\0'; c++)
			cr_expect(islower(*c) || isdigit(*c) || *c == '_', "%s", name);
		for (unsigned other = 0; other < r; other++)
			cr_expect_str_neq(name, dp_drop_name((enum dp_drop)other));
	}
}

Test(drop, every_count_of_af_xdp_has_a_name)
{
	for (unsigned i = 0; i < DP_XDP_COUNT; i++)
		cr_expect_gt(strlen(dp_xdp_name((enum dp_xdp)i)), 0);
}

Test(drop, every_reason_has_a_help_text)
{
	for (unsigned r = 0; r < DP_DROP_COUNT; r++) {
		const char *help = dp_drop_help((enum dp_drop)r);

		cr_assert_not_null(help);
		cr_expect_gt(strlen(help), 10, "%s", dp_drop_name((enum dp_drop)r));
		cr_expect_null(strchr(help, '\n'));
	}
}

Test(drop, packet_drops_come_first_then_copy_drops)
{
	cr_expect_str_eq(dp_drop_name((enum dp_drop)0), "frame_segmented");
	cr_expect_str_eq(dp_drop_name((enum dp_drop)(DP_PACKET_DROP_COUNT - 1)), "punt_full");
	cr_expect_str_eq(dp_drop_name(DP_FLOW_DROP_FIRST), "flow_down");
	cr_expect_str_eq(dp_drop_name(DP_COPY_DROP_FIRST), "ttl_expired");
	cr_expect_str_eq(dp_drop_name((enum dp_drop)(DP_DROP_COUNT - 1)), "peer_unknown");
	cr_expect_eq(DP_PACKET_DROP_COUNT + DP_COPY_DROP_COUNT, (unsigned)DP_DROP_COUNT);
}
