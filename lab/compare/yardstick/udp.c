/*
 * udp: a minimal UDP echo server in C: recvmmsg(2) receives up to 64 datagrams,
 * sendmmsg(2) sends them back. It is the base of the ratios for datagrams.
 * datagrams.h describes the command line.
 */
#define _GNU_SOURCE
#include "datagrams.h"

int main(int argc, char **argv)
{
	int port = port_of(argc, argv), fd = open_socket(), used = BATCH;

	bind_to(fd, port);
	for (;;) {
		for (int i = 0; i < used; i++)
			prepare_slot(i);
		used = receive(fd);
		answer(fd, used);
	}
}
