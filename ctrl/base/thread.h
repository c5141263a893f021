/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads beside the control thread. */
#ifndef CTRL_BASE_THREAD_H
#define CTRL_BASE_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/fault.h"

/*
 * Start a thread to which no signal is delivered: they are the control thread's. `name` is what top
 * and gdb call it, of at most 15 characters. 0, or -1 with *fault set.
 */
static inline int
thread_start(
	pthread_t *thread, const char *name, void *(*run)(void *), void *arg, struct fault *fault)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	rc = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		pthread_setname_np(*thread, name);
	else
		fault_set(fault, FAULT_INTERNAL, "", "cannot start the thread %s: %s", name,
			strerror(rc));
	return rc == 0 ? 0 : -1;
}

#endif
