/* SPDX-License-Identifier: BSD-3-Clause */
/* Patterns by regcomp(3), addresses by inet_pton(3), MAC addresses by hand. */
#include "pattern.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct compiled {
	struct compiled *next;
	char *pattern;
	regex_t regex;
};

/* The documents hold a handful of patterns, so a list will do. */
static struct compiled *cache;

static struct compiled *
pattern_compile(const char *pattern)
{
	struct compiled *compiled = calloc(1, sizeof(*compiled));

	if (!compiled)
		return NULL;
	compiled->pattern = strdup(pattern);
	if (!compiled->pattern)
		goto err_pattern;
	if (regcomp(&compiled->regex, pattern, REG_EXTENDED | REG_NOSUB))
		goto err_regex;
	compiled->next = cache;
	cache = compiled;
	return compiled;

err_regex:
	free(compiled->pattern);
err_pattern:
	free(compiled);
	return NULL;
}

bool
pattern_match(const char *pattern, const char *text)
{
	struct compiled *compiled = cache;

	while (compiled && strcmp(compiled->pattern, pattern))
		compiled = compiled->next;
	if (!compiled)
		compiled = pattern_compile(pattern);
	return compiled && !regexec(&compiled->regex, text, 0, NULL, 0);
}

void
pattern_cache_release(void)
{
	while (cache) {
		struct compiled *compiled = cache;

		cache = compiled->next;
		regfree(&compiled->regex);
		free(compiled->pattern);
		free(compiled);
	}
}

static bool
ip_match(const char *text)
{
	struct in6_addr address;

	return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

static bool
mac_match(const char *text)
{
	if (strlen(text) != strlen("00:00:00:00:00:00"))
		return false;
	for (size_t i = 0; text[i]; i++)
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

static const struct {
	const char *name;
	bool (*match)(const char *text);
	const char *words;
} formats[] = {
	{"ip", ip_match, "an IPv4 or IPv6 address"},
	{"mac", mac_match, "a MAC address such as 02:00:5e:00:53:01"},
};

bool
format_match(const char *format, const char *text)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i].name, format))
			return formats[i].match(text);
	return false;
}

const char *
format_words(const char *format)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i].name, format))
			return formats[i].words;
	return NULL;
}
