/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which UDP a port takes from its kernel interface. A port of DPDK's AF_XDP driver has the
 * steering program (drivers-conf/af_xdp/steer.bpf.c) attached; here its maps are filled.
 *
 * All functions belong to the control thread, need CAP_NET_ADMIN and CAP_BPF (root has both) and
 * act in the network namespace of the caller.
 */
#ifndef CTRL_NET_XDP_STEER_H
#define CTRL_NET_XDP_STEER_H

#include <stdbool.h>
#include <stddef.h>

#include "af_xdp/steer_layout.h" /* struct steer_key, struct steer_range */

struct steer; /* the steering of one port */

/*
 * Make the interface free for the driver, before it is probed: detach the steering program that a
 * crashed run of ours left. Returns 0 when no XDP program is attached any more. -EBUSY: another
 * program is there, or a process that is alive steers with ours; it is left alone. Other
 * negative errno: there is no such interface, or the kernel refused. On failure *error holds one
 * sentence for people.
 */
int steer_clean(const char *iface, char *error, size_t error_size);

/*
 * Find the steering program and its maps behind the interface, after the driver set up the port's
 * rx queues, and mark it as this process's. On success *steer is the caller's to close; on failure
 * it is NULL. -ENOENT: no XDP program is attached; -EBUSY: it is not ours, or of another process
 * that is alive; -EPROTO: ours, of another version, with other maps.
 */
int steer_open(unsigned ifindex, struct steer **steer);

/*
 * Frames to the interface's MAC address are steered: read it again, after a change. steer_open()
 * does so, too. 0 or a negative errno.
 */
int steer_follow_mac(struct steer *steer);

/*
 * Whether the interface still has the steering program, after a change. 0: it has; 1: it was
 * detached, and is attached again; -EBUSY: another program is there; other negative errno:
 * the kernel refused.
 */
int steer_follow_program(struct steer *steer);

/*
 * Frames to these MAC addresses, each in its VLANs, are steered, too, in place of those of the last
 * call. 0 or a negative errno: -E2BIG: there are more than STEER_MACS_MAX, and some are left out.
 */
int steer_set_vlan_macs(struct steer *steer, const struct steer_mac *macs, unsigned n);

/*
 * Steer one more, one less flow by this key, when its packets come from `source`; NULL = any.
 * Counted: n additions need n deletions, with the same source. -ENOSPC: all STEER_KEYS_MAX keys are
 * in use; without room for the source, packets of any source are steered. -ENOENT: the key was not
 * added. The kernel acts on it at once.
 */
int steer_add(struct steer *steer, const struct steer_key *key, const struct steer_end *source);
int steer_del(struct steer *steer, const struct steer_key *key, const struct steer_end *source);

/*
 * A flow that was added for any source takes packets of this one only, from now on, and is to be
 * deleted with it. On failure nothing has changed; -ENOSPC: all STEER_PAIRS_MAX are in use.
 */
int steer_narrow(struct steer *steer, const struct steer_key *key, const struct steer_end *source);

/* Packets by the program's verdict so far. 0 or a negative errno. */
int steer_tally_read(const struct steer *steer, struct steer_tally *tally);

/* Different keys in use; whether that one is, or -errno. */
unsigned steer_key_count(const struct steer *steer);
int steer_has(const struct steer *steer, const struct steer_key *key);

/*
 * The same for what a range holds; its `uses` is ignored. -ENOSPC: all STEER_RANGES_MAX
 * ranges are in use.
 */
int steer_add_range(struct steer *steer, const struct steer_range *range);
int steer_del_range(struct steer *steer, const struct steer_range *range);
unsigned steer_range_count(const struct steer *steer);
bool steer_has_range(const struct steer *steer, const struct steer_range *range);

/* The program and its maps stay until the driver closes the port. NULL is allowed. */
void steer_close(struct steer *steer);

#endif
