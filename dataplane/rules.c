/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What rte_acl wants: the first field is one byte; the others make up words of the packet's data,
 * in the order in which they lie there, and words are walked in the order of input_index. Rules
 * are given in host order, data in network order.
 */
#include "rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <rte_acl.h>
#include <rte_log.h>
#include <rte_malloc.h>

#include "memory.h"

#define ADDRESS_WORDS_MAX 4
#define VLAN_BITS 12
#define VLAN_MASK ((UINT32_C(1) << VLAN_BITS) - 1)

enum rule_field {
	RULE_PORT,
	RULE_SRC_PORT,
	RULE_DST_PORT,
	RULE_VLANS,
	RULE_ADDRESSES, /* destination, then source; a field a word */
	RULE_FIELDS_MAX = RULE_ADDRESSES + 2 * ADDRESS_WORDS_MAX,
};

/* Words of the data in the order in which they are walked. */
enum rule_input { INPUT_PORT, INPUT_PORTS, INPUT_VLANS, INPUT_ADDRESSES };

RTE_ACL_RULE_DEF(compiled_rule, RULE_FIELDS_MAX);

/*
 * Rules that overlap in many ways make tries that grow beyond what rte_acl builds. Such a set is
 * halved until its parts can be built; parts are searched in order of precedence.
 */
struct rules {
	unsigned n_parts;
	struct rte_acl_ctx *parts[]; /* room for one a rule */
};

static unsigned
address_words(enum dp_family family)
{
	return family == DP_IPV4 ? 1 : ADDRESS_WORDS_MAX;
}

static unsigned
field_count(enum dp_family family)
{
	return RULE_ADDRESSES + 2 * address_words(family);
}

static struct rte_acl_field_def
field_def(unsigned field, uint8_t type, size_t bytes, unsigned input, size_t offset)
{
	return (struct rte_acl_field_def){
		.type = type,
		.size = (uint8_t)bytes,
		.field_index = (uint8_t)field,
		.input_index = (uint8_t)input,
		.offset = (uint32_t)offset,
	};
}

/* Where the fields lie in a struct rule_packet. */
static void
fields_define(struct rte_acl_config *config, enum dp_family family)
{
	const size_t domain = offsetof(struct rule_packet, domain);
	const size_t addresses = offsetof(struct rule_packet, v4);
	const unsigned words = address_words(family);
	const size_t ports = addresses + 2 * words * sizeof(rte_be32_t);

	config->num_fields = field_count(family);
	config->defs[RULE_PORT] =
		field_def(RULE_PORT, RTE_ACL_FIELD_TYPE_BITMASK, 1, INPUT_PORT, domain);
	config->defs[RULE_SRC_PORT] =
		field_def(RULE_SRC_PORT, RTE_ACL_FIELD_TYPE_RANGE, 2, INPUT_PORTS, ports);
	config->defs[RULE_DST_PORT] =
		field_def(RULE_DST_PORT, RTE_ACL_FIELD_TYPE_RANGE, 2, INPUT_PORTS, ports + 2);
	config->defs[RULE_VLANS] =
		field_def(RULE_VLANS, RTE_ACL_FIELD_TYPE_BITMASK, 4, INPUT_VLANS, domain);
	for (unsigned i = 0; i < 2 * words; i++) {
		const unsigned word = i < words ? words + i : i - words;

		config->defs[RULE_ADDRESSES + i] =
			field_def(RULE_ADDRESSES + i, RTE_ACL_FIELD_TYPE_MASK, 4,
				INPUT_ADDRESSES + i, addresses + word * sizeof(rte_be32_t));
	}
}

static void
address_compile(struct rte_acl_field *fields, const uint8_t *address, unsigned bits, unsigned words)
{
	for (unsigned i = 0; i < words; i++) {
		rte_be32_t word;

		memcpy(&word, address + i * sizeof(word), sizeof(word));
		fields[i].value.u32 = rte_be_to_cpu_32(word);
		fields[i].mask_range.u32 = bits < 32 ? bits : 32;
		bits -= fields[i].mask_range.u32;
	}
}

static void
vlans_compile(struct rte_acl_field *field, const struct dp_rule *rule)
{
	if (rule->vlan != DP_RULE_ANY) {
		field->value.u32 |= rule->vlan;
		field->mask_range.u32 |= VLAN_MASK;
	}
	if (rule->outer_vlan != DP_RULE_ANY) {
		field->value.u32 |= (uint32_t)rule->outer_vlan << VLAN_BITS;
		field->mask_range.u32 |= VLAN_MASK << VLAN_BITS;
	}
}

static void
rule_compile(struct compiled_rule *compiled, const struct rule_entry *entry, int32_t priority)
{
	const struct dp_rule *rule = &entry->rule;
	const unsigned words = address_words((enum dp_family)rule->family);
	struct rte_acl_field *field = compiled->field;

	memset(compiled, 0, sizeof(*compiled));
	compiled->data.category_mask = 1;
	compiled->data.priority = priority;
	compiled->data.userdata = entry->index + 1; /* 0 is what rte_acl calls no match */
	if (rule->port != DP_RULE_ANY) {
		field[RULE_PORT].value.u8 = (uint8_t)rule->port;
		field[RULE_PORT].mask_range.u8 = UINT8_MAX;
	}
	vlans_compile(&field[RULE_VLANS], rule);
	field[RULE_SRC_PORT].value.u16 = rule->src_port_first;
	field[RULE_SRC_PORT].mask_range.u16 = rule->src_port_last;
	field[RULE_DST_PORT].value.u16 = rule->dst_port_first;
	field[RULE_DST_PORT].mask_range.u16 = rule->dst_port_last;
	address_compile(&field[RULE_ADDRESSES], rule->dst, rule->dst_bits, words);
	address_compile(&field[RULE_ADDRESSES + words], rule->src, rule->src_bits, words);
}

/* An empty context. Its name must be its own: rte_acl answers a known one with what is there. */
static struct rte_acl_ctx *
context_create(enum dp_family family, unsigned n, int socket)
{
	static uint64_t created;
	char name[RTE_ACL_NAMESIZE];
	const struct rte_acl_param param = {
		.name = name,
		.socket_id = socket,
		.rule_size = RTE_ACL_RULE_SZ(field_count(family)),
		.max_rule_num = n,
	};

	snprintf(name, sizeof(name), "rules_%" PRIu64, created++);
	return rte_acl_create(&param);
}

/* Add all entries and build the trie. 0 or a negative errno. */
static int
context_fill(struct rte_acl_ctx *context, enum dp_family family, const struct rule_entry *entries,
	unsigned n)
{
	struct rte_acl_config config = {.num_categories = 1};

	for (unsigned i = 0; i < n; i++) {
		struct compiled_rule compiled;
		int ret;

		rule_compile(&compiled, &entries[i], (int32_t)(n - i));
		ret = rte_acl_add_rules(context, (const struct rte_acl_rule *)&compiled, 1);
		if (ret < 0)
			return ret;
	}
	fields_define(&config, family);
	return rte_acl_build(context, &config);
}

/* Append the parts of n more entries. rte_acl says -ENOMEM for a trie that grows too big, too. */
static int
parts_append(struct rules *rules, enum dp_family family, const struct rule_entry *entries,
	unsigned n, int socket)
{
	struct rte_acl_ctx *context = context_create(family, n, socket);
	const unsigned half = n / 2;
	int ret;

	if (context == NULL)
		return -ENOMEM;
	if (context_fill(context, family, entries, n) == 0) {
		rules->parts[rules->n_parts++] = context;
		return 0;
	}
	rte_acl_free(context);
	if (n == 1)
		return -ENOMEM;
	ret = parts_append(rules, family, entries, half, socket);
	return ret < 0 ? ret : parts_append(rules, family, entries + half, n - half, socket);
}

struct rules *
rules_build(enum dp_family family, const struct rule_entry *entries, unsigned n, int socket)
{
	const int log_type = rte_log_register("lib.acl"); /* the library's own */
	const int log_level = log_type < 0 ? -1 : rte_log_get_level((uint32_t)log_type);
	struct rules *rules =
		memory_zalloc(1, sizeof(*rules) + n * sizeof(rules->parts[0]), socket);
	int ret;

	if (rules == NULL)
		return NULL;
	if (log_level >= 0)
		rte_log_set_level((uint32_t)log_type, RTE_LOG_CRIT); /* too big is no error here */
	ret = parts_append(rules, family, entries, n, socket);
	if (log_level >= 0)
		rte_log_set_level((uint32_t)log_type, (uint32_t)log_level);
	if (ret == 0)
		return rules;
	rules_destroy(rules);
	return NULL;
}

void
rules_destroy(struct rules *rules)
{
	if (rules == NULL)
		return;
	for (unsigned i = 0; i < rules->n_parts; i++)
		rte_acl_free(rules->parts[i]);
	rte_free(rules);
}

/* Search one part for those packets that no part before it matched. Returns how many are left. */
static unsigned
part_find(const struct rte_acl_ctx *part, const struct rule_packet *packets, uint8_t *open,
	unsigned n_open, uint32_t *index)
{
	const uint8_t *data[RULES_PACKETS_MAX];
	uint32_t found[RULES_PACKETS_MAX];
	unsigned left = 0;

	for (unsigned i = 0; i < n_open; i++)
		data[i] = (const uint8_t *)&packets[open[i]];
	rte_acl_classify(part, data, found, n_open, 1);
	for (unsigned i = 0; i < n_open; i++) {
		index[open[i]] = found[i] - 1; /* no match is 0, and becomes RULES_NONE */
		if (found[i] == 0)
			open[left++] = open[i];
	}
	return left;
}

unsigned
rules_find(
	const struct rules *rules, const struct rule_packet *packets, uint32_t *index, unsigned n)
{
	uint8_t open[RULES_PACKETS_MAX];
	unsigned n_open = n;

	for (unsigned i = 0; i < n; i++)
		open[i] = (uint8_t)i;
	for (unsigned i = 0; i < rules->n_parts && n_open > 0; i++)
		n_open = part_find(rules->parts[i], packets, open, n_open, index);
	return n_open;
}
