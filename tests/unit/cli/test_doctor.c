/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The checks of `sluicectl doctor`: for each a tree of /proc and /sys that is fine and one that is
 * not, and what is said of them. The trees are written to a directory of the test.
 */
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "doctor/boot.h"
#include "doctor/cpu_checks.h"
#include "doctor/daemon_checks.h"
#include "doctor/host_checks.h"
#include "doctor/memory.h"
#include "doctor/pci_checks.h"

#define NODE "/sys/devices/system/node"
#define CPU "/sys/devices/system/cpu"
#define PCI "/sys/bus/pci/devices/0000:03:00.0"

static char root[64];
static struct setup host;

static void
setup(void)
{
	snprintf(root, sizeof(root), "/tmp/sluice-doctor-XXXXXX");
	cr_assert_not_null(mkdtemp(root));
	setup_init(&host, "/etc/sluice/sluice.yaml");
}

static int
entry_remove(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static void
teardown(void)
{
	nftw(root, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(doctor, .init = setup, .fini = teardown);

/* The path below the root, with its directories. */
static const char *
made(const char *path)
{
	static char whole[512];

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		cr_assert(mkdir(whole, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	return whole;
}

static void
put(const char *path, const char *text)
{
	FILE *file = fopen(made(path), "w");

	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static void
put_link(const char *path, const char *target)
{
	const char *whole = made(path);

	unlink(whole);
	cr_assert_eq(symlink(target, whole), 0);
}

/* What sluice.yaml says, with ' for ", after the schema has put in its defaults. */
static void
configure(const char *workers, const char *ports)
{
	char text[768];
	json_t *document;

	snprintf(text, sizeof(text),
		"{'hugepages': true, 'memory_mb': 256, 'packet_buffers': 0, 'tables': "
		"{'ipv4_flows': 65536, 'ipv6_flows': 16384, 'legs': 65536}, 'control': {'core': "
		"0}, 'state': {'path': '/var/lib/sluice/state.db'}, 'workers': [%s], 'ports': "
		"[%s]}",
		workers, ports);
	for (char *quote = text; (quote = strchr(quote, '\'')); quote++)
		*quote = '"';
	document = json_loads(text, 0, NULL);
	cr_assert_not_null(document);
	setup_init(&host, "/etc/sluice/sluice.yaml");
	setup_read(&host, document);
	json_decref(document);
}

static void
is(const struct verdict *verdict, enum severity severity, const char *found, const char *mend)
{
	cr_expect_eq(verdict->severity, severity, "%s: found \"%s\", expected it to be %s",
		severity_name(verdict->severity), verdict->found, severity_name(severity));
	cr_expect_str_eq(verdict->found, found);
	cr_expect_str_eq(verdict->mend, mend);
	cr_expect_eq(verdict->why[0] == '\0', severity == SEVERITY_OK);
}

static void
is_ok(const struct verdict *verdict, const char *found)
{
	is(verdict, SEVERITY_OK, found, "");
}

#define VERDICT(check, ...) \
	static struct verdict check##_of(void) \
	{ \
		struct check facts; \
		check##_read(root, ##__VA_ARGS__, &facts); \
		return check##_judge(&facts); \
	}

static struct verdict
hugepages_of(unsigned node)
{
	struct hugepages facts;

	hugepages_read(root, &host, node, &facts);
	return hugepages_judge(&facts);
}

static void
put_pages(const char *directory, const char *total, const char *free_pages)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/nr_hugepages", directory);
	put(path, total);
	snprintf(path, sizeof(path), "%s/free_hugepages", directory);
	put(path, free_pages);
}

/* The port is on node 0, and a worker on node 1. */
Test(doctor, hugepages)
{
	struct verdict verdict;

	configure("1, 8", "{'name': 'p0', 'devargs': 'net_null0'}");
	put(NODE "/online", "0-1\n");
	put(NODE "/has_memory", "0-1\n");
	put(NODE "/node0/cpulist", "0-7\n");
	put(NODE "/node1/cpulist", "8-15\n");
	put_pages(NODE "/node0/hugepages/hugepages-1048576kB", "2\n", "1\n");
	put_pages(NODE "/node0/hugepages/hugepages-2048kB", "0\n", "0\n");
	put_pages(NODE "/node1/hugepages/hugepages-1048576kB", "0\n", "0\n");
	put_pages(NODE "/node1/hugepages/hugepages-2048kB", "0\n", "0\n");
	verdict = hugepages_of(0);
	is_ok(&verdict, "node 0: 1 of 2 pages of 1 GiB free");
	put_pages(NODE "/node0/hugepages/hugepages-1048576kB", "2\n", "0\n");
	verdict = hugepages_of(0);
	is(&verdict, SEVERITY_ERROR, "node 0: 0 of 2 pages of 1 GiB free, expected 256 MiB free",
		"sudo sluice-setup");
	put_pages(NODE "/node0/hugepages/hugepages-1048576kB", "0\n", "0\n");
	verdict = hugepages_of(0);
	is(&verdict, SEVERITY_ERROR, "node 0: none reserved", "sudo sluice-setup");
	verdict = hugepages_of(1);
	is(&verdict, SEVERITY_ERROR, "node 1: none reserved", "sudo sluice-setup");
	put_pages(NODE "/node1/hugepages/hugepages-2048kB", "512\n", "28\n");
	verdict = hugepages_of(1);
	is(&verdict, SEVERITY_ERROR, "node 1: 28 of 512 pages of 2 MiB free, expected 256 MiB free",
		"sudo sluice-setup");
	host.pid = 1;
	verdict = hugepages_of(1);
	is_ok(&verdict, "node 1: 28 of 512 pages of 2 MiB free, sluiced runs");
	host.hugepages = false;
	verdict = hugepages_of(1);
	is(&verdict, SEVERITY_WARNING,
		"node 1: 28 of 512 pages of 2 MiB free, not used: /etc/sluice/sluice.yaml has "
		"`hugepages: false`",
		"sudo sed -i \"s/^hugepages:.*/hugepages: true/\" /etc/sluice/sluice.yaml && sudo "
		"sluice-setup");
}

/* Without memory_mb what sluiced will allocate is estimated: 64 MiB are too few. */
Test(doctor, hugepages_on_demand)
{
	struct verdict verdict;

	configure("1", "{'name': 'p0', 'devargs': 'net_null0'}");
	host.memory_mb = 0;
	put_pages("/sys/kernel/mm/hugepages/hugepages-2048kB", "32\n", "32\n");
	verdict = hugepages_of(0);
	is(&verdict, SEVERITY_WARNING,
		"node 0: 32 of 32 pages of 2 MiB free, expected about 222 MiB free",
		"sudo sluice-setup");
	put_pages("/sys/kernel/mm/hugepages/hugepages-2048kB", "256\n", "111\n");
	verdict = hugepages_of(0);
	is_ok(&verdict, "node 0: 111 of 256 pages of 2 MiB free");
	put_pages("/sys/kernel/mm/hugepages/hugepages-2048kB", "256\n", "110\n");
	verdict = hugepages_of(0);
	cr_expect_eq(verdict.severity, SEVERITY_WARNING);
	host.memory_mb = 222;
	verdict = hugepages_of(0);
	cr_expect_eq(verdict.severity, SEVERITY_ERROR);
}

Test(doctor, memory_estimate)
{
	configure("1", "{'name': 'p0', 'devargs': 'net_null0'}");
	cr_expect_eq(memory_estimate_mib(root, &host, 0), 222);
	cr_expect_eq(memory_estimate_mib(root, &host, 1), 2); /* rings */
	host.packet_buffers = 100000;
	cr_expect_eq(memory_estimate_mib(root, &host, 0), 517);
	put(PCI "/numa_node", "3\n");
	configure("1, 2", "{'name': 'p0', 'devargs': '0000:03:00.0'}, {'name': 'p1', 'devargs': "
			  "'net_null0'}");
	cr_expect_eq(memory_estimate_mib(root, &host, 3), 245);
	cr_expect_eq(memory_estimate_mib(root, &host, 0), 173);
	configure("1, 2", "{'name': 'p0', 'devargs': '0000:03:00.0', 'rx_queues': 1, 'mtu': 9000, "
			  "'descriptors': 4096}, {'name': 'p1', 'devargs': 'net_null0'}");
	host.n_table_entries = 1500000;
	cr_expect_eq(memory_estimate_mib(root, &host, 3), 1046);
	cr_expect_eq(memory_estimate_mib(root, &host, 0), 272);
}

/* Each node once; memory_mb, 256 here, is that of the first port. */
Test(doctor, memory_report)
{
	json_t *report, *expected;

	put(PCI "/numa_node", "3\n");
	configure("1, 2", "{'name': 'p0', 'devargs': '0000:03:00.0'}, {'name': 'p1', 'devargs': "
			  "'net_null0'}, {'name': 'p2', 'devargs': 'net_null1'}");
	report = memory_report(root, &host);
	expected = json_pack("[{s:i, s:i, s:b}, {s:i, s:i, s:b}]", "node", 3, "mib", 256, "ports",
		true, "node", 0, "mib", (int)memory_estimate_mib(root, &host, 0), "ports", true);
	cr_expect(json_equal(report, expected));
	json_decref(report);
	json_decref(expected);
}

#define GRUB "/etc/default/grub.d/50-sluice.cfg"
#define GRUB_FILE \
	"# Written by sluice-setup(8)\nsluice=\n# hugepages=9 isolcpus=9 in a comment\n" \
	"sluice=\"$sluice hugepagesz=1G hugepages=0:1,2:4\"\n" \
	"sluice=\"$sluice isolcpus=managed_irq,domain,1-2\"\nsluice=\"$sluice nohz_full=1-2\"\n" \
	"sluice=\"$sluice intel_iommu=on\"\n" \
	"GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT$sluice\"\n"

/* What sluice-setup has written is there after a boot. */
Test(doctor, boot)
{
	char value[64], text[CPUS_TEXT_MAX];
	cpu_set_t cpus;

	cr_expect_not(boot_parameter(root, "isolcpus", value, sizeof(value)));
	put(GRUB, GRUB_FILE);
	put("/proc/cmdline", "BOOT_IMAGE=/vmlinuz hugepages=4 quiet\n");
	cr_expect(boot_parameter(root, "isolcpus", value, sizeof(value)));
	cr_expect_str_eq(value, "managed_irq,domain,1-2");
	boot_cpus(root, "isolcpus", &cpus);
	cr_expect_str_eq(cpus_format(&cpus, true, text), "1-2");
	cr_expect_eq(boot_hugepages_mib(root, 0, NODE "/node0/hugepages"), 1024);
	cr_expect_eq(boot_hugepages_mib(root, 1, NODE "/node1/hugepages"), 0);
	cr_expect_eq(boot_hugepages_mib(root, 2, NODE "/node2/hugepages"), 4096);
	put("/proc/cmdline", "quiet hugepagesz=1G hugepages=0:1,2:4 nohz_full=1-2\n");
	cr_expect_eq(boot_hugepages_mib(root, 0, NODE "/node0/hugepages"), 0);
	cr_expect_not(boot_parameter(root, "nohz_full", value, sizeof(value)));
	cr_expect_str_eq(value, "");
	/* Started with the one of an earlier run. */
	put("/proc/cmdline", "isolcpus=managed_irq,domain,1-2,4\n");
	cr_expect(boot_parameter(root, "isolcpus", value, sizeof(value)));
}

Test(doctor, hugepages_after_boot)
{
	const char *tmpfiles = "/etc/tmpfiles.d/sluice-setup.conf";
	struct verdict verdict;

	configure("1", "{'name': 'p0', 'devargs': 'net_null0'}");
	put_pages("/sys/kernel/mm/hugepages/hugepages-2048kB", "0\n", "0\n");
	put(tmpfiles,
		"# pages\nw! /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages - - - - 256\n");
	verdict = hugepages_of(0);
	is(&verdict, SEVERITY_ERROR, "node 0: none reserved", "sudo reboot");
	/* Too few after it, too. */
	put(tmpfiles, "w! /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages - - - - 100\n");
	verdict = hugepages_of(0);
	is(&verdict, SEVERITY_ERROR, "node 0: none reserved", "sudo sluice-setup");
	put(GRUB, "sluice=\"$sluice hugepagesz=1G hugepages=1\"\n");
	put("/proc/cmdline", "quiet\n");
	verdict = hugepages_of(0);
	is(&verdict, SEVERITY_ERROR, "node 0: none reserved", "sudo reboot");
	put("/proc/cmdline", "hugepagesz=1G hugepages=1\n");
	verdict = hugepages_of(0);
	is(&verdict, SEVERITY_ERROR, "node 0: none reserved", "sudo sluice-setup");
}

/* Memory is taken of the nodes of CPUs and ports. */
Test(doctor, hugepages_of_nodes_in_use)
{
	cpu_set_t nodes;
	char text[CPUS_TEXT_MAX];

	put(NODE "/has_memory", "0-3\n");
	put(NODE "/node0/cpulist", "0-7\n");
	put(NODE "/node1/cpulist", "8-15\n");
	put(PCI "/numa_node", "3\n");
	memory_nodes_read(root, &host, &nodes);
	cr_expect_str_eq(cpus_format(&nodes, true, text), "0-3");
	configure("1", "{'name': 'p0', 'devargs': 'net_null0'}");
	memory_nodes_read(root, &host, &nodes);
	cr_expect_str_eq(cpus_format(&nodes, true, text), "0");
	configure("1", "{'name': 'p0', 'devargs': '0000:03:00.0'}");
	memory_nodes_read(root, &host, &nodes);
	cr_expect_str_eq(cpus_format(&nodes, true, text), "0,3");
}

/* memory_mb is taken of all nodes together, as DPDK does: here of nodes 0 and 1. */
Test(doctor, hugepages_at_once)
{
	struct verdict verdict;

	configure("1", "{'name': 'p0', 'devargs': 'net_null0'}");
	host.memory_mb = 1000;
	put_pages(NODE "/node0/hugepages/hugepages-2048kB", "300\n", "300\n");
	put_pages(NODE "/node1/hugepages/hugepages-2048kB", "200\n", "200\n");
	put_pages("/sys/kernel/mm/hugepages/hugepages-2048kB", "500\n", "500\n");
	verdict = hugepages_of(0);
	is_ok(&verdict, "node 0: 300 of 300 pages of 2 MiB free");
	put_pages(NODE "/node1/hugepages/hugepages-2048kB", "200\n", "199\n");
	put_pages("/sys/kernel/mm/hugepages/hugepages-2048kB", "500\n", "499\n");
	verdict = hugepages_of(0);
	is(&verdict, SEVERITY_ERROR,
		"node 0: 300 of 300 pages of 2 MiB free, expected 602 MiB free",
		"sudo sluice-setup");
}

/* A kernel without NUMA: pages of the machine. Ports are not known. */
Test(doctor, hugepages_of_no_node)
{
	struct verdict verdict;

	put_pages("/sys/kernel/mm/hugepages/hugepages-2048kB", "100\n", "100\n");
	verdict = hugepages_of(0);
	is_ok(&verdict, "node 0: 100 of 100 pages of 2 MiB free");
	put_pages("/sys/kernel/mm/hugepages/hugepages-2048kB", "99\n", "99\n");
	verdict = hugepages_of(0);
	is(&verdict, SEVERITY_WARNING,
		"node 0: 99 of 99 pages of 2 MiB free, expected about 200 MiB free",
		"sudo sluice-setup");
}

VERDICT(iommu, &host)

Test(doctor, iommu)
{
	const char *mode = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
	struct verdict verdict = iommu_of();

	is_ok(&verdict, "none, or off; needed for a NIC that is bound to vfio-pci");
	configure("1", "{'name': 'p0', 'devargs': 'net_null0'}");
	verdict = iommu_of();
	is_ok(&verdict, "none, or off; no port needs it");
	configure("1", "{'name': 'p0', 'devargs': '0000:03:00.0'}");
	put(PCI "/numa_node", "0\n");
	verdict = iommu_of();
	is(&verdict, SEVERITY_ERROR, "none, or off", verdict.mend);
	put(mode, "Y\n");
	verdict = iommu_of();
	is(&verdict, SEVERITY_WARNING, "none, or off; vfio is set to do without", verdict.mend);
	put("/sys/kernel/iommu_groups/0/type", "DMA\n");
	put("/sys/kernel/iommu_groups/17/type", "DMA\n");
	verdict = iommu_of();
	is_ok(&verdict, "on, 2 groups of devices");
	/* NVIDIA's NICs stay with the kernel. */
	put_link(PCI "/driver", "../../../bus/pci/drivers/mlx5_core");
	verdict = iommu_of();
	is_ok(&verdict, "on, 2 groups of devices; no port needs it");
}

/* vfio asks for it on x86. */
Test(doctor, iommu_without_remapping)
{
	const char *parameter = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts";
	const char *accepted =
		"on, 1 group of devices, without remapping of interrupts, which vfio accepts";
	struct verdict verdict;

	configure("1", "{'name': 'p0', 'devargs': '0000:03:00.0'}");
	put(PCI "/numa_node", "0\n");
	put("/sys/kernel/iommu_groups/0/type", "DMA\n");
	put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu tsc\n");
	put("/proc/interrupts", "  0:  7  IR-IO-APIC  2-edge  timer\n");
	verdict = iommu_of();
	is_ok(&verdict, "on, 1 group of devices");
	put("/proc/interrupts", "  0:  7  IO-APIC  2-edge  timer\n");
	verdict = iommu_of();
	is(&verdict, SEVERITY_ERROR, "on, 1 group of devices, without remapping of interrupts",
		"sudo sluice-setup");
	put("/etc/modprobe.d/sluice-setup.conf", "");
	verdict = iommu_of();
	is(&verdict, SEVERITY_WARNING, accepted,
		"sudo dmesg | grep -i -E \"DMAR-IR|AMD-Vi|remapping\"");
	put(parameter, "N\n");
	verdict = iommu_of();
	cr_expect_eq(verdict.severity, SEVERITY_ERROR);
	put(parameter, "Y\n");
	put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu hypervisor\n");
	verdict = iommu_of();
	is(&verdict, SEVERITY_WARNING, accepted,
		"virsh edit VM # on the host: <iommu model=\"intel\"><driver "
		"intremap=\"on\"/></iommu>");
}

/* How it is turned on depends on the machine; only Intel's needs a parameter of the kernel. */
Test(doctor, iommu_is_off)
{
	const char *vm = "virsh edit VM # on the host: <iommu model=\"intel\"/>, or virtio";
	const char *amd = "grep -i iommu /proc/cmdline; sudo dmesg | grep -i -E "
			  "\"iommu|AMD-Vi|SMMU\"";
	struct verdict verdict;

	configure("1", "{'name': 'p0', 'devargs': '0000:03:00.0'}");
	put(PCI "/numa_node", "0\n");
	put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu tsc\n");
	verdict = iommu_of();
	is(&verdict, SEVERITY_ERROR, "none, or off",
		"sudo systemctl reboot --firmware-setup # then enable VT-d or AMD-Vi");
	put("/sys/firmware/acpi/tables/DMAR", "");
	verdict = iommu_of();
	is(&verdict, SEVERITY_ERROR, "none, or off", "sudo sluice-setup");
	put(GRUB, GRUB_FILE);
	put("/proc/cmdline", "quiet\n");
	verdict = iommu_of();
	is(&verdict, SEVERITY_ERROR, "none, or off", "sudo reboot");
	put("/proc/cmdline", "quiet intel_iommu=on\n");
	verdict = iommu_of();
	is(&verdict, SEVERITY_ERROR, "none, or off", "sudo sluice-setup");
	remove(made("/sys/firmware/acpi/tables/DMAR"));
	put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu hypervisor\n");
	verdict = iommu_of();
	is(&verdict, SEVERITY_ERROR, "none, or off", vm);
	put("/proc/cpuinfo", "vendor_id\t: AuthenticAMD\nflags\t\t: fpu tsc\n");
	put("/sys/firmware/acpi/tables/IVRS", "");
	verdict = iommu_of();
	is(&verdict, SEVERITY_ERROR, "none, or off", amd);
}

VERDICT(privileges, &host)

#define LIMITS(value) \
	"Limit                     Soft Limit           Hard Limit           Units     \n" \
	"Max locked memory         " value "              unlimited            bytes     \n"

Test(doctor, privileges)
{
	struct verdict verdict;

	configure("1", "{'name': 'p0', 'devargs': 'net_af_xdp0,iface=media0'}");
	put("/proc/self/limits", LIMITS("unlimited"));
	put("/proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n");
	verdict = privileges_of();
	is_ok(&verdict, "this shell: memlock unlimited");
	put("/proc/self/limits", LIMITS("8388608"));
	verdict = privileges_of();
	is_ok(&verdict, "this shell: memlock 8192 KiB, which CAP_IPC_LOCK lifts");
	put("/proc/self/status", "CapEff:\t000000c000003000\n"); /* all but CAP_IPC_LOCK */
	verdict = privileges_of();
	is(&verdict, SEVERITY_WARNING, "this shell: memlock 8192 KiB, expected 512 MiB",
		"sudo prlimit --pid $$ --memlock=unlimited");
	put("/proc/self/status", "CapEff:\t0000000000000000\n");
	verdict = privileges_of();
	is(&verdict, SEVERITY_WARNING,
		"this shell: memlock 8192 KiB, without CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, "
		"expected "
		"512 MiB",
		"sudo systemctl start sluiced");
	host.pid = 77;
	verdict = privileges_of();
	is(&verdict, SEVERITY_WARNING, "not known: sluiced's cannot be read by this user",
		"sudo sluicectl doctor");
	put("/proc/77/limits", LIMITS("unlimited"));
	put("/proc/77/status", "CapEff:\t0000000000000000\n");
	verdict = privileges_of();
	is_ok(&verdict, "sluiced: memlock unlimited, its ports are open");
}

Test(doctor, clock)
{
	struct verdict verdict;
	struct clock facts;

	put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
	clock_check_read(root, &facts);
	facts.is_synchronised = true;
	verdict = clock_judge(&facts);
	is_ok(&verdict, "synchronised, clocksource tsc");
	facts.is_synchronised = false;
	verdict = clock_judge(&facts);
	is(&verdict, SEVERITY_WARNING, "not synchronised, clocksource tsc",
		"sudo apt-get install -y chrony");
	put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
	clock_check_read(root, &facts);
	facts.is_synchronised = true;
	verdict = clock_judge(&facts);
	is(&verdict, SEVERITY_WARNING, "synchronised, clocksource hpet, expected tsc",
		"sudo dmesg | grep -i -E \"clocksource|tsc\"");
	put("/sys/devices/system/clocksource/clocksource0/available_clocksource",
		"hpet tsc-early acpi_pm \n");
	clock_check_read(root, &facts);
	cr_expect_not(facts.has_tsc);
	put("/sys/devices/system/clocksource/clocksource0/available_clocksource",
		"tsc hpet acpi_pm \n");
	clock_check_read(root, &facts);
	facts.is_synchronised = true;
	verdict = clock_judge(&facts);
	is(&verdict, SEVERITY_WARNING, "synchronised, clocksource hpet, expected tsc",
		"echo tsc | sudo tee "
		"/sys/devices/system/clocksource/clocksource0/current_clocksource");
}

/* What is measured differs: the judge gets what it might be. */
Test(doctor, store)
{
	struct verdict verdict;
	struct store facts;

	made("/var/lib/");
	store_read(root, &host, &facts);
	cr_expect_str_eq(facts.directory, "/var/lib");
	cr_expect_eq(facts.error, 0);
	cr_expect_gt(facts.free_bytes, 0);
	facts.free_bytes = UINT64_C(2000) << 20;
	facts.fsync_us = 1950;
	verdict = store_judge(&facts);
	is_ok(&verdict, "/var/lib/sluice/state.db: 2000 MiB free, fsync takes 1.9 ms");
	facts.fsync_us = 25000;
	verdict = store_judge(&facts);
	is(&verdict, SEVERITY_WARNING,
		"/var/lib/sluice/state.db: 2000 MiB free, fsync takes 25.0 ms",
		"sudoedit /etc/sluice/sluice.yaml # state: {path: ...} on a faster disk");
	facts.free_bytes = UINT64_C(99) << 20;
	verdict = store_judge(&facts);
	is(&verdict, SEVERITY_WARNING, "/var/lib/sluice/state.db: 99 MiB free, fsync takes 25.0 ms",
		"df -h /var/lib && sudo du -xh --max-depth 1 \"$(findmnt -no TARGET -T "
		"/var/lib)\" | sort -h");
	facts.error = ENOSPC;
	verdict = store_judge(&facts);
	is(&verdict, SEVERITY_ERROR, "/var/lib/sluice/state.db: /var/lib: No space left on device",
		"df -h /var/lib && sudo du -xh --max-depth 1 \"$(findmnt -no TARGET -T "
		"/var/lib)\" | sort -h");
	facts.error = EROFS;
	verdict = store_judge(&facts);
	is(&verdict, SEVERITY_ERROR, "/var/lib/sluice/state.db: /var/lib: Read-only file system",
		"sudo dmesg -T --level=err,warn # of a disk with errors: unmount it, and run fsck; "
		"else see findmnt -T /var/lib");
	facts.error = EACCES;
	verdict = store_judge(&facts);
	is(&verdict, SEVERITY_WARNING, "/var/lib/sluice/state.db: /var/lib: Permission denied",
		"sudo sluicectl doctor");
	host.store[0] = '\0';
	store_read(root, &host, &facts);
	verdict = store_judge(&facts);
	is_ok(&verdict, "none: state.path is empty, flows end with the process");
}

/* No file is left behind. */
Test(doctor, store_is_left_clean)
{
	struct store facts;
	struct stat status;

	made("/var/lib/sluice/");
	store_read(root, &host, &facts);
	cr_expect_str_eq(facts.directory, "/var/lib/sluice");
	cr_expect_eq(facts.error, 0);
	cr_assert_eq(stat(made("/var/lib/sluice"), &status), 0);
	cr_expect_eq(rmdir(made("/var/lib/sluice")), 0);
}

VERDICT(cores, &host)

Test(doctor, cores)
{
	struct verdict verdict;

	put(CPU "/present", "0-3\n");
	put(CPU "/online", "0-2\n");
	configure("1, 2", "");
	verdict = cores_of();
	is_ok(&verdict, "workers on CPUs 1-2, control on CPU 0");
	configure("1, 3", "");
	verdict = cores_of();
	is(&verdict, SEVERITY_ERROR, "workers on CPUs 1,3, control on CPU 0; CPU 3 is offline",
		"echo 1 | sudo tee " CPU "/cpu3/online");
	configure("1, 9", "");
	verdict = cores_of();
	is(&verdict, SEVERITY_ERROR,
		"workers on CPUs 1,9, control on CPU 0; there is no CPU 9, expected one of 0-3",
		"sudoedit /etc/sluice/sluice.yaml");
	configure("1, 1", "");
	verdict = cores_of();
	is(&verdict, SEVERITY_ERROR, "workers on CPU 1, control on CPU 0; CPU 1 is used twice",
		"sudoedit /etc/sluice/sluice.yaml");
	configure("0", "");
	verdict = cores_of();
	is(&verdict, SEVERITY_ERROR, "workers on CPU 0, control on CPU 0; CPU 0 is used twice",
		"sudoedit /etc/sluice/sluice.yaml");
}

#define INTERRUPTS(nic, local, switched) \
	"           CPU0       CPU1       CPU2\n" \
	" 24:          9          " nic "          0  IO-APIC   5-edge      nic\n" \
	"LOC:      99999          " local "          " switched "   Local timer interrupts\n" \
	"ERR:    9999999\n"
#define THREAD(cpus, switches) \
	"Name:\tx\nCpus_allowed_list:\t" cpus \
	"\nvoluntary_ctxt_switches:\t99\nnonvoluntary_ctxt_switches:\t" switches "\n"

/* Two samples that are a second apart, of two trees. */
static struct verdict
isolation_of(const char *interrupts, const char *thread)
{
	static struct sample before, after;
	struct isolation facts;

	put("/proc/interrupts", INTERRUPTS("100", "1000", "1000"));
	put("/proc/77/task/78/status", THREAD("1", "5"));
	put("/proc/77/task/79/status", THREAD("2", "5"));
	put("/proc/77/task/77/status", THREAD("1-2", "5"));
	sample_read(root, &host, &before);
	put("/proc/interrupts", interrupts);
	put("/proc/77/task/78/status", thread);
	put("/proc/77/task/77/status", THREAD("1-2", "999"));
	sample_read(root, &host, &after);
	after.time_ns = before.time_ns + 1000000000;
	isolation_read(root, &host, &before, &after, &facts);
	sample_fini(&before);
	sample_fini(&after);
	return isolation_judge(&facts);
}

Test(doctor, isolation)
{
	const char *quiet = INTERRUPTS("101", "1019", "1002");
	struct verdict verdict;

	configure("1, 2", "");
	put(CPU "/isolated", "1-2\n");
	put(CPU "/nohz_full", "1-2\n");
	verdict = isolation_of(quiet, THREAD("1", "5"));
	is_ok(&verdict, "at most 20 interrupts/s on each worker's CPU; isolated");
	host.pid = 77;
	verdict = isolation_of(quiet, THREAD("1", "7"));
	is_ok(&verdict, "at most 20 interrupts/s on each worker's CPU, and 2 involuntary "
			"switches/s; isolated");
	verdict = isolation_of(INTERRUPTS("700", "1010", "1000"), THREAD("1", "12"));
	is(&verdict, SEVERITY_WARNING,
		"CPU 1: 610 interrupts/s (24: 600), 7 involuntary switches/s; isolated",
		"echo 0 | sudo tee /proc/irq/24/smp_affinity_list");
	verdict = isolation_of(quiet, THREAD("1", "12"));
	is(&verdict, SEVERITY_WARNING,
		"CPU 1: 20 interrupts/s (LOC: 19), 7 involuntary switches/s; isolated",
		"ps -eLo psr,pid,tid,comm | awk \"\\$1 == 1\" # then: sudo taskset -cp 0 TID");
	put(CPU "/nohz_full", "\n");
	verdict = isolation_of(INTERRUPTS("100", "1250", "1250"), THREAD("1", "5"));
	is(&verdict, SEVERITY_WARNING,
		"CPU 1: 250 interrupts/s (LOC: 250), 0 involuntary switches/s; CPU 2: 250 "
		"interrupts/s (LOC: 250), 0 involuntary switches/s; isolated",
		"sudo sluice-setup");
	put(CPU "/isolated", "2\n");
	verdict = isolation_of(quiet, THREAD("1", "5"));
	is(&verdict, SEVERITY_WARNING,
		"at most 20 interrupts/s on each worker's CPU, and 2 involuntary switches/s; CPU 1 "
		"not isolated",
		"sudo sluice-setup");
	/* For the next boot all workers are isolated. */
	put(GRUB, GRUB_FILE);
	put("/proc/cmdline", "quiet\n");
	verdict = isolation_of(quiet, THREAD("1", "5"));
	cr_expect_str_eq(verdict.mend, "sudo reboot");
	put(CPU "/isolated", "1-2\n");
	verdict = isolation_of(INTERRUPTS("100", "1250", "1250"), THREAD("1", "5"));
	cr_expect_str_eq(verdict.mend, "sudo reboot");
	/* Not all: sluice.yaml has other workers than sluice-setup saw. */
	configure("1, 3", "");
	verdict = isolation_of(quiet, THREAD("1", "5"));
	cr_expect_str_eq(verdict.mend, "sudo sluice-setup");
}

/* The timer's line is behind those of all queues, and none of these is left out. */
Test(doctor, many_interrupts)
{
	static struct sample before, after;
	struct isolation facts;
	struct verdict verdict;
	const unsigned n = 5000;
	FILE *file;

	configure("1, 2", "");
	put(CPU "/isolated", "1-2\n");
	put(CPU "/nohz_full", "1-2\n");
	for (unsigned round = 0; round < 2; round++) {
		file = fopen(made("/proc/interrupts"), "w");
		fputs("           CPU0       CPU1       CPU2\n", file);
		/* One is new, which moves those behind it. */
		for (unsigned i = 1 - round; i < n; i++)
			fprintf(file, "%u: %u %u 0 nic\n", 9000 + i, i * round, i);
		fprintf(file, "LOC: 7 %u %u Local timer interrupts\n", 10, 10 + 300 * round);
		fclose(file);
		sample_read(root, &host, round ? &after : &before);
	}
	cr_expect_eq(before.n_interrupts, n);
	cr_expect_eq(after.n_interrupts, n + 1);
	cr_expect_eq(after.interrupts[n - 1].counts[0], n - 1);
	after.time_ns = before.time_ns + 1000000000;
	isolation_read(root, &host, &before, &after, &facts);
	verdict = isolation_judge(&facts);
	cr_expect_str_eq(verdict.found, "CPU 2: 300 interrupts/s (LOC: 300); isolated");
	sample_fini(&before);
	sample_fini(&after);
}

VERDICT(siblings, &host)

Test(doctor, siblings)
{
	struct verdict verdict;

	put(CPU "/online", "0-7\n");
	put(CPU "/cpu1/topology/thread_siblings_list", "1,5\n");
	put(CPU "/cpu2/topology/thread_siblings_list", "2\n");
	put(CPU "/cpu5/topology/thread_siblings_list", "1,5\n");
	configure("2", "");
	verdict = siblings_of();
	is_ok(&verdict, "no worker shares its core");
	configure("1, 2", "");
	verdict = siblings_of();
	is(&verdict, SEVERITY_WARNING, "CPU 1 shares its core with CPU 5",
		"echo 0 | sudo tee " CPU "/cpu5/online");
	put(CPU "/isolated", "1-7\n");
	verdict = siblings_of();
	is_ok(&verdict, "no worker shares its core");
	put(CPU "/isolated", "\n");
	put(CPU "/online", "0-4,6-7\n");
	verdict = siblings_of();
	is_ok(&verdict, "no worker shares its core");
	put(CPU "/online", "0-7\n");
	configure("1, 5", "");
	verdict = siblings_of();
	is(&verdict, SEVERITY_WARNING,
		"CPU 1 shares its core with CPU 5 of sluiced; CPU 5 shares its core with CPU 1 of "
		"sluiced",
		"sudoedit /etc/sluice/sluice.yaml # workers: one CPU of a core");
}

static cpu_set_t two_cpus;

VERDICT(sleep_states, &two_cpus)
VERDICT(governor, &two_cpus)

Test(doctor, sleep_states)
{
	struct verdict verdict;

	cpus_parse("1,3", &two_cpus);
	put(CPU "/cpuidle/current_driver", "none\n");
	verdict = sleep_states_of();
	is_ok(&verdict, "the kernel selects none");
	put(CPU "/cpuidle/current_driver", "intel_idle\n");
	put(CPU "/cpu1/cpuidle/state0/name", "POLL\n");
	put(CPU "/cpu1/cpuidle/state0/latency", "0\n");
	put(CPU "/cpu1/cpuidle/state0/disable", "0\n");
	put(CPU "/cpu1/cpuidle/state1/name", "C1E\n");
	put(CPU "/cpu1/cpuidle/state1/latency", "10\n");
	put(CPU "/cpu1/cpuidle/state1/disable", "0\n");
	put(CPU "/cpu1/cpuidle/state2/name", "C6\n");
	put(CPU "/cpu1/cpuidle/state2/latency", "133\n");
	put(CPU "/cpu1/cpuidle/state2/disable", "0\n");
	verdict = sleep_states_of();
	is(&verdict, SEVERITY_WARNING, "CPU 1: up to C6, left in 133 us, expected at most 50 us",
		"sudo cpupower -c 1 idle-set -D 50 # of the package linux-cpupower");
	put(CPU "/cpu1/cpuidle/state2/disable", "1\n");
	verdict = sleep_states_of();
	is_ok(&verdict, "CPUs 1,3: at most C1E, left in 10 us");
}

Test(doctor, governor)
{
	struct verdict verdict;

	cpus_parse("1,3", &two_cpus);
	verdict = governor_of();
	is_ok(&verdict, "none: the kernel does not set the frequency");
	put(CPU "/cpu1/cpufreq/scaling_governor", "performance\n");
	put(CPU "/cpu2/cpufreq/scaling_governor", "ondemand\n");
	put(CPU "/cpu3/cpufreq/scaling_governor", "performance\n");
	verdict = governor_of();
	is_ok(&verdict, "CPUs 1,3: performance");
	put(CPU "/cpu3/cpufreq/scaling_governor", "powersave\n");
	verdict = governor_of();
	is(&verdict, SEVERITY_WARNING, "CPU 3: powersave, expected performance",
		"sudo cpupower -c 3 frequency-set -g performance # of the package linux-cpupower");
}

static struct verdict
tsc_of(const char *cpuinfo)
{
	struct processor facts;

	put("/proc/cpuinfo", cpuinfo);
	processor_read(root, &facts);
	return tsc_judge(&facts);
}

Test(doctor, tsc)
{
	struct verdict verdict = tsc_of("flags\t\t: fpu tsc constant_tsc nonstop_tsc\n");

	is_ok(&verdict, "invariant (constant_tsc, nonstop_tsc)");
	verdict = tsc_of("processor\t: 0\nflags\t\t: fpu tsc constant_tsc nonstop_tsc_s3\n");
	cr_expect_not_null(strstr(verdict.mend, "invtsc"));
	is(&verdict, SEVERITY_WARNING, "not invariant: without nonstop_tsc", verdict.mend);
	verdict = tsc_of("flags\t\t: fpu tsc hypervisor\n");
	is(&verdict, SEVERITY_WARNING, "not invariant: without constant_tsc and nonstop_tsc",
		verdict.mend);
	verdict = tsc_of("processor\t: 0\nFeatures\t: fp asimd\n");
	is_ok(&verdict, "not an x86 CPU: its timer has one rate");
}

/* Of the CPUs of sluiced, between two samples. */
static struct verdict
steal_of(bool is_virtual, const char *stat)
{
	static struct sample before, after;
	struct steal facts;

	put("/proc/stat", "cpu  1 1 1 1 1 1 1 1 0 0\ncpu0 10 0 0 90 0 0 0 0 0 0\n"
			  "cpu1 100 0 0 0 0 0 0 0 0 0\ncpu2 5 0 0 0 0 0 0 999 0 0\n");
	sample_read(root, &host, &before);
	put("/proc/stat", stat);
	sample_read(root, &host, &after);
	facts = (struct steal){.is_virtual = is_virtual,
		.ticks = after.ticks - before.ticks,
		.stolen_ticks = after.stolen_ticks - before.stolen_ticks};
	sample_fini(&before);
	sample_fini(&after);
	return steal_judge(&facts);
}

Test(doctor, steal)
{
	const char *all_well = "cpu0 20 0 0 180 0 0 0 0 0 0\ncpu1 200 0 0 0 0 0 0 0 0 0\n"
			       "cpu2 5 0 0 0 0 0 0 1999 0 0\n";
	struct verdict verdict;

	configure("1", "");
	verdict = steal_of(true, all_well);
	is_ok(&verdict, "0.0% of the CPUs' time in a virtual machine");
	verdict = steal_of(false, all_well);
	is_ok(&verdict, "none: not a virtual machine");
	verdict = steal_of(true, "cpu0 20 0 0 180 0 0 0 0 0 0\ncpu1 193 0 0 0 0 0 0 7 0 0\n");
	is(&verdict, SEVERITY_WARNING,
		"3.5% of the CPUs' time in a virtual machine, expected at most 0.5%",
		"virsh vcpupin VM VCPU CPU # on the host, a CPU for each, shared by no other");
}

static struct device device;

static struct verdict
driver_of(void)
{
	device_read(root, &host.ports[0], &device);
	device.config = host.path;
	return driver_judge(&device);
}

#define ROUTES(interface) \
	"Iface\tDestination\tGateway \tFlags\n" \
	"other\t00000000\t010011AC\t0003\n" interface "\t000011AC\t00000000\t0001\n"

Test(doctor, driver_of_pci)
{
	struct verdict verdict;

	configure("1", "{'name': 'p0', 'devargs': '0000:03:00.0'}");
	verdict = driver_of();
	is(&verdict, SEVERITY_ERROR, "port p0: 0000:03:00.0 is not there",
		"lspci -D -d ::0200 # then: sudoedit /etc/sluice/sluice.yaml");
	put(PCI "/numa_node", "0\n");
	verdict = driver_of();
	is(&verdict, SEVERITY_ERROR,
		"port p0: 0000:03:00.0 is bound to no driver, expected vfio-pci",
		"sudo sluice-setup");
	put_link(PCI "/driver", "../../../bus/pci/drivers/vfio-pci");
	verdict = driver_of();
	is_ok(&verdict, "port p0: 0000:03:00.0 is bound to vfio-pci");
	put_link(PCI "/driver", "../../../bus/pci/drivers/ixgbe");
	put(PCI "/net/eth7/flags", "0x1003\n");
	put("/proc/net/route", ROUTES("eth7"));
	verdict = driver_of();
	is(&verdict, SEVERITY_ERROR, "port p0: 0000:03:00.0 is bound to ixgbe, expected vfio-pci",
		"sudo sluice-setup");
	put("/proc/net/route", "eth7\t00000000\t010011AC\t0003\n");
	verdict = driver_of();
	is(&verdict, SEVERITY_ERROR,
		"port p0: 0000:03:00.0 is bound to ixgbe, expected vfio-pci; its interface eth7 "
		"carries the default route",
		"lspci -D -d ::0200 # then: sudoedit /etc/sluice/sluice.yaml");
	put_link(PCI "/driver", "../../../bus/pci/drivers/mlx5_core");
	verdict = driver_of();
	is_ok(&verdict, "port p0: 0000:03:00.0 is bound to mlx5_core");
}

Test(doctor, driver_of_virtual)
{
	struct verdict verdict;

	configure("1", "{'name': 'p0', 'devargs': 'net_af_xdp0,iface=media0'}");
	verdict = driver_of();
	is(&verdict, SEVERITY_ERROR, "port p0: media0 is not there",
		"ip -brief link # if it has another name now: sudoedit /etc/sluice/sluice.yaml");
	put("/sys/class/net/media0/flags", "0x1002\n");
	put_link("/sys/class/net/media0/device/driver", "../../drivers/i40e");
	verdict = driver_of();
	is(&verdict, SEVERITY_ERROR, "port p0: media0 is bound to i40e, down",
		"sudo ip link set media0 up");
	put("/sys/class/net/media0/flags", "0x1003\n");
	verdict = driver_of();
	is_ok(&verdict, "port p0: media0 is bound to i40e, up");
	configure("1", "{'name': 'p0', 'devargs': 'net_memif0,role=server'}");
	verdict = driver_of();
	is_ok(&verdict, "port p0: net_memif0, a virtual device");
}

static struct verdict
pcie_of(const char *speed, const char *width)
{
	put(PCI "/current_link_speed", speed);
	put(PCI "/current_link_width", width);
	device_read(root, &host.ports[0], &device);
	return pcie_judge(&device);
}

Test(doctor, pcie)
{
	struct verdict verdict;

	configure("1", "{'name': 'p0', 'devargs': '0000:03:00.0'}");
	put(PCI "/max_link_speed", "16.0 GT/s PCIe\n");
	put(PCI "/max_link_width", "16\n");
	verdict = pcie_of("16.0 GT/s PCIe\n", "16\n");
	is_ok(&verdict, "port p0: 0000:03:00.0 has 16 lanes of 16 GT/s");
	verdict = pcie_of("8.0 GT/s PCIe\n", "8\n");
	is(&verdict, SEVERITY_WARNING,
		"port p0: 0000:03:00.0 has 8 lanes of 8 GT/s, it can have 16 of 16 GT/s",
		"sudo lspci -vv -s 0000:03:00.0 | grep -E \"LnkCap|LnkSta\"");
	cr_expect_str_eq(verdict.why,
		"The link carries at most 63 instead of 252 Gbit/s each way, or about 31 million "
		"packets of 200 bytes a second. Use a slot with more lanes.");
	verdict = pcie_of("2.5 GT/s PCIe\n", "16\n");
	cr_expect_eq(verdict.severity, SEVERITY_WARNING);
	cr_expect_not_null(strstr(verdict.why, " 32 instead of 252 Gbit/s"));
	/* The same device, with the kernel. */
	configure("1", "{'name': 'p0', 'devargs': 'net_af_xdp0,iface=media0'}");
	put_link("/sys/class/net/media0/device", "../../../bus/pci/devices/0000:03:00.0");
	verdict = pcie_of("2.5 GT/s PCIe\n", "16\n");
	is(&verdict, SEVERITY_WARNING,
		"port p0: 0000:03:00.0 has 16 lanes of 2.5 GT/s, it can have 16 of 16 GT/s",
		"sudo lspci -vv -s 0000:03:00.0 | grep -E \"LnkCap|LnkSta\"");
	configure("1", "{'name': 'p0', 'devargs': '0000:03:00.0'}");
	verdict = pcie_of("Unknown\n", "255\n");
	is_ok(&verdict, "port p0: 0000:03:00.0 reports no link, as virtual devices do");
}

static struct verdict
placement_of(void)
{
	struct placement facts;

	device_read(root, &host.ports[0], &device);
	device.config = host.path;
	placement_read(root, &host, &device, &facts);
	return placement_judge(&facts);
}

Test(doctor, placement)
{
	struct verdict verdict;

	configure("1, 9", "{'name': 'p0', 'devargs': '0000:03:00.0'}");
	put(PCI "/numa_node", "1\n");
	put(NODE "/online", "0-1\n");
	put(NODE "/node0/cpulist", "0-7\n");
	put(NODE "/node0/distance", "10 21\n");
	put(NODE "/node1/cpulist", "8-15\n");
	put(NODE "/node1/distance", "21 10\n");
	verdict = placement_of();
	is(&verdict, SEVERITY_WARNING,
		"port p0: on node 1, worker 0 (CPU 1) on node 0 at distance 21",
		"sudoedit /etc/sluice/sluice.yaml # workers: of CPUs 8-15");
	configure("8, 9", "{'name': 'p0', 'devargs': '0000:03:00.0'}");
	verdict = placement_of();
	is_ok(&verdict, "port p0: on node 1, as all workers");
	put(PCI "/numa_node", "-1\n");
	verdict = placement_of();
	is_ok(&verdict, "port p0: its device is on no node");
	put(NODE "/online", "0\n");
	verdict = placement_of();
	is_ok(&verdict, "the machine has one node");
}

/* Of a program sluiced that prints this. */
static struct verdict
versions_of(const char *printed)
{
	struct versions facts;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/bin", root);
	setenv("PATH", path, 1);
	put("/bin/sluiced", "#!/bin/sh\necho '");
	file = fopen(made("/bin/sluiced"), "a");
	fprintf(file, "%s'\n", printed);
	fclose(file);
	chmod(made("/bin/sluiced"), 0755);
	versions_read(NULL, &facts);
	facts.sluicectl = "1.2";
	return versions_judge(&facts);
}

Test(doctor, versions)
{
	struct verdict verdict = versions_of("sluiced 1.2, DPDK 22.11.7");

	is_ok(&verdict, "sluiced 1.2, DPDK 22.11.7");
	verdict = versions_of("sluiced 1.1, DPDK 22.11.7");
	is(&verdict, SEVERITY_WARNING, "sluiced 1.1, DPDK 22.11.7, sluicectl 1.2",
		"sudo systemctl restart sluiced");
	verdict = versions_of("sluiced 1.2, DPDK 21.11.0");
	is(&verdict, SEVERITY_ERROR, "sluiced 1.2, DPDK 21.11.0, expected DPDK 22.11 or later",
		"sudo apt-get install -y dpdk");
	verdict = versions_of("sluiced: error while loading shared libraries: librte_eal.so.23");
	is(&verdict, SEVERITY_ERROR,
		"sluiced does not start: sluiced: error while loading shared libraries: "
		"librte_eal.so.23",
		"sudo apt-get install -y dpdk");
	verdict = versions_of("sh: 1: exec: sluiced: not found");
	is(&verdict, SEVERITY_ERROR, "there is no program sluiced",
		"sudo apt-get install -y ./sluice_*.deb");
}

/* Replies with ' for ". */
static json_t *
reply(const char *text)
{
	char *copy = strdup(text);
	json_t *document;

	for (char *quote = copy; (quote = strchr(quote, '\'')); quote++)
		*quote = '"';
	document = json_loads(copy, 0, NULL);
	cr_assert_not_null(document);
	free(copy);
	return document;
}

static struct verdict
spread_of(const char *info_after, const char *counters_after)
{
	json_t *info[] = {reply("{'workers': [{'rx_packets': 1000}, {'rx_packets': 5000}]}"),
		reply(info_after)};
	json_t *counters[] = {
		reply("{'ports': [{'nic': {'missed': 7}, 'xdp': {'rx_ring_full': 1}}]}"),
		reply(counters_after)};
	const struct replies replies = {
		.info = {info[0], info[1]}, .counters = {counters[0], counters[1]}};
	struct verdict verdict;
	struct spread facts;

	spread_read(&host, &replies, &facts);
	verdict = spread_judge(&facts);
	for (unsigned i = 0; i < 2; i++) {
		json_decref(info[i]);
		json_decref(counters[i]);
	}
	return verdict;
}

/* Of ports p0 with two queues and p1 with one; both workers take as much. */
static struct verdict
queue_spread_of(const char *queues_after, const char *settings)
{
	char ports[128], after[256];
	struct replies replies = {
		.info = {reply("{'workers': [{'rx_packets': 1000}, {'rx_packets': 5000}]}"),
			reply("{'workers': [{'rx_packets': 11000}, {'rx_packets': 15000}]}")},
		.counters[0] = reply("{'ports': [{'name': 'p0', 'queues': [{'rx_packets': 500}, "
				     "{'rx_packets': 800}]}, {'name': 'p1', 'queues': "
				     "[{'rx_packets': 0}]}]}")};
	struct verdict verdict;
	struct spread facts;

	snprintf(after, sizeof(after),
		"{'ports': [{'name': 'p0', 'queues': [%s]}, {'name': 'p1', 'queues': "
		"[{'rx_packets': 9000}]}]}",
		queues_after);
	snprintf(ports, sizeof(ports), "{'ports': [{'settings': [{'name': 'rss_types', %s}]}]}",
		settings);
	replies.counters[1] = reply(after);
	replies.ports = reply(ports);
	spread_read(&host, &replies, &facts);
	verdict = spread_judge(&facts);
	for (unsigned i = 0; i < 2; i++) {
		json_decref(replies.info[i]);
		json_decref(replies.counters[i]);
	}
	json_decref(replies.ports);
	return verdict;
}

Test(doctor, spread_over_queues)
{
	const char *rss = "'value': ['ipv4_udp']", *none = "'value': []";
	const char *uneven = "{'rx_packets': 10200}, {'rx_packets': 1100}";
	const char *found = "20000 packets in a second, by worker 50% 50%, queue 0 of p0 gets 97%, "
			    "expected 50%";
	struct verdict verdict =
		queue_spread_of("{'rx_packets': 4500}, {'rx_packets': 5800}", none);

	is_ok(&verdict, "20000 packets in a second, by worker 50% 50%");
	verdict = queue_spread_of("{'rx_packets': 520}, {'rx_packets': 1700}", none);
	is_ok(&verdict, "20000 packets in a second, by worker 50% 50%");
	verdict = queue_spread_of("{'rx_packets': 520}, {'rx_packets': 1800}", none);
	is(&verdict, SEVERITY_WARNING,
		"20000 packets in a second, by worker 50% 50%, queue 1 of p0 gets 98%, expected "
		"50%",
		"sluicectl port show p0 # rss_types none: the device chooses the queues; offer RSS "
		"to the guest (qemu: virtio-net-pci,mq=on,rss=on)");
	verdict = queue_spread_of(uneven, rss);
	is(&verdict, SEVERITY_WARNING, found,
		"sluicectl top --view flows # one flow may be most of it: RSS spreads flows, not "
		"packets");
	configure("1, 2",
		"{'name': 'p1', 'devargs': 'net_af_xdp1,iface=other0'}, {'name': 'p0', 'devargs': "
		"'net_af_xdp0,iface=media0'}");
	verdict = queue_spread_of(uneven, none);
	is(&verdict, SEVERITY_WARNING, found,
		"sudo ethtool -N media0 rx-flow-hash udp4 sdfn && sudo ethtool -X media0 equal 2");
}

Test(doctor, spread)
{
	const char *even = "{'workers': [{'rx_packets': 11000}, {'rx_packets': 17000}]}";
	const char *uneven = "{'workers': [{'rx_packets': 11000}, {'rx_packets': 6000}]}";
	const char *no_more = "{'ports': [{'nic': {'missed': 7}, 'xdp': {'rx_ring_full': 1}}]}";
	struct verdict verdict = spread_of(even, no_more);

	is_ok(&verdict, "22000 packets in a second, by worker 45% 55%");
	verdict = spread_of("{'workers': [{'rx_packets': 1900}, {'rx_packets': 5000}]}", no_more);
	is_ok(&verdict,
		"900 packets in a second, by worker 100% 0%, too few to judge their spread");
	verdict = spread_of(uneven, no_more);
	is(&verdict, SEVERITY_WARNING,
		"11000 packets in a second, by worker 91% 9%, expected 50% each",
		"sluicectl top --view flows # one flow may be most of it");
	configure("1, 2", "{'name': 'p0', 'devargs': 'net_af_xdp0,iface=media0'}");
	verdict = spread_of(uneven, no_more);
	is(&verdict, SEVERITY_WARNING,
		"11000 packets in a second, by worker 91% 9%, expected 50% each",
		"sudo ethtool -N media0 rx-flow-hash udp4 sdfn && sudo ethtool -X media0 equal 2");
	verdict =
		spread_of(even, "{'ports': [{'nic': {'missed': 9}, 'xdp': {'rx_ring_full': 4}}]}");
	is(&verdict, SEVERITY_WARNING,
		"22000 packets in a second, by worker 45% 55%, 5 lost as queues were full",
		"sluicectl workers # BUSY near 100%: add workers; else see isolation here");
}

/* A second in which the port received and sent so many frames of so many bytes without FCS. */
static struct verdict
load_of(const char *port, unsigned rx, unsigned tx, unsigned bytes)
{
	json_t *entry = reply(port), *before, *after;
	struct verdict verdict;
	struct load facts;

	before = reply("{'rx_packets': 5, 'rx_bytes': 500, 'tx_packets': 5, 'tx_bytes': 500, "
		       "'nic': {'missed': 3, 'no_buffer': 1}}");
	after = json_pack("{s:I, s:I, s:I, s:I, s:{s:i, s:i}}", "rx_packets", (json_int_t)rx + 5,
		"rx_bytes", (json_int_t)rx * bytes + 500, "tx_packets", (json_int_t)tx + 5,
		"tx_bytes", (json_int_t)tx * bytes + 500, "nic", "missed", 3, "no_buffer", 1);
	load_read(root, entry, before, after, 1, &facts);
	verdict = load_judge(&facts);
	json_decref(entry);
	json_decref(before);
	json_decref(after);
	return verdict;
}

Test(doctor, load)
{
	const char *nic = "{'name': 'p0', 'devargs': '0000:03:00.0', 'driver': 'net_x', 'netdev': "
			  "null, 'link_mbps': 10000, 'settings': []}";
	const char *slow = "{'name': 'p0', 'devargs': '0000:03:00.0', 'driver': 'net_x', 'netdev': "
			   "null, 'link_mbps': 40000, 'settings': [{'name': 'mtu', 'value': 1500}, "
			   "{'name': 'pps_max', 'value': 18750000}]}";
	const char *iface = "{'name': 'p1', 'devargs': 'net_af_xdp0,iface=media0', 'driver': 'x', "
			    "'netdev': 'media0', 'link_mbps': 1000, 'settings': []}";
	struct verdict verdict = load_of(nic, 1000000, 0, 60);

	is_ok(&verdict, "port p0: receives 1 million packets a second, 7% of its link; sends 0 "
			"packets a second, 0% of its link; link of 10000 Mbit/s");
	/* 64 bytes with FCS: 14.88 million a second are the whole link. */
	verdict = load_of(nic, 0, 13500000, 60);
	is(&verdict, SEVERITY_WARNING,
		"port p0: receives 0 packets a second, 0% of its link; sends 13.5 million packets "
		"a second, 91% of its link; link of 10000 Mbit/s; expected less than 90%",
		"sluicectl port show p0 # pps_max and its source; missed and rx_errors");
	verdict = load_of(slow, 16500000, 1, 60);
	is_ok(&verdict, "port p0: receives 16.5 million packets a second, 28% of its link, 88% of "
			"pps_max; sends 1 packets a second, 0% of its link, 0% of pps_max; link of "
			"40000 Mbit/s; driver net_x has a pps_max of 18750000");
	verdict = load_of(slow, 16900000, 1, 60);
	cr_expect_eq(verdict.severity, SEVERITY_WARNING);
	/* A veth says 10 Gbit/s, and means nothing by it. */
	verdict = load_of(iface, 800000, 0, 1500);
	is_ok(&verdict, "port p1: receives 800000 packets a second; sends 0 packets a second");
	put("/sys/class/net/media0/device/vendor", "0x8086\n");
	verdict = load_of(iface, 80000, 0, 1500);
	cr_expect_eq(verdict.severity, SEVERITY_WARNING, "%s", verdict.found);
}

/* What the NIC lost was on the wire, too. */
Test(doctor, load_with_losses)
{
	json_t *port = reply("{'name': 'p0', 'devargs': '0000:03:00.0', 'driver': 'x', 'netdev': "
			     "null, 'link_mbps': 0, 'settings': []}");
	json_t *before = reply("{'rx_packets': 0, 'rx_bytes': 0, 'nic': {'missed': 0}}");
	json_t *after = reply("{'rx_packets': 100, 'rx_bytes': 6000, 'nic': {'missed': 40, "
			      "'no_buffer': 10}}");
	struct load facts;

	load_read(root, port, before, after, 0.5, &facts);
	cr_expect_eq(facts.rx.pps, 300);
	cr_expect_eq(facts.rx.bytes, 60);
	json_decref(port);
	json_decref(before);
	json_decref(after);
}

/* sluiced was restarted between the two replies. */
Test(doctor, counters_that_begin_again)
{
	const char *zero = "{'workers': [{'rx_packets': 0}, {'rx_packets': 0}]}";
	const char *port = "{'name': 'p0', 'devargs': 'net_null0', 'driver': 'net_null', 'netdev': "
			   "null, 'link_mbps': 10000, 'settings': []}";
	json_t *entry = reply(port), *after = reply("{'rx_packets': 0, 'rx_bytes': 0}");
	json_t *before = reply("{'rx_packets': 90000, 'rx_bytes': 5400000, 'tx_packets': 80000, "
			       "'tx_bytes': 1, 'nic': {'missed': 7}}");
	struct verdict verdict =
		spread_of(zero, "{'ports': [{'nic': {'missed': 0}, 'xdp': {'rx_ring_full': 0}}]}");
	struct load facts;

	is_ok(&verdict, "0 packets in a second, too few to judge their spread");
	load_read(root, entry, before, after, 1, &facts);
	verdict = load_judge(&facts);
	is_ok(&verdict, "port p0: receives 0 packets a second; sends 0 packets a second");
	json_decref(entry);
	json_decref(before);
	json_decref(after);
}

/* Unless a file says it, a running sluiced says where its workers and ports are. */
Test(doctor, setup_of_a_daemon)
{
	json_t *info =
		reply("{'pid': 77, 'control_core': 2, 'workers': [{'core': 3}, {'core': 5}], "
		      "'flows': {'ipv4': {'memory': {'hugepages': false}}}}");
	json_t *ports = reply("{'ports': [{'name': 'p0', 'devargs': '03:00.0'}, {'name': 'p1', "
			      "'devargs': 'net_af_xdp0,iface=media0,xdp_prog=x'}]}");
	char text[CPUS_TEXT_MAX];
	cpu_set_t cpus;

	setup_ask(&host, info, ports);
	setup_cpus(&host, &cpus);
	cr_expect_str_eq(cpus_format(&cpus, true, text), "2-3,5");
	cr_expect_eq(host.pid, 77);
	cr_expect_not(host.hugepages);
	cr_assert_eq(host.n_ports, 2);
	cr_expect_str_eq(host.ports[0].pci, "0000:03:00.0");
	cr_expect_str_eq(host.ports[1].iface, "media0");
	configure("1", "{'name': 'a', 'devargs': 'net_null0'}");
	setup_ask(&host, info, ports);
	cr_expect_eq(host.n_workers, 1);
	cr_expect_str_eq(host.ports[0].name, "a");
	json_decref(info);
	json_decref(ports);
}

/* Of several faults the worst one is explained; the report is as bad as its worst verdict. */
Test(doctor, report)
{
	struct verdict verdict = verdict_begin("x");
	json_t *report = json_array();

	verdict_found(&verdict, "%s", "a");
	verdict_report(&verdict, report);
	cr_expect_eq(report_severity(report), SEVERITY_OK);
	verdict_fault(&verdict, SEVERITY_WARNING, "w1", "m%d", 1);
	verdict_fault(&verdict, SEVERITY_WARNING, "w2", "m%d", 2);
	is(&verdict, SEVERITY_WARNING, "a", "m1");
	verdict_report(&verdict, report);
	cr_expect_eq(report_severity(report), SEVERITY_WARNING);
	verdict_fault(&verdict, SEVERITY_ERROR, "w3", "m%d", 3);
	is(&verdict, SEVERITY_ERROR, "a", "m3");
	verdict_report(&verdict, report);
	verdict_fault(&verdict, SEVERITY_WARNING, "w4", "m%d", 4);
	is(&verdict, SEVERITY_ERROR, "a", "m3");
	cr_expect_eq(report_severity(report), SEVERITY_ERROR);
	json_decref(report);
}
