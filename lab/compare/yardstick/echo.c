/*
 * echo: a minimal echo server in C with epoll(7). It is the base of the ratios
 * of engines with one loop: what they cost in addition is their own cost.
 *
 * It is not an echo service. It keeps none of the promises of echod: it has no
 * limit on memory, no fairness, no timeout, no drain, no reset for an early end
 * and no statistics, and it has a busy loop when there are no descriptors. The
 * ratio shows what these features cost.
 * listener.h describes the command line.
 */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <unistd.h>

#include "listener.h"

enum { BUFFER = 512 << 10, BATCH = 256 };

/* The rest of a short send. A connection has one only while it owes bytes. */
struct held {
	size_t off, len;
	char data[];
};

static char buffer[BUFFER];	/* for every message */
static struct held **owed;	/* by descriptor; NULL if no bytes are owed */
static int epfd;

static void watch(int op, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	if (epoll_ctl(epfd, op, fd, &ev) < 0)
		die("epoll_ctl");
}

static void close_conn(int fd)
{
	free(owed[fd]);
	owed[fd] = NULL;
	close(fd);
}

/* hold keeps the owed bytes and stops reading: it waits only until the socket is
 * writable, and the TCP window stops the peer. */
static void hold(int fd, const char *rest, size_t len)
{
	struct held *h = malloc(sizeof *h + len);

	if (!h) {
		close_conn(fd);
		return;
	}
	h->off = 0;
	h->len = len;
	memcpy(h->data, rest, len);
	owed[fd] = h;
	watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
}

/* echo echoes the bytes of one recv. A second recv that returns EAGAIN is not
 * needed: epoll is level-triggered and reports the socket again. */
static void echo(int fd)
{
	ssize_t got = recv(fd, buffer, sizeof buffer, 0);

	if (got <= 0) {
		if (got == 0 || errno != EAGAIN)
			close_conn(fd);
		return;
	}
	ssize_t sent = send(fd, buffer, got, MSG_NOSIGNAL);

	if (sent == got)
		return;
	if (sent < 0) {
		if (errno != EAGAIN) {
			close_conn(fd);
			return;
		}
		sent = 0;
	}
	hold(fd, buffer + sent, got - sent);
}

static void flush(int fd)
{
	struct held *h = owed[fd];
	ssize_t sent = send(fd, h->data + h->off, h->len - h->off, MSG_NOSIGNAL);

	if (sent < 0) {
		if (errno != EAGAIN)
			close_conn(fd);
		return;
	}
	h->off += sent;
	if (h->off < h->len)
		return;
	free(h);
	owed[fd] = NULL;
	watch(EPOLL_CTL_MOD, fd, EPOLLIN);
}

static void take_in(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		watch(EPOLL_CTL_ADD, fd, EPOLLIN);
}

int main(int argc, char **argv)
{
	struct epoll_event events[BATCH];
	int port = port_of(argc, argv);

	owed = table_by_fd(sizeof *owed);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (epfd < 0)
		die("epoll_create1");
	int listener = listen_on(port, SOCK_NONBLOCK);

	watch(EPOLL_CTL_ADD, listener, EPOLLIN);
	for (;;) {
		int n = epoll_wait(epfd, events, BATCH, -1);

		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == listener)
				take_in(fd);
			else if (owed[fd])
				flush(fd);
			else
				echo(fd);
		}
	}
}
