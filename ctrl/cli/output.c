/* SPDX-License-Identifier: BSD-3-Clause */
/* See output.h. */
#include "cli/output.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include <yaml.h>

#include "base/escape.h"
#include "schema/yaml.h"

void
cli_out_of_memory(void)
{
	fprintf(stderr, "sluicectl: out of memory\n");
	abort();
}

#define COLUMNS_LEAST 40
#define COLUMNS_USUAL 80

bool
paint_wanted(FILE *out)
{
	const char *refused = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(fileno(out)) && (refused == NULL || refused[0] == '\0') && terminal != NULL &&
	       strcmp(terminal, "dumb") != 0;
}

size_t
paint_columns(FILE *out, size_t otherwise)
{
	const char *wanted = getenv("COLUMNS");
	struct winsize size = {0};
	char *end;
	unsigned long columns;

	if (!isatty(fileno(out)))
		return otherwise;
	columns = wanted != NULL ? strtoul(wanted, &end, 10) : 0;
	if (columns >= COLUMNS_LEAST && columns <= UINT16_MAX && *end == '\0')
		return columns;
	if (ioctl(fileno(out), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return COLUMNS_USUAL;
	return size.ws_col < COLUMNS_LEAST ? COLUMNS_LEAST : size.ws_col;
}

void
text_clear(struct text *text)
{
	text->length = 0;
	text->s[0] = '\0';
}

/* Bytes of a text without a last character that may be half of one (RFC 3629, section 3). */
static size_t
utf8_cut(const char *text, size_t length)
{
	size_t first = length;

	while (first > 0 && ((unsigned char)text[first - 1] & 0xc0) == 0x80)
		first--;
	return first > 0 && (unsigned char)text[first - 1] >= 0xc0 ? first - 1 : length;
}

void
text_add(struct text *text, const char *format, ...)
{
	const size_t left = sizeof(text->s) - text->length;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text->s + text->length, left, format, args);
	va_end(args);
	if (length > 0)
		text->length += (size_t)length < left ? (size_t)length : left - 1;
	if (length >= 0 && (size_t)length >= left)
		text->length = utf8_cut(text->s, text->length);
	text->s[text->length] = '\0';
}

/* Of the character at the head of a text; what is no character, or unknown, takes one column. */
static unsigned
character_columns(const char *text, size_t *bytes)
{
	mbstate_t state = {0};
	wchar_t character;
	int columns;

	*bytes = mbrtowc(&character, text, MB_LEN_MAX, &state);
	if (*bytes <= MB_LEN_MAX) {
		columns = wcwidth(character);
		return columns < 0 ? 1 : (unsigned)columns;
	}
	*bytes = 1;
	return 1;
}

/* Bytes of a text up to its end, or to the character that goes past so many columns. */
static size_t
text_measure(const char *text, size_t room, size_t *columns)
{
	size_t length = 0, bytes;
	unsigned wide;

	for (*columns = 0; text[length] != '\0'; length += bytes, *columns += wide) {
		wide = character_columns(text + length, &bytes);
		if (*columns + wide > room)
			break;
	}
	return length;
}

size_t
text_columns(const char *text)
{
	size_t columns;

	text_measure(text, SIZE_MAX - 1, &columns);
	return columns;
}

size_t
text_fit(const char *text, size_t columns)
{
	size_t used;

	return text_measure(text, columns, &used);
}

void
text_wrap(FILE *out, size_t columns, unsigned indent, const char *colour, const char *text)
{
	size_t kept = indent, margin, length;

	columns = columns > indent ? columns : indent + 1;
	for (;; kept = 0) {
		length = text_fit(text, columns - (kept == 0 ? indent : 0));
		if (text[length] != '\0') {
			size_t at = 0;

			for (size_t i = length; i > kept && (at == 0 || text[at - 1] == ':'); i--) {
				if (text[i] == ' ' && (at == 0 || text[i - 1] != ':'))
					at = i;
			}
			length = at > 0 ? at : kept + strcspn(text + kept, " ");
		}
		margin = strspn(text, " ");
		margin = margin < length ? margin : length;
		fprintf(out, "%*s%s%.*s%s\n", (int)(margin + (kept == 0 ? indent : 0)), "", colour,
			(int)(length - margin), text + margin, colour[0] != '\0' ? "\033[0m" : "");
		text += length + strspn(text + length, " ");
		if (*text == '\0')
			return;
	}
}

char *
text_vformat(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		cli_out_of_memory();
	return text;
}

char *
text_format(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = text_vformat(format, args);
	va_end(args);
	return text;
}

void
text_print(FILE *out, unsigned indent, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = text_vformat(format, args);
	va_end(args);
	text_wrap(out, paint_columns(out, SIZE_MAX), indent, "", text);
	free(text);
}

const char *
moment_text(uint64_t time_ns, char *text)
{
	const time_t seconds = (time_t)(time_ns / 1000000000);
	struct tm local;

	if (localtime_r(&seconds, &local) == NULL ||
		strftime(text, MOMENT_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &local) == 0)
		snprintf(text, MOMENT_TEXT_MAX, "-");
	return text;
}

void
endpoint_format(const char *address, uint16_t port, char *text)
{
	const bool bracketed = strchr(address, ':') != NULL;

	snprintf(text, ENDPOINT_TEXT_MAX, "%s%.*s%s:%u", bracketed ? "[" : "", INET6_ADDRSTRLEN - 1,
		address, bracketed ? "]" : "", port);
}

bool
member_is(const json_t *object, const char *name, const char *value)
{
	const char *string = json_string_value(json_object_get(object, name));

	return string != NULL && strcmp(string, value) == 0;
}

const char *
member_text(const json_t *object, const char *name)
{
	const char *string = json_string_value(json_object_get(object, name));

	return string != NULL ? string : "-";
}

uint64_t
member_number(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static void
add_endpoint(struct text *text, const json_t *object, const char *name)
{
	char endpoint[ENDPOINT_TEXT_MAX], port[32];

	snprintf(port, sizeof(port), "%s_port", name);
	endpoint_format(member_text(object, name), (uint16_t)member_number(object, port), endpoint);
	text_add(text, "%s", endpoint);
}

/* "any", "192.0.2.0/24", "192.0.2.0/24:5000-5999", "any:5004" */
static void
add_range(struct text *text, const json_t *rule, const char *prefix, const char *ports)
{
	const json_t *range = json_object_get(rule, ports);
	const json_int_t first = json_integer_value(json_array_get(range, 0));
	const json_int_t last = json_integer_value(json_array_get(range, 1));
	const char *address = json_string_value(json_object_get(rule, prefix));

	if (address != NULL && strchr(address, ':') != NULL && range != NULL)
		text_add(text, "[%s]", address);
	else
		text_add(text, "%s", address != NULL ? address : "any");
	if (range != NULL)
		text_add(text, ":%" JSON_INTEGER_FORMAT, first);
	if (last != first)
		text_add(text, "-%" JSON_INTEGER_FORMAT, last);
}

static void
add_match(struct text *text, const json_t *flow, const char *name)
{
	static const struct {
		const char *member, *text;
	} parts[] = {
		{"family", "IPv{#family} "},
		{"port", "{port} "},
		{"outer_vlan", "outer-vlan {#outer_vlan} "},
		{"vlan", "vlan {#vlan} "},
	};
	const json_t *rule = json_object_get(flow, "rule"), *match = json_object_get(flow, "match");

	(void)name;
	if (rule != NULL) {
		text_add_members(text, rule, "rule {#priority} ");
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
			if (json_object_get(rule, parts[i].member) != NULL)
				text_add_members(text, rule, parts[i].text);
		}
		add_range(text, rule, "src", "src_ports");
		text_add(text, " > ");
		add_range(text, rule, "dst", "dst_ports");
		return;
	}
	text_add_members(text, match, "{port} ");
	if (member_number(match, "vlan") != 0 || member_number(match, "outer_vlan") != 0)
		text_add_members(text, match, "vlan {:vlans} ");
	text_add_members(text, match,
		json_object_get(match, "src") != NULL
			? "{src:endpoint} > {dst:endpoint}[ of pool {pool}]"
			: "any > {dst:endpoint}[ of pool {pool}]");
}

static void
add_vlans(struct text *text, const json_t *object, const char *name)
{
	(void)name;
	text_add_members(text, object, "[{outer_vlan}.]");
	if (member_number(object, "vlan") != 0 || member_number(object, "outer_vlan") != 0)
		text_add_members(text, object, "{#vlan}");
	else
		text_add(text, "-");
}

const char *
text_drops(struct text *text, json_t *drops)
{
	const char *reason;
	json_t *count;

	text_clear(text);
	json_object_foreach (drops, reason, count) {
		if (json_integer_value(count) != 0)
			text_add(text, "%s%s=%" JSON_INTEGER_FORMAT, text->length > 0 ? " " : "",
				reason, json_integer_value(count));
	}
	if (text->length == 0)
		text_add(text, "-");
	return text->s;
}

static void
add_drops(struct text *text, const json_t *object, const char *name)
{
	struct text drops;

	text_add(text, "%s", text_drops(&drops, json_object_get(object, name)));
}

static void
add_police(struct text *text, const json_t *object, const char *name)
{
	static const struct {
		uint64_t unit;
		const char *prefix;
	} scales[] = {{1000000000, "G"}, {1000000, "M"}, {1000, "k"}, {1, ""}};
	const json_t *police = name[0] != '\0' ? json_object_get(object, name) : object;
	const uint64_t bps = member_number(police, "rate_bps");
	size_t i = 0;

	/* The largest unit that three digits behind the point are enough for. */
	while (scales[i].unit > 1 && (bps < scales[i].unit || bps % (scales[i].unit / 1000) != 0))
		i++;
	text_add(text, "%.15g %sbit/s", (double)bps / (double)scales[i].unit, scales[i].prefix);
	text_add_members(text, police, "[, burst {burst_bytes byte}]");
}

static void
add_pending(struct text *text, const json_t *leg, const char *name)
{
	const json_t *hop = json_object_get(leg, name);
	const bool tagged = member_number(leg, "vlan") > 0 || member_number(leg, "outer_vlan") > 0;

	text_add_members(text, hop, "{state}: {reason}");
	if (!member_is(hop, "state", "pending"))
		return;
	if (json_is_string(json_object_get(hop, "netdev")))
		text_add_members(text, leg,
			json_is_string(json_object_get(hop, "address"))
				? "; see 'ip neigh show {next_hop/address} dev {next_hop/netdev}'"
				: "; see 'ip route get {dst} from {src} oif "
				  "{next_hop/netdev}[ mark {mark}]'");
	else if (tagged)
		text_add(text, "; see 'ip -d link show type vlan'");
	/* else the port's interface is gone */
}

static void
add_percent(struct text *text, const json_t *object, const char *name)
{
	text_add(text, "%.1f%%", json_number_value(json_object_get(object, name)) * 100);
}

static void
add_up(struct text *text, const json_t *object, const char *name)
{
	text_add(text, "%s", json_is_true(json_object_get(object, name)) ? "up" : "down");
}

/* At most 6 characters. */
static void
add_short(struct text *text, const json_t *object, const char *name)
{
	static const char units[] = "kMGTPE";
	double value = json_number_value(json_object_get(object, name));
	unsigned unit = 0;

	if (value < 10000) {
		text_add(text, "%u", (unsigned)value);
		return;
	}
	for (value /= 1000; value >= 999.5; value /= 1000)
		unit++;
	text_add(text, "%.*f%c", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[unit]);
}

/* A NUMA node, -1 for unknown. */
static void
add_node(struct text *text, const json_t *object, const char *name)
{
	const json_int_t node = json_integer_value(json_object_get(object, name));

	if (node < 0)
		text_add(text, "-");
	else
		text_add(text, "%" JSON_INTEGER_FORMAT, node);
}

static void
add_time(struct text *text, const json_t *object, const char *name)
{
	const uint64_t time_ns = member_number(object, name);
	char moment[MOMENT_TEXT_MAX];

	text_add(text, "%s", time_ns > 0 ? moment_text(time_ns, moment) : "-");
}

/* Whether media flows, or since when it does not. */
static void
add_media(struct text *text, const json_t *object, const char *name)
{
	if (!member_is(object, name, "timed_out"))
		text_add_members(text, object, "{media}");
	else if (json_is_object(json_object_get(object, "last_packet")))
		text_add_members(text, object, "none since {last_packet/time_ns:time}");
	else
		text_add(text, "none yet");
}

/* What {name:KIND} appends. */
static const struct {
	const char *name;
	void (*add)(struct text *text, const json_t *object, const char *name);
} kinds[] = {
	{"drops", add_drops},
	{"endpoint", add_endpoint},
	{"match", add_match},
	{"media", add_media},
	{"node", add_node},
	{"pending", add_pending},
	{"percent", add_percent},
	{"police", add_police},
	{"short", add_short},
	{"time", add_time},
	{"up", add_up},
	{"vlans", add_vlans},
};

static bool
value_is_absent(const json_t *value)
{
	return value == NULL || json_is_null(value) || json_is_false(value) ||
	       (json_is_string(value) && json_string_length(value) == 0) ||
	       (json_is_integer(value) && json_integer_value(value) == 0);
}

/* What stands in braces; it is cut at the marks in it. Returns whether the member is there. */
static bool
add_member(struct text *text, const json_t *object, char *name)
{
	const bool is_number = name[0] == '#';
	char *end = strpbrk(name, " ?:"), *slash;
	const char mark = end != NULL ? *end : '\0', *argument = end != NULL ? end + 1 : "";
	const json_t *value;

	if (end != NULL)
		*end = '\0';
	for (name += is_number; (slash = strchr(name, '/')) != NULL; name = slash + 1) {
		*slash = '\0';
		object = json_object_get(object, name);
	}
	value = json_object_get(object, name);
	if (mark == ':') {
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			if (strcmp(kinds[i].name, argument) == 0)
				kinds[i].add(text, object, name);
		}
	} else if (json_is_string(value)) {
		text_add(text, "%s", json_string_value(value));
	} else if (json_is_real(value)) {
		text_add(text, "%.0f", json_real_value(value));
	} else if (json_is_integer(value) || is_number || mark == ' ') {
		text_add(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	} else {
		text_add(text, "%s", mark == '?' ? argument : "-");
	}
	if (mark == ' ')
		text_add(text, " %s%s", argument, plural_s((uint64_t)json_integer_value(value)));
	return is_number ? value != NULL : !value_is_absent(value);
}

/* Append what a template with so many bytes makes of the object. */
static void
text_add_template(struct text *text, const json_t *object, const char *template, size_t length)
{
	const char *const end = template + length;
	bool is_whole = true;
	size_t begin = 0;
	char name[96];

	for (; template <end; template += length) {
		length = strcspn(template, "{[]");
		length = length < (size_t)(end - template) ? length : (size_t)(end - template);
		text_add(text, "%.*s", (int)length, template);
		if (length > 0)
			continue;
		length = 1;
		if (*template == '[') {
			begin = text->length;
			is_whole = true;
		} else if (*template == ']' && !is_whole) {
			text->length = begin;
			text->s[begin] = '\0';
		} else if (*template == '{') {
			length = strcspn(template, "}") + 1;
			snprintf(name, sizeof(name), "%.*s", (int)length - 2, template + 1);
			is_whole &= add_member(text, object, name);
		}
	}
}

void
text_add_members(struct text *text, const json_t *object, const char *template)
{
	text_add_template(text, object, template, strlen(template));
}

const char *
text_members(struct text *text, const json_t *object, const char *template)
{
	text_clear(text);
	text_add_members(text, object, template);
	return text->s;
}

void
members_print(unsigned indent, const json_t *object, const char *template)
{
	struct text text;

	for (size_t length; *template != '\0'; template += length + (template[length] == '\n')) {
		length = strcspn(template, "\n");
		text_clear(&text);
		text_add_template(&text, object, template, length);
		if (text.length > 0)
			text_print(stdout, indent, "%s", text.s);
	}
}

#define COLUMNS_MAX 16
#define GAP 2 /* blanks between columns */
#define INDENT 4 /* of what goes on below */
#define CUT_LEAST 12 /* columns for a text that is cut, or it goes on below */

struct column {
	const char *template; /* of its cells */
	bool right; /* align to the right, as numbers are */
	bool cuts;
	size_t width; /* of its longest cell */
	size_t least; /* in a line that is full */
};

/* Split "TITLE>=TEMPLATE|..." at its marks, in place. Returns how many columns there are. */
static size_t
columns_read(char *text, struct column *columns, char **titles)
{
	size_t n = 0;
	char *part;

	for (; n < COLUMNS_MAX && (part = strsep(&text, "|")) != NULL; n++) {
		const char *title = strsep(&part, "=");
		const size_t length = strlen(title);
		const char last = length > 0 ? title[length - 1] : '\0';

		columns[n] = (struct column){
			.template = part, .right = last == '>', .cuts = last == '~'};
		titles[n] = text_format("%.*s",
			(int)(columns[n].right || columns[n].cuts ? length - 1 : length), title);
	}
	return n;
}

static void
column_measure(struct column *column, char *const *cells, size_t n_cells, size_t step)
{
	for (size_t i = 0; i < n_cells; i += step) {
		const size_t width = text_columns(cells[i]);

		column->width = width > column->width ? width : column->width;
	}
	column->least = column->cuts && column->width > CUT_LEAST ? CUT_LEAST : column->width;
}

/*
 * One line of a row. `spare` columns are given to those that may be cut. Blanks are owed until a
 * cell with text in it follows.
 */
static void
line_print(const struct column *columns, char *const *cells, size_t n_cells, size_t spare,
	size_t owed, FILE *out)
{
	for (size_t i = 0; i < n_cells; i++) {
		const size_t used = text_columns(cells[i]);
		size_t width = columns[i].width - columns[i].least;

		width = width < spare ? width : spare;
		spare -= width;
		width += columns[i].least;
		if (used > width) {
			fprintf(out, "%*s%.*s...", (int)owed, "",
				(int)text_fit(cells[i], width - 3), cells[i]);
			owed = 0;
		} else if (used > 0) {
			fprintf(out, "%*s%s", (int)(owed + (columns[i].right ? width - used : 0)),
				"", cells[i]);
			owed = columns[i].right ? 0 : width - used;
		} else {
			owed += width;
		}
		owed += GAP;
	}
	fputc('\n', out);
}

/* The cells of a row, in as many lines as its columns need in any row. */
static void
row_print(const struct column *columns, char *const *cells, size_t n_cells, size_t width, FILE *out)
{
	for (size_t first = 0, end; first < n_cells; first = end) {
		const size_t indent = first > 0 ? INDENT : 0;
		const size_t room = width - indent;
		size_t used = columns[first].least;
		bool is_empty = cells[first][0] == '\0';

		for (end = first + 1; end < n_cells; end++) {
			if (used + GAP + columns[end].least > room)
				break;
			used += GAP + columns[end].least;
			is_empty &= cells[end][0] == '\0';
		}
		if (used > room) {
			/* A cell that is wider than a line, broken at its blanks. */
			char *text = text_format("%*s%s", (int)indent, "", cells[first]);

			text_wrap(out, width, (unsigned)indent + INDENT, "", text);
			free(text);
		} else if (!is_empty || end - first == n_cells) {
			line_print(columns + first, cells + first, end - first, room - used, indent,
				out);
		}
	}
}

void
rows_print_within(const char *columns, const json_t *rows, size_t width, FILE *out)
{
	char *copy = text_format("%s", columns), *titles[COLUMNS_MAX], **cells;
	struct column table[COLUMNS_MAX];
	const size_t n = columns_read(copy, table, titles);
	const size_t n_cells = n * (json_array_size(rows) + 1);
	struct text text;
	json_t *row;
	size_t i;

	cells = calloc(n_cells, sizeof(*cells));
	if (cells == NULL)
		cli_out_of_memory();
	memcpy(cells, titles, n * sizeof(*cells));
	json_array_foreach (rows, i, row) {
		for (size_t c = 0; c < n; c++)
			cells[n * (i + 1) + c] =
				text_format("%s", text_members(&text, row, table[c].template));
	}
	for (size_t c = 0; c < n; c++)
		column_measure(&table[c], cells + c, n_cells - c, n);
	for (i = 0; i < n_cells; i += n)
		row_print(table, cells + i, n, width, out);
	for (i = 0; i < n_cells; i++)
		free(cells[i]);
	free(cells);
	free(copy);
}

void
rows_print(const char *columns, const json_t *rows)
{
	rows_print_within(columns, rows, paint_columns(stdout, SIZE_MAX), stdout);
}

void
rows_print_below(const char *columns, const json_t *rows)
{
	if (json_array_size(rows) == 0)
		return;
	putchar('\n');
	rows_print(columns, rows);
}

/* Append the rows of one flow. */
static void
flow_rows(json_t *rows, json_t *flow)
{
	json_t *counters = json_object_get(flow, "counters");
	const json_t *legs = json_object_get(flow, "legs");
	json_t *row = json_copy(counters != NULL ? counters : flow), *leg;
	size_t i;

	json_object_set(row, "id", json_object_get(flow, "id"));
	if (json_array_size(legs) == 0 || member_number(row, "punted") != 0 ||
		json_object_size(json_object_get(row, "drops")) > 0) {
		json_array_append_new(rows, row);
		row = json_object();
	}
	json_array_foreach (legs, i, leg) {
		json_object_set(row, "leg", leg);
		json_object_set(row, "drops", json_object_get(leg, "drops"));
		json_array_append_new(rows, row);
		row = json_object();
	}
	json_decref(row);
}

void
flow_counters_print(const json_t *flows)
{
	json_t *rows = json_array(), *flow;
	size_t i;

	json_array_foreach (flows, i, flow)
		flow_rows(rows, flow);
	rows_print("FLOW={id?}|PACKETS>={packets?}|BYTES>={bytes?}|PUNTED>={punted?}|"
		   "LEG={leg/id}|SENT>={leg/sent}|DROPS={drops:drops}",
		rows);
	json_decref(rows);
}

#define PATIENCE_MS 1000
#define REDRAW_MS 100

void
progress_begin(struct progress *progress, const char *what, uint64_t total)
{
	*progress = (struct progress){.what = what,
		.total = total,
		.begun_ms = now_ms(),
		.terminal = isatty(STDERR_FILENO)};
}

void
progress_at(struct progress *progress, uint64_t done)
{
	const int64_t now = now_ms();

	if (!progress->terminal || now - progress->begun_ms < PATIENCE_MS ||
		now - progress->drawn_ms < REDRAW_MS)
		return;
	if (progress->total > 0)
		fprintf(stderr, "\r%s: %" PRIu64 "%%, %" PRIu64 " of %" PRIu64 "\033[K",
			progress->what, done * 100 / progress->total, done, progress->total);
	else
		fprintf(stderr, "\r%s ... %" PRId64 " s\033[K", progress->what,
			(now - progress->begun_ms) / 1000);
	fflush(stderr);
	progress->drawn_ms = now;
}

void
progress_end(struct progress *progress)
{
	if (progress->drawn_ms != 0)
		fprintf(stderr, "\r\033[K");
	progress->drawn_ms = 0;
}

#define YAML_COLUMNS 120

/* What the stream does not take is found at its end, by main(). */
static void
yaml_send(yaml_emitter_t *emitter, int made, yaml_event_t *event)
{
	if (made == 0 ||
		(yaml_emitter_emit(emitter, event) == 0 && emitter->error == YAML_MEMORY_ERROR))
		cli_out_of_memory();
}

static void
yaml_send_text(yaml_emitter_t *emitter, const char *text, yaml_scalar_style_t style)
{
	yaml_event_t event;

	yaml_send(emitter,
		yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
			(int)strlen(text), 1, 1, style),
		&event);
}

/* Quotes stand where a text would be read as a number or a word of YAML. */
static void
yaml_send_string(yaml_emitter_t *emitter, const char *text)
{
	const char *why;
	json_t *read = scalar_value(text, &why);

	yaml_send_text(emitter, text,
		json_is_string(read) ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
	json_decref(read);
}

/* Does it hold no object and no array? */
static bool
is_flat(json_t *value)
{
	const char *key;
	json_t *item;
	size_t i;

	json_array_foreach (value, i, item) {
		if (json_is_object(item) || json_is_array(item))
			return false;
	}
	json_object_foreach (value, key, item) {
		if (json_is_object(item) || json_is_array(item))
			return false;
	}
	return true;
}

static void
yaml_send_value(yaml_emitter_t *emitter, json_t *value, bool one_line)
{
	const bool flow = one_line || is_flat(value);
	yaml_event_t event;
	const char *key;
	json_t *item;
	char *text;
	size_t i;

	if (json_is_string(value)) {
		yaml_send_string(emitter, json_string_value(value));
	} else if (json_is_object(value)) {
		yaml_send(emitter,
			yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
				flow ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE),
			&event);
		json_object_foreach (value, key, item) {
			yaml_send_string(emitter, key);
			yaml_send_value(emitter, item, one_line);
		}
		yaml_send(emitter, yaml_mapping_end_event_initialize(&event), &event);
	} else if (json_is_array(value)) {
		yaml_send(emitter,
			yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
				flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE),
			&event);
		json_array_foreach (value, i, item)
			yaml_send_value(emitter, item, one_line);
		yaml_send(emitter, yaml_sequence_end_event_initialize(&event), &event);
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY);
		if (text == NULL)
			cli_out_of_memory();
		yaml_send_text(emitter, text, YAML_PLAIN_SCALAR_STYLE);
		free(text);
	}
}

static void
yaml_write(FILE *out, json_t *value, bool one_line)
{
	yaml_emitter_t emitter;
	yaml_event_t event;

	if (yaml_emitter_initialize(&emitter) == 0)
		cli_out_of_memory();
	yaml_emitter_set_output_file(&emitter, out);
	yaml_emitter_set_width(&emitter, one_line ? -1 : YAML_COLUMNS);
	yaml_send(&emitter, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event);
	yaml_send(&emitter, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1),
		&event);
	yaml_send_value(&emitter, value, one_line);
	yaml_send(&emitter, yaml_document_end_event_initialize(&event, 1), &event);
	yaml_send(&emitter, yaml_stream_end_event_initialize(&event), &event);
	yaml_emitter_delete(&emitter);
}

void
yaml_print(FILE *out, json_t *value)
{
	yaml_write(out, value, false);
}

char *
yaml_line(json_t *value)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (out == NULL)
		cli_out_of_memory();
	if (value != NULL)
		yaml_write(out, value, true);
	if (fclose(out) != 0)
		cli_out_of_memory();
	text[strcspn(text, "\n")] = '\0';
	return text;
}

#define VLAN_TAG_BYTES 4
#define VLAN_ID_MASK 0xfff

static uint16_t
word_at(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* UDP right behind the IP header, as all frames that leave have it. */
bool
frame_describe(const uint8_t *frame, size_t bytes, struct text *endpoints, struct text *fields)
{
	char address[INET6_ADDRSTRLEN], from[ENDPOINT_TEXT_MAX], to[ENDPOINT_TEXT_MAX];
	size_t at = 2 * ETH_ALEN, ip_bytes; /* at: of the EtherType */
	const uint8_t *ip, *udp;
	unsigned ttl, dscp, payload;
	struct text vlans;
	uint16_t type = 0;
	bool ip4;

	text_clear(&vlans);
	while (at + 2 <= bytes) {
		type = word_at(frame + at);
		if ((type != ETH_P_8021Q && type != ETH_P_8021AD) || at + VLAN_TAG_BYTES > bytes)
			break;
		text_add(&vlans, "%s%u", vlans.length > 0 ? "." : ", vlan ",
			word_at(frame + at + 2) & VLAN_ID_MASK);
		at += VLAN_TAG_BYTES;
	}
	ip4 = type == ETH_P_IP;
	ip_bytes = ip4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
	if ((!ip4 && type != ETH_P_IPV6) || at + 2 + ip_bytes + sizeof(struct udphdr) > bytes)
		return false;
	ip = frame + at + 2;
	udp = ip + ip_bytes;
	if (word_at(udp + 4) < sizeof(struct udphdr) ||
		(ip4 ? ip[0] != 0x45 || ip[9] != IPPROTO_UDP : ip[6] != IPPROTO_UDP))
		return false;
	inet_ntop(ip4 ? AF_INET : AF_INET6, ip + (ip4 ? 12 : 8), address, sizeof(address));
	endpoint_format(address, word_at(udp), from);
	inet_ntop(ip4 ? AF_INET : AF_INET6, ip + (ip4 ? 16 : 24), address, sizeof(address));
	endpoint_format(address, word_at(udp + 2), to);
	text_add(endpoints, "%s > %s", from, to);
	ttl = ip4 ? ip[8] : ip[7];
	dscp = ip4 ? ip[1] >> 2 : (unsigned)(word_at(ip) >> 6 & 0x3f);
	payload = word_at(udp + 4) - (unsigned)sizeof(struct udphdr);
	text_add(fields, "ttl %u, dscp %u%s, %u byte%s of payload", ttl, dscp, vlans.s, payload,
		plural_s(payload));
	return true;
}

void
frame_dump(const char *hex, size_t max_bytes, const char *indent)
{
	const size_t n = strlen(hex) / 2, shown = n < max_bytes ? n : max_bytes;

	for (size_t i = 0; i < shown; i++) {
		if (i % 16 == 0)
			printf("%s%s%06zx", i > 0 ? "\n" : "", indent, i);
		printf(" %.2s", hex + 2 * i);
	}
	printf("\n");
	if (shown < n)
		printf("%s# %zu byte%s more, with --full\n", indent, n - shown,
			plural_s(n - shown));
}
