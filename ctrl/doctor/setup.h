/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which CPUs, ports and files the checks are about: as sluice.yaml has them, or else a running
 * sluiced. Any thread.
 */
#ifndef CTRL_DOCTOR_SETUP_H
#define CTRL_DOCTOR_SETUP_H

#include <sched.h>
#include <stdbool.h>
#include <sys/types.h>

#include <dp/dp.h>
#include <jansson.h>

struct port_setup {
	char name[DP_NAME_MAX];
	char devargs[DP_DEVARGS_MAX];
	char pci[16]; /* "": no PCI device */
	char iface[DP_NAME_MAX]; /* kernel interface of a virtual device; "": it has none */
	unsigned rx_queues; /* 0: one for each worker */
	unsigned descriptors; /* of a queue; 0: those of the driver */
	unsigned mtu; /* bytes; 0: that of the device */
};

struct setup {
	const char *path; /* of sluice.yaml, to be named in texts and commands; borrowed */
	bool read; /* that file could be read */
	bool known; /* workers and ports are known */
	pid_t pid; /* of a running sluiced on this machine; 0: none */
	bool hugepages; /* wanted */
	unsigned memory_mb; /* 0: on demand */
	unsigned packet_buffers; /* of a NUMA node; 0: by ports and queues */
	unsigned n_table_entries; /* flows and legs, of all tables */
	int control_core; /* -1: unknown */
	unsigned n_workers;
	unsigned workers[DP_WORKERS_MAX]; /* CPUs, as written: one may be there twice */
	unsigned n_ports;
	struct port_setup ports[DP_PORTS_MAX];
	char store[512]; /* path of the state; "": nothing is kept */
};

/* What sluiced takes without a file, and no workers or ports. */
void setup_init(struct setup *setup, const char *path);

/* Take the document of a sluice.yaml that was checked against its schema. */
void setup_read(struct setup *setup, json_t *document);

/*
 * Take the replies to system.info and port.list: the process, and unless a file was read also
 * workers and ports.
 */
void setup_ask(struct setup *setup, json_t *info, json_t *ports);

/* Its workers as a set, and those with the CPU of the control thread. */
void setup_workers(const struct setup *setup, cpu_set_t *cpus);
void setup_cpus(const struct setup *setup, cpu_set_t *cpus);

#endif
