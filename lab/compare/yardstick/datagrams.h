/*
 * datagrams: what the datagram servers udp and udpgso share: their command line, their
 * socket, and the batch of messages that they receive and send back. Each includes it
 * once, so each program is compiled from one file.
 *
 * They are not echo services: they answer every datagram (two of them would answer each
 * other forever), and have no statistics.
 *
 *	PROGRAM PORT	binds 127.0.0.1:PORT, 0 for any free port, and prints one
 *			line with the address it bound: url=udp://127.0.0.1:PORT
 */
#ifndef DATAGRAMS_H
#define DATAGRAMS_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "program.h"

enum { BATCH = 64, LARGEST = 65535, ROOM = 4 << 20 };
enum { APART = (64 << 10) + 64 };	/* aligned, and not all in the same set of the cache */

static char data[BATCH][APART] __attribute__((aligned(64)));
static struct sockaddr_in peers[BATCH];
static struct iovec parts[BATCH];
static struct mmsghdr msgs[BATCH];

static int open_socket(void)
{
	int room = ROOM;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	/* The kernel limits it to net.core.rmem_max. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) < 0)
		die("setsockopt SO_RCVBUF");
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room) < 0)
		die("setsockopt SO_SNDBUF");
	return fd;
}

static void bind_to(int fd, int port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof addr;

	if (bind(fd, (struct sockaddr *)&addr, len) < 0)
		die("bind");
	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		die("getsockname");
	printf("listening url=udp://127.0.0.1:%d\n", ntohs(addr.sin_port));
	fflush(stdout);
}

/* prepare_slot prepares slot i to receive a message of any size. */
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

/* receive fills slots from the first one, and returns how many. It blocks only for the
 * first message, and receives all that are there. */
static int receive(int fd)
{
	for (;;) {
		int n = recvmmsg(fd, msgs, BATCH, MSG_WAITFORONE, NULL);

		if (n >= 0)
			return n;
		if (errno != EINTR)
			die("recvmmsg");
	}
}

/* answer sends the messages in the first n slots back. It drops one that cannot be sent,
 * and tries the next. */
static void answer(int fd, int n)
{
	for (int i = 0; i < n; i++)
		parts[i].iov_len = msgs[i].msg_len;
	for (int done = 0; done < n;) {
		int sent = sendmmsg(fd, msgs + done, n - done, 0);

		done += sent > 0 ? sent : 1;
	}
}

#endif
