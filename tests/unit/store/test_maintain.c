/* SPDX-License-Identifier: BSD-3-Clause */
/* What runs beside the writer. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"
#include "store/maintain.h"

static struct rig rig;

static void
setup(void)
{
	rig_init(&rig);
	rig_open(&rig);
	rig_close(&rig);
}

static void
teardown(void)
{
	rig_fini(&rig);
}

TestSuite(maintain, .init = setup, .fini = teardown);

Test(maintain, copies_that_fail_are_warned_of_once_for_each_change)
{
	static const char *const faults[] = {"", "a page", "a page", "the disk", "", ""};
	static const char *const lines[] = {"", "a page", "", "the disk", "again", ""};
	struct maintain maintain;
	struct fault fault;
	char line[256];
	unsigned i;
	FILE *log;

	cr_assert_eq(maintain_init(&maintain, rig.path, 0, &fault), 0);
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		log = tmpfile();
		cr_assert_not_null(log);
		cr_assert_geq(dup2(fileno(log), STDERR_FILENO), 0);
		maintain_copy_note(&maintain, faults[i]);
		rewind(log);
		line[0] = '\0';
		fgets(line, sizeof(line), log);
		fclose(log);
		cr_expect(strstr(line, lines[i]) != NULL, "%u: %s", i, line);
		cr_expect_eq(line[0] == '\0', lines[i][0] == '\0', "%u: %s", i, line);
	}
	maintain_fini(&maintain);
}
