/* SPDX-License-Identifier: BSD-3-Clause */
/* See flow_file.h. */
#include "cli/flow_file.h"

#include <string.h>

#include "schema/fault.h"
#include "schema/yaml.h"

static bool
name_ends(const char *path, const char *ending)
{
	const size_t length = strlen(path), end = strlen(ending);

	return length > end && strcmp(path + length - end, ending) == 0;
}

static json_t *
document_load(const struct cli *cli, const char *path)
{
	struct fault fault;
	json_t *document;

	if (!name_ends(path, ".yaml") && !name_ends(path, ".yml"))
		return cli_load_json(cli, path);
	document = yaml_load(path, NULL, &fault);
	if (document == NULL)
		cli_usage(cli, "%s", fault.message);
	return document;
}

json_t *
flow_file_load(const struct cli *cli, const char *path, const char *member)
{
	json_t *document = document_load(cli, path), *array;

	if (document == NULL)
		return NULL;
	array = json_object_get(document, member);
	if (json_is_array(array)) {
		json_incref(array);
		json_decref(document);
		return array;
	}
	return json_is_array(document) ? document : json_pack("[o]", document);
}
