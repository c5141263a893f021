/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Builds a JSON value from the events of libyaml, top down. What a plain scalar means is said by
 * the tables of YAML 1.2, 10.3.2, tried from top to bottom; what fits none is a string.
 */
#include "schema/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>
#include <yaml.h>

#include "base/json.h"

#define DEPTH_MAX 64

struct loader {
	const char *path;
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	unsigned depth;
	const char *wanted; /* the pointer whose line is wanted; NULL: none */
	unsigned line; /* of it, from 1; 0: not known */
	struct fault *fault;
};

static bool
word_is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(text, *words))
			return true;
	return false;
}

static bool
is_made_of(const char *text, const char *characters)
{
	return *text && !text[strspn(text, characters)];
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool
is_real(const char *text)
{
	char *end;

	strtod(text, &end);
	return is_made_of(text, "0123456789.eE+-") && !*end;
}

static json_t *
integer_value(const char *digits, int base, const char **why)
{
	long long number;

	errno = 0;
	number = strtoll(digits, NULL, base);
	if (!errno)
		return json_integer(number);
	*why = "an integer that does not fit 64 bits";
	return NULL;
}

json_t *
scalar_value(const char *text, const char **why)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const trues[] = {"true", "True", "TRUE", NULL};
	static const char *const falses[] = {"false", "False", "FALSE", NULL};
	static const char *const nans[] = {".nan", ".NaN", ".NAN", NULL};
	static const char *const infinities[] = {".inf", ".Inf", ".INF", NULL};
	const char *unsigned_text = text + (*text == '-' || *text == '+');

	if (is_made_of(unsigned_text, "0123456789"))
		return integer_value(text, 10, why);
	if (!strncmp(text, "0x", 2) && is_made_of(text + 2, "0123456789abcdefABCDEF"))
		return integer_value(text + 2, 16, why);
	if (!strncmp(text, "0o", 2) && is_made_of(text + 2, "01234567"))
		return integer_value(text + 2, 8, why);
	if (word_is_one_of(text, nulls))
		return json_null();
	if (word_is_one_of(text, trues))
		return json_true();
	if (word_is_one_of(text, falses))
		return json_false();
	if (word_is_one_of(text, nans) || word_is_one_of(unsigned_text, infinities) ||
		(is_real(text) && !isfinite(strtod(text, NULL)))) {
		*why = "a number that is not finite";
		return NULL;
	}
	return is_real(text) ? json_real(strtod(text, NULL)) : json_string(text);
}

static const char marked[] = "anchors, aliases and tags are not supported";

static json_t *node_read(struct loader *loader, const struct json_path *path);

/* Always returns -1. */
static int
refuse_at(struct loader *loader, size_t line, const char *what)
{
	return fault_set(
		loader->fault, FAULT_PARSE, "", "%s:%zu: %s", loader->path, line + 1, what);
}

FILE *
input_open(const char *path, struct fault *fault)
{
	/* A FIFO that no process writes to would hold us up until one does. */
	const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	const char *what = NULL;
	struct statfs filesystem;
	struct stat found;
	FILE *file = NULL;

	if (fd < 0 || fstat(fd, &found) < 0 || fstatfs(fd, &filesystem) < 0)
		what = strerror(errno);
	else if (S_ISDIR(found.st_mode))
		what = "found a directory, expected a file";
	else if (S_ISFIFO(found.st_mode) && filesystem.f_type != PIPEFS_MAGIC)
		what = "found a FIFO, expected a file";
	else if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) < 0 ||
		 !(file = fdopen(fd, "r")))
		what = strerror(errno);
	if (file)
		return file;
	fault_set(fault, FAULT_NOT_FOUND, "", "%s: %s", path, what);
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* Always returns NULL. */
static json_t *
refuse(struct loader *loader, const char *what)
{
	refuse_at(loader, loader->event.start_mark.line, what);
	return NULL;
}

/* The line, from 0, of a byte of the file. */
static size_t
line_of_byte(const struct loader *loader, size_t offset)
{
	struct fault unread;
	FILE *file = input_open(loader->path, &unread);
	size_t line = 0;

	while (file && offset-- > 0)
		line += getc(file) == '\n';
	if (file)
		fclose(file);
	return line;
}

/* A byte or a character that no text has: the parser has read ahead of its marks by then. */
static int
reader_refuse(struct loader *loader)
{
	const yaml_parser_t *parser = &loader->parser;
	const int value = parser->problem_value;

	/* What a file in UTF-16 or UTF-32 begins with, with a byte order mark or without. */
	if (parser->problem_offset < 4 && (value == 0 || value == 0xfe || value == 0xff))
		return refuse_at(loader, 0,
			"found UTF-16 or UTF-32, expected UTF-8; save the file in that encoding");
	return refuse_at(loader, line_of_byte(loader, parser->problem_offset), parser->problem);
}

static int
event_next(struct loader *loader)
{
	const yaml_parser_t *parser = &loader->parser;

	yaml_event_delete(&loader->event);
	if (yaml_parser_parse(&loader->parser, &loader->event))
		return 0;
	if (parser->error == YAML_READER_ERROR)
		return reader_refuse(loader);
	return refuse_at(loader, parser->problem_mark.line,
		parser->problem ? parser->problem : "out of memory");
}

/* Whether the current node has an anchor or a tag, or is an alias. */
static bool
node_is_marked(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor || event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor || event->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor || event->data.mapping_start.tag;
	default:
		return event->type == YAML_ALIAS_EVENT;
	}
}

/* Note the line of the wanted value, or of the innermost one around it that there is. */
static void
line_note(struct loader *loader, const struct json_path *path)
{
	char pointer[FAULT_POINTER_MAX];
	size_t bytes;

	if (!loader->wanted)
		return;
	json_path_pointer(path, pointer, sizeof(pointer));
	bytes = strlen(pointer);
	if (strncmp(loader->wanted, pointer, bytes) == 0 &&
		(loader->wanted[bytes] == '\0' || loader->wanted[bytes] == '/'))
		loader->line = (unsigned)loader->event.start_mark.line + 1;
}

/* The text of the current scalar; NULL, and refused, if it holds a NUL. */
static const char *
text_read(struct loader *loader)
{
	const char *text = (const char *)loader->event.data.scalar.value;

	if (strlen(text) == loader->event.data.scalar.length)
		return text;
	refuse(loader, "found a NUL character, expected text");
	return NULL;
}

static json_t *
scalar_read(struct loader *loader)
{
	const char *text = text_read(loader);
	const char *why = "out of memory";
	json_t *value;

	if (!text)
		return NULL;
	if (loader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		value = scalar_value(text, &why);
	else
		value = json_string(text);
	return value ? value : refuse(loader, why);
}

static int
sequence_fill(struct loader *loader, json_t *array, const struct json_path *path)
{
	struct json_path inner = {.parent = path};

	for (; !event_next(loader); inner.index++) {
		json_t *item;

		if (loader->event.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		line_note(loader, &inner);
		item = node_read(loader, &inner);
		if (!item)
			return -1;
		json_array_append_new(array, item);
	}
	return -1;
}

/* The current key, and the value after it. */
static int
member_read(struct loader *loader, json_t *object, const char *key, const struct json_path *path)
{
	json_t *value;

	if (json_object_get(object, key)) {
		return fault_set(loader->fault, FAULT_PARSE, "", "%s:%zu: repeated key %s",
			loader->path, loader->event.start_mark.line + 1, key);
	}
	line_note(loader, path);
	if (event_next(loader))
		return -1;
	value = node_read(loader, path);
	return value ? json_object_set_new(object, key, value) : -1;
}

static int
mapping_fill(struct loader *loader, json_t *object, const struct json_path *path)
{
	struct json_path inner = {.parent = path};

	while (!event_next(loader)) {
		const char *text;
		char *key;
		int error;

		if (loader->event.type == YAML_MAPPING_END_EVENT)
			return 0;
		if (node_is_marked(&loader->event))
			return refuse_at(loader, loader->event.start_mark.line, marked);
		if (loader->event.type != YAML_SCALAR_EVENT)
			return refuse_at(loader, loader->event.start_mark.line,
				"expected a plain or quoted key");
		text = text_read(loader);
		if (!text)
			return -1;
		if (strcmp(text, "<<") == 0 &&
			loader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
			return refuse_at(loader, loader->event.start_mark.line,
				"merge keys (<<) are not supported");
		key = strdup(text); /* the event goes when its value comes */
		if (!key)
			return refuse_at(loader, loader->event.start_mark.line, "out of memory");
		inner.member = key;
		error = member_read(loader, object, key, &inner);
		free(key);
		if (error)
			return -1;
	}
	return -1;
}

static json_t *
collection_read(struct loader *loader, const struct json_path *path)
{
	bool mapping = loader->event.type == YAML_MAPPING_START_EVENT;
	json_t *value = mapping ? json_object() : json_array();
	int error;

	if (loader->depth == DEPTH_MAX) {
		json_decref(value);
		return refuse(loader, "nested too deep");
	}
	loader->depth++;
	error = mapping ? mapping_fill(loader, value, path) : sequence_fill(loader, value, path);
	loader->depth--;
	if (!error)
		return value;
	json_decref(value);
	return NULL;
}

static json_t *
node_read(struct loader *loader, const struct json_path *path)
{
	if (node_is_marked(&loader->event))
		return refuse(loader, marked);
	return loader->event.type == YAML_SCALAR_EVENT ? scalar_read(loader)
						       : collection_read(loader, path);
}

/* Everything between the start and the end of the stream, which must be one document. */
static json_t *
document_read(struct loader *loader)
{
	const struct json_path top = {0};
	const yaml_version_directive_t *version;
	json_t *value;

	if (event_next(loader) || event_next(loader))
		return NULL;
	if (loader->event.type != YAML_DOCUMENT_START_EVENT)
		return refuse(loader, "empty, expected a document");
	version = loader->event.data.document_start.version_directive;
	if (version && (version->major != 1 || version->minor != 2))
		return refuse(loader, "found %YAML other than 1.2, expected 1.2 or no such line");
	if (loader->event.data.document_start.tag_directives.start !=
		loader->event.data.document_start.tag_directives.end)
		return refuse(loader, "found %TAG, expected a document without tags");
	if (event_next(loader))
		return NULL;
	line_note(loader, &top);
	value = node_read(loader, &top);
	if (!value)
		return NULL;
	if (!event_next(loader) && !event_next(loader)) {
		if (loader->event.type == YAML_STREAM_END_EVENT)
			return value;
		refuse(loader, "a second document, expected one");
	}
	json_decref(value);
	return NULL;
}

static json_t *
stream_read(struct loader *loader, FILE *file)
{
	json_t *value;

	if (!yaml_parser_initialize(&loader->parser)) {
		refuse(loader, "out of memory");
		return NULL;
	}
	yaml_parser_set_encoding(&loader->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_file(&loader->parser, file);
	value = document_read(loader);
	yaml_event_delete(&loader->event);
	yaml_parser_delete(&loader->parser);
	return value;
}

static json_t *
file_read(struct loader *loader)
{
	FILE *file = input_open(loader->path, loader->fault);
	json_t *value;

	if (!file)
		return NULL;
	value = stream_read(loader, file);
	fclose(file);
	return value;
}

json_t *
yaml_load(const char *path, struct fault *fault)
{
	struct loader loader = {.path = path, .fault = fault};

	return file_read(&loader);
}

const char *
yaml_locate(const char *path, const char *pointer, char where[YAML_WHERE_MAX])
{
	struct fault unread;
	struct loader loader = {.path = path, .wanted = pointer, .fault = &unread};

	json_decref(file_read(&loader));
	if (loader.line)
		snprintf(where, YAML_WHERE_MAX, "%s:%u", path, loader.line);
	else
		snprintf(where, YAML_WHERE_MAX, "%s", path);
	return where;
}

void
yaml_fault_locate(const char *path, struct fault *fault)
{
	const struct fault found = *fault;
	char where[YAML_WHERE_MAX];

	fault_set(fault, found.code, found.pointer, "%s: %s: %s",
		yaml_locate(path, found.pointer, where), found.pointer[0] ? found.pointer : "/",
		found.message);
}
