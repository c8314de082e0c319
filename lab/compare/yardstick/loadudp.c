/*
 * loadudp: a closed loop of datagrams in C with epoll(7), recvmmsg(2) and
 * sendmmsg(2). Each socket has `depth` datagrams in flight, each in a slot: an
 * answer frees the slot for a new datagram.
 *
 * A lost datagram would never free its slot. So each datagram has the number of
 * its slot and the time when it was sent. A slot without an answer for 200 ms
 * counts as lost and is reused. A later or a second answer does not count as a
 * message.
 *
 *	loadudp -p PORT [-c sockets] [-s size] [-d window] [-t seconds]
 *		[-w warm-up] [-u cpu,cpu] [-q server's pid]
 *
 * It prints the line described in meter.h. It exits with 1 if an answer has
 * another length than its datagram. Compile it with:
 * cc -O2 -o loadudp loadudp.c
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "meter.h"

enum { BATCH = 64, LARGEST = 65507, EVENTS = 256, TICK_MS = 20, ROOM = 1 << 20 };

static const double given_up = 0.2;	/* seconds without an answer */

/* The start of every datagram. */
struct stamp {
	uint32_t slot;
	uint32_t turn;	/* of the slot: an answer to an earlier one is late */
};

struct slot {
	uint32_t turn;
	double sent;
};

struct conn {
	int fd;
	struct slot *slots;
};

static struct conn *conns;
static char data[BATCH][LARGEST];
static struct iovec parts[BATCH];
static struct mmsghdr msgs[BATCH];
static int epfd;

/* aim makes message i of the batch ready for len bytes, either way. */
static void aim(int i, size_t len)
{
	parts[i] = (struct iovec){data[i], len};
	msgs[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
}

/* fill makes message i of the batch the next datagram of a slot. */
static void fill(struct conn *c, int i, uint32_t slot, double at)
{
	struct slot *s = &c->slots[slot];
	struct stamp stamp = {.slot = slot, .turn = ++s->turn};

	s->sent = at;
	memcpy(data[i], &stamp, sizeof stamp);
	aim(i, plan.size);
}

/* ship sends the first n of the batch. What the kernel does not take is lost,
 * and its slots will be found silent. */
static void ship(struct conn *c, int n)
{
	for (int done = 0; done < n;) {
		int sent = sendmmsg(c->fd, msgs + done, n - done, MSG_DONTWAIT);

		if (sent < 0 && errno != EAGAIN && errno != ENOBUFS)
			die("sendmmsg");
		if (sent <= 0)
			return;
		done += sent;
	}
}

/* turn_over takes what came back on one socket and sends as many anew. */
static void turn_over(struct conn *c, double at)
{
	for (int i = 0; i < BATCH; i++)
		aim(i, LARGEST);
	int got = recvmmsg(c->fd, msgs, BATCH, MSG_DONTWAIT, NULL);
	int n = 0;

	if (got < 0 && errno != EAGAIN)
		die("recvmmsg");
	for (int i = 0; i < got; i++) {
		struct stamp stamp;

		if (msgs[i].msg_len != plan.size)
			refuse("a datagram came back with another length");
		memcpy(&stamp, data[i], sizeof stamp);
		if (stamp.slot >= (uint32_t)plan.depth)
			refuse("a datagram came back that was never sent");
		if (stamp.turn != c->slots[stamp.slot].turn)
			continue;
		messages++;
		fill(c, n++, stamp.slot, at);
	}
	ship(c, n);
}

/* refill takes the slots anew that have been silent for too long. At first all
 * of them are. */
static void refill(struct conn *c, double at)
{
	int n = 0;

	for (int slot = 0; slot < plan.depth; slot++) {
		if (at - c->slots[slot].sent < given_up)
			continue;
		lost += c->slots[slot].turn > 0;
		fill(c, n++, slot, at);
		if (n == BATCH) {
			ship(c, n);
			n = 0;
		}
	}
	ship(c, n);
}

static void run(double seconds)
{
	struct epoll_event events[EVENTS];
	double at = now(), until = at + seconds, tick = 0;

	while (at < until) {
		if (at >= tick) {
			tick = at + TICK_MS / 1e3;
			for (int i = 0; i < plan.conns; i++)
				refill(&conns[i], at);
		}
		int n = epoll_wait(epfd, events, EVENTS, TICK_MS);

		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		at = now();
		for (int i = 0; i < n; i++)
			turn_over(events[i].data.ptr, at);
	}
}

static void dial(struct conn *c)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(plan.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	int room = ROOM;

	c->slots = calloc(plan.depth, sizeof *c->slots);
	if (!c->slots)
		die("calloc");
	c->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	if (setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) < 0)
		die("setsockopt SO_RCVBUF");
	if (connect(c->fd, (struct sockaddr *)&addr, sizeof addr) < 0)
		die("connect");
	if (epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		die("epoll_ctl");
}

int main(int argc, char **argv)
{
	parse(argc, argv, sizeof(struct stamp), LARGEST);
	prepare();
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (epfd < 0)
		die("epoll_create1");
	conns = calloc(plan.conns, sizeof *conns);
	if (!conns)
		die("calloc");
	for (int i = 0; i < plan.conns; i++)
		dial(&conns[i]);
	measure(run);
}
