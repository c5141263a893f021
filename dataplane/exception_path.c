/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's end of the exception path. The thread sleeps in poll(2) on the TAPs; workers do not
 * wake it, as that is a system call: it looks into their rings every millisecond. It runs on the
 * CPU of the control thread, which starts it.
 */
#include "exception_path.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <rte_lcore.h>
#include <rte_malloc.h>

#include "dp_private.h"
#include "memory.h"
#include "ring.h"

#define EXCEPTION_BURST 32 /* frames of one ring, or TAP, at a time */
#define LOOK_MS 1

/* The first worker that polls the port. */
static struct lcore *
exception_worker(const struct dp *dp, unsigned port)
{
	unsigned w = dp->n_workers;

	while (w-- > 1) {
		if (worker_polls(dp->workers[w], (uint16_t)port))
			break;
	}
	return dp->workers[w];
}

static void
frame_write(struct exception *exception, struct rte_mbuf *m)
{
	if (write(exception->fd, rte_pktmbuf_mtod(m, const void *), m->data_len) < 0)
		count_add(&exception->refused, 1);
	rte_pktmbuf_free(m);
}

/* Whether a ring may hold more. */
static bool
class_write(struct dp *dp, enum dp_exception class)
{
	bool more = false;

	for (unsigned w = 0; w < dp->n_workers; w++) {
		void *frames[EXCEPTION_BURST];
		const unsigned n =
			ring_take(dp->workers[w]->exception_rings[class], frames, EXCEPTION_BURST);

		for (unsigned i = 0; i < n; i++) {
			struct rte_mbuf *m = frames[i];

			frame_write(dp->exceptions[m->port], m);
		}
		more = more || n == EXCEPTION_BURST;
	}
	return more;
}

/* Read one frame. false: there is none, or no buffer; then the kernel's queue holds it. */
static bool
frame_read(struct exception *exception, uint16_t port)
{
	struct lcore *lc = exception->worker;
	struct rte_mbuf *m = rte_pktmbuf_alloc(lc->packet_pool);
	ssize_t bytes;

	if (m == NULL)
		return false;
	bytes = read(exception->fd, rte_pktmbuf_mtod(m, void *), rte_pktmbuf_tailroom(m));
	if (bytes < 0) {
		rte_pktmbuf_free(m);
		return false;
	}
	m->port = port;
	m->data_len = (uint16_t)bytes;
	m->pkt_len = (uint32_t)bytes;
	if (bytes < RTE_ETHER_HDR_LEN || bytes > (ssize_t)exception->frame_bytes_max ||
		rte_ring_sp_enqueue(lc->kernel_ring, m) != 0) {
		count_add(&exception->lost, 1);
		rte_pktmbuf_free(m);
	}
	return true;
}

bool
exceptions_turn(struct dp *dp)
{
	bool more = false;

	for (unsigned class = 0; class < DP_EXCEPTION_COUNT; class ++)
		more = class_write(dp, (enum dp_exception) class) || more;
	for (uint16_t p = 0; p < dp->n_ports; p++) {
		unsigned n = 0;

		if (dp->exceptions[p] == NULL)
			continue;
		while (n < EXCEPTION_BURST && frame_read(dp->exceptions[p], p))
			n++;
		more = more || n == EXCEPTION_BURST;
	}
	return more;
}

/*
 * Until the kernel sends something, or it is time to look into the rings. A TAP that is deleted is
 * always ready, with an error: it is left out the next time, or this would not sleep.
 */
static void
turn_await(struct dp *dp, bool has_failed[DP_PORTS_MAX])
{
	struct pollfd fds[DP_PORTS_MAX];

	for (unsigned p = 0; p < dp->n_ports; p++) {
		const struct exception *exception = dp->exceptions[p];

		fds[p] = (struct pollfd){
			.fd = exception == NULL || has_failed[p] ? -1 : exception->fd,
			.events = POLLIN,
		};
	}
	if (poll(fds, dp->n_ports, LOOK_MS) < 0)
		return;
	for (unsigned p = 0; p < dp->n_ports; p++)
		has_failed[p] = (fds[p].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

static void *
exceptions_run(void *arg)
{
	bool has_failed[DP_PORTS_MAX] = {false};
	struct dp *dp = arg;
	/* With an lcore id it has a cache of buffers; without one it works, too. */
	const bool is_registered = rte_thread_register() == 0;

	while (!__atomic_load_n(&dp->exception_thread.stop, __ATOMIC_RELAXED)) {
		if (!exceptions_turn(dp))
			turn_await(dp, has_failed);
	}
	if (is_registered)
		rte_thread_unregister();
	return NULL;
}

static struct exception *
exception_create(const struct dp *dp, unsigned port)
{
	static const unsigned defaults[DP_EXCEPTION_COUNT] = {
#define EXCEPTION_RATE(name, pps, help) [DP_EXCEPTION_##name] = pps,
		DP_EXCEPTIONS(EXCEPTION_RATE)};
	struct exception *exception =
		memory_zalloc(1, sizeof(*exception), RTE_MAX(dp->ports[port].socket, 0));

	if (exception == NULL)
		return NULL;
	for (unsigned class = 0; class < DP_EXCEPTION_COUNT; class ++) {
		const unsigned rate = dp->config.exception_rate[class];

		packet_police_init(&exception->police[class], rate != 0 ? rate : defaults[class]);
	}
	exception->fd = -1;
	exception->worker = exception_worker(dp, port);
	exception->frame_bytes_max = dp->ports[port].mtu + (uint32_t)EXCEPTION_LINK_BYTES;
	return exception;
}

int
exceptions_create(struct dp *dp)
{
	for (unsigned p = 0; p < dp->n_ports; p++) {
		if (!dp->ports[p].config.kernel_path)
			continue;
		dp->exceptions[p] = exception_create(dp, p);
		if (dp->exceptions[p] == NULL)
			return -ENOMEM;
	}
	return 0;
}

void
exceptions_destroy(struct dp *dp)
{
	for (unsigned p = 0; p < dp->n_ports; p++) {
		if (dp->exceptions[p] != NULL && dp->exceptions[p]->fd >= 0)
			close(dp->exceptions[p]->fd);
		rte_free(dp->exceptions[p]);
		dp->exceptions[p] = NULL;
	}
}

int
exceptions_start(struct dp *dp)
{
	sigset_t all, before;
	bool wanted = false;
	int ret;

	for (unsigned p = 0; p < dp->n_ports; p++)
		wanted = wanted || dp->exceptions[p] != NULL;
	if (!wanted)
		return 0;
	/* Signals are the control thread's, but for those of real time: by one of them control has
	 * a thread drop its capabilities. */
	sigfillset(&all);
	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		sigdelset(&all, s);
	dp->exception_thread.stop = false;
	pthread_sigmask(SIG_BLOCK, &all, &before);
	ret = pthread_create(&dp->exception_thread.id, NULL, exceptions_run, dp);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	dp->exception_thread.runs = ret == 0;
	if (ret == 0)
		pthread_setname_np(dp->exception_thread.id, "exception");
	return -ret;
}

void
exceptions_stop(struct dp *dp)
{
	if (!dp->exception_thread.runs)
		return;
	__atomic_store_n(&dp->exception_thread.stop, true, __ATOMIC_RELAXED);
	pthread_join(dp->exception_thread.id, NULL);
	dp->exception_thread.runs = false;
}

int
dp_kernel_path_set(struct dp *dp, unsigned port, int fd, unsigned ifindex)
{
	struct dp_port_info info;
	struct exception *exception;
	int own;

	if (port >= dp->n_ports || dp->exceptions[port] == NULL)
		return -EINVAL;
	port_info(&dp->ports[port], &info);
	if (info.ifindex != 0 && !info.kernel_path)
		return -EINVAL;
	exception = dp->exceptions[port];
	own = exception->fd < 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0)
				: dup3(fd, exception->fd, O_CLOEXEC);
	if (own < 0)
		return -errno;
	exception->fd = own;
	dp->ports[port].kernel_ifindex = ifindex;
	return 0;
}
