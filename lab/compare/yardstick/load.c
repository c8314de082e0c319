/*
 * load: a minimal load generator in C with epoll(7), a closed loop. Each
 * connection has `depth` messages in flight: it sends a new one when a complete
 * one has come back. It uses one thread.
 *
 * It counts bytes and does not compare them; echod check does that. A closed
 * loop cannot measure the latency at a given rate, because it waits when the
 * server is slow.
 *
 *	load -p PORT [-c conns] [-s size] [-d depth] [-q server's pid]
 *	     [-t seconds [-w warm-up]]
 *
 * It prints the line described in meter.h for the slice of -t, or for each slice
 * of standard input. Compile it with: cc -O2 -o load load.c
 *
 * It exits with 1 when the server closes a connection, because a result with
 * less load than requested would be wrong.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "meter.h"
#include "source.h"

enum { BUFFER = 256 << 10, BATCH = 256, TICK_MS = 50 };

struct conn {
	int fd;
	size_t part;	/* bytes received of the current answer */
	size_t unsent;	/* bytes to send */
	bool blocked;	/* waiting for EPOLLOUT */
};

static char in[BUFFER];
static char out[BUFFER];
static struct conn *conns;
static int epfd;

static void watch(int op, struct conn *c)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};

	if (c->blocked)
		ev.events |= EPOLLOUT;
	if (epoll_ctl(epfd, op, c->fd, &ev) < 0)
		die("epoll_ctl");
}

/* send_unsent sends what is unsent. It waits for EPOLLOUT only if the socket
 * buffer is full. */
static void send_unsent(struct conn *c)
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

/* receive reads answers. While the slice runs, it adds a new message for each
 * complete one. */
static void receive(struct conn *c)
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
	size_t complete = c->part / plan.size;

	c->part -= complete * plan.size;
	messages += complete;
	if (sending)
		c->unsent += complete * plan.size;
	else
		in_flight -= complete;
}

static void serve(double until)
{
	struct epoll_event events[BATCH];

	while (in_flight > 0 && now() < until) {
		int n = epoll_wait(epfd, events, BATCH, TICK_MS);

		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (events[i].events & ~EPOLLOUT)
				receive(c);
			if (c->unsent > 0)
				send_unsent(c);
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
	bind_source(c->fd);
	if (connect(c->fd, (struct sockaddr *)&addr, sizeof addr) < 0)
		die("connect");
	if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
		die("setsockopt TCP_NODELAY");
	watch(EPOLL_CTL_ADD, c);
}

/* The active connections are spread evenly over all. */
static void start(void)
{
	in_flight = (uint64_t)active * plan.depth;
	for (int i = 0; i < active; i++) {
		struct conn *c = &conns[(2LL * i + 1) * plan.conns / (2 * active)];

		c->unsent = plan.size * plan.depth;
		send_unsent(c);
	}
}

int main(int argc, char **argv)
{
	parse(argc, argv, 1, 1 << 30, false);
	prepare();
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (epfd < 0)
		die("epoll_create1");
	conns = calloc(plan.conns, sizeof *conns);
	if (!conns)
		die("calloc");
	for (int i = 0; i < plan.conns; i++)
		dial(&conns[i]);
	measure();
}
