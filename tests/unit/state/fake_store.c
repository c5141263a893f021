/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 8
#define WORDS_MAX 4096

struct store_batch {
	char words[WORDS_MAX];
	struct store_confirm confirm;
	bool confirms, ends_confirm;
	uint64_t generation;
	store_done_fn done;
	void *arg;
};

struct store {
	char words[WORDS_MAX];
	struct store_batch *waiting[WAITING_MAX];
	unsigned n_waiting;
	struct store_state state;
};

static struct store store;

struct store *
fake_store_reset(void)
{
	memset(&store, 0, sizeof(store));
	return &store;
}

const char *
fake_store_words(void)
{
	return store.words;
}

unsigned
fake_store_waiting(void)
{
	return store.n_waiting;
}

static void
batch_write(const struct store_batch *batch)
{
	strcat(store.words, batch->words);
	if (batch->generation != 0)
		store.state.generation = batch->generation;
	store.state.has_confirm |= batch->confirms;
	if (batch->confirms)
		store.state.confirm = batch->confirm;
	if (batch->ends_confirm)
		store.state.has_confirm = false;
}

void
fake_store_answer(const struct fault *fault)
{
	const unsigned n = store.n_waiting;
	struct store_batch *batches[WAITING_MAX];

	memcpy(batches, store.waiting, sizeof(batches));
	store.n_waiting = 0;
	for (unsigned i = 0; i < n; i++) {
		if (!fault)
			batch_write(batches[i]);
		batches[i]->done(batches[i]->arg, fault);
		free(batches[i]);
	}
}

void
store_state(const struct store *from, struct store_state *state)
{
	*state = from->state;
}

struct store_batch *
store_batch_create(struct store *to)
{
	cr_assert_eq(to, &store);
	return calloc(1, sizeof(struct store_batch));
}

void
store_batch_destroy(struct store_batch *batch)
{
	free(batch);
}

static void
word_add(struct store_batch *batch, const char *prefix, const char *word)
{
	const size_t n = strlen(batch->words);

	snprintf(batch->words + n, sizeof(batch->words) - n, "%s%s ", prefix, word);
}

void
store_batch_generation(struct store_batch *batch, const struct store_generation *generation)
{
	char number[24];

	snprintf(number, sizeof(number), "%llu", (unsigned long long)generation->number);
	word_add(batch, "g", number);
	batch->generation = generation->number;
}

void
store_batch_put(struct store_batch *batch, const char *id, const char *text, size_t bytes,
	uint64_t last_leg, bool declared)
{
	(void)last_leg;
	(void)declared;
	cr_expect_eq(strlen(text), bytes);
	word_add(batch, "+", id);
}

void
store_batch_remove(struct store_batch *batch, const char *id)
{
	word_add(batch, "-", id);
}

void
store_batch_confirm(struct store_batch *batch, const struct store_confirm *confirm)
{
	word_add(batch, confirm ? "c" : "k", "");
	batch->confirms = confirm != NULL;
	batch->ends_confirm = confirm == NULL;
	if (confirm)
		batch->confirm = *confirm;
}

void
store_batch_submit(struct store_batch *batch, store_done_fn done, void *arg)
{
	word_add(batch, ".", "");
	batch->done = done;
	batch->arg = arg;
	cr_assert_lt(store.n_waiting, WAITING_MAX);
	store.waiting[store.n_waiting++] = batch;
}
