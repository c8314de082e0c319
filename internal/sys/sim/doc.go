// Package sim is a kernel that exists only in memory, for engines that make
// their system calls through [sys.Kernel]: listeners, streams, datagrams,
// eventfds and the three calls that wait for them, and at the far end [Peer]s
// that a test moves.
//
// Every fallible call asks a script, one byte a call, how it shall go: as it
// would, short, or with any errno that the call may legally return. The empty
// script means no faults. There is one thread and no chance, so a run is a pure
// function of the script and of the peers' moves, and can be repeated, counted
// and shrunk.
//
// A connection has two ends that follow the rules of Linux 6.18: net/ipv4/tcp.c,
// or net/unix/af_unix.c. A descriptor or a Peer refers to one. TestConformance
// holds them against the real kernel. What a kernel may do and seldom does, a
// test asks for: [Kernel.SpuriousReady] (readiness that is followed by EAGAIN),
// [Kernel.Pause], [Limits], [Kernel.ShutdownElsewhere], and [Kernel.Choose] for
// a script without an end.
//
// The kernel also watches. What a server must never do, whatever goes wrong, is
// kept in [Kernel.Violations]: a descriptor used after it was closed, a stream
// read while bytes are owed on it, an end that looks clean and is not, readiness
// that is reported again and again and served by nobody.
package sim
