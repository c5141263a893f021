/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All or nothing over many flows. What a worker takes for the state of the tables is its view, one
 * word that it reads once a round, so a burst has one view, and so has all that a round polls:
 *
 *	VIEW_SETTLED	the tables are as they stand. The normal state: nothing is looked at
 *	VIEW_OLD	what a commit adds stands in the tables already, and is not there
 *	VIEW_NEW	what a commit removes still stands there, and is gone; what it replaces is
 *			its successor
 *
 * A commit turns from old to new by one store of that word, and changes nothing that a view looks
 * at before a grace period has ended which began when the view before it was left (commit.c).
 */
#ifndef DATAPLANE_VIEW_H
#define DATAPLANE_VIEW_H

#include <stdint.h>

enum view { VIEW_SETTLED, VIEW_OLD, VIEW_NEW };

/* Control's word, as a worker reads it. */
static inline enum view
view_load(const uint32_t *view)
{
	return (enum view)__atomic_load_n(view, __ATOMIC_ACQUIRE);
}

#endif
