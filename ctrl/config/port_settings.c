/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/port_settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/devargs.h"

struct bit {
	const char *name;
	uint32_t bit;
};

#define RSS_BIT(name, bit) {#name, DP_RSS_##name},
#define TX_BIT(name, bit) {#name, DP_TX_##name},
#define QUIRK_BIT(name, bit) {#name, DP_QUIRK_##name},
static const struct bit rss_bits[] = {DP_RSS_TYPES(RSS_BIT){NULL}};
static const struct bit tx_bits[] = {DP_TX_OFFLOADS(TX_BIT){NULL}};
static const struct bit quirk_bits[] = {DP_QUIRKS(QUIRK_BIT){NULL}};

/* Where a setting is in what the data plane has: a number, or a set of bits. */
#define FIELD(name, bits) \
	{ \
#name, offsetof(struct dp_port_settings, name), bits \
	}

/* In the order of reports. */
static const struct field {
	const char *name;
	size_t offset;
	const struct bit *bits; /* NULL: a number */
} fields[] = {
	FIELD(rx_descriptors, NULL),
	FIELD(tx_descriptors, NULL),
	FIELD(burst, NULL),
	FIELD(rss_types, rss_bits),
	FIELD(tx_offloads, tx_bits),
	FIELD(quirks, quirk_bits),
};

/* Those that the data plane does not have: they are reported as they are asked for. */
static const char *const others[] = {"devargs", "rx_queues_max", "tx_queues_max",
	"rx_descriptors_min", "rx_descriptors_max", "tx_descriptors_min", "tx_descriptors_max",
	"mtu_min", "mtu_max", "pps_max", "slow_offloads"};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))
#define N_OTHERS (sizeof(others) / sizeof(others[0]))

static json_t *
entry_member(const struct port_asked *asked, const char *name, const char *member)
{
	return json_object_get(json_object_get(asked->values, name), member);
}

static void
entry_set(struct port_asked *asked, const char *name, json_t *value, const char *from)
{
	json_object_set_new(
		asked->values, name, json_pack("{s:O, s:s}", "value", value, "from", from));
}

static unsigned
entry_number(const struct port_asked *asked, const char *name)
{
	return (unsigned)json_integer_value(entry_member(asked, name, "value"));
}

/* Cut the number `name` to limits that are asked for, too; 0 is no limit. */
static void
entry_limit(struct port_asked *asked, const char *name, unsigned least, unsigned most)
{
	json_t *entry = json_object_get(asked->values, name);
	const unsigned number = entry_number(asked, name);
	unsigned cut = number;

	if (most != 0 && cut > most)
		cut = most;
	if (cut < least)
		cut = least;
	if (!entry || cut == number)
		return;
	json_object_set(entry, "limited", json_object_get(entry, "value"));
	json_object_set_new(entry, "value", json_integer(cut));
}

static uint32_t
bits_read(const json_t *list, const struct bit *bits)
{
	uint32_t set = 0;
	const json_t *name;
	size_t i;

	json_array_foreach (list, i, name) {
		for (const struct bit *bit = bits; bit->name; bit++) {
			if (strcmp(bit->name, json_string_value(name)) == 0)
				set |= bit->bit;
		}
	}
	return set != 0 ? set : DP_SET_NONE;
}

static json_t *
bits_encode(uint32_t set, const struct bit *bits)
{
	json_t *list = json_array();

	for (const struct bit *bit = bits; bit->name; bit++) {
		if ((set & bit->bit) != 0)
			json_array_append_new(list, json_string(bit->name));
	}
	return list;
}

/* Two hexadecimal digits a byte, which the schema has checked. */
static void
key_read(const char *text, struct dp_port_settings *settings)
{
	settings->rss_key_bytes = 0;
	for (; text && text[0] && settings->rss_key_bytes < DP_RSS_KEY_MAX; text += 2) {
		unsigned byte = 0;

		sscanf(text, "%2x", &byte);
		settings->rss_key[settings->rss_key_bytes++] = (uint8_t)byte;
	}
}

/* What members of the port's own, beside its settings, ask for: mtu and rx_queues. */
static void
site_numbers_add(struct port_asked *asked, unsigned n_workers, const struct dp_port_config *config)
{
	json_t *mtu = json_integer(config->mtu);
	json_t *queues = json_integer(config->rx_queues ? config->rx_queues : n_workers);

	if (config->mtu != 0)
		entry_set(asked, "mtu", mtu, "site");
	entry_set(asked, "rx_queues", queues, config->rx_queues != 0 ? "site" : "default");
	json_decref(mtu);
	json_decref(queues);
}

void
port_settings_merge(struct port_asked *asked, const struct profile *profile, json_t *site,
	unsigned n_workers, struct dp_port_config *config)
{
	json_t *settings = profile ? json_object_get(profile->document, "settings") : NULL, *value;
	const unsigned queues_asked = config->rx_queues;
	const char *name;
	uint8_t *base = (uint8_t *)&config->settings;

	port_settings_fini(asked);
	asked->profile = profile;
	asked->values = json_object();
	json_object_foreach (settings, name, value)
		entry_set(asked, name, value, "profile");
	json_object_foreach (site, name, value)
		entry_set(asked, name, value, "site");
	site_numbers_add(asked, n_workers, config);
	entry_limit(asked, "rx_descriptors", entry_number(asked, "rx_descriptors_min"),
		entry_number(asked, "rx_descriptors_max"));
	entry_limit(asked, "tx_descriptors", entry_number(asked, "tx_descriptors_min"),
		entry_number(asked, "tx_descriptors_max"));
	entry_limit(asked, "mtu", entry_number(asked, "mtu_min"), entry_number(asked, "mtu_max"));
	entry_limit(asked, "rx_queues", 0, entry_number(asked, "rx_queues_max"));

	memset(&config->settings, 0, sizeof(config->settings));
	for (size_t i = 0; i < N_FIELDS; i++) {
		const struct bit *bits = fields[i].bits;
		uint32_t *field = (uint32_t *)(void *)(base + fields[i].offset);

		value = entry_member(asked, fields[i].name, "value");
		if (!value)
			continue;
		*field = bits ? bits_read(value, bits) : (uint32_t)json_integer_value(value);
		/* In the order of reports, to be compared with those. */
		if (bits)
			json_object_set_new(json_object_get(asked->values, fields[i].name), "value",
				bits_encode(*field, bits));
	}
	key_read(json_string_value(entry_member(asked, "rss_key", "value")), &config->settings);
	config->mtu = entry_number(asked, "mtu");
	/* 0 goes on to stand for as many as workers, as far as the device has them. */
	if (queues_asked != 0 || entry_member(asked, "rx_queues", "limited"))
		config->rx_queues = entry_number(asked, "rx_queues");
	config->kernel_driver =
		profile && strcmp(json_string_value(json_object_get(profile->document, "binding")),
				   "kernel") == 0;
}

void
port_settings_fini(struct port_asked *asked)
{
	json_decref(asked->values);
	asked->values = NULL;
}

int
port_settings_add_devargs(
	const struct profile *profile, const json_t *site, char *devargs, struct fault *fault)
{
	const json_t *settings = profile ? json_object_get(profile->document, "settings") : NULL;
	const char *arguments = json_string_value(json_object_get(site, "devargs"));

	if (!arguments)
		arguments = json_string_value(json_object_get(settings, "devargs"));
	if (arguments && !devargs_add(devargs, DP_DEVARGS_MAX, arguments))
		return fault_set(fault, FAULT_INVALID_VALUE, "/devargs",
			"found %s, expected less than %d characters together with %s", devargs,
			DP_DEVARGS_MAX, arguments);
	return 0;
}

/* New reference: the value that the data plane has in effect. */
static json_t *
field_encode(const struct field *field, const struct dp_port_settings *settings)
{
	const uint32_t number =
		*(const uint32_t *)(const void *)((const uint8_t *)settings + field->offset);

	return field->bits ? bits_encode(number, field->bits) : json_integer(number);
}

/* Append what is reported of a setting; takes the reference `value`. */
static void
report_add(json_t *report, const struct port_asked *asked, const char *name, json_t *value)
{
	json_t *wanted = entry_member(asked, name, "value");
	json_t *limited = entry_member(asked, name, "limited");
	const char *from = json_string_value(entry_member(asked, name, "from"));
	const char *source = NULL;
	const bool kept = !wanted || (json_equal(value, wanted) && !limited);

	if (from && strcmp(from, "profile") == 0)
		source = json_string_value(json_object_get(
			json_object_get(asked->profile->document, "sources"), name));
	json_array_append_new(report,
		json_pack("{s:s, s:o, s:s, s:O*, s:s*}", "name", name, "value", value, "from",
			!kept  ? "negotiated"
			: from ? from
			       : "default",
			"asked", kept ? NULL : (limited ? limited : wanted), "source", source));
}

json_t *
port_settings_report(const struct port_asked *asked, const struct dp_port_info *info)
{
	json_t *report = json_array();
	json_t *key = entry_member(asked, "rss_key", "value");

	report_add(report, asked, "rx_queues", json_integer(info->rx_queues));
	report_add(report, asked, "mtu", json_integer(info->mtu));
	for (size_t i = 0; i < N_FIELDS; i++)
		report_add(
			report, asked, fields[i].name, field_encode(&fields[i], &info->settings));
	report_add(report, asked, "rss_key",
		info->settings.rss_key_bytes != 0 ? json_incref(key) : json_string("driver"));
	for (size_t i = 0; i < N_OTHERS; i++) {
		json_t *value = entry_member(asked, others[i], "value");

		if (value)
			report_add(report, asked, others[i], json_incref(value));
	}
	return report;
}

/* A line that is built piece by piece, and cut at its end. */
struct line {
	char text[400];
	size_t length;
};

static void line_add(struct line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void
line_add(struct line *line, const char *format, ...)
{
	const size_t room = sizeof(line->text) - line->length;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->length, room, format, args);
	va_end(args);
	if (n > 0)
		line->length += (size_t)n < room ? (size_t)n : room - 1;
}

/* "512", "ipv4 ipv4_udp", "none". */
static void
line_add_value(struct line *line, const json_t *value)
{
	const json_t *item;
	size_t i;

	if (json_is_integer(value))
		line_add(line, "%lld", (long long)json_integer_value(value));
	else if (json_is_string(value))
		line_add(line, "%s", json_string_value(value));
	else if (json_array_size(value) == 0)
		line_add(line, "none");
	json_array_foreach (value, i, item)
		line_add(line, "%s%s", i > 0 ? " " : "", json_string_value(item));
}

/* Offloads in effect that the profile knows to be slow. */
static void
slow_log(const struct port_asked *asked, const struct dp_port_info *info)
{
	json_t *slow = entry_member(asked, "slow_offloads", "value");
	json_t *enabled =
		bits_encode(info->settings.tx_offloads & bits_read(slow, tx_bits), tx_bits);
	struct line line = {.length = 0};

	line_add_value(&line, enabled);
	if (json_array_size(enabled) > 0)
		log_line("port %s: %s of tx_offloads slows down driver %s: leave it out if few "
			 "packets are replicated",
			info->name, line.text, info->driver);
	json_decref(enabled);
}

void
port_settings_log(const struct port_asked *asked, const struct dp_port_info *info)
{
	json_t *report = port_settings_report(asked, info), *setting;
	struct line line = {.length = 0};
	size_t i;

	json_array_foreach (report, i, setting) {
		const json_t *wanted = json_object_get(setting, "asked");

		if (!wanted)
			continue;
		line_add(&line, "%s%s ", line.length > 0 ? ", " : "",
			json_string_value(json_object_get(setting, "name")));
		line_add_value(&line, json_object_get(setting, "value"));
		line_add(&line, " instead of ");
		line_add_value(&line, wanted);
	}
	if (!asked->profile)
		log_line("port %s: no profile for driver %s: defaults of sluiced", info->name,
			info->driver);
	if (line.length > 0)
		log_line("port %s: negotiated with driver %s: %s", info->name, info->driver,
			line.text);
	slow_log(asked, info);
	json_decref(report);
}
