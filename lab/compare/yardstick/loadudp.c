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
 * With -g, one message of the two calls is a train of datagrams (udp(7),
 * UDP_SEGMENT and UDP_GRO): as many as there are free slots, up to 64 and 64 KiB.
 * It needs Linux 5.0.
 *
 *	loadudp -p PORT [-c sockets] [-s size] [-d window] [-g]
 *		[-q server's pid] [-t seconds [-w warm-up]]
 *
 * It prints the line described in meter.h for the slice of -t, or for each slice
 * of standard input. It exits with 1 if an answer has another length than its
 * datagram. Compile it with: cc -O2 -o loadudp loadudp.c
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "meter.h"

enum { BATCH = 64, LARGEST = 65507, EVENTS = 256, TICK_MS = 20, ROOM = 1 << 20 };
enum { SEGMENTS = 64 };	/* of a train (udp(7)) */
enum { APART = (64 << 10) + 64 };	/* aligned, and not all in the same set of the cache */

static const double timeout_s = 0.2;	/* of an answer */

/* The start of every datagram. */
struct stamp {
	uint32_t slot;
	uint32_t turn;	/* of the slot: an answer with an earlier turn is late */
};

struct slot {
	uint32_t turn;
	bool busy;	/* its datagram is in flight */
	double sent;
};

struct conn {
	int fd;
	struct slot *slots;
};

static struct conn *conns;
static uint32_t *due;	/* free slots, each for the next datagram */
static int train = 1;	/* the most datagrams in one message */
static char data[BATCH][APART] __attribute__((aligned(64)));
static char control[BATCH][CMSG_SPACE(sizeof(int))];
static struct iovec parts[BATCH];
static struct mmsghdr msgs[BATCH];
static int epfd;

/* prepare_message prepares message i of the batch for len bytes. */
static void prepare_message(int i, size_t len)
{
	parts[i] = (struct iovec){data[i], len};
	msgs[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
}

/* release marks the datagram of a slot as no longer in flight. */
static void release(struct slot *s)
{
	in_flight--;
	s->busy = false;
}

/* fill writes a train for the first of n due slots into message i of the batch. It returns
 * how many slots it used. */
static int fill(struct conn *c, int i, const uint32_t *slots, int n, double at)
{
	int count = n < train ? n : train;

	for (int k = 0; k < count; k++) {
		struct slot *s = &c->slots[slots[k]];
		struct stamp stamp = {.slot = slots[k], .turn = ++s->turn};

		in_flight++;
		s->busy = true;
		s->sent = at;
		memcpy(data[i] + k * plan.size, &stamp, sizeof stamp);
	}
	prepare_message(i, count * plan.size);
	return count;
}

/* send_batch sends the first n messages of the batch. What the kernel does not
 * accept is lost, and its slots time out. */
static void send_batch(struct conn *c, int n)
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

/* send_due sends a datagram from each of the first n due slots. */
static void send_due(struct conn *c, int n, double at)
{
	for (int done = 0; done < n;) {
		int i = 0;

		for (; i < BATCH && done < n; i++)
			done += fill(c, i, due + done, n - done, at);
		send_batch(c, i);
	}
}

/* datagram_size returns the size of the datagrams in message i. */
static size_t datagram_size(int i)
{
	struct cmsghdr *segment = CMSG_FIRSTHDR(&msgs[i].msg_hdr);
	int size = msgs[i].msg_len;

	if (segment)
		memcpy(&size, CMSG_DATA(segment), sizeof size);
	return size;
}

/* accept_answer frees the slot of an answer, and reports whether it did. It did not if the
 * answer is late or the second one. */
static bool accept_answer(struct conn *c, struct stamp answer)
{
	if (answer.slot >= (uint32_t)plan.depth)
		refuse("a datagram came back that was never sent");
	struct slot *s = &c->slots[answer.slot];

	if (answer.turn != s->turn || !s->busy)
		return false;
	messages++;
	release(s);
	return true;
}

/* receive reads answers from one socket. While the slice runs, it sends as many
 * new datagrams. */
static void receive(struct conn *c, double at)
{
	for (int i = 0; i < BATCH; i++) {
		prepare_message(i, LARGEST);
		msgs[i].msg_hdr.msg_control = control[i];
		msgs[i].msg_hdr.msg_controllen = sizeof control[i];
	}
	int got = recvmmsg(c->fd, msgs, BATCH, MSG_DONTWAIT, NULL);
	int n = 0;

	if (got < 0 && errno != EAGAIN)
		die("recvmmsg");
	for (int i = 0; i < got; i++) {
		if (datagram_size(i) != plan.size || msgs[i].msg_len % plan.size != 0)
			refuse("a datagram came back with another length");
		for (size_t off = 0; off < msgs[i].msg_len; off += plan.size) {
			struct stamp answer;

			memcpy(&answer, data[i] + off, sizeof answer);
			if (accept_answer(c, answer))
				due[n++] = answer.slot;
		}
	}
	if (sending)
		send_due(c, n, at);
}

/* refill sends a datagram from each slot that is free. A slot whose answer is late is
 * free again. */
static void refill(struct conn *c, double at)
{
	int n = 0;

	for (int i = 0; i < plan.depth; i++) {
		struct slot *s = &c->slots[i];

		if (s->busy && at - s->sent >= timeout_s) {
			lost++;
			release(s);
		}
		if (!s->busy && sending)
			due[n++] = i;
	}
	send_due(c, n, at);
}

static void start(void)
{
	for (int i = 0; i < active; i++)
		refill(&conns[i], now());
}

static void serve(double until)
{
	struct epoll_event events[EVENTS];
	double at = now(), tick = at + TICK_MS / 1e3;

	while (in_flight > 0 && at < until) {
		if (at >= tick) {
			tick = at + TICK_MS / 1e3;
			for (int i = 0; i < active; i++)
				refill(&conns[i], at);
		}
		int n = epoll_wait(epfd, events, EVENTS, TICK_MS);

		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		at = now();
		for (int i = 0; i < n; i++)
			receive(events[i].data.ptr, at);
	}
}

/* use_trains lets the kernel divide sent messages into datagrams, and join received
 * datagrams. */
static void use_trains(int fd)
{
	int one = 1, size = plan.size;

	if (setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof one) < 0)
		die("setsockopt UDP_GRO, which needs Linux 5.0");
	if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) < 0)
		die("setsockopt UDP_SEGMENT");
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
	if (plan.trains)
		use_trains(c->fd);
	if (connect(c->fd, (struct sockaddr *)&addr, sizeof addr) < 0)
		die("connect");
	if (epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		die("epoll_ctl");
}

int main(int argc, char **argv)
{
	parse(argc, argv, sizeof(struct stamp), LARGEST, true);
	prepare();
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (epfd < 0)
		die("epoll_create1");
	if (plan.trains)
		train = LARGEST / plan.size < SEGMENTS ? LARGEST / plan.size : SEGMENTS;
	conns = calloc(plan.conns, sizeof *conns);
	due = calloc(plan.depth, sizeof *due);
	if (!conns || !due)
		die("calloc");
	for (int i = 0; i < plan.conns; i++)
		dial(&conns[i]);
	measure();
}
