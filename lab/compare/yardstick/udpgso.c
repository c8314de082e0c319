/*
 * udpgso: a minimal UDP echo server in C with UDP_GRO and UDP_SEGMENT (udp(7)). One
 * message of recvmmsg(2) is a train: datagrams of the same size from one peer, up to 64
 * KiB in all. One message of sendmmsg(2) answers all of them. udp.c has a message for each
 * datagram. It is the base of the ratios for trains, and needs Linux 5.0.
 * datagrams.h describes the command line.
 */
#define _GNU_SOURCE
#include <netinet/udp.h>
#include <stdint.h>

#include "datagrams.h"

static char control[BATCH][CMSG_SPACE(sizeof(int))];

/* prepare_train prepares slot i for a train, and for the size of its datagrams. */
static void prepare_train(int i)
{
	prepare_slot(i);
	msgs[i].msg_hdr.msg_control = control[i];
	msgs[i].msg_hdr.msg_controllen = sizeof control[i];
}

/* set_segment makes the size in which the datagrams of slot i arrived the size in which
 * they are sent. The last one may be shorter. A single datagram has no such size. */
static void set_segment(int i)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(&msgs[i].msg_hdr);
	int size;

	if (!c)
		return;
	memcpy(&size, CMSG_DATA(c), sizeof size);
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(uint16_t));
	memcpy(CMSG_DATA(c), &(uint16_t){size}, sizeof(uint16_t));
}

int main(int argc, char **argv)
{
	int port = port_of(argc, argv), fd = open_socket(), used = BATCH, one = 1;

	if (setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof one) < 0)
		die("setsockopt UDP_GRO, which needs Linux 5.0");
	bind_to(fd, port);
	for (;;) {
		for (int i = 0; i < used; i++)
			prepare_train(i);
		used = receive(fd);
		for (int i = 0; i < used; i++)
			set_segment(i);
		answer(fd, used);
	}
}
