/* SPDX-License-Identifier: BSD-3-Clause */
/* See cli.h. */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "cli/output.h"
#include "schema/schema.h"
#include "schema/yaml.h"

static const struct command *const commands[] = {&command_flow_add, &command_flow_replace,
	&command_flow_del, &command_flow_forget, &command_flow_up, &command_flow_down,
	&command_flow_list, &command_flow_show, &command_leg_join, &command_leg_leave,
	&command_relay_add, &command_relay_update, &command_relay_del, &command_relay_list,
	&command_relay_show, &command_relay_join, &command_relay_leave, &command_relay_receivers,
	&command_validate, &command_plan, &command_apply, &command_confirm, &command_rollback,
	&command_history, &command_export, &command_port_list, &command_port_show,
	&command_counters, &command_top, &command_watch, &command_events, &command_punted,
	&command_trace, &command_inject, &command_workers, &command_info, &command_doctor,
	&command_rpc};

#define USAGE_COLUMNS 79
#define USAGE_INDENT 7
#define TAGS_LOOKED_AT 100 /* no more generations have one */
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct option_spec command_globals[] = {
	{"json", NULL, "print the result as JSON"},
	{"socket", "PATH", "socket (/run/sluice/rpc.sock, $SLUICE_SOCKET)"},
	{"connect", "HOST:PORT", "connect over TLS instead ($SLUICE_CONNECT)"},
	{"cert", "FILE", "client certificate ($SLUICE_CERT)"},
	{"key", "FILE", "its private key ($SLUICE_KEY)"},
	{"ca", "FILE", "authority of sluiced's certificate ($SLUICE_CA)"},
	{"timeout", "TIME", "time-out of each reply (10s)"},
	{"help", NULL, "show this help", 'h'},
	{"version", NULL, "show the version"},
	{NULL},
};

/* Does the command's name start with this word, and is there a second one? */
static bool
command_in_group(const struct command *command, const char *word)
{
	const size_t length = strlen(word);

	return strncmp(command->name, word, length) == 0 && command->name[length] == ' ';
}

bool
command_is_group(const char *word)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (command_in_group(commands[i], word))
			return true;
	}
	return false;
}

const struct command *
command_find(const char *first, const char *second)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const char *name = commands[i]->name;

		if (second == NULL ? strcmp(name, first) == 0
				   : command_in_group(commands[i], first) &&
					     strcmp(name + strlen(first) + 1, second) == 0)
			return commands[i];
	}
	return NULL;
}

/* "--output FILE" */
static void
option_text(struct text *text, const struct option_spec *option)
{
	text_clear(text);
	text_add(text, "--%s%s%s", option->name, option->value != NULL ? " " : "",
		option->value != NULL ? option->value : "");
}

static void
options_help(const struct option_spec *options, FILE *out)
{
	struct text head;

	for (; options != NULL && options->name != NULL; options++) {
		option_text(&head, options);
		help_line_print(out, head.s, options->help);
	}
}

/* What the command's arguments do not say of options is taken from their table. */
static void
usage_print(const struct command *command, FILE *out)
{
	const bool lists = strstr(command->arguments, "--") == NULL;
	const struct option_spec *option = lists ? command->options : NULL;
	int column = fprintf(out, "Usage: sluicectl %s%s%s", command->name,
		command->arguments[0] != '\0' ? " " : "", command->arguments);
	struct text text;

	for (; option != NULL && option->name != NULL; option++) {
		option_text(&text, option);
		if (column + (int)strlen(" []") + (int)text.length > USAGE_COLUMNS)
			column = fprintf(out, "\n%*s", USAGE_INDENT - 1, "") - 1;
		column += fprintf(out, " [%s]", text.s);
	}
}

void
command_help(const struct command *command, FILE *out)
{
	usage_print(command, out);
	fprintf(out, "\n\n%s.\n\nOptions:\n", command->summary);
	options_help(command->options, out);
	options_help(command_globals, out);
	if (command->notes != NULL)
		fprintf(out, "\n%s", command->notes);
	if (command->details != NULL) {
		fputc('\n', out);
		command->details(out);
	}
	fprintf(out, "\nExample:\n%s\n", command->example);
}

void
command_overview(const char *group, FILE *out)
{
	const struct command *first = NULL;

	fprintf(out, "Usage: sluicectl %s%sCOMMAND [OPTION]...\n\nCommands:\n",
		group != NULL ? group : "", group != NULL ? " " : "");
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (group != NULL && !command_in_group(commands[i], group))
			continue;
		fprintf(out, "  %-15s  %s\n", commands[i]->name, commands[i]->summary);
		if (first == NULL)
			first = commands[i];
	}
	fprintf(out, "\nOptions:\n");
	options_help(command_globals, out);
	fprintf(out, "\nSee 'sluicectl COMMAND --help' for each command.\n\nExample:\n%s\n",
		first->example);
}

int
cli_usage(const struct cli *cli, const char *format, ...)
{
	const char *name = cli->command != NULL ? cli->command->name : cli->group;
	char *text, *safe;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0 || (safe = text_escape_copy(text)) == NULL)
		cli_out_of_memory();
	va_end(args);
	fprintf(stderr, "sluicectl: %s%s%s\nTry 'sluicectl %s%s--help'.\n",
		name != NULL ? name : "", name != NULL ? ": " : "", safe, name != NULL ? name : "",
		name != NULL ? " " : "");
	free(safe);
	free(text);
	return CLI_USAGE;
}

int
cli_unknown_command(const struct cli *cli, const char *name)
{
	struct text expected;

	if (cli->group == NULL)
		return cli_usage(cli, "unknown command \"%s\"", name);
	text_clear(&expected);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (command_in_group(commands[i], cli->group))
			text_add(&expected, "%s%s", expected.length > 0 ? ", " : "",
				commands[i]->name + strlen(cli->group) + 1);
	}
	return cli_usage(cli, "unknown command \"%s\", expected one of: %s", name, expected.s);
}

int
option_number(const struct cli *cli, const struct arguments *arguments, const char *name,
	uint64_t min, uint64_t max, uint64_t *number)
{
	const char *text = arguments_value(arguments, name);

	if (text == NULL || number_parse(text, min, max, number) == 0)
		return CLI_OK;
	if (max >= UINT32_MAX)
		return cli_usage(
			cli, "--%s: \"%s\" is not a number from %" PRIu64, name, text, min);
	return cli_usage(cli, "--%s: \"%s\" is not a number from %" PRIu64 " to %" PRIu64, name,
		text, min, max);
}

int
option_time(const struct cli *cli, const struct arguments *arguments, const char *name,
	unsigned min_ms, uint64_t *milliseconds)
{
	const char *text = arguments_value(arguments, name);

	if (text == NULL || (seconds_parse(text, milliseconds) == 0 && *milliseconds >= min_ms))
		return CLI_OK;
	return cli_usage(cli, "--%s: \"%s\" is not a time from %ums to 1d, as 10s or 500ms", name,
		text, min_ms);
}

int
generation_parse(struct cli *cli, const char *word, uint64_t *generation)
{
	json_t *result, *entry;
	int exit_code;
	size_t i;

	if (number_parse(word, 0, INT64_MAX, generation) == 0)
		return CLI_OK;
	result = cli_call(cli, "history.list",
		json_pack("{s:b, s:i}", "tagged", 1, "limit", TAGS_LOOKED_AT), &exit_code);
	if (result == NULL)
		return exit_code;
	exit_code = CLI_REFUSED;
	json_array_foreach (json_object_get(result, "generations"), i, entry) {
		if (!member_is(entry, "tag", word))
			continue;
		*generation = member_number(entry, "generation");
		exit_code = CLI_OK;
	}
	json_decref(result);
	if (exit_code != CLI_OK)
		fprintf(stderr,
			"sluicectl: \"%s\" is neither the number of a generation nor the tag of "
			"one; 'sluicectl history' lists them\n",
			word);
	return exit_code;
}

/* With a command's words for the methods that the daemon's messages name. */
static void
message_print(const char *message)
{
	static const struct {
		const char *method, *command;
	} methods[] = {
		{"port.list", "port list"},
		{"flow.list", "flow list"},
		{"flow.get", "flow show"},
		{"relay.list", "relay list"},
		{"relay.receivers", "relay receivers"},
		{"relay.update", "relay update"},
		{"relay.join", "relay join"},
		{"relay.leave", "relay leave"},
		{"history.list", "history"},
		{"history.get", "history"},
		{"state.get", "history"},
		{"txn.plan", "plan"},
	};

	while (*message != '\0') {
		size_t i = 0, length = 1;

		while (i < sizeof(methods) / sizeof(methods[0]) &&
			strncmp(message, methods[i].method, strlen(methods[i].method)) != 0)
			i++;
		if (i < sizeof(methods) / sizeof(methods[0])) {
			length = strlen(methods[i].method);
			fprintf(stderr, "'sluicectl %s'", methods[i].command);
		} else {
			fputc(*message, stderr);
		}
		message += length;
	}
}

static bool
is_number(const char *text)
{
	return text != NULL && text[0] >= '0' && text[0] <= '9';
}

/* "FLOW" for "/flow", "ID 2" for "/ids/1": the name of a positional argument. "": it is none. */
static void
word_place(const struct cli *cli, const char *pointer, char *text, size_t size)
{
	const char *word = cli->command->words, *name = cli->command->arguments;

	text[0] = '\0';
	while (word != NULL && *word != '\0' && pointer[0] == '/') {
		const size_t word_length = strcspn(word, " ."), name_length = strcspn(name, " .[");
		const char *rest = pointer + 1 + word_length;

		if (strncmp(pointer + 1, word, word_length) == 0 &&
			(*rest == '\0' || *rest == '/')) {
			const int n = snprintf(text, size, "%.*s", (int)name_length, name);

			if (*rest == '/' && is_number(rest + 1))
				snprintf(text + n, size - (size_t)n, " %lu",
					strtoul(rest + 1, NULL, 10) + 1);
			return;
		}
		word += word_length + strspn(word + word_length, " .");
		name += name_length + strspn(name + name_length, " .[");
	}
}

/*
 * "--leg 2 dst=" for "/flows/0/legs/1/dst_port", "--idle-timeout" for "/flows/0/idle_timeout_s",
 * "--a local=" for "/relays/0/a/local": members are options and keys with dashes. "" for what is no
 * option.
 */
static void
option_place(const struct cli *cli, const char *pointer, char *text, size_t size)
{
	const struct option_spec *option = cli->command->options;
	char copy[256], *rest = copy, *member, *key, *end;
	size_t length;

	text[0] = '\0';
	snprintf(copy, sizeof(copy), "%s", pointer[0] == '/' ? pointer + 1 : pointer);
	member = strsep(&rest, "/");
	if ((strcmp(member, "flows") == 0 || strcmp(member, "relays") == 0) && is_number(rest)) {
		strsep(&rest, "/");
		member = strsep(&rest, "/");
	} else if (strcmp(member, "fields") == 0) {
		member = strsep(&rest, "/");
	}
	while (member != NULL && option != NULL && option->name != NULL &&
		!option_is_member(option, member))
		option++;
	if (member == NULL || option == NULL || option->name == NULL)
		return;
	length = (size_t)snprintf(text, size, "--%s", option->name);
	if (is_number(rest))
		length += (size_t)snprintf(text + length, size - length, " %lu",
			strtoul(strsep(&rest, "/"), NULL, 10) + 1);
	key = strsep(&rest, "/");
	if (key == NULL || option->value == NULL || strncmp(option->value, "K=V", 3) != 0)
		return;
	end = strstr(key, "_port");
	if (end != NULL && end[5] == '\0')
		*end = '\0';
	for (char *c = key; *c != '\0'; c++)
		*c = *c == '_' ? '-' : *c;
	snprintf(text + length, size - length, " %s=", key);
}

/* "flows.yaml:7: /flows/0/match/port" for a pointer into what a file holds. */
static void
file_place(const struct cli *cli, const char *pointer, char *text, size_t size)
{
	const char *item = strchr(pointer + 1, '/'); /* behind the name of the parameter */
	char place[256] = "", where[YAML_WHERE_MAX], line[YAML_WHERE_MAX + 256];

	if (cli->file_array == NULL)
		item = item != NULL ? strchr(item + 1, '/') : NULL;
	if (item != NULL)
		snprintf(place, sizeof(place), "%s%s%s",
			cli->file_array != NULL && cli->file_array[0] != '\0' ? "/" : "",
			cli->file_array != NULL ? cli->file_array : "", item);
	if (strcmp(cli->file, "-") == 0)
		snprintf(line, sizeof(line), "standard input: %s", place[0] != '\0' ? place : "/");
	else
		snprintf(line, sizeof(line), "%s: %s", yaml_locate(cli->file, place, where),
			place[0] != '\0' ? place : "/");
	text_escape(line, text, size);
}

/* What an interrupt says; written by the one thread, read by its signal handler. */
static const char nothing_text[] = "\nsluicectl: interrupted: nothing was changed\n";
static const char sent_text[] =
	"\n"
	"sluicectl: interrupted: the request was sent, but not answered; it is unknown whether "
	"the change was made, see 'sluicectl history'\n";
static char done_text[128];
static const char *volatile interrupt_text = nothing_text;

static void
interrupted(int number)
{
	const char *text = interrupt_text;
	ssize_t written = write(STDERR_FILENO, text, strlen(text));

	(void)written;
	_exit(128 + number);
}

void
cli_interrupts_catch(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = interrupted}, former;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		/* What nohup(1) and shells have put aside stays so. */
		if (sigaction(numbers[i], NULL, &former) == 0 && former.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	}
}

int
cli_refused(const struct cli *cli, const struct client_error *error)
{
	const bool typed_methods = strcmp(cli->command->name, "rpc") == 0;
	const char *pointer = error->pointer;
	char place[512] = "";

	if (error->name[0] == '\0' || typed_methods) {
		fprintf(stderr, "sluicectl: %s\n", error->text);
		if (interrupt_text == sent_text)
			fprintf(stderr, "It is unknown whether the change was made, see "
					"'sluicectl history'.\n");
		return (int)error->status;
	}
	fprintf(stderr, "sluicectl: %s", error->name);
	if (cli->file != NULL &&
		(strncmp(pointer, "/flows", 6) == 0 || strncmp(pointer, "/legs", 5) == 0 ||
			strncmp(pointer, "/relays", 7) == 0 ||
			strncmp(pointer, "/receivers", 10) == 0)) {
		file_place(cli, pointer, place, sizeof(place));
		fprintf(stderr, ": %s", place);
	} else {
		option_place(cli, pointer, place, sizeof(place));
		if (place[0] == '\0')
			word_place(cli, pointer, place, sizeof(place));
		fprintf(stderr, "%s%s", place[0] != '\0' ? " at " : "", place);
	}
	fprintf(stderr, ": ");
	message_print(error->message);
	fputc('\n', stderr);
	return (int)error->status;
}

json_t *
cli_send(struct cli *cli, const char *method, json_t *params, struct client_error *error)
{
	static const char *const methods[] = {"flow.install", "flow.replace", "flow.remove",
		"flow.forget", "flow.admin", "leg.join", "leg.leave", "relay.add", "relay.update",
		"relay.remove", "relay.join", "relay.leave", "txn.commit", "state.confirm",
		"state.rollback"};
	const json_t *generation;
	json_t *result;

	if (params == NULL)
		cli_out_of_memory();
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(methods[i], method) == 0 &&
			!json_is_true(json_object_get(params, "plan")))
			interrupt_text = sent_text;
	}
	result = client_call(&cli->client, method, params, error);
	if (interrupt_text != sent_text)
		return result;
	generation = json_object_get(result, "generation");
	if (generation != NULL) {
		snprintf(done_text, sizeof(done_text),
			"\nsluicectl: interrupted: the change was committed as generation "
			"%" JSON_INTEGER_FORMAT "\n",
			json_integer_value(generation));
		interrupt_text = done_text;
	} else if (result != NULL || error->status != CLIENT_BROKEN) {
		interrupt_text = nothing_text;
	}
	return result;
}

json_t *
cli_call(struct cli *cli, const char *method, json_t *params, int *exit_code)
{
	struct client_error error;
	json_t *result = cli_send(cli, method, params, &error);

	if (result == NULL)
		*exit_code = cli_refused(cli, &error);
	return result;
}

/* A generation given as a tag becomes its number. */
static int
generations_resolve(struct cli *cli, json_t *params)
{
	static const char *const members[] = {"generation", "if_generation"};
	int exit_code = CLI_OK;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && exit_code == CLI_OK; i++) {
		const char *word = json_string_value(json_object_get(params, members[i]));
		uint64_t generation;

		if (word == NULL)
			continue;
		exit_code = generation_parse(cli, word, &generation);
		if (exit_code == CLI_OK)
			json_object_set_new(
				params, members[i], json_integer((json_int_t)generation));
	}
	return exit_code;
}

/* As the daemon checks them. Texts that stand for a number are replaced by it. */
static int
params_check(const struct cli *cli, json_t *schema, json_t *params)
{
	struct client_error error = {.status = CLIENT_WRONG};
	json_t *checked = json_deep_copy(params), *value;
	const char *name;
	struct fault fault;
	int rc;

	json_object_del(schema, "required");
	rc = schema_check_once(schema_rpc_document(), schema, checked, &fault);
	json_object_foreach (checked, name, value) {
		if (rc == 0 && json_is_integer(value) && json_object_get(params, name) != NULL)
			json_object_set(params, name, value);
	}
	json_decref(checked);
	if (rc == 0)
		return CLI_OK;
	snprintf(error.name, sizeof(error.name), "%s", fault_code_name(fault.code));
	snprintf(error.pointer, sizeof(error.pointer), "%s", fault.pointer);
	snprintf(error.message, sizeof(error.message), "%s", fault.message);
	return cli_refused(cli, &error);
}

int
params_add(struct cli *cli, const struct arguments *arguments, const char *method, json_t *params)
{
	json_t *schema = schema_method_params(schema_method_find(schema_rpc_document(), method));
	char wrong[ARGS_ERROR_MAX];
	int exit_code;

	if (options_set(arguments, cli->command->options, schema, params, wrong) < 0)
		exit_code = cli_usage(cli, "%s", wrong);
	else
		exit_code = generations_resolve(cli, params);
	if (exit_code == CLI_OK)
		exit_code = params_check(cli, schema, params);
	json_decref(schema);
	return exit_code;
}

/* The parameters that the positional arguments are. */
static void
words_add(const char *names, const struct arguments *arguments, json_t *params)
{
	char *copy = text_format("%s", names), *rest = copy, *name, *dots;
	json_t *list;

	for (size_t i = 0; i < arguments->n_words && (name = strsep(&rest, " ")) != NULL; i++) {
		dots = strstr(name, "...");
		if (dots == NULL) {
			json_object_set_new(params, name, json_string(arguments->words[i]));
			continue;
		}
		*dots = '\0';
		json_object_set_new(params, name, list = json_array());
		for (; i < arguments->n_words; i++)
			json_array_append_new(list, json_string(arguments->words[i]));
	}
	free(copy);
}

int
method_call(struct cli *cli, const struct arguments *arguments, const char *method, json_t *params,
	void (*print)(struct cli *cli, json_t *result), const char *says)
{
	int exit_code = params_add(cli, arguments, method, params);
	json_t *result = NULL;

	if (exit_code == CLI_OK)
		result = cli_call(cli, method, json_incref(params), &exit_code);
	if (cli_shows(cli, result) && print != NULL) {
		print(cli, result);
	} else if (cli_shows(cli, result)) {
		json_object_update_missing(result, params);
		members_print(0, result, says);
	}
	json_decref(params);
	return cli_end(cli, result, exit_code);
}

int
command_call(struct cli *cli, const struct arguments *arguments, json_t *params)
{
	const struct command *command = cli->command;

	if (command->words != NULL)
		words_add(command->words, arguments, params);
	return method_call(cli, arguments, command->method, params, command->print, command->says);
}

int
cli_end(const struct cli *cli, json_t *result, int exit_code)
{
	if (result == NULL)
		return exit_code;
	if (cli->json)
		cli_print_json(result);
	json_decref(result);
	return CLI_OK;
}

int
cli_page_repeats(const char *method, const char *member)
{
	fprintf(stderr,
		"sluicectl: the reply to %s is wrong: found %s not behind that of the page before, "
		"expected a later one\n",
		method, member);
	return CLI_BROKEN;
}

void
cli_print_json(json_t *document)
{
	json_dumpf(document, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
}

/* Pass over a byte order mark of UTF-8, RFC 8259 section 8.1. -1: the text is in UTF-16 or UTF-32.
 */
static int
encoding_begin(FILE *file)
{
	const int first = getc(file);

	if (first == 0xef && getc(file) == 0xbb && getc(file) == 0xbf)
		return 0;
	if (first != EOF)
		ungetc(first, file);
	return first == 0 || first == 0xfe || first == 0xff ? -1 : 0;
}

json_t *
cli_load_json(const struct cli *cli, const char *path)
{
	const bool from_stdin = strcmp(path, "-") == 0;
	const char *name = from_stdin ? "standard input" : path;
	struct fault fault;
	FILE *file = from_stdin ? stdin : input_open(path, &fault);
	json_t *document = NULL;
	json_error_t error;

	if (file == NULL) {
		cli_usage(cli, "%s", fault.message);
		return NULL;
	}
	if (encoding_begin(file) < 0)
		cli_usage(cli, "%s: found UTF-16 or UTF-32, expected UTF-8", name);
	else if ((document = json_loadf(file, JSON_REJECT_DUPLICATES, &error)) == NULL)
		cli_usage(cli, "%s:%d:%d: %s", name, error.line, error.column, error.text);
	if (!from_stdin)
		fclose(file);
	return document;
}

int
cli_file_given(
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
cli_file_load(struct cli *cli, const char *path, const char *member)
{
	const char *dot = strrchr(path, '.');
	json_t *document, *array;
	struct fault fault;

	if (dot == NULL || dot == path || (strcmp(dot, ".yaml") != 0 && strcmp(dot, ".yml") != 0))
		document = cli_load_json(cli, path);
	else if ((document = yaml_load(path, &fault)) == NULL)
		cli_usage(cli, "%s", fault.message);
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

void
cli_ids_print(struct cli *cli, json_t *result)
{
	const char *done;
	json_t *ids, *id;
	size_t i;

	(void)cli;
	json_object_foreach (result, done, ids) {
		json_array_foreach (ids, i, id) {
			if (json_is_string(id))
				printf("%s %s\n", done, json_string_value(id));
			else
				members_print(
					0, id, "{id} receives at {dst:endpoint} of pool {pool}");
		}
	}
}

json_t *
flow_pages_fetch(struct cli *cli, const char *method, json_t *filter, int *exit_code)
{
	json_t *result = NULL, *page, *cursor;
	struct progress progress;
	uint64_t at = 0;
	bool is_last;

	json_object_set_new(filter, "limit", json_integer(FLOW_PAGE_MAX));
	progress_begin(&progress, "reading flows", 0);
	do {
		page = cli_call(cli, method, json_copy(filter), exit_code);
		cursor = json_object_get(page, "next_cursor");
		is_last = !json_is_string(cursor);
		if (!is_last &&
			number_parse(json_string_value(cursor), at + 1, UINT64_MAX, &at) < 0) {
			progress_end(&progress);
			*exit_code = cli_page_repeats(method, "next_cursor");
			json_decref(page);
			page = NULL;
		}
		if (page == NULL) {
			json_decref(result);
			result = NULL;
			break;
		}
		if (result == NULL) {
			result = json_incref(page);
		} else {
			json_array_extend(
				json_object_get(result, "flows"), json_object_get(page, "flows"));
			json_array_extend(
				json_object_get(result, "health"), json_object_get(page, "health"));
			json_array_extend(
				json_object_get(result, "relays"), json_object_get(page, "relays"));
			json_object_set(result, "next_cursor", cursor);
		}
		progress.total = member_number(page, "total");
		progress_at(&progress, json_array_size(json_object_get(result, "flows")));
		json_object_set(filter, "cursor", cursor);
		json_decref(page);
	} while (!is_last);
	progress_end(&progress);
	json_decref(filter);
	return result;
}
