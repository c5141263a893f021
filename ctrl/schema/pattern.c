/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Patterns by regcomp(3), but for the commonest form, one or more characters of a set, which is
 * looked up in a table; IPv6 addresses by inet_pton(3), MAC addresses by hand.
 */
#include "pattern.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

enum pattern_kind {
	PATTERN_NOTHING, /* the expression is not valid */
	PATTERN_SET, /* ^[set]+$ */
	PATTERN_REGEX,
};

struct pattern {
	enum pattern_kind kind;
	bool set[256]; /* of bytes; never the terminator */
	regex_t regex;
};

/*
 * Take the bytes of a bracket expression's inside (POSIX.1-2017, XBD 9.3.5) into a set. False for
 * what needs more than a look at each byte: a complement, classes, a leading ], and ends of ranges
 * beyond ASCII or the wrong way round.
 */
static bool
set_read(bool set[256], const char *inside, size_t bytes)
{
	if (!bytes || inside[0] == '^' || memchr(inside, '[', bytes) || memchr(inside, ']', bytes))
		return false;
	for (size_t i = 0; i < bytes; i++) {
		const bool range = i + 2 < bytes && inside[i + 1] == '-';
		const unsigned char first = (unsigned char)inside[i];
		const unsigned char last = (unsigned char)inside[range ? i + 2 : i];

		if (last < first || last > 127)
			return false;
		memset(&set[first], true, last - first + 1U);
		i += range ? 2 : 0;
	}
	return true;
}

/* Whether the expression is ^[set]+$. */
static bool
set_expression_read(bool set[256], const char *expression)
{
	static const char head[] = "^[", tail[] = "]+$";
	const size_t n_head = sizeof(head) - 1, n_tail = sizeof(tail) - 1;
	const size_t bytes = strlen(expression);

	return bytes > n_head + n_tail && !strncmp(expression, head, n_head) &&
	       !strcmp(expression + bytes - n_tail, tail) &&
	       set_read(set, expression + n_head, bytes - n_head - n_tail);
}

struct pattern *
pattern_create(const char *expression)
{
	struct pattern *pattern = calloc(1, sizeof(*pattern));

	if (!pattern)
		return NULL;
	if (set_expression_read(pattern->set, expression))
		pattern->kind = PATTERN_SET;
	else if (!regcomp(&pattern->regex, expression, REG_EXTENDED | REG_NOSUB))
		pattern->kind = PATTERN_REGEX;
	return pattern;
}

void
pattern_destroy(struct pattern *pattern)
{
	if (pattern && pattern->kind == PATTERN_REGEX)
		regfree(&pattern->regex);
	free(pattern);
}

static bool
set_match(const bool set[256], const char *text)
{
	const char *end = text;

	while (set[(unsigned char)*end])
		end++;
	return end > text && !*end;
}

bool
pattern_match(const struct pattern *pattern, const char *text)
{
	switch (pattern->kind) {
	case PATTERN_SET:
		return set_match(pattern->set, text);
	case PATTERN_REGEX:
		return !regexec(&pattern->regex, text, 0, NULL, 0);
	case PATTERN_NOTHING:
		break;
	}
	return false;
}

static bool
ip_match(const char *text)
{
	uint8_t bytes[16];

	return address_parse(text, bytes) != 0;
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

static bool
nothing_match(const char *text)
{
	(void)text;
	return false;
}

static const struct {
	const char *name;
	format_fn match;
	const char *words;
} formats[] = {
	{"ip", ip_match, "an IPv4 or IPv6 address"},
	{"mac", mac_match, "a MAC address such as 02:00:5e:00:53:01"},
};

format_fn
format_find(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i].name, name))
			return formats[i].match;
	return nothing_match;
}

const char *
format_words(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i].name, name))
			return formats[i].words;
	return NULL;
}
