/*
 * program: what all servers share: how they end with an error, and their command line.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *call)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, call, strerror(errno));
	exit(1);
}

static int port_of(int argc, char **argv)
{
	char *end;
	long port = argc == 2 ? strtol(argv[1], &end, 10) : -1;

	if (port < 0 || port > 65535 || end == argv[1] || *end) {
		fprintf(stderr, "usage: %s PORT\n", program_invocation_short_name);
		exit(2);
	}
	return port;
}

#endif
