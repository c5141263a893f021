/* SPDX-License-Identifier: BSD-3-Clause */
/* See flow_files.h. Items of all files stand in one array; a file knows where its own begin. */
#include "schema/flow_files.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "schema/schema.h"
#include "schema/yaml.h"

struct flow_file {
	char *path;
	size_t first; /* index of its first item */
	size_t n_flows; /* of its items, before its relays */
};

struct flow_files {
	json_t *items;
	struct flow_file *files;
	size_t n_files;
};

/* Always returns -1. */
static int
refuse_memory(struct fault *fault)
{
	return fault_set(fault, FAULT_NO_ROOM, "", "no memory for the files of flows");
}

static const struct flow_file *
file_of(const struct flow_files *files, size_t index)
{
	size_t i = files->n_files;

	while (i > 0 && files->files[i - 1].first > index)
		i--;
	return i > 0 && index < json_array_size(files->items) ? &files->files[i - 1] : NULL;
}

static bool
is_relay(const struct flow_file *file, size_t index)
{
	return index - file->first >= file->n_flows;
}

/* "/flows/N" or "/relays/N" in its file. */
static void
item_prefix(const struct flow_file *file, size_t index, struct fault *fault)
{
	const bool relay = is_relay(file, index);

	fault_prefix(fault, "/%s/%zu", relay ? "relays" : "flows",
		index - file->first - (relay ? file->n_flows : 0));
}

void
flow_files_locate(const struct flow_files *files, size_t index, struct fault *fault)
{
	const char *id =
		json_string_value(json_object_get(json_array_get(files->items, index), "id"));
	const struct flow_file *file = file_of(files, index);
	const struct fault field = *fault;
	struct fault found = *fault;
	char where[YAML_WHERE_MAX];

	if (!file)
		return;
	item_prefix(file, index, &found);
	fault_set(fault, found.code, found.pointer, "%s: %s %.64s: %.200s%s%s",
		yaml_locate(file->path, found.pointer, where),
		is_relay(file, index) ? "relay" : "flow", id ? id : "without an id", field.pointer,
		field.pointer[0] ? ": " : "", field.message);
}

/* Schema of a flow and, as it is declared, its id. */
static int
flow_check(const struct schema *schema, json_t *flow, struct fault *fault)
{
	if (schema_check(schema, flow, fault) < 0)
		return -1;
	if (!json_object_get(flow, "id"))
		return fault_set(fault, FAULT_INVALID_VALUE, "/id",
			"missing, expected an id: every declared flow needs one");
	return 0;
}

/* The first flow of an id was declared where `first` says; this is the second one. */
static int
refuse_duplicate(const struct flow_files *files, size_t first, size_t second, struct fault *fault)
{
	const struct flow_file *file = file_of(files, first);
	struct fault found = {.pointer = "/id"};
	char where[YAML_WHERE_MAX];

	item_prefix(file, first, &found);
	fault_set(fault, FAULT_CONFLICT, "/id",
		"declared twice, first at %s; rename or remove one of them",
		yaml_locate(file->path, found.pointer, where));
	flow_files_locate(files, second, fault);
	return -1;
}

/* Check an item, and that no other of its kind has its id, which `seen` has with its index. */
static int
item_check(const struct flow_files *files, const struct schema *schema, json_t *seen, size_t index,
	struct fault *fault)
{
	json_t *item = json_array_get(files->items, index), *first;
	const char *id;

	if (flow_check(schema, item, fault) < 0) {
		flow_files_locate(files, index, fault);
		return -1;
	}
	id = json_string_value(json_object_get(item, "id"));
	first = json_object_get(seen, id);
	if (first)
		return refuse_duplicate(files, (size_t)json_integer_value(first), index, fault);
	return json_object_set_new(seen, id, json_integer((json_int_t)index)) < 0
		       ? refuse_memory(fault)
		       : 0;
}

static int
items_check(const struct flow_files *files, struct fault *fault)
{
	static const char *const names[] = {"flow", "relay"};
	json_t *root = schema_rpc_document(), *seen[2] = {json_object(), json_object()};
	const struct flow_file *file = files->files;
	struct schema *schemas[2];
	int rc = 0;
	size_t i;

	for (i = 0; i < 2; i++)
		schemas[i] = schema_create(root, schema_component(root, names[i]), fault);
	if (!schemas[0] || !schemas[1])
		rc = -1;
	for (i = 0; rc == 0 && i < json_array_size(files->items); i++) {
		bool relay;

		while (file < &files->files[files->n_files - 1] && file[1].first <= i)
			file++;
		relay = is_relay(file, i);
		rc = item_check(files, schemas[relay], seen[relay], i, fault);
	}
	for (i = 0; i < 2; i++) {
		json_decref(seen[i]);
		schema_destroy(schemas[i]);
	}
	return rc;
}

/* Take the flows and relays of a document over to ours. */
static int
document_take(
	struct flow_files *files, struct flow_file *file, json_t *document, struct fault *fault)
{
	json_t *relays = json_object_get(document, "relays"),
	       *flows = json_object_get(document, "flows");
	json_t *schema = json_pack("{s:s, s:b, s:[s], s:{s:{s:s}, s:{s:s}}}", "type", "object",
		"additionalProperties", 0, "required", relays ? "relays" : "flows", "properties",
		"flows", "type", "array", "relays", "type", "array");
	const int rc = schema_check_once(schema, schema, document, fault);

	json_decref(schema);
	if (rc < 0) {
		yaml_fault_locate(file->path, fault);
		return -1;
	}
	file->n_flows = json_array_size(flows);
	return (flows && json_array_extend(files->items, flows) < 0) ||
			       (relays && json_array_extend(files->items, relays) < 0)
		       ? refuse_memory(fault)
		       : 0;
}

static int
file_add(struct flow_files *files, const char *path, struct fault *fault)
{
	struct flow_file *grown =
		reallocarray(files->files, files->n_files + 1, sizeof(*files->files));
	json_t *document;
	int rc;

	if (!grown)
		return refuse_memory(fault);
	files->files = grown;
	grown[files->n_files].first = json_array_size(files->items);
	grown[files->n_files].n_flows = 0;
	grown[files->n_files].path = strdup(path);
	if (!grown[files->n_files++].path)
		return refuse_memory(fault);
	document = yaml_load(path, fault);
	if (!document)
		return -1;
	rc = document_take(files, &grown[files->n_files - 1], document, fault);
	json_decref(document);
	return rc;
}

/* Files that are not hidden and look as if they held flows, also by a name that is not read. */
static int
name_is_ours(const struct dirent *entry)
{
	return fnmatch("?*.@(yaml|yml|json)", entry->d_name, FNM_PERIOD | FNM_EXTMATCH) == 0;
}

/* A file that is skipped silently would remove its flows: it is refused instead. */
static int
entry_add(struct flow_files *files, const char *path, struct fault *fault)
{
	if (strcmp(strrchr(path, '.'), ".yaml") == 0)
		return file_add(files, path, fault);
	return fault_set(fault, FAULT_INVALID_VALUE, "",
		"%s: found another extension, expected .yaml; rename or move the file", path);
}

static int
directory_add(struct flow_files *files, const char *directory, struct fault *fault)
{
	int length = (int)strlen(directory), n, rc = 0;
	struct dirent **entries;
	char *path;

	n = scandir(directory, &entries, name_is_ours, alphasort);
	if (n < 0)
		return fault_set(fault, FAULT_NOT_FOUND, "", "%s: %s", directory, strerror(errno));
	while (length > 1 && directory[length - 1] == '/')
		length--;
	for (int i = 0; i < n; i++) {
		if (rc == 0) {
			if (asprintf(&path, "%.*s/%s", length, directory, entries[i]->d_name) < 0)
				path = NULL;
			rc = path ? entry_add(files, path, fault) : refuse_memory(fault);
			free(path);
		}
		free(entries[i]);
	}
	free(entries);
	return rc;
}

struct flow_files *
flow_files_load(const char *path, struct fault *fault)
{
	struct flow_files *files = calloc(1, sizeof(*files));
	struct stat status;
	int rc;

	if (files)
		files->items = json_array();
	if (!files || !files->items)
		rc = refuse_memory(fault);
	else if (stat(path, &status) < 0)
		rc = fault_set(fault, FAULT_NOT_FOUND, "", "%s: %s", path, strerror(errno));
	else if (S_ISDIR(status.st_mode))
		rc = directory_add(files, path, fault);
	else
		rc = file_add(files, path, fault);
	if (rc == 0)
		rc = items_check(files, fault);
	if (rc == 0)
		return files;
	flow_files_destroy(files);
	return NULL;
}

void
flow_files_destroy(struct flow_files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < files->n_files; i++)
		free(files->files[i].path);
	free(files->files);
	json_decref(files->items);
	free(files);
}

json_t *
flow_files_items(const struct flow_files *files)
{
	return files->items;
}

size_t
flow_files_relays(const struct flow_files *files)
{
	size_t n = json_array_size(files->items), i;

	for (i = 0; i < files->n_files; i++)
		n -= files->files[i].n_flows;
	return n;
}

size_t
flow_files_count(const struct flow_files *files)
{
	return files->n_files;
}
