/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Capabilities are a thread's, and the kernel has no call that changes those of all. So each other
 * thread gets a signal, and its handler does it, as glibc does for setuid(2). Threads of libraries
 * are among them.
 */
#include "config/privileges.h"

#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#define BIT(capability) (UINT64_C(1) << (capability))
#define NETWORK (BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW))
#define ANSWER_NS (2 * NS_PER_S) /* for all threads, also on a busy machine */
#define ANSWER_AGAIN_NS (200 * NS_PER_MS) /* while the event loop waits */
#define SCAN_NS (100 * NS_PER_MS) /* to the next scan, if some do not answer */
#define PAUSE_NS NS_PER_MS
#define CLEAN_SCANS 2 /* see threads_drop() */

/* See "Capabilities" in sluiced(8), which says what each is for. */
static const struct {
	const char *driver; /* what devargs begin with; "": all others, and devices */
	struct privileges needs;
} drivers[] = {
	{"net_af_xdp", {NETWORK | BIT(CAP_IPC_LOCK) | BIT(CAP_BPF) | BIT(CAP_SYS_ADMIN),
			       BIT(CAP_NET_ADMIN) | BIT(CAP_BPF)}},
	{"net_null", {0, 0}},
	{"net_ring", {0, 0}},
	{"net_memif", {0, 0}},
	{"net_pcap", {NETWORK, BIT(CAP_NET_ADMIN)}},
	{"net_af_packet", {NETWORK, BIT(CAP_NET_ADMIN)}},
	{"net_tap", {NETWORK, BIT(CAP_NET_ADMIN)}},
	/* Memory that is added later is locked for the device, too. */
	{"", {NETWORK | BIT(CAP_IPC_LOCK) | BIT(CAP_SYS_ADMIN), NETWORK | BIT(CAP_IPC_LOCK)}},
};

static void
privileges_add(struct privileges *all, const char *devargs)
{
	unsigned driver = 0;

	while (strncmp(devargs, drivers[driver].driver, strlen(drivers[driver].driver)) != 0)
		driver++;
	all->start |= drivers[driver].needs.start;
	all->run |= drivers[driver].needs.run;
}

struct privileges
privileges_of_ports(const struct dp_port_config *ports, unsigned n_ports)
{
	struct privileges all = {0, 0};
	unsigned i, k;

	for (i = 0; i < n_ports; i++) {
		privileges_add(&all, ports[i].devargs);
		for (k = 0; k < ports[i].n_members; k++)
			privileges_add(&all, ports[i].members[k]);
		/* To make its TAP, and again when it was deleted. */
		if (ports[i].kernel_path) {
			all.start |= BIT(CAP_NET_ADMIN);
			all.run |= BIT(CAP_NET_ADMIN);
		}
	}
	return all;
}

/* Select, of these, the ones that the process has, for capng_apply(). */
static void
capabilities_select(uint64_t wanted)
{
	uint64_t held = 0;
	int capability;

	capng_get_caps_process();
	for (capability = 0; capability <= CAP_LAST_CAP; capability++)
		if (capng_have_capability(CAPNG_PERMITTED, (unsigned)capability))
			held |= BIT(capability);
	capng_clear(CAPNG_SELECT_ALL);
	for (capability = 0; capability <= CAP_LAST_CAP; capability++)
		if (wanted & held & BIT(capability))
			capng_update(
				CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, (unsigned)capability);
}

/* Make the directory that the file is in, for the user; one that is there stays as it is. */
static int
directory_give(const char *file, mode_t mode, const struct config *config, struct fault *fault)
{
	char copy[PATH_MAX];
	const char *directory;

	if (file[0] == '\0')
		return 0;
	snprintf(copy, sizeof(copy), "%s", file);
	directory = dirname(copy);
	if (mkdir(directory, mode) < 0)
		return 0; /* it is there, or whoever opens the file says why it cannot be */
	if (chown(directory, config->uid, config->gid) < 0)
		return fault_set(fault, FAULT_INTERNAL, "", "cannot give %s to user %s: %s",
			directory, config->user, strerror(errno));
	return 0;
}

static int
user_become(const struct config *config, struct fault *fault)
{
	int rc;

	if (directory_give(config->socket_path, 0755, config, fault) < 0 ||
		directory_give(config->state_path, 0750, config, fault) < 0 ||
		directory_give(config->access.audit_log, 0750, config, fault) < 0)
		return -1;
	rc = capng_change_id(
		(int)config->uid, (int)config->gid, CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
	if (rc < 0)
		return fault_set(fault, FAULT_INTERNAL, "",
			"cannot become user %s, process.user (capng_change_id: %d): CAP_SETUID, "
			"CAP_SETGID and CAP_SETPCAP are required",
			config->user, rc);
	/* What /proc/self has is ours again, and a crash may leave a core. */
	prctl(PR_SET_DUMPABLE, 1);
	return 0;
}

static bool
keeps_all(const struct config *config)
{
	return geteuid() == 0 && config->user[0] == '\0';
}

int
privileges_enter(const struct config *config, struct fault *fault)
{
	const struct privileges needs = privileges_of_ports(config->ports, config->dp.n_ports);

	if (keeps_all(config))
		return 0;
	if (geteuid() != 0 && config->user[0] != '\0' && geteuid() != config->uid)
		return fault_set(fault, FAULT_INVALID_VALUE, "",
			"process.user: found %s, but started as uid %u; expected that user, or "
			"root",
			config->user, geteuid());
	capabilities_select(needs.start);
	if (geteuid() == 0 && user_become(config, fault) < 0)
		return -1;
	if (capng_apply(CAPNG_SELECT_CAPS) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fault_set(
			fault, FAULT_INTERNAL, "", "cannot drop capabilities: %s", strerror(errno));
	return 0;
}

static atomic_uint n_dropped; /* threads */

/* In each other thread that has any. */
static void
thread_drop(int signal_number)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
	const int error = errno;

	(void)signal_number;
	if (syscall(SYS_capset, &header, none) == 0)
		atomic_fetch_add(&n_dropped, 1);
	errno = error;
}

/* A thread that has ended holds none. */
static bool
thread_holds_any(pid_t tid)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3, .pid = tid};
	struct __user_cap_data_struct held[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capget, &header, held) < 0)
		return errno != ESRCH;
	return held[0].permitted != 0 || held[1].permitted != 0;
}

/* 0 also if it has ended; or -1 with *fault set. */
static int
thread_signal(pid_t tid, struct fault *fault)
{
	if (syscall(SYS_tgkill, getpid(), tid, THREAD_SIGNAL) == 0 || errno == ESRCH)
		return 0;
	return fault_set(fault, FAULT_INTERNAL, "",
		"capabilities: cannot signal thread %d to drop its own: %s%s", tid, strerror(errno),
		errno == EAGAIN ? "; increase RLIMIT_SIGPENDING, the limit of pending signals"
				: "");
}

/* Signal all threads but this one that hold capabilities. Their number, or -1 with *fault set. */
static int
threads_signal(struct fault *fault)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *task;
	int n = 0;

	if (!tasks)
		return fault_set(fault, FAULT_INTERNAL, "",
			"capabilities: cannot read /proc/self/task: %s", strerror(errno));
	while (n >= 0 && (task = readdir(tasks)) != NULL) {
		const pid_t tid = atoi(task->d_name);

		if (tid > 0 && tid != gettid() && thread_holds_any(tid))
			n = thread_signal(tid, fault) < 0 ? -1 : n + 1;
	}
	closedir(tasks);
	return n;
}

/*
 * A thread that starts during a scan inherits what its parent has at that moment, and may be
 * missed. Its parent may have dropped it all before it is looked at, so that a scan which finds
 * none is repeated: what was missed is listed then.
 */
static int
threads_drop(uint64_t limit_ns, struct fault *fault)
{
	const struct sigaction action = {.sa_handler = thread_drop, .sa_flags = (int)SA_RESTART};
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	const uint64_t end_ns = clock_read_ns(CLOCK_MONOTONIC) + limit_ns;
	unsigned n_clean = 0; /* scans in a row */
	uint64_t now_ns = 0;
	int n = 0;

	sigaction(THREAD_SIGNAL, &action, NULL);
	while (n >= 0 && n_clean < CLEAN_SCANS && (n == 0 || now_ns < end_ns)) {
		const uint64_t again_ns = clock_read_ns(CLOCK_MONOTONIC) + SCAN_NS;

		atomic_store(&n_dropped, 0);
		n = threads_signal(fault);
		n_clean = n == 0 ? n_clean + 1 : 0;
		while ((now_ns = clock_read_ns(CLOCK_MONOTONIC)) < again_ns &&
			(int)atomic_load(&n_dropped) < n)
			nanosleep(&pause, NULL);
	}
	signal(THREAD_SIGNAL, SIG_IGN);
	if (n < 0 || n_clean == CLEAN_SCANS)
		return n;
	return fault_set(fault, FAULT_INTERNAL, "",
		"capabilities: found %d threads that did not drop theirs within %" PRIu64
		" ms, expected none",
		n, limit_ns / NS_PER_MS);
}

static bool reduced;

int
privileges_reduce(const struct config *config, struct fault *fault)
{
	const struct privileges needs = privileges_of_ports(config->ports, config->dp.n_ports);
	char *kept;

	if (keeps_all(config))
		return 0;
	if (threads_drop(ANSWER_NS, fault) < 0)
		return -1;
	capabilities_select(needs.run);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return fault_set(
			fault, FAULT_INTERNAL, "", "cannot drop capabilities: %s", strerror(errno));
	reduced = true;
	kept = capng_print_caps_text(CAPNG_PRINT_BUFFER, CAPNG_PERMITTED);
	log_line("running as uid %u, capabilities: %s", geteuid(), kept ? kept : "?");
	free(kept);
	return 0;
}

int
privileges_reduce_threads(struct fault *fault)
{
	return reduced ? threads_drop(ANSWER_AGAIN_NS, fault) : 0;
}
