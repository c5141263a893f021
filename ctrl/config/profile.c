/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/profile.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/devargs.h"
#include "schema/schema.h"
#include "schema/yaml.h"

const char *
profiles_directory(char *room, size_t size)
{
	char program[PATH_MAX];
	const ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[length > 0 ? length : 0] = '\0';
	/* Two directories up from where meson builds sluiced, it puts the profiles. */
	for (unsigned i = 0; i < 2; i++) {
		char *slash = strrchr(program, '/');

		if (!slash)
			return SLUICE_PROFILES;
		*slash = '\0';
	}
	if (snprintf(room, size, "%s/drivers-conf/profiles", program) < (int)size &&
		access(room, R_OK) == 0)
		return room;
	return SLUICE_PROFILES;
}

static const json_t *
match_list(const struct profile *profile, const char *name)
{
	return json_object_get(json_object_get(profile->document, "match"), name);
}

/* Index of a text in a list; the length of the list when it is not in it. */
static size_t
list_find(const json_t *list, const char *text)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		if (strcmp(json_string_value(item), text) == 0)
			break;
	}
	return i;
}

static const struct profile *
profile_listing(const struct profiles *profiles, const char *name, const char *text)
{
	for (unsigned i = 0; i < profiles->n; i++) {
		const json_t *list = match_list(&profiles->list[i], name);

		if (list_find(list, text) < json_array_size(list))
			return &profiles->list[i];
	}
	return NULL;
}

const struct profile *
profile_of_driver(const struct profiles *profiles, const char *driver)
{
	return profile_listing(profiles, "drivers", driver);
}

/* DPDK gives a virtual device to a driver whose name its name begins with; the longest is meant. */
static const struct profile *
profile_of_vdev(const struct profiles *profiles, const char *devargs)
{
	const struct profile *found = NULL;
	size_t longest = 0;

	for (unsigned i = 0; i < profiles->n; i++) {
		const json_t *driver;
		size_t k;

		json_array_foreach (match_list(&profiles->list[i], "drivers"), k, driver) {
			const size_t length = json_string_length(driver);

			if (length > longest &&
				strncmp(devargs, json_string_value(driver), length) == 0) {
				longest = length;
				found = &profiles->list[i];
			}
		}
	}
	return found;
}

/* An id of a PCI device, "0x8086"; 0 when it is not there. */
static unsigned
pci_id_read(const char *sysfs, const char *address, const char *which)
{
	char path[PATH_MAX];
	unsigned id = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/%s", sysfs, address, which);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%x", &id) != 1)
		id = 0;
	fclose(file);
	return id;
}

const struct profile *
profile_of_device(const struct profiles *profiles, const char *devargs, const char *sysfs)
{
	char address[PCI_ADDRESS_MAX], ids[24];

	if (!devargs_pci(devargs, address, sizeof(address)))
		return profile_of_vdev(profiles, devargs);
	snprintf(ids, sizeof(ids), "%04x:%04x", pci_id_read(sysfs, address, "vendor"),
		pci_id_read(sysfs, address, "device"));
	return profile_listing(profiles, "pci", ids);
}

/* No driver or device of `profile` is in one that was read before. */
static int
matches_check(const struct profiles *before, const struct profile *profile, const char *name,
	struct fault *fault)
{
	const json_t *list = match_list(profile, name), *item;
	char pointer[64];
	size_t i;

	json_array_foreach (list, i, item) {
		const char *text = json_string_value(item);
		const struct profile *other = profile_listing(before, name, text);

		snprintf(pointer, sizeof(pointer), "/match/%s/%zu", name, i);
		if (other)
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found %s, which %s matches, too, expected it in one profile", text,
				other->path);
		if (list_find(list, text) < i)
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found %s twice, expected it once", text);
	}
	return 0;
}

/* All that is taken from somewhere has a source, and nothing else. */
static int
sources_check(const struct profile *profile, struct fault *fault)
{
	json_t *sources = json_object_get(profile->document, "sources");
	json_t *settings = json_object_get(profile->document, "settings"), *value;
	const bool has_pci = match_list(profile, "pci") != NULL;
	const char *name;
	char pointer[64];

	json_object_foreach (settings, name, value) {
		snprintf(pointer, sizeof(pointer), "/settings/%.40s", name);
		if (!json_object_get(sources, name))
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found no sources/%s, expected where the value comes from", name);
	}
	if (has_pci && !json_object_get(sources, "pci"))
		return fault_set(fault, FAULT_INVALID_VALUE, "/match/pci",
			"found no sources/pci, expected where the ids come from");
	if (strcmp(json_string_value(json_object_get(profile->document, "binding")), "none") != 0 &&
		!json_object_get(sources, "binding"))
		return fault_set(fault, FAULT_INVALID_VALUE, "/binding",
			"found no sources/binding, expected where the value comes from");
	json_object_foreach (sources, name, value) {
		snprintf(pointer, sizeof(pointer), "/sources/%.40s", name);
		if (!json_object_get(settings, name) && !(strcmp(name, "pci") == 0 && has_pci) &&
			strcmp(name, "binding") != 0)
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found the source of %s, expected that of a setting that the "
				"profile has, of pci or of binding",
				name);
	}
	return 0;
}

/* No minimum is above its maximum. */
static int
limits_check(const struct profile *profile, struct fault *fault)
{
	static const char *const limited[] = {"rx_descriptors", "tx_descriptors", "mtu"};
	const json_t *settings = json_object_get(profile->document, "settings");

	for (size_t i = 0; i < sizeof(limited) / sizeof(limited[0]); i++) {
		char least_name[32], most_name[32], pointer[64];
		json_int_t least, most;

		snprintf(least_name, sizeof(least_name), "%s_min", limited[i]);
		snprintf(most_name, sizeof(most_name), "%s_max", limited[i]);
		snprintf(pointer, sizeof(pointer), "/settings/%s", least_name);
		least = json_integer_value(json_object_get(settings, least_name));
		most = json_integer_value(json_object_get(settings, most_name));
		if (most != 0 && least > most)
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"found %lld, expected at most %s, which is %lld", (long long)least,
				most_name, (long long)most);
	}
	return 0;
}

static int
profile_load(struct profiles *profiles, char *path, struct fault *fault)
{
	struct profile *profile = &profiles->list[profiles->n];
	json_t *schema = schema_profile_document();

	*profile = (struct profile){.path = path, .file = strrchr(path, '/') + 1};
	profile->document = yaml_load(path, fault);
	if (!profile->document)
		goto err_path;
	if (schema_check_once(schema, schema, profile->document, fault) < 0 ||
		matches_check(profiles, profile, "drivers", fault) < 0 ||
		matches_check(profiles, profile, "pci", fault) < 0 ||
		sources_check(profile, fault) < 0 || limits_check(profile, fault) < 0) {
		yaml_fault_locate(path, fault);
		goto err_document;
	}
	profiles->n++;
	return 0;

err_document:
	json_decref(profile->document);
err_path:
	free(path);
	return -1;
}

static int
is_yaml(const struct dirent *entry)
{
	return fnmatch("*.yaml", entry->d_name, FNM_PERIOD) == 0;
}

int
profiles_load(const char *directory, struct profiles *profiles, struct fault *fault)
{
	struct dirent **entries;
	const int n = scandir(directory, &entries, is_yaml, alphasort);
	int rc = 0;

	profiles->n = 0;
	if (n < 0)
		return fault_set(fault, FAULT_NOT_FOUND, "",
			"%s: %s; expected the directory of profiles, which `profiles` names",
			directory, strerror(errno));
	for (int i = 0; i < n; i++) {
		char *path = NULL;

		if (rc == 0 && i == PROFILES_MAX)
			rc = fault_set(fault, FAULT_LIMIT, "",
				"%s: found %d profiles, expected at most %d", directory, n,
				PROFILES_MAX);
		else if (rc == 0 && asprintf(&path, "%s/%s", directory, entries[i]->d_name) < 0)
			rc = fault_set(fault, FAULT_NO_ROOM, "", "no memory for profiles");
		else if (rc == 0)
			rc = profile_load(profiles, path, fault);
		free(entries[i]);
	}
	free(entries);
	if (rc < 0)
		profiles_fini(profiles);
	return rc;
}

void
profiles_fini(struct profiles *profiles)
{
	for (unsigned i = 0; i < profiles->n; i++) {
		free(profiles->list[i].path);
		json_decref(profiles->list[i].document);
	}
	profiles->n = 0;
}
