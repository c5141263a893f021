/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The public API: all that control, tests and benches may ask of the data plane.
 *
 * One process holds one data plane. Every function here is called from one thread, the control
 * thread (the EAL main lcore), unless its comment says otherwise. Workers never wait for it and
 * it never waits for them without a bound. Functions return 0 or a negative errno.
 *
 *	dp_eal_init -> dp_create -> dp_start -> transactions, counters -> dp_stop -> dp_destroy
 *	            -> dp_eal_fini
 */
#ifndef DP_DP_H
#define DP_DP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dp/flow.h>
#include <dp/stats.h>

#define DP_NAME_MAX 32
#define DP_DEVARGS_MAX 256
#define DP_BOND_MEMBERS_MAX 8
#define DP_DEVICE_MAX 64 /* the name of a device, devargs up to the first comma */
#define DP_PUNT_RING_DEFAULT 1024
#define DP_PUNT_RATE_DEFAULT 10000
#define DP_INJECT_RATE_DEFAULT 1000
#define DP_EXCEPTION_RING_DEFAULT 512

struct dp;
struct dp_txn;

/* What the EAL needs to know. Strings are borrowed for the call only. */
struct dp_eal_config {
	const char *program; /* argv[0] of log lines */
	const char *file_prefix; /* hugepage file prefix, unique to a process on the host */
	unsigned control_core; /* CPU of the control thread */
	unsigned n_workers; /* 1..DP_WORKERS_MAX */
	unsigned worker_cores[DP_WORKERS_MAX]; /* CPU ids, one a worker, none twice */
	unsigned memory_mb; /* memory to take at start; 0 = as it is needed */
	bool no_huge; /* ordinary pages, nothing shared, no root needed: for tests */
	const char *log_level; /* EAL log level name, NULL for "notice" */
	unsigned n_pci; /* PCI devices that may be probed; none = PCI is not scanned */
	const char *const *pci; /* their devargs: an address, and arguments of the driver */
};

/*
 * Sets of a port's settings: X(name, bit). In what is asked for, an empty set stands for the data
 * plane's default, and DP_SET_NONE for none.
 */
#define DP_SET_NONE (UINT32_C(1) << 31)

/* By which headers a NIC spreads packets over receive queues. Default: all of these. */
#define DP_RSS_TYPES(X) X(ipv4, 0) X(ipv6, 1) X(ipv4_udp, 2) X(ipv6_udp, 3)

/*
 * What the driver may do when it sends. Default: multi_segs, frames of several segments: copies
 * share their payload. mbuf_fast_free, sent buffers go back to their pool unread: only enabled if
 * there are no legs, as no buffer is in two frames then, and all ports receive into one pool.
 */
#define DP_TX_OFFLOADS(X) X(multi_segs, 0) X(mbuf_fast_free, 1)

/*
 * Where a driver is not as it says. Default: none.
 * takes_chains: it sends frames of several segments, and does not advertise it.
 * registers_pool: it registers the receive pool with the kernel, as one piece of memory. Always in
 *	effect for net_af_xdp.
 * interface_mtu: it does not report the MTU of its interface; for control, which can ask for that.
 * queue_pairs: the device may put packets into a receive queue for each transmit queue, so there
 *	are as many. Always in effect for net_virtio and net_virtio_user.
 */
#define DP_QUIRKS(X) X(takes_chains, 0) X(registers_pool, 1) X(interface_mtu, 2) X(queue_pairs, 3)

#define DP_RSS_ENUM(name, bit) DP_RSS_##name = 1 << (bit),
enum dp_rss { DP_RSS_TYPES(DP_RSS_ENUM) };
#undef DP_RSS_ENUM

#define DP_TX_ENUM(name, bit) DP_TX_##name = 1 << (bit),
enum dp_tx { DP_TX_OFFLOADS(DP_TX_ENUM) };
#undef DP_TX_ENUM

#define DP_QUIRK_ENUM(name, bit) DP_QUIRK_##name = 1 << (bit),
enum dp_quirk { DP_QUIRKS(DP_QUIRK_ENUM) };
#undef DP_QUIRK_ENUM

#define DP_RSS_KEY_MAX 64 /* bytes */

/*
 * How a port uses its device: what is asked for, 0 of each being the data plane's default; or what
 * is in effect, which is what the device can do of it.
 */
struct dp_port_settings {
	unsigned rx_descriptors; /* a queue */
	unsigned tx_descriptors;
	unsigned burst; /* packets of one receive call, at most DP_BURST_MAX */
	uint32_t rss_types; /* set of DP_RSS_*; in effect empty with one receive queue */
	uint32_t tx_offloads; /* set of DP_TX_* */
	uint32_t quirks; /* set of DP_QUIRK_* */
	/*
	 * Key of the hash. What is asked for is repeated to the length of the device's key: one
	 * whose 2 bytes repeat gives both directions of a flow the same queue. 0 bytes: the
	 * driver's own key.
	 */
	unsigned rss_key_bytes;
	uint8_t rss_key[DP_RSS_KEY_MAX];
};

struct dp_port_config {
	char name[DP_NAME_MAX]; /* what flows call the port */
	char devargs[DP_DEVARGS_MAX]; /* PCI address or vdev with its arguments */
	/*
	 * Devargs of the devices that the port is a bond of, whose own devargs name net_bonding and
	 * its mode. Borrowed until dp_destroy(). 0 of them: the port is no bond.
	 */
	unsigned n_members;
	const char *members[DP_BOND_MEMBERS_MAX];
	unsigned rx_queues; /* 0 = one a worker, as far as the device has them */
	unsigned mtu; /* bytes of IP; 0 = as the device has it; cut to what the device takes */
	bool punt_unmatched; /* what no flow matches is punted, not dropped */
	bool kernel_path; /* what no flow claims is given to the kernel, see dp_kernel_path_set() */
	bool kernel_driver; /* the driver works through the kernel's, which is to keep the device */
	struct dp_port_settings settings; /* asked for */
};

struct dp_config {
	unsigned n_ports; /* 1..DP_PORTS_MAX */
	const struct dp_port_config *ports; /* borrowed for the call of dp_create() only */
	unsigned max_flows_ipv4; /* 0 = no table of that family */
	unsigned max_flows_ipv6;
	unsigned max_legs; /* legs besides the only ones of plain flows; 0 = none */
	unsigned punt_ring; /* frames a worker may hold for control; 0 = DP_PUNT_RING_DEFAULT */
	unsigned punt_rate; /* frames a second and worker; 0 = DP_PUNT_RATE_DEFAULT */
	unsigned inject_rate; /* frames a second that control may send; 0 = the default */
	/* Frames a second and port that may go to the kernel, by class; 0 = as DP_EXCEPTIONS. */
	unsigned exception_rate[DP_EXCEPTION_COUNT];
	/* Frames of a class a worker may hold for the kernel; 0 = DP_EXCEPTION_RING_DEFAULT. */
	unsigned exception_ring;
	unsigned packet_buffers; /* mbufs a NUMA socket; 0 = derived from ports and queues */
	/*
	 * "v2", "v4" or "neon"; NULL or "auto": each worker takes the best that its CPU runs when
	 * it starts. Borrowed until dp_destroy().
	 */
	const char *cpu_level;
	/* Called from the control thread with one line a message. */
	void (*warn)(void *arg, const char *message);
	void *warn_arg;
};

struct dp_port_info {
	char name[DP_NAME_MAX];
	char devargs[DP_DEVARGS_MAX];
	char driver[DP_NAME_MAX];
	uint8_t mac[6]; /* as the kernel has it now, where there is an interface */
	uint16_t mtu; /* longest IP datagram that fits, in bytes */
	int socket; /* NUMA node, -1 unknown */
	unsigned ifindex; /* kernel interface behind the port, 0 = none */
	unsigned rx_queues;
	bool link_up;
	uint32_t link_mbps; /* 0 = unknown */
	bool shares_payload; /* replicas leave by reference; false: the driver needs one buffer */
	bool unplugged; /* the device is taken away; the other fields are as they were */
	bool kernel_path; /* the interface is the TAP of dp_kernel_path_set() */
	struct dp_port_settings settings; /* in effect */
};

/* A device of a bond. */
struct dp_bond_member {
	char device[DP_DEVICE_MAX];
	unsigned ifindex; /* its kernel interface, by net_af_xdp; 0 = it has none */
	bool link_up;
	bool active; /* what the port sends may leave by it */
	/* IEEE 802.1AX: the rest is void without. States are as in its 6.4.2.3, Actor_State. */
	bool has_lacp;
	uint8_t lacp_actor_state;
	uint8_t lacp_partner_state;
	uint8_t lacp_partner[6]; /* the partner's system; all 0: none has been heard */
	uint64_t rx_packets; /* of the driver, LACPDUs too */
	uint64_t tx_packets;
};

struct dp_worker_info {
	unsigned core;
	int socket;
	unsigned rx_queues; /* queues that it polls */
	const char *cpu_level; /* that it runs, or before dp_start() would; static storage */
};

static_assert(sizeof(struct dp_eal_config) == 184, "public API: EAL");
static_assert(sizeof(struct dp_port_settings) == 92, "public API: settings of a port");
static_assert(sizeof(struct dp_port_config) == 464, "public API: port to be");
static_assert(sizeof(struct dp_config) == 88, "public API: data plane to be");
static_assert(sizeof(struct dp_port_info) == 444, "public API: port");
static_assert(sizeof(struct dp_bond_member) == 96, "public API: member of a bond");
static_assert(sizeof(struct dp_worker_info) == 24, "public API: worker");

/*
 * Bring the EAL up on the named cores and take the calling thread as control thread. Once in a
 * process. On failure *error (caller's buffer) says which setting is at fault.
 */
int dp_eal_init(const struct dp_eal_config *config, char *error, size_t error_size);

/* Release hugepages and the files of the EAL. Call after dp_destroy(). */
void dp_eal_fini(void);

/* Version text of the DPDK that runs. Static storage. Any thread. */
const char *dp_dpdk_version(void);

/*
 * Name of the driver that has taken a device, by its devargs. 0, or -ENODEV: none has. The EAL
 * probes PCI devices; a virtual device is made by dp_create(), unless some caller made it before.
 */
int dp_device_driver(const char *devargs, char driver[DP_NAME_MAX]);

/*
 * Probe and configure ports, allocate pools and tables on the NUMA socket of the ports. A device
 * that some caller has probed before under the name in devargs is adopted as it is.
 * Returns NULL and fills error on failure; nothing stays allocated then.
 */
struct dp *dp_create(const struct dp_config *config, char *error, size_t error_size);

/*
 * Start ports and launch the workers. Each worker's CPU chooses its level of instructions before;
 * where one does not run the level that dp_config names, nothing is started, and *error says why.
 */
int dp_start(struct dp *dp, char *error, size_t error_size);

/*
 * Stop: workers finish the burst they hold, then ports are stopped. Counters stay readable and the
 * conservation law holds exactly once this returns.
 */
void dp_stop(struct dp *dp);

/* Close ports and free everything. Flows still installed are freed too. */
void dp_destroy(struct dp *dp);

/* Ports and workers, by index; -ENOENT past the last. */
unsigned dp_port_count(const struct dp *dp);
int dp_port_info_get(const struct dp *dp, unsigned port, struct dp_port_info *info);
/* Members of a bond, by index; -ENOENT past the last, and of a port that is no bond. */
int dp_bond_member_get(
	const struct dp *dp, unsigned port, unsigned member, struct dp_bond_member *info);
/*
 * Tell the link of a member that has a kernel interface, as its driver does not follow it. When it
 * is lost, all workers stand still until the bond sends by the others, some 2 ms. 0, or a negative
 * errno, reported once: -EAGAIN soon after a failure. Control thread.
 */
int dp_bond_member_link_set(struct dp *dp, unsigned port, unsigned member, bool up);
unsigned dp_worker_count(const struct dp *dp);
int dp_worker_info_get(const struct dp *dp, unsigned worker, struct dp_worker_info *info);

/*
 * Set whether a port has a link, which the control thread polls: copies to a port that is down are
 * dropped as port_down. At any time; a worker sees it with its next burst. Ports are up at first.
 * -ENOENT: no such port.
 */
int dp_port_down_set(struct dp *dp, unsigned port, bool down);

/*
 * Follow devices of ports that are unplugged and come back; to be called every some 10 ms. A device
 * that the kernel is about to take away (PCI, on vfio-pci) is closed, so that the kernel can; its
 * port stays, without a link. When a device is at that address again, and vfio-pci has it, it is
 * opened as at first. What fails is reported by warn once, and tried again, after a pause of 20
 * calls, then 40, and so on to 1200. For each of both, workers stop polling all ports until all
 * have stopped, which takes as long as the slowest one's round: usually well below a millisecond,
 * and 100 ms at most. Where one takes longer, all go on, and nothing is changed until the next try.
 * Devices are opened and closed while the workers run, but the calling thread waits: for seconds,
 * with some drivers.
 */
void dp_ports_follow(struct dp *dp);

/* Whether dp_ports_follow() would open or close a device now. */
bool dp_ports_due(const struct dp *dp);

/* As set last; false for a port that does not exist. */
bool dp_port_is_down(const struct dp *dp, unsigned port);

/*
 * Write next hop `index`, at any time, while legs use it: a worker sees the old or the new one,
 * whole on x86-64. On aarch64 a packet that is sent at this moment may have the first 8 bytes of
 * the new one (destination MAC, part of the source MAC) and the others of the old one. -EINVAL:
 * index or port out of range, or an MTU above the port's.
 */
int dp_next_hop_set(struct dp *dp, unsigned index, const struct dp_next_hop *next_hop);

/*
 * A transaction gathers additions, replacements and removals and makes them visible at commit. One
 * may be open at a time; before commit no worker sees anything of it. Each packet meets a flow as
 * it was before or as it is after, never a mixture; and what a worker polls in one round meets all
 * flows of the transaction as they were before, or all as they are after: it is one store of one
 * word by which a commit comes to be, whatever the number of flows. A flow that is replaced, or
 * removed and added again in the same transaction, is found at every moment.
 *
 * dp_txn_add: *handle names the flow from then on (valid after commit until it is removed).
 *	-EEXIST key is installed already (and not removed in this transaction), -ENOSPC table full
 *	(flows, legs, rules), -ENOMEM no memory, -EINVAL a field is out of range. The transaction
 *	stays usable. What the transaction removes makes room for what it adds. Both stand until the
 *	commit is over, for which tables have a reserve (docs/validation.md): -ENOSPC too, where a
 *	transaction exchanges more in a full table.
 * dp_txn_replace: `flow` takes the place of `handle`, which is not valid any more after commit;
 *	*new_handle is. Both have the same key or are both rules. Counters of the flow go on, and so
 *	do what it has learned (latch) and its policer's bucket where it still has these. from[i],
 *	for each leg i of flow->legs, is the leg of the old flow that it carries on (its counters
 *	and its bucket), or DP_LEG_NEW. With DP_LEG_SAME it is as that leg is, down or not, and
 *	costs next to nothing; what it knows of a learned source is, too, whatever `known` says. If
 *	the streams select what they selected before they count
 *	on, and so does a leg of a stream that is the same as before, down or not, at the same
 *	place, or differs in what is known of its learned source. Other legs of streams begin at 0;
 *	the bucket of one at the same place goes on where rate and burst are the same. Errors as of
 *	dp_txn_add, and -ENOENT for a handle that is not installed, or is replaced or removed
 *	already.
 * dp_txn_remove: the handle must be installed and not yet removed or replaced; -ENOENT otherwise.
 * dp_txn_on_removed: called during commit for each removed flow with its final counters (exact, as
 *	no worker can count any more), and for each replaced one under its old handle: the flow's
 *	counters so far, and those of all legs that it had, final for those that no leg of the new
 *	version carries on.
 * dp_txn_flow_count, dp_txn_rule_count, dp_txn_leg_count: flows of a family, those of them that are
 *	matched by rule, and legs in the leg table, as they would be once what is in the transaction
 *	so far is committed.
 * dp_txn_prepare: do all of the commit that may fail: compile rules, take memory. 0, or -ENOMEM, or
 *	-ENOSPC: new versions have more legs than the leg table is to hold. The transaction is as it
 *	was then. After it nothing can be put into the transaction (-EINVAL); it can be committed,
 *	which will not fail, or aborted.
 * dp_txn_commit_step: a part of the commit, as much as visits about max_flows flows; it waits for
 *	nothing. -EAGAIN: there is more to do, or to be looked at again: call it soon. Handles keep
 *	their meaning, and their counters, until it returns anything else; that is as of
 *	dp_txn_commit().
 * dp_txn_commit: prepare, and all steps. Frees the transaction. 0, or
 *	-ETIMEDOUT: all is visible, but a worker did not pass a quiescent state within a second.
 *	It is named through warn, and may have met a mixture in the round that it hangs in; what
 *	was removed is freed later, and its last counters may be short.
 *	-ENOMEM, -ENOSPC: as of dp_txn_prepare(), and the transaction is aborted.
 * dp_txn_abort_step: a part of the abort, of max_flows flows. -EAGAIN: there is more to do, and
 *	nothing else may be done with the transaction; 0: as dp_txn_abort() leaves it.
 * dp_txn_abort: forget all of it. Frees the transaction. One whose commit has begun is finished
 *	instead.
 *
 * Entries of removed flows are freed a few thousand at a time, by the calls that follow, and all at
 * once when the table is nearly full.
 */
struct dp_txn *dp_txn_begin(struct dp *dp);
int dp_txn_add(struct dp_txn *txn, const struct dp_flow *flow, uint32_t *handle);
int dp_txn_replace(struct dp_txn *txn, uint32_t handle, const struct dp_flow *flow,
	const uint16_t *from, uint32_t *new_handle);
int dp_txn_remove(struct dp_txn *txn, uint32_t handle);
typedef void (*dp_removed_fn)(void *arg, uint32_t handle, const struct dp_flow_stats *flow,
	const struct dp_leg_stats *legs, unsigned n_legs);
void dp_txn_on_removed(struct dp_txn *txn, dp_removed_fn fn, void *arg);
unsigned dp_txn_flow_count(const struct dp_txn *txn, enum dp_family family);
unsigned dp_txn_rule_count(const struct dp_txn *txn, enum dp_family family);
unsigned dp_txn_leg_count(const struct dp_txn *txn);
int dp_txn_prepare(struct dp_txn *txn);
int dp_txn_commit(struct dp_txn *txn);
int dp_txn_commit_step(struct dp_txn *txn, unsigned max_flows);
int dp_txn_abort_step(struct dp_txn *txn, unsigned max_flows);
void dp_txn_abort(struct dp_txn *txn);

/* Flows installed, and room for, by family. */
unsigned dp_flow_count(const struct dp *dp, enum dp_family family);
unsigned dp_flow_capacity(const struct dp *dp, enum dp_family family);

/* Legs that a flow takes in the leg table: none for the only one of most flows that have one. */
unsigned dp_flow_legs(const struct dp_flow *flow);

/* Legs in the leg table, those of an open transaction counted as it would leave them; room for. */
unsigned dp_leg_count(const struct dp *dp);
unsigned dp_leg_capacity(const struct dp *dp);

/*
 * What packet buffers are counted by, unless dp_config.packet_buffers says how many there are: for
 * each receive queue its descriptors and DP_QUEUE_PACKETS, for each transmit queue its descriptors,
 * and DP_WORKER_PACKETS for each worker. A buffer has room for a frame of the largest MTU of all
 * ports and DP_FRAME_OVERHEAD_BYTES, or of DP_FRAME_BYTES_MIN. Besides it are the headers of the
 * buffer in each pool.
 */
#define DP_DESCRIPTORS_DEFAULT 1024
#define DP_QUEUE_PACKETS 4096 /* that drivers keep besides: net_af_xdp, in a fill ring */
#define DP_WORKER_PACKETS 1024
#define DP_FRAME_BYTES_MIN 2048
#define DP_FRAME_OVERHEAD_BYTES 282 /* MAC addresses, two VLAN tags, CRC, XDP's headroom of 256 */

#define DP_TLB_ENTRIES 1024 /* the second level of a TLB has as many or more on most servers */

/*
 * Memory of a table that workers read for each packet: the buckets and entries of a family's flows,
 * or the legs. An entry of the TLB reaches one page, so `pages` of them reach all of it.
 */
struct dp_memory {
	uint64_t bytes;
	uint64_t page_bytes; /* size of the pages that it lies on */
	uint64_t pages; /* how many these are */
	int socket; /* NUMA node, -1 unknown */
	bool hugepages; /* these are larger than ordinary pages */
	uint8_t tlb_percent; /* of its pages that DP_TLB_ENTRIES entries reach, at most 100 */
};
static_assert(sizeof(struct dp_memory) == 32, "public API: memory of a table");
struct dp_memory dp_flow_memory(const struct dp *dp, enum dp_family family);
struct dp_memory dp_leg_memory(const struct dp *dp);

/*
 * Counters; reading them costs the workers nothing. `legs` has room for n_legs, which must be the
 * flow's number of legs, down ones too; NULL and 0: the flow's counters only. -ENOENT: no such
 * port, queue, worker or handle.
 */
int dp_port_stats_get(const struct dp *dp, unsigned port, struct dp_port_stats *stats);
int dp_queue_stats_get(
	const struct dp *dp, unsigned port, unsigned queue, struct dp_queue_stats *stats);
int dp_worker_stats_get(const struct dp *dp, unsigned worker, struct dp_worker_stats *stats);
int dp_flow_stats_get(const struct dp *dp, uint32_t handle, struct dp_flow_stats *flow,
	struct dp_leg_stats *legs, unsigned n_legs);

/* Counters of stream `stream` of a flow and of its legs; as dp_flow_stats_get(). */
int dp_stream_stats_get(const struct dp *dp, uint32_t handle, unsigned stream,
	struct dp_stream_stats *stats, struct dp_leg_stats *legs, unsigned n_legs);

/* The source that a flow has latched to; -ENOENT: no such handle, or a flow that does not latch. */
int dp_flow_latched_get(const struct dp *dp, uint32_t handle, struct dp_latched *latched);

/*
 * The same for the latch of a cookie, whether a flow latches or a leg refers to it; one that no
 * flow has had yet has learned nothing. An open transaction counts as if it were committed.
 * -ENOENT: there is no such latch.
 */
int dp_latch_get(const struct dp *dp, uint64_t cookie, struct dp_latched *latched);

/* What a flow's sources do; -ENOENT: no such handle, or a flow that has none to choose from. */
int dp_flow_sources_get(const struct dp *dp, uint32_t handle, struct dp_sources *sources);

/*
 * Open the latch of a flow: it learns the next source that it is allowed to. *forgotten is what it
 * had learned, not valid when nothing; its moves go on counting. Legs that send to what it has
 * learned go on to their signalled destination. -ENOENT as above. Workers go on meanwhile: a packet
 * is judged by the latch as it was before or after.
 */
int dp_flow_forget(struct dp *dp, uint32_t handle, struct dp_latched *forgotten);

/*
 * Call fn with the latch_cookie of flows whose learned or active source has changed since it was
 * read, `max` of them at most, oldest of each worker first. Returns how many. fn, or its caller
 * afterwards, is to read the source of each: the flow is not named again before. A flow may have
 * gone meanwhile. *lost is set when workers had no room to name some: the sources of all flows that
 * latch are to be read then.
 */
typedef void (*dp_latch_moved_fn)(void *arg, uint64_t cookie);
unsigned dp_latch_poll(struct dp *dp, unsigned max, dp_latch_moved_fn fn, void *arg, bool *lost);

/* A packet that a worker has handed to control. */
struct dp_punted {
	const uint8_t *frame; /* from the Ethernet header on; borrowed for the call */
	uint32_t frame_bytes;
	uint16_t port; /* index of the ingress port */
	uint16_t worker;
	uint32_t handle; /* of the flow, or DP_HANDLE_NONE: the port's default */
};
static_assert(sizeof(struct dp_punted) == 24, "public API: punted packet");

/*
 * Take at most `max` punted packets off the rings, oldest of each worker first, and hand each to
 * fn. Returns how many. A flow may have gone meanwhile: its handle is then stale.
 */
typedef void (*dp_punted_fn)(void *arg, const struct dp_punted *punted);
unsigned dp_punt_poll(struct dp *dp, unsigned max, dp_punted_fn fn, void *arg);

/*
 * Send a frame, from the Ethernet header on and without FCS, by a port: it is copied and put into
 * the ring of the first worker that polls the port, whose index *worker becomes. The worker takes
 * it within 64 rounds, counts it as injected on that port, and gives it to the device as it is. No
 * flow, leg or policer sees it.
 *
 * -EINVAL: no such port, or a frame shorter than an Ethernet header; -EMSGSIZE: longer than the
 * port's MTU and a link layer with two VLAN tags; -ENETDOWN: the port has no link; -EDQUOT: over
 * the inject_rate of dp_config, whose burst is an eighth of a second; -ENOBUFS: the ring is full;
 * -ENOMEM: no packet buffer is left. Nothing is sent or counted then.
 */
int dp_inject(
	struct dp *dp, unsigned port, const uint8_t *frame, uint32_t frame_bytes, unsigned *worker);

/*
 * The path of a port to the kernel, if its config has kernel_path: `fd` is a TAP, without a packet
 * information header and non-blocking, and `ifindex` its interface, which becomes that of the port.
 * What no flow claims (docs/dataplane.md) is written to it, and what is read from it leaves by the
 * port, both by a thread of the data plane that runs from dp_start() to dp_stop(). The descriptor
 * is duplicated, and stays the caller's. A second call replaces the TAP of the first, also while
 * the data plane runs. -EINVAL: no such port, it has no path, or the device has an interface of its
 * own; or the negative errno of dup(2).
 */
int dp_kernel_path_set(struct dp *dp, unsigned port, int fd, unsigned ifindex);

#endif
