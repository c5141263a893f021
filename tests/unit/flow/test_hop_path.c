/* SPDX-License-Identifier: BSD-3-Clause */
/* The paths of an ECMP route get their shares, and a path that goes or comes moves no other legs.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "flow/hop_path.h"

#define LEGS 20000

static struct hop_request
request_of(unsigned leg)
{
	struct flow_leg made = {.dp = {.family = 4,
					.src = {192, 0, 2, 1},
					.dst = {203, 0, 113, (uint8_t)(leg % 100)},
					.src_port = (uint16_t)(2 * leg),
					.dst_port = 5004}};
	struct hop_request request = {.family = 4, .bucket = hop_bucket(&made)};

	cr_assert_lt(request.bucket, HOP_BUCKETS);
	memcpy(request.from, made.dp.src, sizeof(request.from));
	memcpy(request.to, made.dp.dst, sizeof(request.to));
	return request;
}

static void
path_add(struct hop_paths *paths, uint8_t last, uint32_t weight)
{
	paths->path[paths->n++] = (struct hop_path){
		.neighbour = {.address = {198, 51, 100, last}, .family = 4}, .weight = weight};
}

static uint8_t
chosen(unsigned leg, const struct hop_paths *paths, const bool *use)
{
	const struct hop_request request = request_of(leg);

	return paths->path[hop_path_choose(&request, paths, use)].neighbour.address[3];
}

Test(hop_path, shares_by_weight)
{
	struct hop_paths paths = {0};
	unsigned got[4] = {0};

	path_add(&paths, 1, 1);
	path_add(&paths, 2, 1);
	path_add(&paths, 3, 2);
	for (unsigned leg = 0; leg < LEGS; leg++)
		got[chosen(leg, &paths, NULL)]++;
	cr_expect_float_eq(got[1], LEGS / 4.0, LEGS / 50.0, "%u", got[1]);
	cr_expect_float_eq(got[2], LEGS / 4.0, LEGS / 50.0, "%u", got[2]);
	cr_expect_float_eq(got[3], LEGS / 2.0, LEGS / 50.0, "%u", got[3]);
}

/* Between two addresses, and ports that are all even. */
Test(hop_path, shares_of_one_destination)
{
	struct hop_paths paths = {0};
	unsigned first = 0;

	path_add(&paths, 1, 1);
	path_add(&paths, 2, 1);
	for (unsigned leg = 0; leg < LEGS; leg += 100)
		first += chosen(leg, &paths, NULL) == 1;
	cr_expect_float_eq(first, LEGS / 200.0, LEGS / 800.0, "%u", first);
}

Test(hop_path, only_those_of_a_path_that_goes_move)
{
	struct hop_paths all = {0}, rest = {0};
	unsigned moved = 0;

	path_add(&all, 1, 1);
	path_add(&all, 2, 3);
	path_add(&all, 3, 1);
	/* Not in the same order. */
	path_add(&rest, 3, 1);
	path_add(&rest, 1, 1);
	for (unsigned leg = 0; leg < LEGS; leg++) {
		const uint8_t before = chosen(leg, &all, NULL), after = chosen(leg, &rest, NULL);
		const bool use[] = {true, false, true};

		moved += before == 2;
		cr_expect(
			before == 2 || before == after, "leg %u: %u, then %u", leg, before, after);
		cr_expect_eq(chosen(leg, &all, use), after, "lost or gone, it is the same");
	}
	cr_expect_gt(moved, LEGS / 2);
}

Test(hop_path, all_are_lost)
{
	static const bool use[2];
	struct hop_paths paths = {0};

	path_add(&paths, 1, 1);
	cr_expect_eq(chosen(1, &paths, use), 1);
	path_add(&paths, 2, 1);
	for (unsigned leg = 0; leg < 100; leg++)
		cr_expect_eq(chosen(leg, &paths, use), chosen(leg, &paths, NULL));
}
