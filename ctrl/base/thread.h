/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads beside the control thread. */
#ifndef CTRL_BASE_THREAD_H
#define CTRL_BASE_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/fault.h"

/* By which a thread is made to drop its capabilities, see config/privileges.h. */
#define THREAD_SIGNAL SIGRTMIN

/*
 * Start a thread to which no other signal is delivered: they are the control thread's. `name` is
 * what top and gdb call it, of at most 15 characters. 0, or -1 with *fault set.
 */
static inline int
thread_start(
	pthread_t *thread, const char *name, void *(*run)(void *), void *arg, struct fault *fault)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	sigdelset(&all, THREAD_SIGNAL);
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
