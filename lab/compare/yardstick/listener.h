/*
 * listener: what the stream servers echo and uring share: their command line, their
 * listening socket, and how many descriptors they may have. Each includes it once,
 * so each program is compiled from one file.
 *
 *	PROGRAM PORT	listens on 127.0.0.1:PORT, 0 for any free port, and prints
 *			one line with the address it bound: url=tcp://127.0.0.1:PORT
 */
#ifndef LISTENER_H
#define LISTENER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "program.h"

enum { BACKLOG = 4096 };

/* listen_on sets TCP_NODELAY and SO_OOBINLINE on the listener; accepted sockets inherit
 * them. flags are those of socket(2). */
static int listen_on(int port, int flags)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof addr;
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	if (fd < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0)
		die("setsockopt SO_REUSEADDR");
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
		die("setsockopt TCP_NODELAY");
	if (setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof one) < 0)
		die("setsockopt SO_OOBINLINE");
	if (bind(fd, (struct sockaddr *)&addr, len) < 0)
		die("bind");
	if (listen(fd, BACKLOG) < 0)
		die("listen");
	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		die("getsockname");
	printf("listening url=tcp://127.0.0.1:%d\n", ntohs(addr.sin_port));
	fflush(stdout);
	return fd;
}

/* table_by_fd raises the soft limit of descriptors to the hard limit, as Go does for
 * every program, and returns zeroed memory with an entry of size bytes for each. */
static void *table_by_fd(size_t size)
{
	struct rlimit limit;
	void *table;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("setrlimit");
	table = calloc(limit.rlim_cur, size);
	if (!table)
		die("calloc");
	return table;
}

#endif
