/*
 * udp: a minimal UDP echo server in C: recvmmsg(2) receives up to 64 datagrams,
 * sendmmsg(2) sends them back. It is the base of the ratios for datagrams.
 *
 * It is not an echo service: it answers every datagram (two of them would
 * answer each other forever), and has no statistics.
 *
 *	udp PORT	binds 127.0.0.1:PORT, 0 for any free port, and prints one
 *			line with the address it bound: url=udp://127.0.0.1:PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, LARGEST = 65535, ROOM = 4 << 20 };

static char data[BATCH][LARGEST];
static struct sockaddr_in peers[BATCH];
static struct iovec parts[BATCH];
static struct mmsghdr msgs[BATCH];

static void die(const char *call)
{
	fprintf(stderr, "udp: %s: %s\n", call, strerror(errno));
	exit(1);
}

static int bind_to(int port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof addr;
	int room = ROOM;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	/* The kernel limits it to net.core.rmem_max. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) < 0)
		die("setsockopt SO_RCVBUF");
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room) < 0)
		die("setsockopt SO_SNDBUF");
	if (bind(fd, (struct sockaddr *)&addr, len) < 0)
		die("bind");
	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		die("getsockname");
	printf("listening url=udp://127.0.0.1:%d\n", ntohs(addr.sin_port));
	fflush(stdout);
	return fd;
}

/* prepare_slot prepares slot i for a datagram of any size. */
static void prepare_slot(int i)
{
	parts[i] = (struct iovec){data[i], LARGEST};
	msgs[i].msg_hdr = (struct msghdr){
		.msg_name = &peers[i],
		.msg_namelen = sizeof peers[i],
		.msg_iov = &parts[i],
		.msg_iovlen = 1,
	};
}

/* answer sends the first n datagrams back. It drops one that cannot be sent, and
 * tries the next. */
static void answer(int fd, int n)
{
	for (int i = 0; i < n; i++)
		parts[i].iov_len = msgs[i].msg_len;
	for (int done = 0; done < n;) {
		int sent = sendmmsg(fd, msgs + done, n - done, 0);

		done += sent > 0 ? sent : 1;
	}
}

int main(int argc, char **argv)
{
	char *end;
	long port = argc == 2 ? strtol(argv[1], &end, 10) : -1;

	if (port < 0 || port > 65535 || end == argv[1] || *end) {
		fprintf(stderr, "usage: udp PORT\n");
		return 2;
	}
	int fd = bind_to(port);

	for (int i = 0; i < BATCH; i++)
		prepare_slot(i);
	for (;;) {
		/* It blocks only for the first datagram, and receives all that are there. */
		int n = recvmmsg(fd, msgs, BATCH, MSG_WAITFORONE, NULL);

		if (n < 0 && errno != EINTR)
			die("recvmmsg");
		if (n < 0)
			continue;
		answer(fd, n);
		for (int i = 0; i < n; i++)
			prepare_slot(i);
	}
}
