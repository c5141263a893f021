/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

int
descriptors_raise(unsigned n_connections, struct fault *fault)
{
	const rlim_t needed = DESCRIPTORS_OWN + (rlim_t)n_connections;
	struct rlimit limit;
	rlim_t hard;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return fault_set(fault, FAULT_INTERNAL, "",
			"no limit of descriptors to be read: %s", strerror(errno));
	if (limit.rlim_cur >= needed)
		return 0;
	hard = limit.rlim_max;
	limit.rlim_cur = needed;
	if (limit.rlim_max < needed)
		limit.rlim_max = needed; /* takes CAP_SYS_RESOURCE */
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return 0;
	return fault_set(fault, FAULT_LIMIT, "/rpc/max_connections",
		"/rpc/max_connections: found %u, which takes %llu open files, but the process may "
		"have %llu; lower it, or raise LimitNOFILE= of the service",
		n_connections, (unsigned long long)needed, (unsigned long long)hard);
}
