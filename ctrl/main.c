/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sluiced: initialize in the order of dependency, run the event loop, shut down in reverse order.
 * This thread is the control thread; the workers run on cores of their own.
 *
 * Exit codes: 0 stopped cleanly, 1 could not start (one line on stderr says why), 2 usage,
 * 78 could not start with that configuration: systemd does not try again.
 */
#include <event2/event.h>
#include <event2/event_struct.h>
#include <getopt.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include <dp/dp.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "config/config.h"
#include "config/ports.h"
#include "config/privileges.h"
#include "config/taps.h"
#include "export/http.h"
#include "flow/commit.h"
#include "flow/confirm.h"
#include "flow/flows.h"
#include "flow/pool.h"
#include "flow/restore.h"
#include "flow/steering.h"
#include "monitor/monitor.h"
#include "monitor/watchdog.h"
#include "net/netlink.h"
#include "rpc/audit.h"
#include "rpc/methods.h"
#include "rpc/server.h"
#include "schema/schema.h"

#define N_SIGNALS 3
#define ERROR_MAX 384 /* of the data plane */

struct daemon {
	struct config config;
	struct event_base *base;
	struct event signal_events[N_SIGNALS];
	sigset_t signals;
	struct dp *dp;
	struct taps taps;
	struct ports ports;
	struct steering steering;
	struct pools *pools; /* NULL: none are configured */
	struct store *store;
	bool store_is_fresh; /* there was none before */
	struct flows flows;
	struct confirm confirm; /* of the unconfirmed generation */
	struct restored restored;
	struct monitor monitor;
	struct watchdog watchdog;
	struct methods_context context;
	struct audit *audit;
	struct rpc_service *service;
	struct rpc_server *server;
	struct metrics_source metrics;
	struct http *http; /* NULL: metrics are disabled */
	struct fault fault;
};

/* A second signal while stopping has no effect. */
static void
stop_asked(evutil_socket_t signal_number, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)signal_number;
	(void)what;
	event_base_loopexit(daemon->base, NULL);
}

/* The audit log was rotated, or certificates were renewed: open the new files. */
static void
hangup_asked(evutil_socket_t signal_number, short what, void *arg)
{
	struct daemon *daemon = arg;
	struct fault fault;

	(void)signal_number;
	(void)what;
	audit_reopen(daemon->audit);
	if (rpc_server_reload(daemon->server, &fault) < 0)
		log_line("warning: the previous certificates remain in use: %s", fault.message);
	if (http_reload(daemon->http, &fault) < 0)
		log_line("warning: the previous token and certificates of metrics remain in use: "
			 "%s",
			fault.message);
	log_line("files reopened");
}

/*
 * Signals stay blocked until the loop runs: they wait there rather than end a half-built process,
 * and threads that start meanwhile inherit the mask, so that no worker is ever interrupted.
 */
static int
loop_init(struct daemon *daemon)
{
	static const struct {
		int number;
		event_callback_fn received;
	} signals[N_SIGNALS] = {
		{SIGTERM, stop_asked}, {SIGINT, stop_asked}, {SIGHUP, hangup_asked}};
	unsigned i;

	sigemptyset(&daemon->signals);
	daemon->base = event_base_new();
	if (!daemon->base)
		return fault_set(&daemon->fault, FAULT_INTERNAL, "", "no event loop: %m");
	for (i = 0; i < N_SIGNALS; i++) {
		struct event *event = &daemon->signal_events[i];

		sigaddset(&daemon->signals, signals[i].number);
		evsignal_assign(
			event, daemon->base, signals[i].number, signals[i].received, daemon);
		if (event_add(event, NULL) < 0)
			return fault_set(
				&daemon->fault, FAULT_INTERNAL, "", "cannot watch for signals: %m");
	}
	return sigprocmask(SIG_BLOCK, &daemon->signals, NULL);
}

/*
 * The store has threads of its own: they may run on any CPU that this process may use, but for
 * those of the workers. Our own CPUs are what they were afterwards.
 */
static int
daemon_open_store(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	struct store_report report;
	cpu_set_t ours, others;
	unsigned i;

	CPU_ZERO(&ours);
	sched_getaffinity(0, sizeof(ours), &ours);
	others = ours;
	for (i = 0; i < config->eal.n_workers; i++)
		CPU_CLR(config->eal.worker_cores[i], &others);
	if (CPU_COUNT(&others) > 0)
		sched_setaffinity(0, sizeof(others), &others);
	daemon->store = store_open(config->state_path, daemon->base, &report, &daemon->fault);
	sched_setaffinity(0, sizeof(ours), &ours);
	if (!daemon->store)
		return -1;
	if (report.moved_to[0] != '\0')
		log_line("warning: the stored state was damaged (%s) and is kept as %s",
			report.reason, report.moved_to);
	if (report.condition == STORE_LOST)
		log_line("warning: no flows could be recovered: starting without flows");
	else if (report.condition > STORE_OK)
		log_line("warning: continuing from generation %llu, the last one that could be "
			 "recovered; see 'sluicectl history'",
			(unsigned long long)report.generation);
	if (report.migrated_from != 0)
		log_line("the stored state was of layout version %u and has been migrated",
			report.migrated_from);
	store_keep(daemon->store, config->keep_declared, config->keep_calls);
	daemon->store_is_fresh = report.condition == STORE_FRESH;
	return 0;
}

/* Changes of flows go through the store from now on. */
static int
daemon_attach_store(struct daemon *daemon)
{
	struct flows *flows = &daemon->flows;
	struct store_state state;

	store_state(daemon->store, &state);
	flows->commits = commits_create(flows, daemon->store, daemon->base, state.generation);
	if (!flows->commits)
		return fault_set(&daemon->fault, FAULT_NO_ROOM, "", "no memory for commits");
	confirm_init(&daemon->confirm, flows, daemon->store, &daemon->monitor.events, daemon->base);
	return 0;
}

/* No more changes. The store calls the commits back until it is closed. */
static void
daemon_detach_store(struct daemon *daemon)
{
	confirm_fini(&daemon->confirm);
	store_close(daemon->store);
	daemon->store = NULL;
	commits_destroy(daemon->flows.commits);
}

/*
 * Install what is stored, or what the configured files declare when nothing ever was. A generation
 * that was unconfirmed when sluiced ended, and whose deadline is over, is reverted as well.
 */
static int
daemon_restore_flows(struct daemon *daemon)
{
	const char *files = daemon->config.state_flows;
	struct restored *restored = &daemon->restored;

	if (restore_flows(&daemon->flows, daemon->store, restored, &daemon->fault) < 0)
		return -1;
	if (restored->flows != 0 || restored->left_out != 0)
		log_line("%llu flow%s restored, %llu left out", (unsigned long long)restored->flows,
			plural_s(restored->flows), (unsigned long long)restored->left_out);
	if (daemon->store_is_fresh && files[0] != '\0' &&
		restore_files(&daemon->flows, files, &daemon->fault) < 0)
		return -1;
	confirm_catch_up(&daemon->confirm);
	commits_finish(daemon->flows.commits);
	return 0;
}

/*
 * Members of a bond that are kernel interfaces have one MTU, which the port takes unless it has
 * another in the configuration: drivers do not report it. 0, or -1 with *fault set.
 */
static int
bond_mtu_take(struct dp_port_config *port, unsigned index, struct fault *fault)
{
	char name[IF_NAMESIZE], pointer[48];
	int first = 0, mtu;

	for (unsigned i = 0; i < port->n_members; i++) {
		if (!devargs_value(port->members[i], "iface", name, sizeof(name)))
			continue;
		snprintf(pointer, sizeof(pointer), "/ports/%u/bond/members/%u", index, i);
		mtu = interface_mtu(if_nametoindex(name));
		if (mtu < 0)
			continue; /* the device cannot be probed, which says why */
		if (first != 0 && mtu != first)
			return fault_set(fault, FAULT_INVALID_VALUE, pointer,
				"%s: found MTU %d, expected %d, which the members before have: "
				"'ip link set %s mtu %d' sets it",
				pointer, mtu, first, name, first);
		first = mtu;
	}
	if (port->mtu == 0)
		port->mtu = (unsigned)first;
	return 0;
}

static int
data_plane_create(struct daemon *daemon)
{
	struct config *config = &daemon->config;
	char error[ERROR_MAX], name[IF_NAMESIZE], driver[DP_NAME_MAX];
	unsigned i;

	/* Some drivers report 1500 whatever the interface has: ask the kernel. */
	for (i = 0; i < config->dp.n_ports; i++) {
		struct dp_port_config *port = &config->ports[i];
		int mtu;

		if (bond_mtu_take(port, i, &daemon->fault) < 0)
			return -1;
		if (dp_device_driver(port->devargs, driver) == 0)
			config_settle_profile(config, i, driver);
		if (port->mtu != 0 || !(port->settings.quirks & DP_QUIRK_interface_mtu) ||
			!devargs_value(port->devargs, "iface", name, sizeof(name)))
			continue;
		mtu = interface_mtu(if_nametoindex(name));
		if (mtu > 0)
			port->mtu = (unsigned)mtu;
	}
	config->dp.warn = log_warned;
	daemon->dp = dp_create(&config->dp, error, sizeof(error));
	if (!daemon->dp)
		return fault_set(&daemon->fault, FAULT_INTERNAL, "", "%s", error);
	return 0;
}

/* The pools of local ports, before the first flow. */
static int
daemon_create_pools(struct daemon *daemon)
{
	const struct config *config = &daemon->config;

	if (config->n_pools == 0)
		return 0;
	daemon->pools = daemon->flows.pools = pools_create(config->pools, config->n_pools);
	return daemon->pools ? 0
			     : fault_set(&daemon->fault, FAULT_NO_ROOM, "", "no memory for pools");
}

/* The log is optional. */
static int
audit_create(struct daemon *daemon)
{
	const char *path = daemon->config.access.audit_log;

	if (!path[0])
		return 0;
	daemon->audit = audit_open(path, &daemon->fault);
	return daemon->audit ? 0 : -1;
}

static int
service_create(struct daemon *daemon)
{
	daemon->context = (struct methods_context){
		.dp = daemon->dp,
		.config = &daemon->config,
		.flows = &daemon->flows,
		.store = daemon->store,
		.confirm = &daemon->confirm,
		.restored = &daemon->restored,
		.audit = daemon->audit,
		.monitor = &daemon->monitor,
		.started_s = clock_read_ns(CLOCK_MONOTONIC) / NS_PER_S,
	};
	daemon->service = methods_service_create(&daemon->context);
	if (!daemon->service)
		return fault_set(&daemon->fault, FAULT_INTERNAL, "",
			"the methods do not fit the RPC document");
	return 0;
}

static int
server_create(struct daemon *daemon)
{
	daemon->server =
		rpc_server_create(daemon->base, &daemon->config, daemon->service, &daemon->fault);
	return daemon->server ? 0 : -1;
}

/* Metrics are optional. */
static int
metrics_create(struct daemon *daemon)
{
	daemon->metrics = (struct metrics_source){
		.dp = daemon->dp,
		.config = &daemon->config,
		.flows = &daemon->flows,
		.confirm = &daemon->confirm,
		.started_ns = clock_read_ns(CLOCK_MONOTONIC),
	};
	if (!daemon->config.metrics.listen[0])
		return 0;
	daemon->http = http_create(daemon->base, &daemon->metrics, &daemon->fault);
	return daemon->http ? 0 : -1;
}

static int
loop_run(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	unsigned i;
	int rc;

	for (i = 0; i < daemon->ports.n; i++) {
		const char *hint = port_hint(&daemon->ports.info[i]);

		port_settings_log(&config->asked[i], &daemon->ports.info[i]);
		if (hint)
			log_line("port %s: %s", daemon->ports.info[i].name, hint);
	}
	log_line("ready, %u port%s, %u worker%s, socket %s", config->dp.n_ports,
		plural_s(config->dp.n_ports), config->eal.n_workers,
		plural_s(config->eal.n_workers), config->socket_path);
	watchdog_init(&daemon->watchdog, daemon->dp, daemon->base);
	commits_alive_set(daemon->flows.commits, watchdog_alive, &daemon->watchdog);
	sd_notifyf(0, "READY=1\nSTATUS=%u port%s, %u worker%s, socket %s", config->dp.n_ports,
		plural_s(config->dp.n_ports), config->eal.n_workers,
		plural_s(config->eal.n_workers), config->socket_path);
	sigprocmask(SIG_UNBLOCK, &daemon->signals, NULL);
	rc = event_base_dispatch(daemon->base);
	if (rc < 0)
		fault_set(&daemon->fault, FAULT_INTERNAL, "", "the event loop failed");
	commits_alive_set(daemon->flows.commits, NULL, NULL);
	watchdog_fini(&daemon->watchdog);
	sd_notify(0, "STOPPING=1");
	log_line("stopping");
	return rc;
}

/* Initialize in order, and undo in reverse order at the end, or on failure. */
static int
daemon_run(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	struct fault *fault = &daemon->fault;
	char error[ERROR_MAX];
	int rc = -1;

	if (loop_init(daemon) < 0 || audit_create(daemon) < 0 || daemon_open_store(daemon) < 0)
		goto err_loop;
	if (dp_eal_init(&config->eal, error, sizeof(error)) < 0) {
		fault_set(fault, FAULT_INTERNAL, "", "%s", error);
		goto err_store;
	}
	if (steering_prepare(config, fault) < 0 || data_plane_create(daemon) < 0)
		goto err_eal;
	if (taps_create(&daemon->taps, config, daemon->dp, fault) < 0)
		goto err_dp;
	if (ports_init(&daemon->ports, daemon->dp) < 0 ||
		steering_init(&daemon->steering, config, &daemon->ports, fault) < 0)
		goto err_taps;
	if (flows_init(&daemon->flows, daemon->dp, &daemon->ports, &daemon->steering, daemon->base,
		    fault) < 0)
		goto err_steering;
	if (daemon_create_pools(daemon) < 0 || daemon_attach_store(daemon) < 0)
		goto err_flows;
	monitor_init(&daemon->monitor, &daemon->flows, config, daemon->base);
	daemon->monitor.health.taps = &daemon->taps;
	if (daemon_restore_flows(daemon) < 0)
		goto err_watchers;
	if (service_create(daemon) < 0)
		goto err_watchers;
	if (server_create(daemon) < 0)
		goto err_service;
	if (metrics_create(daemon) < 0)
		goto err_server;
	if (dp_start(daemon->dp, error, sizeof(error)) < 0) {
		fault_set(fault, FAULT_INTERNAL, "", "%s", error);
		goto err_metrics;
	}
	rc = privileges_reduce(config, fault);
	if (rc == 0)
		rc = loop_run(daemon);
	dp_stop(daemon->dp);
err_metrics:
	http_destroy(daemon->http);
err_server:
	rpc_server_destroy(daemon->server);
	commits_finish(daemon->flows.commits); /* what was under way is durable, if unanswered */
err_service:
	rpc_service_destroy(daemon->service);
err_watchers:
	monitor_fini(&daemon->monitor);
	daemon_detach_store(daemon);
err_flows:
	flows_fini(&daemon->flows);
	pools_destroy(daemon->pools);
err_steering:
	steering_fini(&daemon->steering);
err_taps:
	taps_destroy(&daemon->taps);
err_dp:
	dp_destroy(daemon->dp);
err_eal:
	dp_eal_fini();
err_store:
	store_close(daemon->store);
err_loop:
	audit_close(daemon->audit);
	if (daemon->base)
		event_base_free(daemon->base);
	return rc;
}

static const char usage[] =
	"usage: sluiced --config FILE [--rpc-socket PATH] [--check]\n"
	"\n"
	"Forwards UDP media between DPDK ports, controlled over a Unix socket.\n"
	"\n"
	"  --config FILE      configuration, YAML; see sluice.yaml(5)\n"
	"  --rpc-socket PATH  control socket, overrides rpc.socket of the configuration\n"
	"  --check            check the configuration and the files of flows, and exit\n"
	"  --help             this text\n"
	"  --version          versions of sluiced and of DPDK\n"
	"\n"
	"Exit codes: 0 stopped, or valid; 1 could not start, or --check: not valid; 2 usage;\n"
	"78 the configuration is not valid.\n";

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"rpc-socket", required_argument, NULL, 's'},
	{"check", no_argument, NULL, 'k'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'v'},
	{NULL, 0, NULL, 0},
};

static int
daemon_configure(struct daemon *daemon, const char *config_path, const char *socket_path)
{
	struct config *config = &daemon->config;

	if (config_load(config_path, config, &daemon->fault) < 0 ||
		config_load_profiles(config_path, config, &daemon->fault) < 0)
		return -1;
	pool_configs_warn(config->pools, config->n_pools, config->state_flows);
	if (socket_path)
		config->socket_path = socket_path;
	return 0;
}

/* What comes before all that has to be undone. */
static int
daemon_prepare(struct daemon *daemon)
{
	struct config *config = &daemon->config;

	if (privileges_enter(config, &daemon->fault) < 0 ||
		socket_path_prepare(config->socket_path, &daemon->fault) < 0)
		return -1;
	return log_start(config->eal.control_core, &daemon->fault);
}

int
main(int argc, char **argv)
{
	static struct daemon daemon; /* too large for some stacks */
	const char *config_path = NULL, *socket_path = NULL;
	bool check = false;
	int option, rc;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			config_path = optarg;
			break;
		case 's':
			socket_path = optarg;
			break;
		case 'k':
			check = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'v':
			printf("sluiced %s, %s\n", SLUICE_VERSION, dp_dpdk_version());
			return 0;
		default: /* getopt_long() has said what is wrong */
			fputs("sluiced: see --help\n", stderr);
			return 2;
		}
	}
	if (optind < argc || !config_path) {
		if (optind < argc)
			fprintf(stderr, "sluiced: unexpected argument '%s' (see --help)\n",
				argv[optind]);
		else
			fprintf(stderr, "sluiced: --config FILE is missing (see --help)\n");
		return 2;
	}
	if (daemon_configure(&daemon, config_path, socket_path) < 0) {
		log_line("%s", daemon.fault.message);
		config_fini(&daemon.config);
		return check ? 1 : EX_CONFIG;
	}
	if (check) {
		const char *flows = daemon.config.state_flows;

		rc = flows[0] ? restore_files_check(flows, &daemon.fault) : 0;
		if (rc == 0)
			printf("%s: valid\n", config_path);
	} else {
		rc = daemon_prepare(&daemon);
		if (rc == 0)
			rc = daemon_run(&daemon);
	}
	if (rc < 0)
		log_line("%s", daemon.fault.message);
	config_fini(&daemon.config);
	return rc < 0 ? 1 : 0;
}
