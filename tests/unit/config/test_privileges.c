/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which capabilities ports require; tests/system/privileges.sh shows that these suffice. And that
 * no thread keeps any: as root, or in a user namespace.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "config/privileges.h"

#define BIT(capability) (UINT64_C(1) << (capability))

static struct privileges
of(const char *first, const char *second)
{
	struct dp_port_config ports[2] = {0};

	snprintf(ports[0].devargs, sizeof(ports[0].devargs), "%s", first);
	snprintf(ports[1].devargs, sizeof(ports[1].devargs), "%s", second);
	return privileges_of_ports(ports, second[0] ? 2 : 1);
}

Test(privileges, ports_without_a_kernel_interface_require_none)
{
	const struct privileges needs = of("net_null0,no-rx=1", "net_memif0,role=client");

	cr_expect_eq(needs.start, 0);
	cr_expect_eq(needs.run, 0);
}

Test(privileges, af_xdp_is_root_only_while_it_starts)
{
	const struct privileges needs = of("net_af_xdp0,iface=eth1", "");

	cr_expect(needs.start & BIT(CAP_SYS_ADMIN));
	cr_expect_eq(needs.run, BIT(CAP_NET_ADMIN) | BIT(CAP_BPF));
}

/* The kernel is asked for the next hops of their legs. */
Test(privileges, ports_with_a_kernel_interface_keep_net_admin)
{
	static const char *const devargs[] = {
		"net_af_xdp0,iface=a", "net_pcap0,iface=a", "net_af_packet0,iface=a", "net_tap0"};

	for (size_t i = 0; i < sizeof(devargs) / sizeof(devargs[0]); i++)
		cr_expect(of(devargs[i], "").run & BIT(CAP_NET_ADMIN), "%s", devargs[i]);
}

/* Its TAP is made, and made again. */
Test(privileges, a_port_with_a_tap_keeps_net_admin)
{
	const struct dp_port_config port = {.devargs = "net_memif0", .kernel_path = true};
	const struct privileges needs = privileges_of_ports(&port, 1);

	cr_expect_eq(needs.start, BIT(CAP_NET_ADMIN));
	cr_expect_eq(needs.run, BIT(CAP_NET_ADMIN));
}

Test(privileges, those_of_several_ports_add_up)
{
	const struct privileges needs = of("net_af_xdp0,iface=eth1", "0000:41:00.0");

	cr_expect(needs.start & BIT(CAP_BPF));
	cr_expect_eq(needs.run,
		BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW) | BIT(CAP_IPC_LOCK) | BIT(CAP_BPF));
}

Test(privileges, what_runs_was_there_at_the_start)
{
	static const char *const devargs[] = {"net_af_xdp0,iface=a", "0000:41:00.0", "net_tap0",
		"net_pcap0,rx_pcap=a", "net_af_packet0,iface=a", "net_bonding0,mode=1"};

	for (size_t i = 0; i < sizeof(devargs) / sizeof(devargs[0]); i++) {
		const struct privileges needs = of(devargs[i], "");

		cr_expect_neq(needs.start, 0, "%s", devargs[i]);
		cr_expect_eq(needs.run & ~needs.start, 0, "%s", devargs[i]);
	}
}

static atomic_uint n_started;

static void *
wait_run(void *arg)
{
	atomic_fetch_add(&n_started, 1);
	for (;;)
		pause();
	return arg;
}

static void *
wait_blocked_run(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	return wait_run(arg);
}

static void *
pass_run(void *arg)
{
	usleep(50000);
	return arg;
}

/* One thread after the other, some of which start while threads are looked for. */
static void *
breed_run(void *arg)
{
	pthread_t thread;

	atomic_fetch_add(&n_started, 1);
	for (;;) {
		if (pthread_create(&thread, NULL, pass_run, NULL) == 0)
			pthread_detach(thread);
		usleep(100);
	}
	return arg;
}

/* Threads of this process that hold a capability. */
static unsigned
holders_count(void)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *task;
	unsigned n = 0;

	while (tasks && (task = readdir(tasks)) != NULL) {
		struct __user_cap_header_struct header = {
			.version = _LINUX_CAPABILITY_VERSION_3, .pid = atoi(task->d_name)};
		struct __user_cap_data_struct held[_LINUX_CAPABILITY_U32S_3] = {0};

		n += header.pid > 0 && syscall(SYS_capget, &header, held) == 0 &&
		     (held[0].permitted != 0 || held[1].permitted != 0);
	}
	if (tasks)
		closedir(tasks);
	return n;
}

struct outcome {
	bool started;
	unsigned n_before, n_after; /* threads that hold a capability */
	int rc;
	struct fault fault;
};

static void
threads_start(struct outcome *outcome, void *(*run)(void *), unsigned n)
{
	pthread_t thread;
	unsigned i;

	for (i = 0; i < n; i++)
		if (thread_start(&thread, "test", run, NULL, &outcome->fault) < 0)
			return;
	while (atomic_load(&n_started) < n)
		usleep(1000);
	outcome->started = true;
	outcome->n_before = holders_count();
}

static void
threads_reduce(struct outcome *outcome, void *(*run)(void *), unsigned n)
{
	const struct config config = {.user = "nobody"};

	if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
		return;
	threads_start(outcome, run, n);
	outcome->rc = privileges_reduce(&config, &outcome->fault);
	outcome->n_after = holders_count();
}

/* Threads that start when others have dropped theirs. */
static void
late_threads_reduce(struct outcome *outcome, void *(*run)(void *), unsigned n)
{
	static const struct config config = {
		.user = "nobody", .ports = {{.devargs = "net_tap0"}}, .dp.n_ports = 1};

	if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
		return;
	outcome->rc = privileges_reduce(&config, &outcome->fault);
	threads_start(outcome, run, n);
	if (outcome->rc == 0)
		outcome->rc = privileges_reduce_threads(&outcome->fault);
	outcome->n_after = holders_count();
}

/* In a process without other threads: Criterion has one that takes no signal. */
static const struct outcome *
in_process(void (*reduce)(struct outcome *outcome, void *(*run)(void *), unsigned n),
	void *(*run)(void *), unsigned n)
{
	struct outcome *outcome = mmap(
		NULL, sizeof(*outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const pid_t child = fork();

	if (child == 0) {
		reduce(outcome, run, n);
		_exit(0);
	}
	cr_assert_eq(waitpid(child, NULL, 0), child);
	if (!outcome->started)
		cr_skip_test("needs root, or user namespaces");
	return outcome;
}

Test(privileges, no_thread_keeps_any)
{
	const struct outcome *outcome = in_process(threads_reduce, wait_run, 8);

	cr_expect_eq(outcome->n_before, 9, "%u", outcome->n_before);
	cr_expect_eq(outcome->rc, 0, "%s", outcome->fault.message);
	cr_expect_eq(outcome->n_after, 0, "%u", outcome->n_after);
}

/* In some of the turns, a single scan misses one. */
Test(privileges, no_thread_that_starts_meanwhile_keeps_any)
{
	for (unsigned turn = 0; turn < 10; turn++) {
		const struct outcome *outcome = in_process(threads_reduce, breed_run, 4);

		cr_expect_geq(outcome->n_before, 5, "%u", outcome->n_before);
		cr_expect_eq(outcome->rc, 0, "%s", outcome->fault.message);
		cr_expect_eq(outcome->n_after, 0, "%u", outcome->n_after);
	}
}

Test(privileges, a_thread_that_cannot_be_signalled_is_an_error)
{
	const struct rlimit none = {0, 0};
	const struct outcome *outcome;

	cr_assert_eq(setrlimit(RLIMIT_SIGPENDING, &none), 0);
	outcome = in_process(threads_reduce, wait_run, 1);
	cr_expect_eq(outcome->rc, -1);
	cr_expect(strstr(outcome->fault.message, "increase RLIMIT_SIGPENDING"), "%s",
		outcome->fault.message);
}

Test(privileges, a_thread_that_does_not_answer_is_an_error)
{
	const struct outcome *outcome = in_process(threads_reduce, wait_blocked_run, 1);

	cr_expect_eq(outcome->rc, -1);
	cr_expect(strstr(outcome->fault.message, "found 1 thread"), "%s", outcome->fault.message);
}

Test(privileges, threads_of_a_port_that_returns_keep_none)
{
	const struct outcome *outcome = in_process(late_threads_reduce, wait_run, 3);

	cr_expect_eq(outcome->n_before, 4, "%u", outcome->n_before);
	cr_expect_eq(outcome->rc, 0, "%s", outcome->fault.message);
	cr_expect_eq(outcome->n_after, 1, "only the control thread: %u", outcome->n_after);
}
