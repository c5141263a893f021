/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/access.h"

#include <stdbool.h>
#include <unistd.h>

static const struct access_entry *
entry_find(const struct access_entry *entries, unsigned n_entries, uint32_t id)
{
	for (unsigned i = 0; i < n_entries; i++)
		if (entries[i].id == id)
			return &entries[i];
	return NULL;
}

enum role
access_role(const struct access *access, uid_t uid, const gid_t *groups, size_t n_groups)
{
	const struct access_entry *entry = entry_find(access->users, access->n_users, uid);
	enum role role = ROLE_NONE;
	bool named = false;

	if (uid == 0 || uid == geteuid())
		return ROLE_ADMIN;
	if (entry)
		return entry->role;
	for (size_t i = 0; i < n_groups; i++) {
		entry = entry_find(access->groups, access->n_groups, groups[i]);
		if (!entry)
			continue;
		named = true;
		if (entry->role > role)
			role = entry->role;
	}
	return named ? role : access->default_role;
}
