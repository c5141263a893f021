/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `export`: the flows that run as files that `apply` takes back. What the path names stays what it
 * is: a regular file is replaced by one with its mode and owner, behind symbolic links, so that it
 * is either the old or the new one, whole; a device or a FIFO is written to.
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

/* The port of the flow's match or rule. */
static const char *
flow_port(const json_t *flow)
{
	const char *port =
		json_string_value(json_object_get(json_object_get(flow, "match"), "port"));

	if (port == NULL)
		port = json_string_value(json_object_get(json_object_get(flow, "rule"), "port"));
	return port != NULL ? port : PORT_ANY;
}

/* Flows of one port, those without a port, or all with port NULL, in the order of the array. */
static void
flows_print(FILE *out, json_t *flows, const char *port)
{
	json_t *chosen = json_array(), *document = json_pack("{s:O}", "flows", chosen), *flow;
	size_t i;

	json_array_foreach (flows, i, flow) {
		if (port == NULL || strcmp(port, flow_port(flow)) == 0)
			json_array_append(chosen, flow);
	}
	yaml_print(out, document);
	json_decref(chosen);
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
stream_write(int fd, json_t *flows, const char *port)
{
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool failed;

	if (file == NULL)
		return -1;
	flows_print(file, flows, port);
	/* A pipe or a terminal has no disk below it. */
	failed = fflush(file) != 0 || (fsync(fd) < 0 && errno != EINVAL && errno != EROFS);
	return failed | fclose(file) ? -1 : 0;
}

static int
file_write(const char *path, json_t *flows, const char *port)
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
		rc = stream_write(fd, flows, port);
	} else {
		rc = stream_write(fd, flows, port);
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
directory_write(const char *path, json_t *flows)
{
	json_t *ports = json_object(), *flow, *value;
	int exit_code = directory_check(path);
	const char *port;
	char *name;
	size_t i;

	json_array_foreach (flows, i, flow)
		json_object_set_new(ports, flow_port(flow), json_true());
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
		exit_code = file_write(name, flows, port);
		free(name);
	}
	json_decref(ports);
	return exit_code;
}

static int export(struct cli *cli, const struct arguments *arguments)
{
	const bool all = arguments_value(arguments, "all") != NULL;
	const char *file = arguments_value(arguments, "output");
	const char *directory = arguments_value(arguments, "directory");
	json_t *result, *flows;
	int exit_code;

	if (file != NULL && directory != NULL)
		return cli_usage(cli, "expected one of --output and --directory");
	if (directory != NULL && strcmp(directory, "-") == 0)
		return cli_usage(cli, "--directory: found -, expected a directory; standard output "
				      "is --output -");
	cli->client.verbatim = true;
	result = flow_pages_fetch(cli, "flow.list",
		all ? json_object() : json_pack("{s:b}", "declared", 1), &exit_code);
	if (result == NULL)
		return exit_code;
	flows = json_object_get(result, "flows");
	exit_code = CLI_OK;
	if (directory != NULL)
		exit_code = directory_write(directory, flows);
	else if (file != NULL && strcmp(file, "-") != 0)
		exit_code = file_write(file, flows, NULL);
	else if (cli->json)
		json_dumpf(flows, stdout, JSON_INDENT(2));
	else
		flows_print(stdout, flows, NULL);
	if (exit_code == CLI_OK && !all && json_array_size(flows) == 0)
		fprintf(stderr, "No flow is declared; --all includes flows installed otherwise.\n");
	json_decref(result);
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
