/* SPDX-License-Identifier: BSD-3-Clause */
/* What runs beside the writer. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

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

static unsigned n_warnings;
static char last_warning[512];

static void
warned(void *arg, const char *text)
{
	(void)arg;
	n_warnings++;
	snprintf(last_warning, sizeof(last_warning), "%s", text);
}

Test(maintain, copies_that_fail_are_warned_of_once_for_each_change)
{
	static const char *const faults[] = {"", "a page", "a page", "the disk", "", ""};
	static const unsigned expected[] = {0, 1, 1, 2, 3, 3};
	struct maintain maintain;
	struct fault fault;
	unsigned i;

	cr_assert_eq(maintain_init(&maintain, rig.path, 0, -1, &fault), 0);
	maintain.warn = warned;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		pthread_mutex_lock(&maintain.mutex);
		snprintf(maintain.copy_fault, sizeof(maintain.copy_fault), "%s", faults[i]);
		pthread_mutex_unlock(&maintain.mutex);
		maintain_warn(&maintain);
		cr_assert_eq(n_warnings, expected[i], "%u of %u", i, n_warnings);
		cr_assert(
			n_warnings == 0 || faults[i][0] == '\0' || strstr(last_warning, faults[i]));
	}
	cr_assert_not_null(strstr(last_warning, "again"));
	maintain_fini(&maintain);
}
