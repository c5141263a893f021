/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A slot holds what is due at its beginning, so an entry's time is rounded up. `at` follows the
 * clock as slots are found empty; all entries lie within WHEEL_SLOTS from it.
 */
#include "base/clock.h"

#include <string.h>

void
wheel_init(struct wheel *wheel, uint64_t now_ns)
{
	memset(wheel, 0, sizeof(*wheel));
	wheel->at = now_ns / WHEEL_SLOT_NS;
}

void
wheel_add(struct wheel *wheel, struct wheel_entry *entry, uint64_t due_ns, uint64_t now_ns)
{
	uint64_t slot = due_ns / WHEEL_SLOT_NS + (due_ns % WHEEL_SLOT_NS != 0);
	uint64_t last;

	if (wheel->n == 0 && now_ns / WHEEL_SLOT_NS > wheel->at)
		wheel->at = now_ns / WHEEL_SLOT_NS;
	last = wheel->at + WHEEL_SLOTS - 1;
	if (slot < wheel->at)
		slot = wheel->at;
	entry->slot = slot > last ? last : slot;
	LIST_INSERT_HEAD(&wheel->slots[entry->slot % WHEEL_SLOTS], entry, links);
	wheel->n++;
}

void
wheel_remove(struct wheel *wheel, struct wheel_entry *entry)
{
	if (!wheel_holds(entry))
		return;
	LIST_REMOVE(entry, links);
	entry->links.le_prev = NULL;
	wheel->n--;
}

struct wheel_entry *
wheel_take(struct wheel *wheel, uint64_t now_ns)
{
	const uint64_t now = now_ns / WHEEL_SLOT_NS;
	struct wheel_entry *entry;

	if (wheel->n == 0)
		return NULL;
	for (; wheel->at <= now; wheel->at++) {
		entry = LIST_FIRST(&wheel->slots[wheel->at % WHEEL_SLOTS]);
		if (entry) {
			wheel_remove(wheel, entry);
			return entry;
		}
	}
	return NULL;
}

uint64_t
wheel_next_ns(const struct wheel *wheel)
{
	uint64_t slot = wheel->at;

	if (wheel->n == 0)
		return UINT64_MAX;
	while (LIST_EMPTY(&wheel->slots[slot % WHEEL_SLOTS]))
		slot++;
	return slot * WHEEL_SLOT_NS;
}
