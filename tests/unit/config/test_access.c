/* SPDX-License-Identifier: BSD-3-Clause */
/* Roles of local users: by user, by group, by default. */
#include <criterion/criterion.h>

#include <unistd.h>

#include "config/config.h"

#define STRANGER 4242

static const struct access access_rules = {
	.default_role = ROLE_VIEWER,
	.n_users = 2,
	.users = {{1000, ROLE_OPERATOR}, {1001, ROLE_NONE}},
	.n_groups = 3,
	.groups = {{50, ROLE_NONE}, {51, ROLE_OPERATOR}, {52, ROLE_ADMIN}},
};

static enum role
role_of(uid_t uid, gid_t first, gid_t second)
{
	const gid_t groups[] = {first, second};

	return access_role(&access_rules, uid, groups, 2);
}

Test(access, stranger_gets_the_default)
{
	cr_expect_eq(role_of(STRANGER, 1, 2), ROLE_VIEWER);
	cr_expect_eq(access_role(&access_rules, STRANGER, NULL, 0), ROLE_VIEWER);
}

Test(access, user_comes_before_groups)
{
	cr_expect_eq(role_of(1000, 50, 52), ROLE_OPERATOR);
	cr_expect_eq(role_of(1001, 1, 52), ROLE_NONE);
}

Test(access, of_groups_the_one_that_may_most_counts)
{
	cr_expect_eq(role_of(STRANGER, 51, 1), ROLE_OPERATOR);
	cr_expect_eq(role_of(STRANGER, 1, 51), ROLE_OPERATOR);
	cr_expect_eq(role_of(STRANGER, 50, 51), ROLE_OPERATOR);
	cr_expect_eq(role_of(STRANGER, 52, 51), ROLE_ADMIN);
}

Test(access, group_may_be_given_less_than_the_default)
{
	cr_expect_eq(role_of(STRANGER, 50, 1), ROLE_NONE);
}

Test(access, root_and_own_user_are_admins)
{
	static const struct access strict = {
		.default_role = ROLE_NONE, .n_users = 1, .users = {{0, ROLE_VIEWER}}};

	cr_expect_eq(access_role(&strict, 0, NULL, 0), ROLE_ADMIN);
	cr_expect_eq(access_role(&strict, geteuid(), NULL, 0), ROLE_ADMIN);
	cr_expect_eq(access_role(&strict, STRANGER, NULL, 0), ROLE_NONE);
}

Test(access, roles_have_names)
{
	for (enum role role = ROLE_NONE; role <= ROLE_ADMIN; role++)
		cr_expect_eq(role_of_name(role_name(role)), role);
	cr_expect_eq(role_of_name("Admin"), ROLE_NONE);
	cr_expect_eq(role_of_name(NULL), ROLE_NONE);
}
