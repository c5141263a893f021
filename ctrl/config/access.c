/* SPDX-License-Identifier: BSD-3-Clause */
/* Names become ids once, at start, so that a role does not hang on a directory service later. */
#include "config/access.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
text_read(const json_t *object, const char *member, char *text, size_t size)
{
	const char *value = json_string_value(json_object_get(object, member));

	snprintf(text, size, "%s", value ? value : "");
}

static uint8_t
role_read(const json_t *entry, const char *member)
{
	return (uint8_t)role_of_name(json_string_value(json_object_get(entry, member)));
}

/* A name or a number; pointer is where it stands. */
static int
id_read(const json_t *who, bool is_group, const char *pointer, uint32_t *id, struct fault *fault)
{
	const char *name = json_string_value(who);
	const struct passwd *user = name && !is_group ? getpwnam(name) : NULL;
	const struct group *group = name && is_group ? getgrnam(name) : NULL;

	if (json_is_integer(who))
		*id = (uint32_t)json_integer_value(who);
	else if (user)
		*id = user->pw_uid;
	else if (group)
		*id = group->gr_gid;
	else
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found %s, expected the name of a %s of this host, or a number", name,
			is_group ? "group" : "user");
	return 0;
}

static int
entries_read(const json_t *json, bool are_groups, struct access_entry *entries, unsigned *n_entries,
	struct fault *fault)
{
	const char *name = are_groups ? "groups" : "users", *member = are_groups ? "group" : "user";
	const json_t *list = json_object_get(json, name), *entry;
	char pointer[64];
	size_t i;

	json_array_foreach (list, i, entry) {
		snprintf(pointer, sizeof(pointer), "/access/%s/%zu/%s", name, i, member);
		entries[i].role = role_read(entry, "role");
		if (id_read(json_object_get(entry, member), are_groups, pointer, &entries[i].id,
			    fault) < 0)
			return -1;
	}
	*n_entries = (unsigned)i;
	return 0;
}

int
access_read(const json_t *config, struct access *access, struct fault *fault)
{
	const json_t *group = json_object_get(json_object_get(config, "rpc"), "socket_group");
	const json_t *json = json_object_get(config, "access");

	access->socket_group = UINT32_MAX;
	if (group && id_read(group, true, "/rpc/socket_group", &access->socket_group, fault) < 0)
		return -1;
	access->default_role = role_read(json, "default_role");
	text_read(json, "audit_log", access->audit_log, sizeof(access->audit_log));
	if (entries_read(json, false, access->users, &access->n_users, fault) < 0)
		return -1;
	return entries_read(json, true, access->groups, &access->n_groups, fault);
}

static int
subject_read(const json_t *json, size_t i, struct tls_subject *subject, struct fault *fault)
{
	const char *common = json_string_value(json_object_get(json, "subject_cn"));
	const char *alternative = json_string_value(json_object_get(json, "subject_alt_name"));
	char pointer[64];

	if (!common == !alternative) {
		snprintf(pointer, sizeof(pointer), "/tls/roles/%zu", i);
		return fault_set(fault, FAULT_INVALID_VALUE, pointer,
			"found %s, expected one of subject_cn and subject_alt_name",
			common ? "both" : "neither");
	}
	subject->alternative = alternative != NULL;
	snprintf(subject->name, sizeof(subject->name), "%s", common ? common : alternative);
	subject->role = role_read(json, "role");
	return 0;
}

int
tls_config_read(const json_t *config, struct tls_config *tls, struct fault *fault)
{
	const json_t *json = json_object_get(config, "tls");
	const json_t *roles = json_object_get(json, "roles");
	size_t i;

	text_read(json, "listen", tls->listen, sizeof(tls->listen));
	text_read(json, "certificate", tls->certificate, sizeof(tls->certificate));
	text_read(json, "key", tls->key, sizeof(tls->key));
	text_read(json, "ca", tls->ca, sizeof(tls->ca));
	for (i = 0; i < json_array_size(roles); i++) {
		if (subject_read(json_array_get(roles, i), i, &tls->subjects[i], fault) < 0)
			return -1;
	}
	tls->n_subjects = (unsigned)i;
	return 0;
}

static const struct access_entry *
entry_find(const struct access_entry *entries, unsigned n_entries, uint32_t id)
{
	for (unsigned i = 0; i < n_entries; i++)
		if (entries[i].id == id)
			return &entries[i];
	return NULL;
}

enum role
access_role(const struct access *access, uid_t uid, const gid_t *gids, size_t n_gids)
{
	const struct access_entry *entry = entry_find(access->users, access->n_users, uid);
	enum role role = ROLE_NONE;
	bool named = false;

	if (uid == 0 || uid == geteuid())
		return ROLE_ADMIN;
	if (entry)
		return entry->role;
	for (size_t i = 0; i < n_gids; i++) {
		entry = entry_find(access->groups, access->n_groups, gids[i]);
		if (!entry)
			continue;
		named = true;
		if (entry->role > role)
			role = entry->role;
	}
	return named ? role : access->default_role;
}
