/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The CPU's trap flag makes it raise an exception after each instruction, which Linux delivers as
 * SIGTRAP to the thread. The handler counts, and lets the next instruction run: at the real CPU, so
 * at any of its levels, and without a debugger, whose two changes of context an instruction a busy
 * machine makes a hundred times slower.
 */
#include "steps.h"

#include <errno.h>

#if defined(__x86_64__)
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>

#define TRAP_FLAG 0x100
#define POLL_US 1000

/* One count at a time; the worker's from the signal on that starts it until `done`. */
static struct {
	const struct loop_rig *rig;
	uint64_t wanted;
	greg_t rx_function; /* of the driver */
	greg_t rx_queue;
	greg_t rx_packets; /* where a pass puts its first packet; 0 = not met yet */
	uint64_t instructions;
	uint64_t sent_before, sent_after;
	bool done;
} count;

static pthread_t worker;

/*
 * The worker is about to ask for a burst, the same of those of a pass each time: between two such
 * moments it has sent as many packets as it has received.
 */
static bool
is_boundary(const greg_t *registers)
{
	if (registers[REG_RIP] != count.rx_function || registers[REG_RDI] != count.rx_queue)
		return false;
	if (count.rx_packets == 0)
		count.rx_packets = registers[REG_RSI];
	return registers[REG_RSI] == count.rx_packets;
}

static void
on_trap(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number;
	(void)info;
	registers[REG_EFL] |= TRAP_FLAG;
	if (count.rx_packets != 0 && !count.rig->sinks[0].is_freeing)
		count.instructions++;
	if (!is_boundary(registers))
		return;
	if (count.instructions == 0) {
		count.sent_before = loop_rig_sent(count.rig);
	} else if (count.instructions >= count.wanted) {
		count.sent_after = loop_rig_sent(count.rig);
		registers[REG_EFL] &= ~TRAP_FLAG;
		__atomic_store_n(&count.done, true, __ATOMIC_RELEASE);
	}
}

static int
worker_note(void *arg)
{
	(void)arg;
	worker = pthread_self();
	return 0;
}

int
loop_steps_init(void)
{
	const struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	int ret = rte_eal_remote_launch(worker_note, NULL, 1);

	if (ret < 0)
		return ret;
	rte_eal_wait_lcore(1);
	return sigaction(SIGTRAP, &action, NULL) < 0 ? -errno : 0;
}

struct loop_steps
loop_steps_count(const struct loop_rig *rig, uint64_t instructions)
{
	const struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[loop_rig_ethdev()];

	count.rig = rig;
	count.wanted = instructions;
	count.rx_function = (greg_t)ops->rx_pkt_burst;
	count.rx_queue = (greg_t)ops->rxq.data[0];
	count.rx_packets = 0;
	count.instructions = 0;
	count.done = false;
	pthread_kill(worker, SIGTRAP);
	while (!__atomic_load_n(&count.done, __ATOMIC_ACQUIRE))
		rte_delay_us_sleep(POLL_US);
	return (struct loop_steps){count.instructions, count.sent_after - count.sent_before};
}

#else

int
loop_steps_init(void)
{
	return 0;
}

struct loop_steps
loop_steps_count(const struct loop_rig *rig, uint64_t instructions)
{
	(void)rig;
	(void)instructions;
	return (struct loop_steps){0, 0};
}
#endif
