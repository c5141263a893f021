/* SPDX-License-Identifier: BSD-3-Clause */
/* See tree.h. */
#include "doctor/tree.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TREE_LINE_MAX 1024

/* A path that does not fit is none. */
static void __attribute__((format(printf, 3, 0)))
path_make(char path[TREE_PATH_MAX], const char *root, const char *format, va_list args)
{
	const size_t length = (size_t)snprintf(path, TREE_PATH_MAX, "%s", root);

	if (length >= TREE_PATH_MAX || vsnprintf(path + length, TREE_PATH_MAX - length, format,
					       args) >= (int)(TREE_PATH_MAX - length))
		path[0] = '\0';
}

static FILE *__attribute__((format(printf, 2, 0)))
open_at(const char *root, const char *format, va_list args)
{
	char path[TREE_PATH_MAX];

	path_make(path, root, format, args);
	return fopen(path, "re");
}

FILE *
tree_open(const char *root, const char *format, ...)
{
	va_list args;
	FILE *file;

	va_start(args, format);
	file = open_at(root, format, args);
	va_end(args);
	return file;
}

bool
tree_exists(const char *root, const char *format, ...)
{
	char path[TREE_PATH_MAX];
	va_list args;

	va_start(args, format);
	path_make(path, root, format, args);
	va_end(args);
	return access(path, F_OK) == 0;
}

static bool __attribute__((format(printf, 4, 0)))
line_read(const char *root, char *text, size_t size, const char *format, va_list args)
{
	FILE *file = open_at(root, format, args);
	bool is_read = file && fgets(text, (int)size, file);

	if (file)
		fclose(file);
	if (!is_read)
		text[0] = '\0';
	for (size_t length = strlen(text); length > 0 && strchr(" \t\n", text[length - 1]);)
		text[--length] = '\0';
	return is_read;
}

bool
tree_text(const char *root, char *text, size_t size, const char *format, ...)
{
	va_list args;
	bool is_read;

	va_start(args, format);
	is_read = line_read(root, text, size, format, args);
	va_end(args);
	return is_read;
}

int64_t
tree_number(const char *root, int64_t otherwise, const char *format, ...)
{
	char text[64], *end;
	va_list args;
	int64_t number;

	va_start(args, format);
	line_read(root, text, sizeof(text), format, args);
	va_end(args);
	number = strtoll(text, &end, 0);
	return end != text ? number : otherwise;
}

bool
tree_link(const char *root, char *name, size_t size, const char *format, ...)
{
	char path[TREE_PATH_MAX], target[TREE_PATH_MAX];
	const char *slash;
	ssize_t length;
	va_list args;

	va_start(args, format);
	path_make(path, root, format, args);
	va_end(args);
	length = readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	slash = strrchr(target, '/');
	snprintf(name, size, "%s", slash ? slash + 1 : target);
	return name[0] != '\0';
}

bool
has_word(const char *line, const char *word)
{
	const size_t length = strlen(word);

	for (const char *at = line; (at = strstr(at, word)); at += length) {
		if ((at == line || strchr(" \t", at[-1])) && strchr(" \n", at[length]))
			return true;
	}
	return false;
}

void
cpus_parse(const char *text, cpu_set_t *cpus)
{
	char *end;

	for (;; text = end + (*end == ',')) {
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (end == text)
			return;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (; first <= last && first < CPU_SETSIZE; first++)
			CPU_SET(first, cpus);
	}
}

void
tree_cpus(const char *root, cpu_set_t *cpus, const char *format, ...)
{
	char text[TREE_LINE_MAX];
	va_list args;

	CPU_ZERO(cpus);
	va_start(args, format);
	line_read(root, text, sizeof(text), format, args);
	va_end(args);
	cpus_parse(text, cpus);
}

const char *
cpus_format(const cpu_set_t *cpus, bool bare, char text[CPUS_TEXT_MAX])
{
	const char *const name = bare ? "" : CPU_COUNT(cpus) == 1 ? "CPU " : "CPUs ";
	size_t length = (size_t)snprintf(text, CPUS_TEXT_MAX, "%s", name);
	const size_t begin = length;

	for (unsigned first = 0, last; first < CPU_SETSIZE; first = last + 1) {
		last = first;
		if (!CPU_ISSET(first, cpus))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, cpus))
			last++;
		if (length < CPUS_TEXT_MAX)
			length += (size_t)snprintf(text + length, CPUS_TEXT_MAX - length,
				first == last ? "%s%u" : "%s%u-%u", length > begin ? "," : "",
				first, last);
	}
	return text;
}
