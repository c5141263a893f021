/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `export`: the flows and relays that run as files that `apply` takes back. What the path names
 * stays what it is: a regular file is replaced by one with its mode and owner, behind symbolic
 * links, so that it is either the old or the new one, whole; a device or a FIFO is written to.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fault.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "schema/flow_files.h"

#define PORT_ANY "any" /* the file of rules that name no port */

/* Always returns CLI_OUTPUT. */
static int
export_failed(const char *path)
{
	fprintf(stderr, "sluicectl: %s: %s\n", path, strerror(errno));
	return CLI_OUTPUT;
}

/* The port of the flow's match or rule, or of a relay's first side. */
static const char *
item_port(const json_t *item)
{
	static const char *const members[] = {"match", "rule", "a"};
	const char *port = NULL;

	for (size_t i = 0; port == NULL && i < sizeof(members) / sizeof(members[0]); i++)
		port = json_string_value(
			json_object_get(json_object_get(item, members[i]), "port"));
	return port != NULL ? port : PORT_ANY;
}

/*
 * Flows and relays of one port, those without a port, or all with port NULL, in the order of the
 * array, as a file has them. A new reference.
 */
static json_t *
document_make(json_t *items, const char *port)
{
	json_t *flows = json_array(), *relays = json_array(), *document = json_object(), *item;
	size_t i;

	json_array_foreach (items, i, item) {
		if (port == NULL || strcmp(port, item_port(item)) == 0)
			json_array_append(flow_files_is_relay(item) ? relays : flows, item);
	}
	if (json_array_size(flows) > 0 || json_array_size(relays) == 0)
		json_object_set(document, "flows", flows);
	if (json_array_size(relays) > 0)
		json_object_set(document, "relays", relays);
	json_decref(flows);
	json_decref(relays);
	return document;
}

static void
items_print(FILE *out, json_t *items, const char *port)
{
	json_t *document = document_make(items, port);

	yaml_print(out, document);
	json_decref(document);
}

/*
 * The descriptor that a path stands for, or -1. To open /dev/stdout is not the same: a regular file
 * behind it would be begun again, and what others write there lost.
 */
static int
path_descriptor(const char *path)
{
	int fd, length = 0;

	if (strcmp(path, "/dev/stdout") == 0)
		return STDOUT_FILENO;
	if (strcmp(path, "/dev/stderr") == 0)
		return STDERR_FILENO;
	if ((sscanf(path, "/dev/fd/%d%n", &fd, &length) == 1 ||
		    sscanf(path, "/proc/self/fd/%d%n", &fd, &length) == 1) &&
		path[length] == '\0')
		return fd;
	return -1;
}

/*
 * Where a file is written that takes the place of `path` when it is whole: "" when that cannot be,
 * as it is no regular file, has another name or an access list, or is behind a link to nothing.
 */
static void
path_resolve(const char *path, struct stat *status, char target[PATH_MAX])
{
	const bool is_there = stat(path, status) == 0;
	struct stat link;

	target[0] = '\0';
	if (path_descriptor(path) >= 0)
		return;
	if (!is_there && lstat(path, &link) < 0 && errno == ENOENT && strlen(path) < PATH_MAX)
		strcpy(target, path);
	else if (is_there && S_ISREG(status->st_mode) && status->st_nlink == 1 &&
		 getxattr(path, "system.posix_acl_access", NULL, 0) < 0 &&
		 realpath(path, target) == NULL)
		target[0] = '\0';
	if (!is_there)
		status->st_mode = 0;
}

/* A new file beside the target, with the owner and the mode of the one that is there. -1: none. */
static int
open_beside(const char *temporary, const struct stat *status)
{
	const bool is_there = S_ISREG(status->st_mode);
	const int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		is_there ? 0600 : 0666);

	if (fd < 0 || !is_there ||
		(fchown(fd, status->st_uid, status->st_gid) == 0 &&
			fchmod(fd, status->st_mode & 07777) == 0))
		return fd;
	close(fd);
	unlink(temporary);
	return -1;
}

static int
stream_write(int fd, json_t *items, const char *port)
{
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool failed;

	if (file == NULL)
		return -1;
	items_print(file, items, port);
	/* A pipe or a terminal has no disk below it. */
	failed = fflush(file) != 0 || (fsync(fd) < 0 && errno != EINVAL && errno != EROFS);
	return failed | fclose(file) ? -1 : 0;
}

static int
file_write(const char *path, json_t *items, const char *port)
{
	char target[PATH_MAX], *temporary;
	struct stat status;
	int fd = -1, rc;

	path_resolve(path, &status, target);
	temporary = text_format("%s.%ld.new", target, (long)getpid());
	if (target[0] != '\0')
		fd = open_beside(temporary, &status);
	if (fd < 0) {
		/* Write what is there already, without another file in its place. */
		fd = path_descriptor(path);
		fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0)
			     : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC,
				       0666);
		rc = stream_write(fd, items, port);
	} else {
		rc = stream_write(fd, items, port);
		if (rc == 0)
			rc = rename(temporary, target);
		if (rc < 0)
			unlink(temporary);
	}
	free(temporary);
	return rc < 0 ? export_failed(path) : CLI_OK;
}

/* Files of flows would be read together with ours, and what they hold come back. */
static int
directory_check(const char *path)
{
	struct flow_files *files;
	struct fault fault;
	bool empty;

	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return export_failed(path);
	files = flow_files_load(path, &fault);
	empty = files != NULL && flow_files_count(files) == 0;
	flow_files_destroy(files);
	if (empty)
		return CLI_OK;
	fprintf(stderr,
		"sluicectl: %s: found files of flows, expected none; use another directory, or "
		"move the files\n",
		path);
	return CLI_USAGE;
}

/* A file for each port that flows come in by. */
static int
directory_write(const char *path, json_t *items)
{
	json_t *ports = json_object(), *item, *value;
	int exit_code = directory_check(path);
	const char *port;
	char *name;
	size_t i;

	json_array_foreach (items, i, item)
		json_object_set_new(ports, item_port(item), json_true());
	if (json_object_size(ports) == 0)
		json_object_set_new(ports, PORT_ANY, json_true());
	json_object_foreach (ports, port, value) {
		if (exit_code != CLI_OK)
			break;
		if (strchr(port, '/') != NULL) {
			fprintf(stderr, "sluicectl: found a port name with a slash, expected a "
					"valid file name\n");
			exit_code = CLI_BROKEN;
			break;
		}
		name = text_format("%s/%s.yaml", path, port);
		exit_code = file_write(name, items, port);
		free(name);
	}
	json_decref(ports);
	return exit_code;
}

#define RECEIVERS_PAGE_MAX 1000 /* that a page has at most */

/* Put the receivers of a side into it, as they are in a file. 0, or -1 with *exit_code set. */
static int
receivers_fetch(
	struct cli *cli, const json_t *state, const char *side, json_t *filter, int *exit_code)
{
	json_t *relay = json_object_get(state, "relay"), *receivers = json_array(), *receiver;
	json_t *page = NULL, *cursor = NULL, *params;
	size_t i;

	if (json_object_get(json_object_get(state, side), "receivers") == NULL)
		cursor = json_null();
	while (!json_is_null(cursor)) {
		params = json_pack("{s:O, s:s, s:i, s:O*}", "id", json_object_get(relay, "id"),
			"side", side, "limit", RECEIVERS_PAGE_MAX, "cursor", cursor);
		json_object_update_missing(params, filter);
		json_decref(page);
		page = cli_call(cli, "relay.receivers", params, exit_code);
		cursor = json_object_get(page, "next_cursor");
		if (page == NULL)
			break;
		json_array_foreach (json_object_get(page, "receivers"), i, receiver)
			json_array_append(receivers, json_object_get(receiver, "receiver"));
	}
	if (json_array_size(receivers) > 0)
		json_object_set(json_object_get(relay, side), "receivers", receivers);
	json_decref(receivers);
	json_decref(page);
	return json_is_null(cursor) ? 0 : -1;
}

/* All flows that are of no relay, and then all relays; or NULL with *exit_code set. */
static json_t *
items_fetch(struct cli *cli, bool all, int *exit_code)
{
	json_t *filter = all ? json_object() : json_pack("{s:b}", "declared", 1);
	json_t *flows = flow_pages_fetch(cli, "flow.list", json_copy(filter), exit_code);
	json_t *relays = NULL, *items = NULL, *item;
	size_t i;

	if (flows != NULL)
		relays = flow_pages_fetch(cli, "relay.list", json_copy(filter), exit_code);
	if (relays != NULL) {
		*exit_code = CLI_OK;
		items = json_array();
	}
	json_array_foreach (json_object_get(flows, "flows"), i, item) {
		if (json_object_get(item, "relay") == NULL)
			json_array_append(items, item);
	}
	json_array_foreach (json_object_get(relays, "relays"), i, item) {
		if (items == NULL)
			break;
		if (receivers_fetch(cli, item, "a", filter, exit_code) < 0 ||
			receivers_fetch(cli, item, "b", filter, exit_code) < 0) {
			json_decref(items);
			items = NULL;
			break;
		}
		json_array_append(items, json_object_get(item, "relay"));
	}
	json_decref(filter);
	json_decref(flows);
	json_decref(relays);
	return items;
}

/* An array of flows; with relays the object that a file holds. */
static void
items_dump(json_t *items)
{
	json_t *document = document_make(items, NULL),
	       *relays = json_object_get(document, "relays");

	json_dumpf(relays != NULL ? document : items, stdout, JSON_INDENT(2));
	json_decref(document);
}

static int export(struct cli *cli, const struct arguments *arguments)
{
	const bool all = arguments_value(arguments, "all") != NULL;
	const char *file = arguments_value(arguments, "output");
	const char *directory = arguments_value(arguments, "directory");
	json_t *items;
	int exit_code;

	if (file != NULL && directory != NULL)
		return cli_usage(cli, "expected one of --output and --directory");
	if (directory != NULL && strcmp(directory, "-") == 0)
		return cli_usage(cli, "--directory: found -, expected a directory; standard output "
				      "is --output -");
	cli->client.verbatim = true;
	items = items_fetch(cli, all, &exit_code);
	if (items == NULL)
		return exit_code;
	if (directory != NULL)
		exit_code = directory_write(directory, items);
	else if (file != NULL && strcmp(file, "-") != 0)
		exit_code = file_write(file, items, NULL);
	else if (cli->json)
		items_dump(items);
	else
		items_print(stdout, items, NULL);
	if (exit_code == CLI_OK && !all && json_array_size(items) == 0)
		fprintf(stderr, "No flow is declared; --all includes flows installed otherwise.\n");
	json_decref(items);
	return exit_code;
}

static const struct option_spec export_options[] = {
	{"all", NULL, "include flows that were not declared"},
	{"output", "FILE", "write to a file (-o); - is standard output", 'o'},
	{"directory", "DIR", "write to a directory (-d), a file per port", 'd'},
	{NULL},
};

const struct command command_export = {
	.name = "export",
	.arguments = "[--all] [--output FILE | --directory DIR]",
	.summary = "Write the declared flows as YAML for apply",
	.example = "  sluicectl export --all --output flows.yaml",
	.options = export_options,
	.run = export,
};
