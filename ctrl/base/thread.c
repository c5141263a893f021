/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/thread.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

int
thread_start(
	pthread_t *thread, const char *name, void *(*run)(void *), void *arg, struct fault *fault)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	rc = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return fault_set(fault, FAULT_INTERNAL, "", "cannot start the thread %s: %s", name,
			strerror(rc));
	pthread_setname_np(*thread, name);
	return 0;
}

void
thread_be_nice(int nice)
{
	/* Linux takes the process for the thread that calls. */
	setpriority(PRIO_PROCESS, 0, nice);
}
