/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 8
#define WORDS_MAX 4096
#define FLOWS_MAX 128

struct stored_flow {
	char id[32]; /* "": no flow */
	char *text; /* of a batch, NULL: it is to be removed */
};

struct store_batch {
	char words[WORDS_MAX];
	struct stored_flow changes[FLOWS_MAX];
	unsigned n_changes;
	struct store_confirm confirm;
	bool confirms, ends_confirm;
	uint64_t generation;
	store_done_fn done;
	void *arg;
};

struct store {
	char words[WORDS_MAX];
	struct stored_flow flows[FLOWS_MAX];
	struct store_batch *waiting[WAITING_MAX];
	unsigned n_waiting;
	struct store_state state;
};

static struct store store;

struct store *
fake_store_reset(void)
{
	for (unsigned i = 0; i < FLOWS_MAX; i++)
		free(store.flows[i].text);
	memset(&store, 0, sizeof(store));
	return &store;
}

void
fake_store_forget_words(void)
{
	store.words[0] = '\0';
}

static struct stored_flow *
stored_find(const char *id)
{
	unsigned i = 0;

	while (i < FLOWS_MAX && strcmp(store.flows[i].id, id) != 0)
		i++;
	return i < FLOWS_MAX ? &store.flows[i] : NULL;
}

const char *
fake_store_text(const char *id)
{
	const struct stored_flow *flow = stored_find(id);

	return flow ? flow->text : NULL;
}

unsigned
fake_store_flows(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FLOWS_MAX; i++)
		n += store.flows[i].text != NULL;
	return n;
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

/* The batch's change becomes the store's flow. */
static void
change_write(struct stored_flow *change)
{
	struct stored_flow *flow = stored_find(change->id);

	if (!flow)
		flow = stored_find("");
	cr_assert_not_null(flow, "the fake store is full");
	free(flow->text);
	memset(flow, 0, sizeof(*flow));
	if (change->text)
		*flow = *change;
	change->text = NULL;
}

static void
batch_write(struct store_batch *batch)
{
	cr_assert_lt(strlen(store.words) + strlen(batch->words), WORDS_MAX);
	strcat(store.words, batch->words);
	for (unsigned i = 0; i < batch->n_changes; i++)
		change_write(&batch->changes[i]);
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
		store_batch_destroy(batches[i]);
	}
}

void
store_state(const struct store *from, struct store_state *state)
{
	*state = from->state;
}

struct store_batch *
store_batch_create(void)
{
	return calloc(1, sizeof(struct store_batch));
}

void
store_batch_destroy(struct store_batch *batch)
{
	for (unsigned i = 0; batch && i < batch->n_changes; i++)
		free(batch->changes[i].text);
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

static void
change_add(struct store_batch *batch, const char *id, const char *text)
{
	struct stored_flow *change = &batch->changes[batch->n_changes];

	cr_assert_lt(batch->n_changes, FLOWS_MAX, "a batch of too many flows");
	snprintf(change->id, sizeof(change->id), "%s", id);
	change->text = text ? strdup(text) : NULL;
	batch->n_changes++;
}

void
store_batch_insert(struct store_batch *batch, const char *id, const char *text, size_t bytes,
	uint64_t last_leg, bool declared)
{
	(void)last_leg;
	(void)declared;
	cr_expect_eq(strlen(text), bytes);
	word_add(batch, "+", id);
	change_add(batch, id, text);
}

void
store_batch_remove(struct store_batch *batch, const char *id)
{
	word_add(batch, "-", id);
	change_add(batch, id, NULL);
}

void
store_batch_released(struct store_batch *batch, const char *place, uint64_t time_ns)
{
	cr_expect_neq(time_ns, 0);
	word_add(batch, "~", place);
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
store_submit(struct store *to, struct store_batch *batch, store_done_fn done, void *arg)
{
	cr_assert_eq(to, &store);
	word_add(batch, ".", "");
	batch->done = done;
	batch->arg = arg;
	cr_assert_lt(store.n_waiting, WAITING_MAX);
	store.waiting[store.n_waiting++] = batch;
}
