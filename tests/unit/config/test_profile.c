/* SPDX-License-Identifier: BSD-3-Clause */
/* Profiles are loaded, refused by file and line, and found for devices. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/profile.h"

#define HEAD "match: {drivers: [net_a]}\nbinding: none\n"

static char directory[] = "/tmp/sluice-profile-XXXXXX";
static struct profiles profiles;

static void
setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
}

static void
teardown(void)
{
	DIR *all = opendir(directory);
	const struct dirent *entry;
	char path[400];

	profiles_fini(&profiles);
	while ((entry = readdir(all)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	closedir(all);
	rmdir(directory);
}

TestSuite(profile, .init = setup, .fini = teardown);

static void
written(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

/* Refused at this place of the file, with these words; then the file is right again. */
static void
refused(const char *name, const char *text, const char *place, const char *words)
{
	char start[160];
	struct fault fault;

	written(name, text);
	snprintf(start, sizeof(start), "%s/%s:%s", directory, name, place);
	cr_expect_eq(profiles_load(directory, &profiles, &fault), -1, "%s", text);
	cr_expect_eq(strncmp(fault.message, start, strlen(start)), 0, "%s, expected %s",
		fault.message, start);
	cr_expect(strstr(fault.message, words), "%s, expected %s", fault.message, words);
	cr_expect_eq(profiles.n, 0);
}

Test(profile, files_of_other_names_are_not_read)
{
	struct fault fault;

	written("a.yaml", HEAD "settings: {burst: 8}\nsources: {burst: guide}\n");
	written("a.yaml~", "{");
	written(".a.yaml", "{");
	cr_assert_eq(profiles_load(directory, &profiles, &fault), 0, "%s", fault.message);
	cr_assert_eq(profiles.n, 1);
	cr_expect_str_eq(profiles.list[0].file, "a.yaml");
	cr_expect_eq(profile_of_driver(&profiles, "net_a"), &profiles.list[0]);
	cr_expect_null(profile_of_driver(&profiles, "net_a0"), "that is the name of a device");
}

Test(profile, what_is_wrong_has_file_and_line)
{
	refused("a.yaml", "match: [\n", "", "");
	refused("a.yaml", HEAD "settings: {}\n", "1: /sources: ", "missing");
	refused("a.yaml", HEAD "settings:\n  brust: 8\nsources: {}\n", "4: /settings/brust: ", "");
	refused("a.yaml", HEAD "settings:\n  burst: 7\nsources: {burst: guide}\n",
		"4: /settings/burst: ", "8");
	refused("a.yaml",
		HEAD "settings:\n  tx_offloads: [multi_segs, udp_cksum]\nsources: "
		     "{tx_offloads: guide}\n",
		"4: /settings/tx_offloads/1: ", "\"udp_cksum\"");
	refused("a.yaml", HEAD "settings:\n  rss_key: 6d5\nsources: {rss_key: paper}\n",
		"4: /settings/rss_key: ", "");
	refused("a.yaml", HEAD "settings:\n  devargs: a,b=1\nsources: {devargs: guide}\n",
		"4: /settings/devargs: ", "");
}

Test(profile, each_value_has_a_source_and_each_source_a_value)
{
	refused("a.yaml", HEAD "settings:\n  burst: 8\nsources: {}\n",
		"4: /settings/burst: ", "sources/burst");
	refused("a.yaml", HEAD "settings: {}\nsources:\n  burst: guide\n",
		"5: /sources/burst: ", "burst");
	refused("a.yaml",
		"match:\n  drivers: [net_a]\n  pci: ['8086:1592']\nbinding: vfio-pci\n"
		"settings: {}\nsources: {binding: guide}\n",
		"3: /match/pci: ", "sources/pci");
	refused("a.yaml", "match: {drivers: [net_a]}\nbinding: kernel\nsettings: {}\nsources: {}\n",
		"2: /binding: ", "sources/binding");
}

Test(profile, limits_leave_a_range)
{
	refused("a.yaml",
		HEAD "settings:\n  mtu_max: 1500\n  mtu_min: 9000\n"
		     "sources: {mtu_max: a, mtu_min: b}\n",
		"5: /settings/mtu_min: ", "9000");
}

Test(profile, a_driver_is_in_one_profile)
{
	written("a.yaml", HEAD "settings: {}\nsources: {}\n");
	refused("b.yaml",
		"match:\n  drivers: [net_b,\n    net_a]\n"
		"binding: none\nsettings: {}\nsources: {}\n",
		"3: /match/drivers/1: ", "a.yaml");
	refused("b.yaml",
		"match:\n  drivers: [net_b,\n    net_b]\n"
		"binding: none\nsettings: {}\nsources: {}\n",
		"3: /match/drivers/1: ", "twice");
}

Test(profile, a_directory_that_is_not_there_is_named)
{
	struct fault fault;

	cr_expect_eq(profiles_load("/nonexistent", &profiles, &fault), -1);
	cr_expect(strstr(fault.message, "/nonexistent: "), "%s", fault.message);
}

/* Of two drivers whose names begin alike the longer one is meant. */
Test(profile, virtual_devices_are_found_by_their_name)
{
	struct fault fault;

	written("a.yaml", "match: {drivers: [net_v]}\nbinding: none\nsettings: {}\nsources: {}\n");
	written("b.yaml",
		"match: {drivers: [net_v_user]}\nbinding: none\nsettings: {}\nsources: {}\n");
	cr_assert_eq(profiles_load(directory, &profiles, &fault), 0, "%s", fault.message);
	cr_expect_eq(profile_of_device(&profiles, "net_v0,a=1", "/sys"), &profiles.list[0]);
	cr_expect_eq(profile_of_device(&profiles, "net_v_user7", "/sys"), &profiles.list[1]);
	cr_expect_null(profile_of_device(&profiles, "net_w0", "/sys"));
}

static void
sysfs_id_write(const char *which, const char *text)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/0000:03:00.0/%s", directory, which);
	file = fopen(path, "w");
	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

Test(profile, pci_devices_are_found_by_their_ids)
{
	char sysfs[64], command[200];
	struct fault fault;

	snprintf(sysfs, sizeof(sysfs), "%s/sys", directory);
	snprintf(command, sizeof(command), "mkdir -p %s/bus/pci/devices/0000:03:00.0", sysfs);
	cr_assert_eq(system(command), 0);
	written("a.yaml",
		"match: {drivers: [net_p], pci: ['8086:1592', '1af4:1000']}\nbinding: vfio-pci\n"
		"settings: {}\nsources: {pci: table, binding: guide}\n");
	cr_assert_eq(profiles_load(directory, &profiles, &fault), 0, "%s", fault.message);
	cr_expect_null(profile_of_device(&profiles, "03:00.0", sysfs), "no ids yet");
	sysfs_id_write("vendor", "0x1af4\n");
	sysfs_id_write("device", "0x1000\n");
	cr_expect_eq(profile_of_device(&profiles, "03:00.0,a=1", sysfs), &profiles.list[0]);
	sysfs_id_write("device", "0x1001\n");
	cr_expect_null(profile_of_device(&profiles, "0000:03:00.0", sysfs));
	snprintf(command, sizeof(command), "rm -r %s", sysfs);
	cr_assert_eq(system(command), 0);
}

/* Those of this tree; tests/system/profiles.sh compares their drivers with those of DPDK. */
Test(profile, shipped_profiles_are_right)
{
	struct fault fault;

	cr_assert_eq(profiles_load(SHIPPED_PROFILES, &profiles, &fault), 0, "%s", fault.message);
	cr_expect_geq(profiles.n, 17);
	cr_expect_str_eq(profile_of_driver(&profiles, "mlx5_pci")->file, "mlx5.yaml");
	cr_expect_str_eq(
		profile_of_device(&profiles, "net_virtio_user0", "/sys")->file, "virtio.yaml");
}
