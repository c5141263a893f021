/* SPDX-License-Identifier: BSD-3-Clause */
/* A file of an older version opens, and the way from one version to the next is all or nothing. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"
#include "store/layout.h"
#include "store/sqlite.h"

static struct rig rig;
static sqlite3 *db;
static int code;

static void
setup(void)
{
	rig_init(&rig);
}

static void
teardown(void)
{
	sqlite3_close(db);
	rig_fini(&rig);
}

TestSuite(layout, .init = setup, .fini = teardown);

static void
file_make(const char *fixture)
{
	char command[256];

	snprintf(command, sizeof(command), "sqlite3 %s <" SOURCE_DIR "/fixtures/%s", rig.path,
		fixture);
	cr_assert_eq(system(command), 0);
}

/* A dump of a store of that version, made when it was new; every later one has to open it. */
Test(layout, a_store_of_version_1_opens_with_all_it_has)
{
	file_make("version-1.sql");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK, "%s", rig.report.reason);
	cr_assert_eq(rig.report.migrated_from, 1);
	rig_expect_flows(&rig, "a={3} c={4}");
	rig_expect_rollback(&rig, 2, "a={1} b={2} c-");
	rig_commit(&rig, 5, "c", NULL);
}

/* Version 1 did not say how long a confirmation is waited for; its generation says when it began.
 */
Test(layout, an_unconfirmed_generation_of_version_1_is_still_one)
{
	struct store_generation generation;
	enum store_outcome outcome;
	struct store_state state;

	file_make("version-1-trial.sql");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK, "%s", rig.report.reason);
	store_state(rig.store, &state);
	cr_assert(state.has_confirm);
	cr_expect_eq(state.confirm.generation, 5);
	cr_expect_eq(state.confirm.deadline_ns, UINT64_C(60000005000));
	cr_expect_eq(state.confirm.within_ns, UINT64_C(60000000000));
	cr_assert_eq(store_history_get(rig.store, 4, &generation, &outcome, &rig.fault), 0);
	cr_expect_eq(generation.returns, STORE_RETURN_OF);
	rig_expect_rollback(&rig, 4, "a={1} c-");
	rig_commit(&rig, 6, "c", NULL);
}

/* Declared, tagged and unconfirmed generations, a gap, and one that restored another. */
Test(layout, a_store_of_version_3_opens_with_all_it_has)
{
	struct store_generation generation;
	enum store_outcome outcome;
	struct store_state state;

	file_make("version-3.sql");
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK, "%s", rig.report.reason);
	cr_assert_eq(rig.report.migrated_from, 3);
	rig_expect_flows(&rig, "a={12} c={x} d={11}");
	store_state(rig.store, &state);
	cr_expect_eq(state.version, LAYOUT_VERSION);
	cr_assert(state.has_confirm);
	cr_expect_eq(state.confirm.generation, 12);
	cr_expect_eq(state.confirm.within_ns, UINT64_C(60000000000));
	cr_assert_eq(store_history_get(rig.store, 10, &generation, &outcome, &rig.fault), 0);
	cr_expect_eq(generation.returns, STORE_RETURN_OF);
	cr_expect_eq(generation.returned, 9);
	cr_expect_str_eq(generation.actor.name, "ana");
	cr_expect_eq(generation.actor.role, ROLE_OPERATOR);
	cr_assert_eq(store_history_get(rig.store, 9, &generation, &outcome, &rig.fault), 0);
	cr_expect_eq(outcome, STORE_REVERTED);
	cr_assert_eq(store_history_get(rig.store, 1, &generation, &outcome, &rig.fault), 0);
	cr_expect_str_eq(generation.tag, "good");
	cr_expect(generation.declared);
	rig_expect_rollback(&rig, 1, "c- a={1} d- b={1}");
	cr_expect_not(rig_tag(&rig, 12, "good"), "it is in use");
	rig_commit(&rig, 13, "c", NULL);
	rig_close(&rig);
	rig_open(&rig);
	cr_assert_eq(rig.report.condition, STORE_OK, "%s", rig.report.reason);
	cr_expect_eq(rig.report.migrated_from, 0);
}

/* Nor is what was damaged before good afterwards. */
Test(layout, a_migration_mends_no_checksum)
{
	static const struct {
		const char *fixture, *sql;
		enum store_condition condition;
	} cases[] = {
		{"version-1-trial.sql", "UPDATE ledger SET next_change = 9", STORE_LOST},
		{"version-3.sql", "UPDATE ledger SET next_change = 99", STORE_LOST},
		{"version-3.sql", "UPDATE flow SET last_leg = 4 WHERE row = 1", STORE_LOST},
		{"version-3.sql", "UPDATE change SET last_leg = 4 WHERE row = 3", STORE_SALVAGED},
		{"version-3.sql", "DELETE FROM change WHERE row = 3", STORE_SALVAGED},
		{"version-3.sql", "UPDATE generation SET uid = 1 WHERE number = 9", STORE_SALVAGED},
		{"version-3.sql", "UPDATE generation SET tag = 1 WHERE number = 1", STORE_SALVAGED},
		{"version-3.sql", "DELETE FROM generation WHERE number = 8", STORE_SALVAGED},
		{"version-3.sql", "DELETE FROM generation WHERE number = 12", STORE_SALVAGED},
	};
	char command[256];
	unsigned i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unlink(rig.path);
		file_make(cases[i].fixture);
		snprintf(command, sizeof(command), "sqlite3 %s '%s'", rig.path, cases[i].sql);
		cr_assert_eq(system(command), 0);
		rig_open(&rig);
		cr_expect_eq(rig.report.condition, cases[i].condition, "%s: %u", cases[i].sql,
			rig.report.condition);
		rig_close(&rig);
	}
}

static void
opened(void)
{
	file_make("version-1.sql");
	db = db_open(rig.path, false, &code, &rig.fault);
	cr_assert_not_null(db);
}

static uint64_t
number(const char *sql)
{
	uint64_t found;

	cr_assert_eq(db_number(db, sql, &found, &rig.fault), 0, "%s", rig.fault.message);
	return found;
}

Test(layout, steps_run_in_order_from_the_version_of_the_file)
{
	static const layout_step steps[] = {"ALTER TABLE flow ADD COLUMN x INTEGER",
		"UPDATE flow SET x = 7; CREATE TABLE more (a INTEGER)",
		"INSERT INTO more SELECT sum(x) FROM flow"};

	opened();
	cr_assert_eq(layout_migrate_by(db, 1, steps, 3, &rig.fault), 0, "%s", rig.fault.message);
	cr_assert_eq(number("PRAGMA user_version"), 4);
	cr_assert_eq(number("SELECT a FROM more"), 14);
}

Test(layout, a_file_in_between_takes_the_rest_of_the_steps)
{
	static const layout_step steps[] = {"this is no SQL", "CREATE TABLE more (a INTEGER)"};

	opened();
	cr_assert_eq(layout_migrate_by(db, 2, steps, 2, &rig.fault), 0, "%s", rig.fault.message);
	cr_assert_eq(number("PRAGMA user_version"), 3);
}

Test(layout, a_step_that_fails_leaves_the_file_as_it_was)
{
	static const layout_step steps[] = {"CREATE TABLE more (a INTEGER)", "this is no SQL"};

	opened();
	cr_assert_eq(layout_migrate_by(db, 1, steps, 2, &rig.fault), -1);
	cr_assert_eq(number("PRAGMA user_version"), 1);
	cr_assert_eq(number("SELECT count(*) FROM sqlite_schema WHERE name = 'more'"), 0);
}
