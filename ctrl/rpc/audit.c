/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One write(2) a line, to a file that is opened to append. What a call is about is read from the
 * parameters before they are checked, as refused calls are logged as well: every value is bounded.
 */
#include "rpc/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "base/escape.h"
#include "base/json.h"
#include "base/log.h"
#include "store/files.h"

#define TEXT_BYTES_MAX 200

/* Lists of params whose members are flows or relays, ids of these, or changes of a flow's legs. */
static const char *const lists[] = {"flows", "relays", "ids", "install", "replace", "remove",
	"declare", "add_relays", "update_relays", "remove_relays", "declare_relays", "join_relays",
	"leave_relays", "join", "leave"};
#define FIRST_CHANGES 13 /* of the lists */

/* Members of params that are logged unchanged. */
static const char *const copied_params[] = {"comment", "flow", "leg", "admin", "txn", "generation",
	"tag", "id", "side", "plan", "prune", "confirm_within_s", "if_generation", "if_plan",
	"punted", "dst", "dst_port"};

/* A text cut to its bound, between characters. */
static json_t *
text_cut(const json_t *text)
{
	const char *value = json_string_value(text);
	size_t bytes = json_string_length(text);

	if (bytes > TEXT_BYTES_MAX) {
		bytes = TEXT_BYTES_MAX;
		while (bytes && (value[bytes] & 0xc0) == 0x80)
			bytes--;
	}
	return json_stringn(value, bytes);
}

/* Of a relay that join or leave. */
static size_t
receivers_count(const json_t *object)
{
	return json_array_size(json_object_get(object, "receivers")) +
	       json_array_size(json_object_get(object, "names"));
}

json_t *
audit_what(const json_t *params)
{
	json_t *what = json_object(), *ids = json_array();
	json_int_t n_flows = 0;
	size_t i, j, n_legs = json_array_size(json_object_get(params, "legs"));
	size_t n_receivers = receivers_count(params);

	for (i = 0; i < sizeof(copied_params) / sizeof(copied_params[0]); i++) {
		json_t *value = json_object_get(params, copied_params[i]);

		if (json_is_string(value))
			json_object_set_new(what, copied_params[i], text_cut(value));
		else if (json_is_number(value) || json_is_boolean(value))
			json_object_set(what, copied_params[i], value);
	}
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const json_t *list = json_object_get(params, lists[i]), *entry, *id;

		json_array_foreach (list, j, entry) {
			id = json_object_get(entry, i < FIRST_CHANGES ? "id" : "flow");
			if (i < FIRST_CHANGES && !json_is_object(entry))
				id = entry;
			if (json_is_string(id) && json_array_size(ids) < AUDIT_IDS_MAX)
				json_array_append_new(ids, text_cut(id));
			n_legs += json_array_size(json_object_get(entry, "legs"));
			n_receivers += receivers_count(entry);
			n_flows++;
		}
	}
	if (json_array_size(ids))
		json_object_set(what, "ids", ids);
	if (n_flows)
		json_object_set_new(what, "flows", json_integer(n_flows));
	if (n_legs)
		json_object_set_new(what, "legs", json_integer((json_int_t)n_legs));
	if (n_receivers)
		json_object_set_new(what, "receivers", json_integer((json_int_t)n_receivers));
	json_decref(ids);
	return what;
}

#define DIRECTORY_MODE 0750

struct audit {
	const char *path; /* borrowed */
	int fd;
	struct evbuffer *waiting; /* what could not be written, from the first missing byte on */
};

static void
audit_warn(struct audit *audit, const char *what, const char *why)
{
	log_line("warning: audit log %s: %s: %s", audit->path, what, why);
}

static int
log_open(const char *path, char *why, size_t why_bytes)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	(void)mkdir(dirname(copy), DIRECTORY_MODE); /* if it is not there; open() says what is */
	return file_open(path, O_WRONLY | O_CREAT | O_APPEND, why, why_bytes);
}

struct audit *
audit_open(const char *path, struct fault *fault)
{
	struct audit *audit = calloc(1, sizeof(*audit));
	char why[FILE_WHY_MAX];

	if (audit)
		audit->waiting = evbuffer_new();
	if (!audit || !audit->waiting) {
		free(audit);
		return fault_null(fault, FAULT_NO_ROOM, "", "no memory for the audit log");
	}
	audit->path = path;
	audit->fd = log_open(path, why, sizeof(why));
	if (audit->fd < 0) {
		fault_set(fault, FAULT_INVALID_VALUE, "/access/audit_log",
			"/access/audit_log: cannot write %s: %s; set another file, or \"\" to "
			"disable the log",
			path, why);
		audit_close(audit);
		return NULL;
	}
	return audit;
}

/* Write what waits, mostly with one write(2). 0, or a negative errno with the rest waiting. */
static int
waiting_write(struct audit *audit)
{
	while (evbuffer_get_length(audit->waiting) > 0)
		if (evbuffer_write(audit->waiting, audit->fd) < 0 && errno != EINTR)
			return -errno;
	return 0;
}

void
audit_close(struct audit *audit)
{
	if (!audit)
		return;
	if (audit->fd >= 0 && waiting_write(audit) < 0 && evbuffer_add(audit->waiting, "", 1) == 0)
		audit_warn(audit, "never written", (char *)evbuffer_pullup(audit->waiting, -1));
	if (audit->fd >= 0)
		close(audit->fd);
	evbuffer_free(audit->waiting);
	free(audit);
}

void
audit_reopen(struct audit *audit)
{
	char why[FILE_WHY_MAX];
	int fd;

	if (!audit)
		return;
	fd = log_open(audit->path, why, sizeof(why));
	if (fd < 0) {
		audit_warn(audit, "cannot reopen; the old file remains in use", why);
		return;
	}
	close(audit->fd);
	audit->fd = fd;
}

int
audit_ready(struct audit *audit, struct fault *fault)
{
	int rc = audit ? waiting_write(audit) : 0;

	if (rc == 0)
		return 0;
	return fault_set(fault, FAULT_STORE, "",
		"audit log %s: %s; changes are refused until it can be written", audit->path,
		strerror(-rc));
}

/* Write a line, or keep it; done: something was done. */
static void
line_write(struct audit *audit, const char *line, bool done)
{
	const size_t bytes = strlen(line) + 1;
	const bool waits = evbuffer_get_length(audit->waiting) > 0;
	int rc = -ENOSPC; /* of those before this one, mostly */

	if (done || !waits)
		rc = evbuffer_add_printf(audit->waiting, "%s\n", line) < 0 ? -ENOMEM
									   : waiting_write(audit);
	if (rc == 0)
		return;
	audit_warn(audit, strerror(-rc), line);
	/* Of what was refused nothing has to be kept, unless half of it is in the file. */
	if (!done && !waits && evbuffer_get_length(audit->waiting) == bytes)
		evbuffer_drain(audit->waiting, bytes);
}

static json_t *
time_encode(void)
{
	struct timespec now;
	struct tm parts;
	char text[40];
	size_t length;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text + length, sizeof(text) - length, ".%06ldZ", now.tv_nsec / 1000);
	return json_string(text);
}

static json_t *
actor_encode(const struct actor *actor)
{
	json_t *encoded = json_pack("{s:o, s:s, s:s, s:s*}", "name", json_string_lossy(actor->name),
		"via", actor->via, "role", role_name(actor->role), "address",
		actor->address[0] ? actor->address : NULL);

	if (actor->uid != UINT32_MAX)
		json_object_update_new(
			encoded, json_pack("{s:I, s:I, s:I}", "uid", (json_int_t)actor->uid, "gid",
					 (json_int_t)actor->gid, "pid", (json_int_t)actor->pid));
	return encoded;
}

/* What a result says about the change that was made. */
static void
result_add(json_t *line, const json_t *result)
{
	static const char *const copied_results[] = {
		"txn", "generation", "added", "changed", "removed"};

	for (size_t i = 0; i < sizeof(copied_results) / sizeof(copied_results[0]); i++) {
		json_t *value = json_object_get(result, copied_results[i]);

		if (json_is_integer(value) || json_is_string(value))
			json_object_set(line, copied_results[i], value);
	}
}

void
audit_call(struct audit *audit, const struct actor *actor, const char *method, json_t *what,
	const json_t *result, const struct fault *fault)
{
	json_t *line;
	char *text, *safe;

	if (!audit)
		return;
	line = json_pack("{s:o, s:o, s:s, s:O*}", "time", time_encode(), "actor",
		actor_encode(actor), "method", method, "what", what);
	if (result) {
		result_add(line, result);
		json_object_set_new(line, "outcome", json_string("ok"));
	} else {
		json_object_set_new(line, "outcome", json_string(fault_code_name(fault->code)));
		json_object_set_new(line, "message", json_string_lossy(fault->message));
		json_object_set_new(line, "pointer", json_string_lossy(fault->pointer));
	}
	text = json_dumps(line, JSON_COMPACT);
	json_decref(line);
	safe = text ? text_escape_copy(text) : NULL; /* as JSON it says the same */
	free(text);
	if (safe)
		line_write(audit, safe, result != NULL);
	else
		audit_warn(audit, "no memory for the line of", method);
	free(safe);
}
