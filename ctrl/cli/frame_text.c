/* SPDX-License-Identifier: BSD-3-Clause */
/* See frame_text.h. Fields are read from the bytes, whatever the daemon says of them. */
#include "cli/frame_text.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "cli/endpoint.h"

#define VLAN_TAG_BYTES 4
#define VLAN_ID_MASK 0xfff

/* What is read, from the front. */
struct reader {
	const uint8_t *at;
	size_t left;
};

/* The next n bytes, or NULL when there are not so many. */
static const uint8_t *
take(struct reader *reader, size_t n)
{
	const uint8_t *at = reader->at;

	if (reader->left < n)
		return NULL;
	reader->at += n;
	reader->left -= n;
	return at;
}

static uint16_t
word_at(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* The EtherType behind all tags; 0: the frame ends before it. */
static uint16_t
link_read(struct reader *reader, struct text *vlans)
{
	const uint8_t *link = take(reader, ETH_HLEN);
	uint16_t type = link != NULL ? word_at(link + 2 * ETH_ALEN) : 0;

	while (type == ETH_P_8021Q || type == ETH_P_8021AD) {
		const uint8_t *tag = take(reader, VLAN_TAG_BYTES);

		if (tag == NULL)
			return 0;
		text_add(vlans, "%s%u", vlans->length > 0 ? "." : ", vlan ",
			word_at(tag) & VLAN_ID_MASK);
		type = word_at(tag + 2);
	}
	return type;
}

static void
endpoints_add(struct text *endpoints, int family, const uint8_t *src, const uint8_t *dst,
	const uint8_t *udp)
{
	char address[INET6_ADDRSTRLEN], from[ENDPOINT_TEXT_MAX], to[ENDPOINT_TEXT_MAX];

	inet_ntop(family, src, address, sizeof(address));
	endpoint_format(address, word_at(udp), from);
	inet_ntop(family, dst, address, sizeof(address));
	endpoint_format(address, word_at(udp + 2), to);
	text_add(endpoints, "%s > %s", from, to);
}

/* UDP right behind the IP header, as all frames that leave have it. */
bool
frame_describe(const uint8_t *frame, size_t bytes, struct text *endpoints, struct text *fields)
{
	struct reader reader = {.at = frame, .left = bytes};
	const uint8_t *ip, *udp;
	struct text vlans;
	unsigned ttl, dscp;
	uint16_t type;
	bool ip4;

	text_clear(&vlans);
	type = link_read(&reader, &vlans);
	ip4 = type == ETH_P_IP;
	if (!ip4 && type != ETH_P_IPV6)
		return false;
	ip = take(&reader, ip4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr));
	udp = take(&reader, sizeof(struct udphdr));
	if (ip == NULL || udp == NULL || word_at(udp + 4) < sizeof(struct udphdr) ||
		(ip4 ? ip[0] != 0x45 || ip[9] != IPPROTO_UDP : ip[6] != IPPROTO_UDP))
		return false;
	endpoints_add(endpoints, ip4 ? AF_INET : AF_INET6, ip + (ip4 ? 12 : 8),
		ip + (ip4 ? 16 : 24), udp);
	ttl = ip4 ? ip[8] : ip[7];
	dscp = ip4 ? ip[1] >> 2 : (unsigned)(word_at(ip) >> 6 & 0x3f);
	text_add(fields, "ttl %u, dscp %u%s, %u byte%s of payload", ttl, dscp, vlans.s,
		word_at(udp + 4) - (unsigned)sizeof(struct udphdr),
		plural_s(word_at(udp + 4) - sizeof(struct udphdr)));
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
