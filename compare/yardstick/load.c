/*
 * load: a closed loop of echo clients in C on epoll(7). Each connection keeps
 * `depth` messages in flight: a new one is sent when one has come back whole,
 * so the server is never asked for more than it gives. One thread, one core.
 *
 * It counts bytes and does not compare them; whether an echo is right is a
 * question for echod check. Latency at a given rate is not one for a closed
 * loop: it waits whenever the server does.
 *
 *	load -p PORT [-c conns] [-s size] [-d depth] [-t seconds] [-w warm-up]
 *	     [-u cpu,cpu] [-q server's pid]
 *
 * After the warm-up it measures for -t seconds, or until one message came back,
 * and prints one line of JSON:
 * messages that came back, how many that is a second, and the seconds of CPU
 * that were spent meanwhile
 *
 *	cpu_seconds	by the processors named by -u (all, if none is), on anything
 *	client_seconds	by this process
 *	server_seconds	by the process named by -q
 *
 * Neither of the last two says much alone: on loopback the sender's context
 * does the receiver's TCP work.
 *
 * A connection that the server ends makes it exit 1: a figure that was measured
 * with less load than was asked for would be a lie.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 256 << 10, BATCH = 256, TICK_MS = 50, PATIENCE_S = 5, GRACE_S = 10 };

struct conn {
	int fd;
	size_t part;	/* bytes received of the message that is coming back */
	size_t unsent;	/* bytes of whole messages still to send */
	bool blocked;	/* the socket was full: waiting for EPOLLOUT */
};

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
static char in[BUFFER];
static char out[BUFFER];
static uint64_t messages;	/* that came back whole */
static int epfd;

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void refuse(const char *why)
{
	fprintf(stderr, "load: %s\n", why);
	exit(1);
}

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		die("clock_gettime");
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void watch(int op, struct conn *c)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};

	if (c->blocked)
		ev.events |= EPOLLOUT;
	if (epoll_ctl(epfd, op, c->fd, &ev) < 0)
		die("epoll_ctl");
}

/* push sends what is unsent, as far as the socket takes it, and asks to be
 * told of more room only while it is short of it. */
static void push(struct conn *c)
{
	bool blocked = false;

	while (c->unsent > 0 && !blocked) {
		size_t len = c->unsent < sizeof out ? c->unsent : sizeof out;
		ssize_t n = send(c->fd, out, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN)
			die("send");
		if (n > 0)
			c->unsent -= n;
		blocked = n < (ssize_t)len;
	}
	if (blocked != c->blocked) {
		c->blocked = blocked;
		watch(EPOLL_CTL_MOD, c);
	}
}

/* pull takes what came back and owes a new message for each whole one. */
static void pull(struct conn *c)
{
	ssize_t n = recv(c->fd, in, sizeof in, MSG_DONTWAIT);

	if (n == 0)
		refuse("the server ended a connection");
	if (n < 0) {
		if (errno == EAGAIN)
			return;
		die("recv");
	}
	c->part += n;
	size_t whole = c->part / plan.size;

	c->part -= whole * plan.size;
	c->unsent += whole * plan.size;
	messages += whole;
}

/* run serves the connections for so long. */
static void run(double seconds)
{
	struct epoll_event events[BATCH];
	double until = seconds_of(CLOCK_MONOTONIC) + seconds;

	while (seconds_of(CLOCK_MONOTONIC) < until) {
		int n = epoll_wait(epfd, events, BATCH, TICK_MS);

		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (events[i].events & ~EPOLLOUT)
				pull(c);
			if (c->unsent > 0)
				push(c);
		}
	}
}

static void dial(struct conn *c)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(plan.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	if (connect(c->fd, (struct sockaddr *)&addr, sizeof addr) < 0)
		die("connect");
	if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
		die("setsockopt TCP_NODELAY");
	watch(EPOLL_CTL_ADD, c);
}

/* dial_all opens every connection before the first byte is sent. */
static void dial_all(void)
{
	struct conn *conns = calloc(plan.conns, sizeof *conns);

	if (!conns)
		die("calloc");
	for (int i = 0; i < plan.conns; i++)
		dial(&conns[i]);
	for (int i = 0; i < plan.conns; i++) {
		conns[i].unsent = plan.size * plan.depth;
		push(&conns[i]);
	}
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

/* cpu_seconds is how long the chosen processors have been busy since boot:
 * every state of proc_stat(5) but idle, iowait and steal, which belongs to
 * another machine. Its grain is a clock tick, usually 10 ms. */
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

/* process_seconds is how long the threads of a process have run since it began:
 * clock_getcpuclockid(3), exact to the nanosecond. 0 is this process. */
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
	uint64_t messages;
};

static struct reading take_reading(void)
{
	return (struct reading){
		.at = seconds_of(CLOCK_MONOTONIC),
		.cpu = cpu_seconds(),
		.client = process_seconds(0),
		.server = plan.server ? process_seconds(plan.server) : 0,
		.messages = messages,
	};
}

static void measure(void)
{
	run(plan.warmup);

	struct reading a = take_reading();

	/* A machine with other work may keep the processor for longer than that. */
	do
		run(plan.seconds);
	while (messages == a.messages && seconds_of(CLOCK_MONOTONIC) < a.at + PATIENCE_S);

	struct reading b = take_reading();
	double seconds = b.at - a.at;
	unsigned long long count = b.messages - a.messages;

	if (count == 0)
		refuse("nothing came back");
	printf("{\"conns\":%d,\"size\":%zu,\"depth\":%d,\"seconds\":%.6f,\"messages\":%llu,"
	       "\"per_second\":%.1f,\"cpu_seconds\":%.3f,\"client_seconds\":%.6f,\"server_seconds\":%.6f}\n",
	       plan.conns, plan.size, plan.depth, seconds, count, count / seconds,
	       b.cpu - a.cpu, b.client - a.client, b.server - a.server);
}

static void usage(void)
{
	fprintf(stderr, "usage: load -p port [-c conns] [-s size] [-d depth] [-t seconds] [-w warm-up] [-u cpu,cpu] [-q pid]\n");
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

static void parse(int argc, char **argv)
{
	for (int opt; (opt = getopt(argc, argv, "p:c:s:d:t:w:u:q:")) != -1;) {
		switch (opt) {
		case 'p': plan.port = number(optarg, 1, 65535); break;
		case 'c': plan.conns = number(optarg, 1, 100000); break;
		case 's': plan.size = number(optarg, 1, 1 << 30); break;
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

int main(int argc, char **argv)
{
	struct rlimit limit;

	parse(argc, argv);
	/* A server that stops accepting would block connect for ever. */
	alarm(plan.warmup + plan.seconds + GRACE_S);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("setrlimit");
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (epfd < 0)
		die("epoll_create1");
	dial_all();
	measure();
}
