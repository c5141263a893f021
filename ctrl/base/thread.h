/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads beside the control thread. */
#ifndef CTRL_BASE_THREAD_H
#define CTRL_BASE_THREAD_H

#include <pthread.h>

#include "base/fault.h"

/*
 * Start a thread to which no signal is delivered: they are the control thread's. `name` is what top
 * and gdb call it, of at most 15 characters. 0, or -1 with *fault set.
 */
int thread_start(
	pthread_t *thread, const char *name, void *(*run)(void *), void *arg, struct fault *fault);

/*
 * Called by the thread: from now on the control thread goes first where both share a core, as its
 * callers wait for nothing but an answer. If that is refused, the thread is only less polite.
 */
void thread_be_nice(int nice);

#endif
