/* SPDX-License-Identifier: BSD-3-Clause */
#include "latch_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "memory.h"

/* Control's part stands in lines of its own before the latch, out of the workers' way. */
struct latch_record {
	UT_hash_handle hh;
	uint64_t cookie;
	uint32_t held; /* by what is in memory */
	uint32_t n_after; /* flows and legs that have it after the open transaction */
	uint32_t n_reserved; /* users that there are or may be */
	bool is_named;
} __rte_cache_aligned;

#define USERS_MIN 5 /* with the head of the array less than a line */

/* An array of users that another one has replaced. */
struct latch_retired {
	struct latch_retired *next;
	struct latch_users *users;
	uint64_t token; /* of its grace period */
};

static struct latch_record *
record_of(struct latch *latch)
{
	return (struct latch_record *)latch - 1;
}

static struct latch *
latch_of(struct latch_record *record)
{
	return (struct latch *)(record + 1);
}

static struct latch_record *
record_find(const struct latch_table *table, uint64_t cookie)
{
	struct latch_record *record;

	HASH_FIND(hh, table->named, &cookie, sizeof(cookie), record);
	return record;
}

/* One of cookie 0 has no name. */
static void
record_name(struct latch_table *table, struct latch_record *record)
{
	if (record->is_named || record->cookie == 0)
		return;
	HASH_ADD(hh, table->named, cookie, sizeof(record->cookie), record);
	record->is_named = true;
}

static void
record_unname(struct latch_table *table, struct latch_record *record)
{
	if (!record->is_named)
		return;
	HASH_DEL(table->named, record);
	record->is_named = false;
}

struct latch *
latch_table_find(const struct latch_table *table, uint64_t cookie)
{
	struct latch_record *record = record_find(table, cookie);

	return record == NULL ? NULL : latch_of(record);
}

struct latch *
latch_table_ref(struct latch_table *table, uint64_t cookie)
{
	struct latch_record *record = record_find(table, cookie);

	if (record != NULL)
		return latch_ref(latch_of(record));
	record = memory_zalloc(1, sizeof(*record) + latch_bytes(table->n_workers), table->node);
	if (record == NULL)
		return NULL;
	record->cookie = cookie;
	record->held = 1;
	record_name(table, record);
	latch_init(latch_of(record), table->n_workers, cookie);
	return latch_of(record);
}

struct latch *
latch_ref(struct latch *latch)
{
	record_of(latch)->held++;
	return latch;
}

void
latch_table_unref(struct latch_table *table, struct latch *latch)
{
	if (latch == NULL || --record_of(latch)->held > 0)
		return;
	record_unname(table, record_of(latch));
	free(latch->users);
	rte_free(record_of(latch));
}

void
latch_table_count(struct latch_table *table, struct latch *latch, int sign)
{
	struct latch_record *record;

	if (latch == NULL)
		return;
	record = record_of(latch);
	record->n_after += (uint32_t)sign;
	if (record->n_after == 0)
		record_unname(table, record);
	else
		record_name(table, record);
}

void
latch_table_reap(struct latch_table *table, bool all)
{
	struct latch_retired **at = &table->retired;

	while (*at != NULL) {
		struct latch_retired *retired = *at;

		if (!all && rte_rcu_qsbr_check(table->qsbr, retired->token, false) != 1) {
			at = &retired->next;
			continue;
		}
		*at = retired->next;
		free(retired->users);
		free(retired);
	}
}

/* Replace the users' array by one with more room. 0 or -ENOMEM. */
static int
users_grow(struct latch_table *table, struct latch *latch)
{
	struct latch_users *old = latch->users, *users;
	const uint32_t room = old == NULL ? USERS_MIN : 2 * old->room;
	struct latch_retired *retired = NULL;

	latch_table_reap(table, false);
	if (old != NULL && table->qsbr != NULL) {
		retired = malloc(sizeof(*retired));
		if (retired == NULL)
			return -ENOMEM;
	}
	/* Ordinary memory: workers read it only when the latch moves, and the holes that grown
	 * arrays leave would have every later rte_malloc() walk through them. */
	users = calloc(1, sizeof(*users) + room * sizeof(users->of[0]));
	if (users == NULL) {
		free(retired);
		return -ENOMEM;
	}
	users->room = room;
	if (old != NULL) {
		users->n = old->n;
		memcpy(users->of, old->of, old->n * sizeof(old->of[0]));
	}
	__atomic_store_n(&latch->users, users, __ATOMIC_RELEASE);
	if (retired == NULL) {
		free(old);
		return 0;
	}
	retired->users = old;
	retired->token = rte_rcu_qsbr_start(table->qsbr);
	retired->next = table->retired;
	table->retired = retired;
	return 0;
}

int
latch_table_reserve(struct latch_table *table, struct latch *latch)
{
	struct latch_record *record = record_of(latch);

	if (latch->users == NULL || record->n_reserved == latch->users->room) {
		int ret = users_grow(table, latch);

		if (ret < 0)
			return ret;
	}
	record->n_reserved++;
	return 0;
}

void
latch_table_unreserve(struct latch *latch)
{
	record_of(latch)->n_reserved--;
}

void
latch_user_add(struct latch *latch, struct latch_user *user)
{
	struct latch_users *users = latch->users;

	user->place = users->n;
	__atomic_store_n(&users->of[user->place], user, __ATOMIC_RELEASE);
	__atomic_store_n(&users->n, users->n + 1, __ATOMIC_RELEASE);
	if (__atomic_fetch_add(&latch->word, 0, __ATOMIC_ACQ_REL) != user->word)
		latch_user_make_stale(user);
}

void
latch_user_remove(struct latch *latch, struct latch_user *user)
{
	struct latch_users *users = latch->users;
	struct latch_user *last = users->of[users->n - 1];

	last->place = user->place;
	__atomic_store_n(&users->of[last->place], last, __ATOMIC_RELEASE);
	__atomic_store_n(&users->n, users->n - 1, __ATOMIC_RELEASE);
}
