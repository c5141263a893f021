/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many flows change at once. Which version of the tables a worker sees is its view, one word that
 * it reads once a round, so all packets of a round are forwarded by one view:
 *
 *	VIEW_STABLE	no commit in progress: entries are used without a check of their state
 *	VIEW_OLD	flows that the commit adds are in the tables, but ignored
 *	VIEW_NEW	flows that the commit removes are in the tables, but ignored; of those that
 *			it replaces the successor is used
 *
 * A commit switches from old to new by one store of that word. It changes nothing that a view reads
 * before a grace period has ended that began when the previous view was left (commit.c).
 */
#ifndef DATAPLANE_VIEW_H
#define DATAPLANE_VIEW_H

#include <stdint.h>

enum view { VIEW_STABLE, VIEW_OLD, VIEW_NEW };

/* Read by workers, once a round; written by the control thread. */
static inline enum view
view_load(const uint32_t *view)
{
	return (enum view)__atomic_load_n(view, __ATOMIC_ACQUIRE);
}

#endif
