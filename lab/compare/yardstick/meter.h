/*
 * meter: what the load generators share: options, slices, CPU time, and the line
 * of JSON with the results of a slice. Each includes it once, so each program is
 * compiled from one file.
 *
 * A slice is a load for some seconds. With -t the generator runs one slice and
 * ends. Without -t it opens its connections, and then reads lines from standard
 * input. For each line, `SECONDS WARMUP [ACTIVE]`, it runs one slice and prints
 * one line. ACTIVE is how many connections carry messages, by default all. Between
 * slices nothing is in flight and it uses no CPU time. It ends at the end of the
 * input.
 *
 *	messages	complete messages that came back, and how many per second
 *	all		the same with those of the warm-up and those that came back
 *			after the measurement: all for which the server worked
 *	lost		datagrams without an answer (0 for streams)
 *	client_seconds	CPU time of this process
 *	server_seconds	CPU time of the process of -q
 *
 * Use only the sum of the last two: on loopback the sender does the TCP work of
 * the receiver. What comes back in the warm-up, or after the slice, is only in
 * `all`.
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

/* On a busy machine a server may not run for seconds. A slice waits twice for it. */
enum { PATIENCE_S = 15, GRACE_S = 40 };

/* The options, which are the same in all generators. */
struct plan {
	int port;
	int conns;
	size_t size;
	int depth;
	bool trains;	/* -g */
	double seconds;	/* of the only slice; 0: slices are on standard input */
	double warmup;
	pid_t server;
};

static struct plan plan = {.conns = 1, .size = 64, .depth = 1, .warmup = 0.1};
static uint64_t messages;	/* complete messages that came back */
static uint64_t lost;		/* datagrams that timed out */
static int active;		/* connections that carry messages in this slice */
static uint64_t in_flight;	/* messages that were sent and are not back yet */
static bool sending;		/* whether each message that is back is followed by another */

/* Each generator has these two. start brings the load of the active connections in
 * flight; nothing is in flight when it is called. serve exchanges messages until a
 * time of now(), or until nothing is in flight. */
static void start(void);
static void serve(double until);

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
	fprintf(stderr, "usage: %s -p port [-c conns] [-s size] [-d depth] [-g] [-q pid] [-t seconds [-w warm-up]]\n"
		"-g is only for datagrams\n"
		"without -t it reads lines from standard input: SECONDS WARMUP [ACTIVE]\n",
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

/* parse reads the options. A message has min_size to max_size bytes. trains permits -g. */
static void parse(int argc, char **argv, size_t min_size, size_t max_size, bool trains)
{
	for (int opt; (opt = getopt(argc, argv, "p:c:s:d:gt:w:q:")) != -1;) {
		switch (opt) {
		case 'p': plan.port = number(optarg, 1, 65535); break;
		case 'c': plan.conns = number(optarg, 1, 100000); break;
		case 's': plan.size = number(optarg, min_size, max_size); break;
		case 'd': plan.depth = number(optarg, 1, 4096); break;
		case 'g': plan.trains = true; break;
		case 't': plan.seconds = number(optarg, 0.01, 3600); break;
		case 'w': plan.warmup = number(optarg, 0, 3600); break;
		case 'q': plan.server = number(optarg, 1, INT32_MAX); break;
		default: usage();
		}
	}
	if (optind < argc || plan.port == 0 || (plan.trains && !trains))
		usage();
}

/* prepare raises the soft limit of descriptors to the hard limit, and sets an
 * alarm for the time until all connections are open: a server that stops
 * accepting would block connect forever. */
static void prepare(void)
{
	struct rlimit limit;

	alarm(GRACE_S + plan.conns / 500);
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
	double at, client, server;
	uint64_t messages, lost;
};

static struct reading take_reading(void)
{
	return (struct reading){
		.at = now(),
		.client = process_seconds(0),
		.server = plan.server ? process_seconds(plan.server) : 0,
		.messages = messages,
		.lost = lost,
	};
}

static void print(struct reading a, struct reading b, uint64_t all)
{
	double seconds = b.at - a.at;
	unsigned long long count = b.messages - a.messages;

	printf("{\"conns\":%d,\"size\":%zu,\"depth\":%d,\"seconds\":%.6f,\"messages\":%llu,"
	       "\"all\":%llu,\"per_second\":%.1f,\"lost\":%llu,\"client_seconds\":%.6f,"
	       "\"server_seconds\":%.6f}\n",
	       plan.conns, plan.size, plan.depth, seconds, count,
	       (unsigned long long)all, count / seconds,
	       (unsigned long long)(b.lost - a.lost), b.client - a.client,
	       b.server - a.server);
}

/* slice runs one slice. It measures for some seconds, or longer until one message
 * has come back: on a busy machine the process may not run in time. Then it lets
 * come back what is in flight. */
static void slice(double seconds, double warmup)
{
	uint64_t before = messages;

	alarm(warmup + seconds + GRACE_S);
	sending = true;
	start();
	serve(now() + warmup);

	struct reading a = take_reading();

	do
		serve(now() + seconds);
	while (messages == a.messages && now() < a.at + PATIENCE_S);

	struct reading b = take_reading();

	if (b.messages == a.messages)
		refuse("nothing came back");
	sending = false;
	serve(now() + PATIENCE_S);
	if (in_flight > 0)
		refuse("after the slice, a part of the messages did not come back");
	print(a, b, messages - before);
	alarm(0);
}

/* read_slice reads a line of standard input: SECONDS WARMUP [ACTIVE]. */
static void read_slice(const char *line, double *seconds, double *warmup)
{
	int rest = 0;
	char more;

	active = plan.conns;
	if (sscanf(line, "%lf %lf %n", seconds, warmup, &rest) != 2 ||
	    !(*seconds >= 0.01 && *seconds <= 3600) || !(*warmup >= 0 && *warmup <= 3600) ||
	    (line[rest] && sscanf(line + rest, "%d %c", &active, &more) != 1) ||
	    active < 1 || active > plan.conns)
		refuse("standard input: want lines of two or three numbers: SECONDS (0.01 to 3600) "
		       "WARMUP (0 to 3600) ACTIVE (1 to the number of connections)");
}

/* measure runs the slice of -t, or those of standard input. */
static void measure(void)
{
	char line[128];
	double seconds, warmup;

	alarm(0);
	if (plan.seconds > 0) {
		active = plan.conns;
		slice(plan.seconds, plan.warmup);
		return;
	}
	while (fgets(line, sizeof line, stdin)) {
		read_slice(line, &seconds, &warmup);
		slice(seconds, warmup);
		fflush(stdout);
	}
}

#endif
