/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A store that records its calls as text, and calls back when the test lets it. It stands in
 * for ctrl/store where a test wants to see what is written, and when.
 */
#ifndef TESTS_FLOW_FAKE_STORE_H
#define TESTS_FLOW_FAKE_STORE_H

#include "store/read.h"

/* Start afresh. */
struct store *fake_store_reset(void);

/*
 * What was written so far, a word each: "g3" a generation, "+id" a flow that is put, "-id" one that
 * is removed, "c" a confirmation that is asked for and "k" one that is not any more, "." the end of
 * a batch.
 */
const char *fake_store_words(void);

/* Forget the words, and keep what is stored. */
void fake_store_forget_words(void);

/* The text of a stored flow, NULL: there is none; how many there are. */
const char *fake_store_text(const char *id);
unsigned fake_store_flows(void);

/* Batches that wait to be written. */
unsigned fake_store_waiting(void);

/* Write them; with a fault, none of them is written, and that is said. */
void fake_store_answer(const struct fault *fault);

#endif
