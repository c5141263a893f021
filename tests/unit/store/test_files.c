/* SPDX-License-Identifier: BSD-3-Clause */
/* In a directory where others may write, what has our names may be theirs. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

static struct rig rig;

static void
setup(void)
{
	rig_init(&rig);
}

static void
teardown(void)
{
	rig_fini(&rig);
}

TestSuite(files, .init = setup, .fini = teardown);

static void
victim_write(const char *victim)
{
	FILE *file = fopen(victim, "w");

	cr_assert_not_null(file);
	fputs("not ours", file);
	fclose(file);
}

static void
victim_check(const char *victim)
{
	char text[16] = "";
	FILE *file = fopen(victim, "r");

	cr_assert_not_null(file);
	cr_assert_not_null(fgets(text, sizeof(text), file));
	cr_expect_str_eq(text, "not ours");
	fclose(file);
}

Test(files, no_file_is_opened_through_a_link)
{
	static const char *const names[] = {"", "-lock", "-wal", "-shm", "-good", "-new"};
	char victim[128];
	unsigned i;

	snprintf(victim, sizeof(victim), "%s/victim", rig.directory);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *name = rig_file(&rig, names[i]);

		unlink(name);
		cr_assert_eq(symlink(victim, name), 0);
		cr_expect_not(rig_try(&rig), "%s", name);
		cr_expect_neq(access(victim, F_OK), 0, "%s made a file elsewhere", name);
		victim_write(victim);
		cr_expect_not(rig_try(&rig), "%s", name);
		cr_expect_not_null(strstr(rig.fault.message, "it is a symbolic link"), "%s: %s",
			name, rig.fault.message);
		cr_expect_not_null(strstr(rig.fault.message, name), "%s", rig.fault.message);
		victim_check(victim);
		unlink(victim);
		unlink(rig_file(&rig, names[i]));
	}
	rig_open(&rig);
}

Test(files, a_file_of_another_user_is_refused)
{
	static const char *const names[] = {"", "-lock", "-good", "-good-wal"};
	const uid_t other = 12345;
	unsigned i;

	if (geteuid() != 0)
		cr_skip_test("giving files away needs root");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		victim_write(rig_file(&rig, names[i]));
		cr_assert_eq(chown(rig_file(&rig, names[i]), other, 0), 0);
		cr_expect_not(rig_try(&rig), "%s", names[i]);
		cr_expect_not_null(strstr(rig.fault.message, "it is owned by user 12345"), "%s",
			rig.fault.message);
		unlink(rig_file(&rig, names[i]));
	}
	/* Whose directory it is, whose store it may be. */
	rig_open(&rig);
	rig_close(&rig);
	cr_assert_eq(chown(rig_file(&rig, ""), other, 0), 0);
	cr_expect_not(rig_try(&rig));
	cr_assert_eq(chown(rig.directory, other, 0), 0);
	rig_open(&rig);
}

Test(files, a_directory_that_is_a_link_is_followed)
{
	char link[sizeof(rig.directory) + 8], path[sizeof(rig.path)];

	snprintf(path, sizeof(path), "%s", rig.path);
	snprintf(link, sizeof(link), "%s/link", rig.directory);
	cr_assert_eq(symlink(".", link), 0);
	snprintf(rig.path, sizeof(rig.path), "%s/state.db", link);
	rig_open(&rig);
	rig_commit(&rig, 1, "a", "{1}");
	rig_close(&rig);
	snprintf(rig.path, sizeof(rig.path), "%s", path);
	rig_open(&rig);
	rig_expect_flows(&rig, "a={1}");
}
