/*
 * meter: what the load generators share: clocks, CPU time, and the line of JSON
 * with the results. Each includes it once, so each program is compiled from one
 * file.
 *
 *	messages	complete messages that came back, and how many per second
 *	lost		datagrams without an answer (0 for streams)
 *	cpu_seconds	busy time of the CPUs of -u (default: all), by all processes
 *	client_seconds	CPU time of this process
 *	server_seconds	CPU time of the process of -q
 *
 * Use only the sum of the last two: on loopback the sender does the TCP work of
 * the receiver.
 */
#ifndef METER_H
#define METER_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 5, GRACE_S = 10 };

/* The options, which are the same in all generators. */
struct plan {
	int port;
	int conns;
	size_t size;
	int depth;
	double seconds, warmup;
	const char *cpus;
	pid_t server;
};

static struct plan plan = {.conns = 1, .size = 64, .depth = 1, .seconds = 1, .warmup = 0.1};
static uint64_t messages;	/* complete messages that came back */
static uint64_t lost;		/* datagrams that timed out */

static void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

static void refuse(const char *why)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, why);
	exit(1);
}

static void usage(void)
{
	fprintf(stderr, "usage: %s -p port [-c conns] [-s size] [-d depth] [-t seconds] [-w warm-up] [-u cpu,cpu] [-q pid]\n",
		program_invocation_short_name);
	exit(2);
}

static double number(const char *arg, double least, double most)
{
	char *end;
	double n = strtod(arg, &end);

	if (end == arg || *end || !(n >= least && n <= most))
		usage();
	return n;
}

/* parse reads the options. A message has min_size to max_size bytes. */
static void parse(int argc, char **argv, size_t min_size, size_t max_size)
{
	for (int opt; (opt = getopt(argc, argv, "p:c:s:d:t:w:u:q:")) != -1;) {
		switch (opt) {
		case 'p': plan.port = number(optarg, 1, 65535); break;
		case 'c': plan.conns = number(optarg, 1, 100000); break;
		case 's': plan.size = number(optarg, min_size, max_size); break;
		case 'd': plan.depth = number(optarg, 1, 4096); break;
		case 't': plan.seconds = number(optarg, 0.01, 3600); break;
		case 'w': plan.warmup = number(optarg, 0, 3600); break;
		case 'u': plan.cpus = optarg; break;
		case 'q': plan.server = number(optarg, 1, INT32_MAX); break;
		default: usage();
		}
	}
	if (optind < argc || plan.port == 0)
		usage();
}

/* prepare raises the soft limit of descriptors to the hard limit, and sets an
 * alarm: a server that stops accepting would block connect forever. */
static void prepare(void)
{
	struct rlimit limit;

	alarm(plan.warmup + plan.seconds + GRACE_S);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("setrlimit");
}

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		die("clock_gettime");
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double now(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

static bool chosen(int cpu)
{
	const char *p = plan.cpus;
	bool found = !p;

	while (p && *p && !found) {
		char *end;

		found = strtol(p, &end, 10) == cpu;
		if (end == p)
			refuse("-u takes processor numbers with commas between them");
		p = *end == ',' ? end + 1 : end;
	}
	return found;
}

/* cpu_seconds returns the busy time of the CPUs of -u since boot: all states in
 * proc_stat(5) except idle, iowait and steal. The resolution is a clock tick,
 * usually 10 ms. */
static double cpu_seconds(void)
{
	FILE *f = fopen("/proc/stat", "r");
	unsigned long long user, nice, sys, idle, iowait, irq, softirq, ticks = 0;
	char line[512];
	int cpu;

	if (!f)
		die("open /proc/stat");
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "cpu%d %llu %llu %llu %llu %llu %llu %llu", &cpu, &user, &nice,
			   &sys, &idle, &iowait, &irq, &softirq) == 8 && chosen(cpu))
			ticks += user + nice + sys + irq + softirq;
	}
	fclose(f);
	return (double)ticks / sysconf(_SC_CLK_TCK);
}

/* process_seconds returns the CPU time of all threads of a process, in
 * nanosecond resolution (clock_getcpuclockid(3)). 0 is this process. */
static double process_seconds(pid_t pid)
{
	clockid_t clock;
	int err = clock_getcpuclockid(pid, &clock);

	if (err) {
		errno = err;
		die("clock_getcpuclockid");
	}
	return seconds_of(clock);
}

struct reading {
	double at, cpu, client, server;
	uint64_t messages, lost;
};

static struct reading take_reading(void)
{
	return (struct reading){
		.at = now(),
		.cpu = cpu_seconds(),
		.client = process_seconds(0),
		.server = plan.server ? process_seconds(plan.server) : 0,
		.messages = messages,
		.lost = lost,
	};
}

static void print(struct reading a, struct reading b)
{
	double seconds = b.at - a.at;
	unsigned long long count = b.messages - a.messages;

	printf("{\"conns\":%d,\"size\":%zu,\"depth\":%d,\"seconds\":%.6f,\"messages\":%llu,"
	       "\"per_second\":%.1f,\"lost\":%llu,\"cpu_seconds\":%.3f,\"client_seconds\":%.6f,"
	       "\"server_seconds\":%.6f}\n",
	       plan.conns, plan.size, plan.depth, seconds, count, count / seconds,
	       (unsigned long long)(b.lost - a.lost), b.cpu - a.cpu, b.client - a.client,
	       b.server - a.server);
}

/* measure calls run first for the warm-up, which does not count, and then for the
 * measuring time, or longer until one message has come back: on a busy machine
 * the process may not run in time. */
static void measure(void (*run)(double seconds))
{
	run(plan.warmup);

	struct reading a = take_reading();

	do
		run(plan.seconds);
	while (messages == a.messages && now() < a.at + PATIENCE_S);

	struct reading b = take_reading();

	if (b.messages == a.messages)
		refuse("nothing came back");
	print(a, b);
}

#endif
