/*
 * churn: many short connections, in C with epoll(7). `conns` of them are open
 * at any time, each with one message: connect, send, half-close, read until the
 * server closes the connection too, close.
 *
 * A message counts if all of it has come back, followed by a FIN. Otherwise it
 * exits with 1.
 *
 * The side that closes first, here the client, has the connection in TIME_WAIT
 * for a minute. One address does not have enough ports, so the connections use
 * 64 addresses of 127.0.0.0/8 in turn.
 *
 *	churn -p PORT [-c conns] [-s size] [-q server's pid]
 *	      [-t seconds [-w warm-up]]
 *
 * It prints the line described in meter.h for the slice of -t, or for each slice
 * of standard input. Compile it with: cc -O2 -o churn churn.c
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "meter.h"
#include "source.h"

enum { BATCH = 256, TICK_MS = 50, LARGEST = 16 << 10 };

struct conn {
	int fd;
	size_t got;
};

static char in[LARGEST + 1];
static char out[LARGEST];
static struct conn *conns;
static int epfd;

/* open_conn opens a connection, sends the message and half-closes. On loopback
 * connect returns at once unless the backlog of the server is full. */
static void open_conn(struct conn *c)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(plan.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};

	c->got = 0;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	bind_source(c->fd);
	if (connect(c->fd, (struct sockaddr *)&addr, sizeof addr) < 0)
		die("connect");
	if (send(c->fd, out, plan.size, MSG_NOSIGNAL) != (ssize_t)plan.size)
		die("send");
	if (shutdown(c->fd, SHUT_WR) < 0)
		die("shutdown");
	if (epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		die("epoll_ctl");
}

/* receive reads the answer. It returns true at the end of the connection. */
static bool receive(struct conn *c)
{
	ssize_t n = recv(c->fd, in, sizeof in, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n < 0)
		die("recv");
	c->got += n;
	if (c->got > plan.size)
		refuse("more came back than was sent");
	if (n == 0 && c->got < plan.size)
		refuse("the server ended a connection before all of its message came back");
	return n == 0;
}

static void start(void)
{
	in_flight = active;
	for (int i = 0; i < active; i++)
		open_conn(&conns[i]);
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

			if (!receive(c))
				continue;
			messages++;
			close(c->fd);
			if (sending)
				open_conn(c);
			else
				in_flight--;
		}
	}
}

int main(int argc, char **argv)
{
	parse(argc, argv, 1, LARGEST, false);
	prepare();
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (epfd < 0)
		die("epoll_create1");
	conns = calloc(plan.conns, sizeof *conns);
	if (!conns)
		die("calloc");
	measure();
}
