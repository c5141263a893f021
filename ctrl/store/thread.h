/* SPDX-License-Identifier: BSD-3-Clause */
/* The store's threads: what they write beside the control thread, and after it. */
#ifndef CTRL_STORE_THREAD_H
#define CTRL_STORE_THREAD_H

#include <pthread.h>

#include "schema/fault.h"

/*
 * Start a thread to which no signal is delivered: they are the control thread's. `name` is what top
 * and gdb call it, of at most 15 characters. 0, or -1 with *fault set.
 */
int store_thread_start(
	pthread_t *thread, const char *name, void *(*run)(void *), void *arg, struct fault *fault);

/*
 * Called by the thread: from now on the control thread goes first where both share a core, as its
 * callers wait for nothing but an answer. If that is refused, the thread is only less polite.
 */
void store_thread_be_nice(int nice);

#endif
