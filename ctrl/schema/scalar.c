/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of YAML 1.2, 10.3.2, tried from top to bottom; what fits none is a string. */
#include "scalar.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGITS_MAX 20 /* of UINT64_MAX */

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

/* Digits that a suffix moves the point to the right by; -1 when it is none. */
static int
suffix_digits(const char *suffix)
{
	static const char letters[] = "kMG";
	const char *letter;

	if (suffix[0] == '\0')
		return 0;
	letter = strchr(letters, suffix[0]);
	return letter && suffix[1] == '\0' ? 3 * (int)(letter - letters + 1) : -1;
}

int
quantity_parse(const char *text, uint64_t *number)
{
	const size_t whole = strspn(text, "0123456789");
	const char *fraction = text[whole] == '.' ? text + whole + 1 : text + whole;
	const size_t places = fraction > text + whole ? strspn(fraction, "0123456789") : 0;
	const int moved = suffix_digits(fraction + places);
	char digits[DIGITS_MAX + 10];
	unsigned long long sum;

	if (whole == 0 || (fraction > text + whole && places == 0) || moved < (int)places)
		return -EINVAL;
	if (whole + (size_t)moved > DIGITS_MAX)
		return -EINVAL;
	memset(digits, '0', sizeof(digits));
	memcpy(digits, text, whole);
	memcpy(digits + whole, fraction, places);
	digits[whole + (size_t)moved] = '\0';
	errno = 0;
	sum = strtoull(digits, NULL, 10);
	if (errno)
		return -EINVAL;
	*number = sum;
	return 0;
}

int
time_parse(const char *text, uint64_t plain_ms, uint64_t *milliseconds)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	const size_t length = strspn(text, "0123456789.");
	uint64_t unit_ms = plain_ms, thousandths, product;
	char number[24];
	size_t i = 0;

	if (text[length] != '\0') {
		while (i < sizeof(units) / sizeof(units[0]) &&
			strcmp(text + length, units[i].name) != 0)
			i++;
		if (i == sizeof(units) / sizeof(units[0]))
			return -EINVAL;
		unit_ms = units[i].ms;
	}
	if (length == 0 || length > 9)
		return -EINVAL;
	snprintf(number, sizeof(number), "%.*sk", (int)length, text);
	if (quantity_parse(number, &thousandths) < 0 ||
		__builtin_mul_overflow(thousandths, unit_ms, &product) || product % 1000 != 0)
		return -EINVAL;
	*milliseconds = product / 1000;
	return 0;
}

int
dscp_parse(const char *text, unsigned *dscp)
{
	static const struct {
		const char *name;
		unsigned dscp;
	} names[] = {{"EF", 46}, {"VA", 44}, {"LE", 1}, {"BE", 0}, {"DF", 0}};
	unsigned long number;
	char *end;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(text, names[i].name) == 0) {
			*dscp = names[i].dscp;
			return 0;
		}
	}
	if (strncasecmp(text, "CS", 2) == 0 && text[2] >= '0' && text[2] <= '7' &&
		text[3] == '\0') {
		*dscp = 8 * (unsigned)(text[2] - '0');
		return 0;
	}
	/* RFC 2597, section 6: class 1 to 4, drop precedence 1 to 3. */
	if (strncasecmp(text, "AF", 2) == 0 && text[2] >= '1' && text[2] <= '4' && text[3] >= '1' &&
		text[3] <= '3' && text[4] == '\0') {
		*dscp = 8 * (unsigned)(text[2] - '0') + 2 * (unsigned)(text[3] - '0');
		return 0;
	}
	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	number = strtoul(text, &end, 10);
	if (*end || number > 63)
		return -EINVAL;
	*dscp = (unsigned)number;
	return 0;
}

json_t *
unit_value(const char *unit, const char *text)
{
	const bool is_seconds = !strcmp(unit, "s");
	uint64_t number;
	unsigned dscp;

	if (!strcmp(unit, "dscp"))
		return dscp_parse(text, &dscp) == 0 ? json_integer(dscp) : NULL;
	if (!strcmp(unit, "decimal")) {
		if (quantity_parse(text, &number) < 0 || number > INT64_MAX)
			return NULL;
		return json_integer((json_int_t)number);
	}
	if (time_parse(text, is_seconds ? 1000 : 1, &number) < 0 ||
		(is_seconds && number % 1000 != 0))
		return NULL;
	return json_integer((json_int_t)(is_seconds ? number / 1000 : number));
}
