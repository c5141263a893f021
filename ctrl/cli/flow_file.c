/* SPDX-License-Identifier: BSD-3-Clause */
/* See flow_file.h. */
#include "cli/flow_file.h"

#include <string.h>

#include "base/fault.h"
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

int
flow_file_given(
	const struct cli *cli, const struct arguments *arguments, size_t word, const char **path)
{
	*path = arguments_value(arguments, "file");
	if (arguments->n_words <= word)
		return CLI_OK;
	if (*path != NULL)
		return cli_usage(cli, "found FILE %s and --file %s, expected one of them",
			arguments->words[word], *path);
	*path = arguments->words[word];
	return CLI_OK;
}

json_t *
flow_file_load(struct cli *cli, const char *path, const char *member)
{
	json_t *document = document_load(cli, path), *array;

	if (document == NULL)
		return NULL;
	cli->file = path;
	array = json_object_get(document, member);
	if (json_is_array(array)) {
		cli->file_array = member;
		json_incref(array);
		json_decref(document);
		return array;
	}
	cli->file_array = json_is_array(document) ? "" : NULL;
	return json_is_array(document) ? document : json_pack("[o]", document);
}
