/*
 * source: the source addresses of generators that open many connections. One address
 * has 28,000 ports, and connect searches long when half of them are in use.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <netinet/in.h>
#include <sys/socket.h>

enum { SOURCES = 64 };

/* bind_source binds a socket to the next source address. connect chooses the
 * port: it knows both addresses, so it can reuse a port (ip(7),
 * IP_BIND_ADDRESS_NO_PORT). */
static void bind_source(int fd)
{
	static unsigned turn;
	int one = 1;
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + turn++ % SOURCES),
	};

	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) < 0)
		die("setsockopt IP_BIND_ADDRESS_NO_PORT");
	if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0)
		die("bind");
}

#endif
