/*
 * uring: a minimal echo server in C with io_uring(7), for docs/engines/7-io-uring.md.
 * It waits for completions where echo.c waits for readiness. One accept, and one recv
 * for each connection, stay under way (multishot); recv takes its buffers from a ring
 * that both sides share; one io_uring_enter submits and waits.
 *
 * It promises as little as echo.c. It makes the system calls itself, so that no library
 * hides the rings. It needs Linux 6.1. listener.h describes the command line.
 */
#define _GNU_SOURCE
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "listener.h"

enum {
	SUBMISSIONS = 1024, COMPLETIONS = 4096,	/* entries of the rings: powers of 2 */
	BUFFERS = 4096,		/* at most */
	CHUNK = 16,		/* added at once */
	BUFFER = 512 << 10,	/* bytes, as in echo.c */
	APART = BUFFER + 64,	/* else all of them begin in the same set of the cache */
	HELD = 4,		/* a connection that has this many receives no more */
};

/* What has completed. user_data is the kind and the descriptor. */
enum kind { ACCEPT, RECV, SEND, CANCEL, CLOSE };

struct conn {
	uint16_t first, last;	/* owed buffers, in the order in which they arrived */
	uint16_t count;		/* of them */
	bool receiving, sending, cancelling;	/* operations under way */
	bool ended, broken;	/* the peer has finished sending; an operation failed */
};

struct buffer {
	char *data;
	unsigned off, len;	/* what is owed of it */
	uint16_t next;		/* owed after it */
};

static struct conn *conns;	/* by descriptor */
static struct buffer buffers[BUFFERS];
static unsigned allocated;	/* buffers that have memory */
static unsigned available;	/* buffers that the kernel may fill */

/* The ring of buffers. Its tail is in a field of the first entry that is not used. */
static union {
	struct io_uring_buf_ring ring;
	struct io_uring_buf entries[BUFFERS];
} provided __attribute__((aligned(4096)));

static int ring;
static unsigned *sq_tail, *cq_head, *cq_tail, unsubmitted;
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;

/* enter submits the new operations, and waits until at least this many have
 * completed. It is the only system call while peers are served. */
static void enter(unsigned wait)
{
	int n = syscall(SYS_io_uring_enter, ring, unsubmitted, wait,
			wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);

	if (n >= 0)
		unsubmitted -= n;
	else if (errno != EINTR && errno != EBUSY && errno != EAGAIN)
		die("io_uring_enter");
}

/* operation adds an operation to the submission ring. The caller fills in the rest. The
 * kernel reads it at the next enter. */
static struct io_uring_sqe *operation(enum kind kind, uint8_t opcode, int fd)
{
	unsigned tail = *sq_tail;
	struct io_uring_sqe *sqe = &sqes[tail % SUBMISSIONS];

	while (unsubmitted == SUBMISSIONS)
		enter(0);
	*sqe = (struct io_uring_sqe){.opcode = opcode, .fd = fd, .user_data = (uint64_t)kind << 32 | fd};
	__atomic_store_n(sq_tail, tail + 1, __ATOMIC_RELEASE);
	unsubmitted++;
	return sqe;
}

/* start_accept starts an accept that completes once for each connection. */
static void start_accept(int listener)
{
	operation(ACCEPT, IORING_OP_ACCEPT, listener)->ioprio = IORING_ACCEPT_MULTISHOT;
}

/* start_recv starts a recv that completes each time that bytes have arrived. It has no
 * buffer: the kernel takes one from the ring when it has something to put into it. */
static void start_recv(int fd)
{
	struct io_uring_sqe *sqe = operation(RECV, IORING_OP_RECV, fd);

	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->flags = IOSQE_BUFFER_SELECT;
	conns[fd].receiving = true;
}

static void start_send(int fd)
{
	struct io_uring_sqe *sqe = operation(SEND, IORING_OP_SEND, fd);
	struct buffer *b = &buffers[conns[fd].first];

	sqe->addr = (uintptr_t)(b->data + b->off);
	sqe->len = b->len - b->off;
	sqe->msg_flags = MSG_NOSIGNAL;
	conns[fd].sending = true;
}

/* provide gives a buffer to the kernel. */
static void provide(uint16_t id)
{
	uint16_t tail = provided.ring.tail;
	struct io_uring_buf *entry = &provided.entries[tail % BUFFERS];

	entry->addr = (uintptr_t)buffers[id].data;
	entry->len = BUFFER;
	entry->bid = id;
	__atomic_store_n(&provided.ring.tail, tail + 1, __ATOMIC_RELEASE);
	available++;
}

/* provide_more adds buffers if fewer than half are free. It returns false if the kernel
 * has none, and no memory is left. */
static bool provide_more(void)
{
	char *data;

	if (available > allocated / 2)
		return true;
	if (allocated == BUFFERS || !(data = aligned_alloc(64, (size_t)CHUNK * APART)))
		return available > 0;
	for (int i = 0; i < CHUNK; i++) {
		buffers[allocated].data = data + (size_t)i * APART;
		provide(allocated++);
	}
	return true;
}

/* append adds a buffer that the kernel has filled to what is owed. */
static void append(struct conn *c, uint16_t id, unsigned len)
{
	available--;
	buffers[id].off = 0;
	buffers[id].len = len;
	if (c->count++ == 0)
		c->first = id;
	else
		buffers[c->last].next = id;
	c->last = id;
}

static void remove_first(struct conn *c)
{
	provide(c->first);
	c->first = buffers[c->first].next;
	c->count--;
}

/* advance starts what a connection needs next. One send at a time keeps the order. If
 * much is owed, recv is cancelled, so that the TCP window stops the peer; it starts again
 * when nothing is owed. The descriptor is closed when no operation uses it. */
static void advance(int fd)
{
	struct conn *c = &conns[fd];

	if (c->receiving && !c->cancelling && (c->count >= HELD || c->broken)) {
		operation(CANCEL, IORING_OP_ASYNC_CANCEL, fd)->addr = (uint64_t)RECV << 32 | fd;
		c->cancelling = true;
	}
	if (c->sending)
		return;
	if (c->count > 0 && !c->broken) {
		start_send(fd);
		return;
	}
	if (c->receiving || c->cancelling)
		return;
	if (!c->ended && !c->broken) {
		start_recv(fd);
		return;
	}
	while (c->count > 0)
		remove_first(c);
	operation(CLOSE, IORING_OP_CLOSE, fd);
}

static void received(int fd, int res, unsigned flags)
{
	struct conn *c = &conns[fd];

	c->receiving = flags & IORING_CQE_F_MORE;
	if (res > 0)
		append(c, flags >> IORING_CQE_BUFFER_SHIFT, res);
	else if (res == 0)
		c->ended = true;
	else if (res == -ENOBUFS)
		c->broken |= !provide_more();
	else if (res != -ECANCELED)
		c->broken = true;
	advance(fd);
}

static void sent(int fd, int res)
{
	struct conn *c = &conns[fd];
	struct buffer *b = &buffers[c->first];

	c->sending = false;
	if (res < 0)
		c->broken = true;
	else if ((b->off += res) == b->len)
		remove_first(c);
	advance(fd);
}

static void accepted(int listener, int fd, unsigned flags)
{
	if (!(flags & IORING_CQE_F_MORE))
		start_accept(listener);
	if (fd < 0)
		return;
	conns[fd] = (struct conn){0};
	start_recv(fd);
}

static void completed(const struct io_uring_cqe *cqe)
{
	int fd = (int)cqe->user_data;

	switch ((enum kind)(cqe->user_data >> 32)) {
	case ACCEPT: accepted(fd, cqe->res, cqe->flags); break;
	case RECV: received(fd, cqe->res, cqe->flags); break;
	case SEND: sent(fd, cqe->res); break;
	case CANCEL: conns[fd].cancelling = false; advance(fd); break;
	case CLOSE: break;
	}
}

static void *map(size_t size, off_t what)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, what);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* set_up makes the two rings and the ring of buffers. The program and the kernel share
 * their memory. */
static void set_up(void)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
		.cq_entries = COMPLETIONS,
	};
	struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)&provided, .ring_entries = BUFFERS};

	ring = syscall(SYS_io_uring_setup, SUBMISSIONS, &p);
	if (ring < 0)
		die("io_uring_setup");
	char *sq = map(p.sq_off.array + SUBMISSIONS * sizeof(unsigned), IORING_OFF_SQ_RING);
	char *cq = map(p.cq_off.cqes + COMPLETIONS * sizeof *cqes, IORING_OFF_CQ_RING);
	for (unsigned i = 0; i < SUBMISSIONS; i++)
		((unsigned *)(sq + p.sq_off.array))[i] = i;
	sq_tail = (unsigned *)(sq + p.sq_off.tail);
	cq_head = (unsigned *)(cq + p.cq_off.head);
	cq_tail = (unsigned *)(cq + p.cq_off.tail);
	cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
	sqes = map(SUBMISSIONS * sizeof *sqes, IORING_OFF_SQES);
	if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &reg, 1) < 0)
		die("io_uring_register");
	provide_more();
}

int main(int argc, char **argv)
{
	int port = port_of(argc, argv);

	conns = table_by_fd(sizeof *conns);
	set_up();
	start_accept(listen_on(port, 0));
	for (;;) {
		enter(1);

		unsigned head = *cq_head, tail = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);

		for (; head != tail; head++)
			completed(&cqes[head % COMPLETIONS]);
		__atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
	}
}
