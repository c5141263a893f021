/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names are compared byte by byte. One with a zero byte in it fits nothing, and neither does the
 * common name of a subject that has several: who signs such things may mean anything by them.
 */
#include "rpc/tls_subject.h"

#include <stdio.h>
#include <string.h>

#include <openssl/x509v3.h>

/* A name in UTF-8 with a prefix, or "" when it has none that is fit to be compared. */
static void
text_copy(const char *prefix, const ASN1_STRING *string, char *text, size_t size)
{
	unsigned char *bytes = NULL;
	int length = ASN1_STRING_to_UTF8(&bytes, string);

	text[0] = '\0';
	if (length > 0 && !memchr(bytes, 0, (size_t)length) &&
		strlen(prefix) + (size_t)length < size)
		snprintf(text, size, "%s%.*s", prefix, length, (const char *)bytes);
	OPENSSL_free(bytes);
}

static void
common_name_read(X509 *certificate, char *text, size_t size)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	int i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	text[0] = '\0';
	if (i >= 0 && X509_NAME_get_index_by_NID(subject, NID_commonName, i) < 0)
		text_copy(
			"", X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)), text, size);
}

static void
alternative_name_read(const GENERAL_NAME *name, char *text, size_t size)
{
	text[0] = '\0';
	if (name->type == GEN_DNS)
		text_copy("DNS:", name->d.dNSName, text, size);
	else if (name->type == GEN_EMAIL)
		text_copy("email:", name->d.rfc822Name, text, size);
	else if (name->type == GEN_URI)
		text_copy("URI:", name->d.uniformResourceIdentifier, text, size);
}

static bool
alternative_name_has(const GENERAL_NAMES *names, const char *text)
{
	char found[ACCESS_SUBJECT_MAX];

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		alternative_name_read(sk_GENERAL_NAME_value(names, i), found, sizeof(found));
		if (strcmp(found, text) == 0)
			return true;
	}
	return false;
}

static enum role
subject_role(const char *common, const GENERAL_NAMES *names, const struct tls_config *config)
{
	for (unsigned i = 0; i < config->n_subjects; i++) {
		const struct tls_subject *subject = &config->subjects[i];

		if (subject->alternative ? alternative_name_has(names, subject->name)
					 : strcmp(subject->name, common) == 0)
			return subject->role;
	}
	return ROLE_NONE;
}

void
tls_subject_read(X509 *certificate, const struct tls_config *config, struct actor *actor)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	char common[ACCESS_SUBJECT_MAX];
	char shown[ACCESS_SUBJECT_MAX];

	common_name_read(certificate, common, sizeof(common));
	snprintf(shown, sizeof(shown), "%s", common);
	if (!shown[0] && sk_GENERAL_NAME_num(names) > 0)
		alternative_name_read(sk_GENERAL_NAME_value(names, 0), shown, sizeof(shown));
	if (!shown[0])
		snprintf(shown, sizeof(shown), "a certificate without a name");
	*actor = (struct actor){.uid = UINT32_MAX,
		.gid = UINT32_MAX,
		.via = "tls",
		.role = (uint8_t)subject_role(common, names, config)};
	snprintf(actor->name, sizeof(actor->name), "%.*s", ACTOR_NAME_MAX - 1, shown);
	GENERAL_NAMES_free(names);
}
