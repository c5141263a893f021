/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of YAML 1.2, 10.3.2, tried from top to bottom; what fits none is a string. */
#include "scalar.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool
word_is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(text, *words))
			return true;
	return false;
}

static const char *
sign_skip(const char *text)
{
	return text + (*text == '-' || *text == '+');
}

static const char *
digits_skip(const char *text)
{
	while (isdigit((unsigned char)*text))
		text++;
	return text;
}

/* The base that an integer is written in, 0 when text is no integer; *digits is past "0x". */
static int
integer_base(const char *text, const char **digits)
{
	const char *first = sign_skip(text);

	*digits = text;
	if (!strncmp(text, "0x", 2) &&
		text[2 + strspn(text + 2, "0123456789abcdefABCDEF")] == '\0') {
		*digits = text + 2;
		return text[2] ? 16 : 0;
	}
	if (!strncmp(text, "0o", 2) && text[2 + strspn(text + 2, "01234567")] == '\0') {
		*digits = text + 2;
		return text[2] ? 8 : 0;
	}
	return *first && !*digits_skip(first) ? 10 : 0;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool
is_real(const char *text)
{
	const char *whole = sign_skip(text);
	const char *end = digits_skip(whole);
	bool digits = end > whole;

	if (*end == '.') {
		const char *fraction = end + 1;

		end = digits_skip(fraction);
		digits = digits || end > fraction;
	}
	if (digits && (*end == 'e' || *end == 'E')) {
		const char *exponent = sign_skip(end + 1);

		end = digits_skip(exponent);
		digits = end > exponent;
	}
	return digits && !*end;
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
	const char *digits;
	int base = integer_base(text, &digits);

	if (base)
		return integer_value(digits, base, why);
	if (word_is_one_of(text, nulls))
		return json_null();
	if (word_is_one_of(text, trues))
		return json_true();
	if (word_is_one_of(text, falses))
		return json_false();
	if (word_is_one_of(text, nans) || word_is_one_of(sign_skip(text), infinities) ||
		(is_real(text) && strtod(text, NULL) - strtod(text, NULL) != 0)) {
		*why = "a number that is not finite";
		return NULL;
	}
	return is_real(text) ? json_real(strtod(text, NULL)) : json_string(text);
}
