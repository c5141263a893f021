/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/recover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/db.h"
#include "store/file.h"
#include "store/layout.h"
#include "store/place.h"
#include "store/write.h"

#define NS_PER_S UINT64_C(1000000000)
#define PATH_ROOM (STORE_PATH_MAX + PLACE_SUFFIX_MAX)

/* The flows alone: history begins anew, since it may be what is damaged. */
static int
flows_copy(sqlite3 *db, const char *damaged, struct fault *fault)
{
	sqlite3_stmt *attach = db_prepare(db, "ATTACH ? AS damaged", fault);
	int rc;

	if (!attach)
		return -1;
	db_bind(attach, "t", damaged);
	rc = db_step(attach, fault);
	sqlite3_finalize(attach);
	if (rc < 0)
		return -1;
	rc = db_run(
		db, "INSERT INTO flow SELECT * FROM damaged.flow NOT INDEXED ORDER BY row", fault);
	sqlite3_exec(db, "DETACH damaged", NULL, NULL, NULL);
	return rc;
}

/* What waits to be confirmed is kept, so that its end says that its changes are lost. */
static int
salvage(const char *damaged, const char *path, const struct ledger *found, struct fault *fault)
{
	const struct ledger ledger = {
		.generation = found->generation,
		.base = found->generation,
		.flows = found->flows,
		.bytes = found->bytes,
		.flows_sum = found->flows_sum,
		.next_change = 1,
		.has_confirm = found->has_confirm,
		.confirm = found->confirm,
	};
	sqlite3 *db = file_create(path, &ledger, fault);
	int rc;

	if (!db)
		return -1;
	/* The damaged one stays as it is, to be looked at. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	rc = flows_copy(db, damaged, fault);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	return file_finish(db, path, fault) < 0 ? -1 : rc;
}

/* Whether the file at the path is a good store of our layout. */
static bool
is_good(const char *path)
{
	enum layout_state state;
	struct verdict verdict;
	struct fault ignored;
	unsigned version;
	sqlite3 *db;
	int code;
	bool good;

	if (access(path, F_OK) < 0)
		return false;
	db = db_open(path, false, &code, &ignored);
	if (!db)
		return false;
	good = layout_look(db, &state, &version, &ignored) == 0 && state == LAYOUT_OURS &&
	       (version == LAYOUT_VERSION || layout_migrate(db, version, &ignored) == 0) &&
	       verify(db, &verdict, &ignored) == 0 && verdict.all_good;
	sqlite3_close(db);
	return good;
}

/* The snapshot itself stays where it is. */
static int
snapshot_use(const char *snapshot, const char *path, struct fault *fault)
{
	sqlite3 *db;
	int code, rc;

	if (access(snapshot, F_OK) < 0)
		return fault_set(fault, FAULT_STORE, "", "no snapshot");
	db = db_open(snapshot, false, &code, fault);
	if (!db)
		return -1;
	rc = file_copy(db, path, -1, NULL, NULL, fault);
	sqlite3_close(db);
	return rc == 0 && is_good(path) ? 0 : -1;
}

static int
generation_add(struct write *write, uint64_t number, const char *comment, struct fault *fault)
{
	struct store_batch *batch = store_batch_create(NULL);
	struct store_generation generation = {
		.number = number,
		.actor = {.name = "sluiced", .via = "sluiced", .pid = (int32_t)getpid()},
		.method = "recovery",
	};
	struct timespec now;
	int rc;

	if (!batch)
		return fault_set(fault, FAULT_NO_ROOM, "", "no memory for a batch");
	clock_gettime(CLOCK_REALTIME, &now);
	generation.time_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	snprintf(generation.comment, sizeof(generation.comment), "%.*s", STORE_COMMENT_MAX - 1,
		comment);
	store_batch_generation(batch, &generation);
	rc = write_batch(write, batch, fault);
	store_batch_destroy(batch);
	return rc;
}

/* Say in the history what happened, under a number that nothing has had. */
static int
recovery_record(const char *path, uint64_t damaged_generation, struct store_report *report,
	const char *comment, struct fault *fault)
{
	struct write write;
	sqlite3 *db;
	int code, rc = -1;

	db = db_open(path, false, &code, fault);
	if (!db)
		return -1;
	if (file_shape(db, fault) < 0 || write_init(&write, db, fault) < 0) {
		sqlite3_close(db);
		return -1;
	}
	report->generation = write.ledger.generation;
	if (damaged_generation > report->generation)
		report->generation = damaged_generation;
	report->generation++;
	if (db_run(db, "BEGIN IMMEDIATE", fault) == 0 &&
		generation_add(&write, report->generation, comment, fault) == 0)
		rc = db_run(db, "COMMIT", fault);
	write_fini(&write);
	return file_finish(db, path, fault) < 0 ? -1 : rc;
}

uint64_t
recover_copy_generation(const char *path)
{
	struct ledger ledger = {.generation = 0};
	char snapshot[PATH_ROOM];
	struct fault ignored;
	sqlite3 *db;
	int code;

	snprintf(snapshot, sizeof(snapshot), "%s" RECOVER_SNAPSHOT, path);
	db = access(snapshot, F_OK) == 0 ? db_open(snapshot, true, &code, &ignored) : NULL;
	if (db && ledger_load(db, &ledger, &ignored) < 0)
		ledger.generation = 0;
	sqlite3_close(db);
	return ledger.generation;
}

static int
salvage_try(const char *damaged, const struct verdict *verdict, const char *path,
	struct store_report *report, struct fault *fault)
{
	report->found = STORE_SALVAGED;
	if (verdict->flows_good && salvage(damaged, path, &verdict->ledger, fault) == 0)
		return 0;
	place_file_remove(path);
	return -1;
}

static int
snapshot_try(
	const char *snapshot, const char *path, struct store_report *report, struct fault *fault)
{
	report->found = STORE_SNAPSHOT;
	if (snapshot_use(snapshot, path, fault) == 0)
		return 0;
	place_file_remove(path);
	return -1;
}

/* The best that can be had, at `path`: a store whose journal lost much may be the older one. */
static int
new_make(const char *damaged, const char *path, const struct verdict *found,
	struct store_report *report, struct fault *fault)
{
	char snapshot[PATH_ROOM];
	bool is_older;
	sqlite3 *db;

	snprintf(snapshot, sizeof(snapshot), "%s" RECOVER_SNAPSHOT, damaged);
	is_older = recover_copy_generation(damaged) > found->ledger.generation;
	if ((!is_older && salvage_try(damaged, found, path, report, fault) == 0) ||
		snapshot_try(snapshot, path, report, fault) == 0 ||
		(is_older && salvage_try(damaged, found, path, report, fault) == 0))
		return 0;
	report->found = STORE_LOST;
	db = file_create(path, &(struct ledger){.next_change = 1}, fault);
	return db ? file_finish(db, path, fault) : -1;
}

/* PATH.corrupt-TIME, with a number behind it if that is taken. */
static void
aside_name(const char *path, char *name, size_t size)
{
	char when[24];
	struct tm tm;
	const time_t now = time(NULL);
	unsigned i;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(name, size, "%s.corrupt-%s", path, when);
	for (i = 2; access(name, F_OK) == 0; i++)
		snprintf(name, size, "%s.corrupt-%s-%u", path, when, i);
}

int
recover(const char *path, const struct verdict *found, struct store_report *report,
	struct fault *fault)
{
	const uint64_t damaged_generation = found->ledger.generation;
	char made[PATH_ROOM], wal[PATH_ROOM];

	snprintf(made, sizeof(made), "%s" RECOVER_NEW, path);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	/* With no store at the path, a file that is good is what an interrupted recovery made. */
	if (access(path, F_OK) == 0 || !is_good(made)) {
		place_file_remove(made);
		if (new_make(path, made, found, report, fault) < 0 ||
			recovery_record(made, damaged_generation, report, report->reason, fault) <
				0)
			return -1;
	} else {
		report->found = STORE_SNAPSHOT;
	}
	report->damaged_generation = damaged_generation;
	if (access(path, F_OK) == 0 || access(wal, F_OK) == 0) {
		aside_name(path, report->moved_to, sizeof(report->moved_to));
		if (place_file_move(path, report->moved_to, fault) < 0)
			return -1;
	}
	return place_move(made, path, fault);
}
